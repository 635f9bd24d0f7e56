// Calls of the HTTP API, with the key of this browser tab.

const KEY = "trialbook.key";
const TRIES = 3;
/** Longer than this is not waited without a word. */
const MOST_WAIT_MS = 10_000;

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

/** Whether this may be a key: what it is made of, not whether it is valid. @param {string} text */
export function isKey(text) {
  return /^tb_[a-z0-9]{8,32}_[\w-]{32,200}$/.test(text);
}

/**
 * @param {string | null} text null forgets it
 * @param {boolean} [isRefused] it is forgotten as it is not valid any longer
 */
export function setKey(text, isRefused = false) {
  if (text === null) {
    sessionStorage.removeItem(KEY);
  } else {
    sessionStorage.setItem(KEY, text);
  }
  dispatchEvent(new CustomEvent("trialbook:key", { detail: { isRefused } }));
}

/** @typedef {Record<string, string | number | boolean | string[] | null | undefined>} Query */

/** What is null, undefined or "" is left out. @param {URLSearchParams} to @param {Query} values */
export function append(to, values) {
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") {
        to.append(name, String(one));
      }
    }
  }
  return to;
}

/**
 * @typedef {object} Asked
 * @property {Query} [query]
 * @property {unknown} [body] sent as JSON
 * @property {AbortSignal} [signal]
 * @property {boolean} [isReading] nothing is changed by it, whatever the method
 */

/**
 * One call. Reading is tried again where the server says that it may help.
 * @param {string} method
 * @param {string} path below the address of the page: "api/v1/experiments"
 * @param {Asked} [asked]
 * @returns {Promise<any>} the JSON of the answer, null of an empty one
 */
export async function call(method, path, asked = {}) {
  const own = key();
  if (own === null) {
    throw new ApiError(401, "unauthenticated", "there is no key");
  }
  const url = new URL(path, document.baseURI);
  append(url.searchParams, asked.query ?? {});
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json", "x-api-key": own };
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
    const isReading = method === "GET" || asked.isReading;
    const isBusy = answer.status === 429 || answer.status === 503;
    const wait = waitOf(answer.headers.get("retry-after"), Date.now());
    if (!isReading || !isBusy || attempt === TRIES || wait > MOST_WAIT_MS) {
      if (error.status === 401 && own === key()) {
        setKey(null, true);
      }
      throw error;
    }
    await pause(wait, asked.signal);
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
 * A question that is too long for an address: it changes nothing.
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export function post(path, body, signal) {
  return call("POST", path, { body, isReading: true, ...(signal && { signal }) });
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
 * Milliseconds to wait as `Retry-After` says, in seconds or by a date; a second where it says nothing.
 * @param {string | null} text
 * @param {number} now
 */
export function waitOf(text, now) {
  const wait = /^\d+$/.test(text ?? "") ? 1000 * Number(text) : Date.parse(text ?? "") - now;
  return Number.isNaN(wait) ? 1000 : Math.max(0, wait);
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
