// One cursor for all charts of a page: where one is pointed at, the others show the same x.
import { useEffect, useState } from "preact";

/** @typedef {(x: number | null, source: unknown) => void} Follow */

/** @type {Set<Follow>} */
const followers = new Set();
let frame = 0;
/** @type {{ x: number | null, source: unknown }} */
let newest = { x: null, source: null };

/**
 * Tell all charts, once a frame. @param {number | null} x null when nothing is pointed at
 * @param {unknown} source who says so
 */
export function pointAt(x, source) {
  newest = { x, source };
  if (frame === 0) {
    frame = requestAnimationFrame(() => {
      frame = 0;
      for (const follow of followers) {
        follow(newest.x, newest.source);
      }
    });
  }
}

/** @param {Follow} follow @returns {() => void} ends it */
export function followCursor(follow) {
  followers.add(follow);
  return () => followers.delete(follow);
}

/** The x that is pointed at. @returns {number | null} */
export function useCursor() {
  const [x, setX] = useState(/** @type {number | null} */ (null));
  useEffect(() => followCursor((next) => setX(next)), []);
  return x;
}
