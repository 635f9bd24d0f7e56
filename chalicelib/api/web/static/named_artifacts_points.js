// The points of a long series, as few as can be drawn. No DOM.

/** @typedef {{ x: number, y: number }} Point */

/**
 * The least and the greatest y of each stretch, with the first point and the last: no peak is lost.
 * @param {Point[]} points by x
 * @param {number} most about how many are kept
 * @returns {Point[]} all of them, when they are not more
 */
export function thinned(points, most) {
  if (points.length <= most) {
    return points;
  }
  const length = Math.ceil((2 * points.length) / most);
  const kept = new Set([0, points.length - 1]);
  for (let begin = 0; begin < points.length; begin += length) {
    let [least, greatest] = [begin, begin];
    for (let at = begin; at < Math.min(points.length, begin + length); at += 1) {
      least = yAt(points, at) < yAt(points, least) ? at : least;
      greatest = yAt(points, at) > yAt(points, greatest) ? at : greatest;
    }
    kept.add(least).add(greatest);
  }
  return points.filter((_, at) => kept.has(at));
}

/** @param {Point[]} points @param {number} at */
function yAt(points, at) {
  return points[at]?.y ?? NaN;
}
