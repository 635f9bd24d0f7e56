// Calls of the HTTP API, with the key of this browser tab.

const KEY = "trialbook.key";
const TRIES = 3;

/** What the server, or the way to it, refused. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 when there was no answer
   * @param {string} code
   * @param {string} message
   * @param {Record<string, any>} [details]
   * @param {string} [requestId]
   */
  constructor(status, code, message, details = {}, requestId = "") {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
    this.requestId = requestId;
  }
}

/** The key that was pasted in this tab, null when there is none. */
export function key() {
  return sessionStorage.getItem(KEY);
}

/** @param {string | null} text null forgets it */
export function setKey(text) {
  if (text === null) {
    sessionStorage.removeItem(KEY);
  } else {
    sessionStorage.setItem(KEY, text);
  }
  dispatchEvent(new CustomEvent("trialbook:key"));
}

/**
 * @typedef {object} Asked
 * @property {Record<string, string | number | boolean | string[] | null | undefined>} [query]
 *   what is null, undefined or "" is not sent
 * @property {unknown} [body] sent as JSON
 * @property {AbortSignal} [signal]
 */

/**
 * One call. Reading is tried again where the server says that it may help.
 * @param {string} method
 * @param {string} path below the address of the page: "api/v1/experiments"
 * @param {Asked} [asked]
 * @returns {Promise<any>} the JSON of the answer, null of an empty one
 */
export async function call(method, path, asked = {}) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") {
        url.searchParams.append(name, String(one));
      }
    }
  }
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json" };
  const own = key();
  if (own !== null) {
    headers["x-api-key"] = own;
  }
  if (asked.body !== undefined) {
    headers["content-type"] = "application/json";
  }
  /** @type {RequestInit} */
  const request = { method, headers, cache: "no-store", credentials: "omit" };
  if (asked.signal) {
    request.signal = asked.signal;
  }
  if (asked.body !== undefined) {
    request.body = JSON.stringify(asked.body);
  }
  for (let attempt = 1; ; attempt += 1) {
    const answer = await fetched(url, request);
    if (answer.ok) {
      const text = await answer.text();
      return text === "" ? null : JSON.parse(text);
    }
    const error = await refusal(answer);
    const again = method === "GET" && (answer.status === 429 || answer.status === 503);
    if (!again || attempt === TRIES) {
      if (error.status === 401) {
        setKey(null);
      }
      throw error;
    }
    await pause(1000 * Number(answer.headers.get("retry-after") ?? 1), asked.signal);
  }
}

/**
 * @param {string} path
 * @param {Asked["query"]} [query]
 * @param {AbortSignal} [signal]
 */
export function get(path, query, signal) {
  return call("GET", path, { ...(query && { query }), ...(signal && { signal }) });
}

/**
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export function post(path, body, signal) {
  return call("POST", path, { body, ...(signal && { signal }) });
}

/**
 * Where bytes are: an address that needs no key and dies after some minutes.
 * @param {string} path a content_url of the API, or a path below the page's address
 * @param {Asked["query"]} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>}
 */
export async function located(path, query, signal) {
  const found = await get(path, query, signal);
  return found.url;
}

/** @param {string} text one segment of a path */
export function segment(text) {
  return encodeURIComponent(text);
}

/**
 * @param {URL} url
 * @param {RequestInit} request
 */
async function fetched(url, request) {
  try {
    return await fetch(url, request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      throw error;
    }
    throw new ApiError(0, "unreachable", "the server cannot be reached");
  }
}

/** @param {Response} answer */
async function refusal(answer) {
  let body = null;
  try {
    body = await answer.json();
  } catch {
    // a proxy in between has words of its own
  }
  const error = body?.error ?? {};
  return new ApiError(
    answer.status,
    String(error.code ?? "error"),
    String(error.message ?? `the server answered ${answer.status}`),
    error.details ?? {},
    String(body?.request_id ?? answer.headers.get("x-request-id") ?? ""),
  );
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    });
  });
}
