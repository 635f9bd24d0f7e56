// The beginning of a file's text, and no byte more than is shown.
import { ApiError } from "./api.js";

/** @typedef {{ text: string, isCut: boolean }} Fetched `isCut`: the file goes on */

/**
 * At most the first `limit` bytes, as UTF-8; what is none becomes U+FFFD.
 * @param {string} url of the bytes, without a key
 * @param {number} limit
 * @param {AbortSignal} [signal]
 * @returns {Promise<Fetched>}
 */
export async function fetchText(url, limit, signal) {
  const answer = await asked(url, limit, signal);
  if (answer.status === 416) {
    return { text: "", isCut: false };
  }
  if (!answer.ok) {
    throw new ApiError(answer.status, "error", `the store answered ${answer.status} for the file`);
  }
  const { body, isMore } = await beginning(answer, limit);
  const total = Number(/\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1] ?? 0);
  const isCut = isMore || total > body.length;
  // a sign that is cut in the middle is left out
  return { text: new TextDecoder().decode(body, { stream: isCut }), isCut };
}

/** @param {string} url @param {number} limit @param {AbortSignal} [signal] */
async function asked(url, limit, signal) {
  try {
    return await fetch(url, {
      headers: { range: `bytes=0-${limit - 1}` },
      credentials: "omit",
      ...(signal && { signal }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      throw error;
    }
    throw new ApiError(0, "unreachable", "the store of the files cannot be reached");
  }
}

/** A store that takes no ranges is read as far as is asked for. @param {Response} answer @param {number} limit */
async function beginning(answer, limit) {
  const body = new Uint8Array(limit);
  const reader = answer.body?.getReader();
  let size = 0;
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) {
      break;
    }
    body.set(value.subarray(0, limit - size), size);
    if (size + value.length > limit) {
      await reader.cancel();
      return { body, isMore: true };
    }
    size += value.length;
  }
  return { body: body.subarray(0, size), isMore: false };
}
