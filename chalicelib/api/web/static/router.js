// The address: what a page shows is in the hash, so a link shows the same to somebody else.
//   #/experiments/iris?sort=metrics.loss&columns=params.lr
import { useEffect, useState } from "preact";
import { append } from "./api.js";

/**
 * @typedef {object} Place
 * @property {string[]} path decoded segments
 * @property {URLSearchParams} query
 */

/** @returns {Place} where the address says that we are */
export function here() {
  const [path = "", query = ""] = splitOnce(location.hash.replace(/^#\/?/, ""), "?");
  return {
    path: path.split("/").filter(Boolean).map(decoded),
    query: new URLSearchParams(query),
  };
}

/**
 * An address of the page, for links.
 * @param {string[]} path segments, not encoded
 * @param {Record<string, string | string[] | null | undefined> | URLSearchParams} [query]
 *   what is null, undefined or "" is left out
 */
export function href(path, query) {
  const given = query instanceof URLSearchParams ? query : append(new URLSearchParams(), query ?? {});
  const text = given.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/**
 * Go there. With `replace` the way back does not lead through here.
 * @param {string} address as `href` makes it
 * @param {{ replace?: boolean }} [how]
 */
export function go(address, how) {
  if (how?.replace) {
    history.replaceState(null, "", document.location.pathname + address);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = address;
  }
}

/** Where we are, and again when that changes. @returns {Place} */
export function usePlace() {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const moved = () => setPlace(here());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return place;
}

/**
 * Change some of the query of this place and keep the rest.
 * @param {Place} place
 * @param {Record<string, string | string[] | null | undefined>} changes
 * @param {{ replace?: boolean }} [how] replaces by default: a view that is adjusted is one step back
 */
export function adjust(place, changes, how = { replace: true }) {
  const query = new URLSearchParams(place.query);
  Object.keys(changes).forEach((name) => query.delete(name));
  append(query, changes);
  go(href(place.path, query), how);
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * @param {string} text
 * @param {string} mark
 */
function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
