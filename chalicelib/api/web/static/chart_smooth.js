// Smoothing: the exponential moving average, by how far apart the points are.

/** The weight is that of a point a thousandth of the chart's width away. */
const PARTS = 1000;

/**
 * As W&B's "time-weighted EMA" does: what a value counts for falls by the same factor over the same
 * stretch of x, however many points are in it, and the first values are not drawn towards 0. What is
 * not finite stays as it is and counts for nothing.
 * @param {Float64Array} xs ascending
 * @param {Float64Array} ys
 * @param {number} weight more than 0, less than 1
 * @param {number} width of the chart, in units of x
 * @returns {Float64Array}
 */
export function smoothed(xs, ys, weight, width) {
  const result = new Float64Array(ys.length);
  // the square root spreads what the slider does over its length
  const factor = Math.min(Math.sqrt(weight), 0.999);
  let sum = 0;
  let weights = 0;
  let before = NaN;
  for (let at = 0; at < ys.length; at += 1) {
    const x = /** @type {number} */ (xs[at]);
    const y = /** @type {number} */ (ys[at]);
    if (!Number.isFinite(y)) {
      result[at] = y;
      continue;
    }
    const moved = Number.isNaN(before) || width <= 0 ? 1 : ((x - before) / width) * PARTS;
    const kept = factor ** moved;
    sum = sum * kept + y;
    weights = weights * kept + 1;
    result[at] = sum / weights;
    before = x;
  }
  return result;
}
