// What the `d` of a path says. No DOM.

/** @typedef {{ x: number, y: number }} Dot in pixels */

/** @param {number} value */
function pixel(value) {
  return Math.round(value * 10) / 10;
}

/** A line that has gaps where a dot is not finite. @param {(Dot | null)[]} dots */
export function linePath(dots) {
  let path = "";
  let isDown = false;
  for (const dot of dots) {
    const isThere = dot !== null && Number.isFinite(dot.x) && Number.isFinite(dot.y);
    if (isThere) {
      path += `${isDown ? "L" : "M"}${pixel(dot.x)} ${pixel(dot.y)}`;
    }
    isDown = isThere;
  }
  return path;
}

/**
 * What lies between two lines; a new piece after each gap in either.
 * @param {{ x: number, low: number, high: number }[]} slices in pixels
 */
export function bandPath(slices) {
  /** @type {{ x: number, low: number, high: number }[][]} */
  const pieces = [[]];
  for (const slice of slices) {
    if ([slice.x, slice.low, slice.high].every(Number.isFinite)) {
      pieces.at(-1)?.push(slice);
    } else if (pieces.at(-1)?.length) {
      pieces.push([]);
    }
  }
  return pieces
    .filter((piece) => piece.length > 0)
    .map((piece) => {
      const there = piece.map((one) => ({ x: one.x, y: one.high }));
      const back = piece.toReversed().map((one) => ({ x: one.x, y: one.low }));
      return `${linePath([...there, ...back])}Z`;
    })
    .join("");
}

/** The text, with its end left out when it is longer. @param {string} text @param {number} most */
export function shortened(text, most) {
  const signs = [...text];
  return signs.length <= most ? text : `${signs.slice(0, Math.max(1, most - 1)).join("")}…`;
}
