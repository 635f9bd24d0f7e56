// Metric histories as a chart has them: an x for every value, in order of x.

/**
 * @typedef {"step" | "time" | "relative"} Axis `time` in seconds since the epoch, `relative` in seconds
 *   since the run began
 * @typedef {object} Points columns of equal length, ascending by x
 * @property {string} runId
 * @property {Float64Array} xs
 * @property {Float64Array} ys NaN and infinities included
 * @property {Float64Array} steps
 * @property {Float64Array | null} lows the least value from each point to the next, of those left out too
 * @property {Float64Array | null} highs the greatest; both null where none was left out
 */

/**
 * @param {Series} series
 * @param {Axis} axis
 * @param {number} startMs when the run began; a history that is older, logged with times of its own,
 *   begins with its first point
 * @returns {Points}
 */
export function pointsOf(series, axis, startMs) {
  const count = series.steps.length;
  const xs = new Float64Array(count);
  const floats = (/** @type {Metric[]} */ column) => Float64Array.from(column, Number);
  const steps = Float64Array.from(series.steps);
  const start = Math.min(startMs, series.timestamps[0] ?? startMs);
  let isAscending = true;
  for (let at = 0; at < count; at += 1) {
    const timestamp = /** @type {number} */ (series.timestamps[at]);
    xs[at] =
      axis === "step" ? read(steps, at) : (axis === "time" ? timestamp : timestamp - start) / 1000;
    isAscending &&= at === 0 || read(xs, at - 1) <= read(xs, at);
  }
  const points = {
    runId: series.run_id, xs, steps, ys: floats(series.values),
    lows: series.lows && floats(series.lows), highs: series.highs && floats(series.highs),
  };
  return isAscending ? points : ordered(points);
}

/**
 * A part that was asked for again at a finer resolution, in its place in the whole.
 * @param {Series} whole
 * @param {Series} part without a band when nothing is left out of it
 * @param {number} start its first step
 * @param {number} end its last step
 * @returns {Series}
 */
export function merged(whole, part, start, end) {
  const before = lowerBound(whole.steps, start);
  const after = lowerBound(whole.steps, end + 1);
  /** @template T @param {T[]} column @param {T[]} finer @returns {T[]} */
  const joined = (column, finer) => [...column.slice(0, before), ...finer, ...column.slice(after)];
  return {
    ...whole,
    steps: joined(whole.steps, part.steps),
    timestamps: joined(whole.timestamps, part.timestamps),
    values: joined(whole.values, part.values),
    lows: whole.lows && joined(whole.lows, part.lows ?? part.values),
    highs: whole.highs && joined(whole.highs, part.highs ?? part.values),
  };
}

/**
 * The steps of all that lies in a range of x, and of one point on either side, so that the lines that
 * come in and go out are drawn; null when nothing is there.
 * @param {Points[]} all
 * @param {number} from
 * @param {number} to
 * @returns {[number, number] | null} the first and the last step
 */
export function stepsWithin(all, from, to) {
  let least = Infinity;
  let greatest = -Infinity;
  for (const points of all) {
    const [first, last] = visible(points.xs, from, to);
    for (let at = first; at <= last; at += 1) {
      least = Math.min(least, read(points.steps, at));
      greatest = Math.max(greatest, read(points.steps, at));
    }
  }
  return least <= greatest ? [least, greatest] : null;
}

/**
 * Positions of the first and the last point to draw: those in the range and one on either side. The
 * first is behind the last when there are none.
 * @param {Float64Array} xs
 * @param {number} from
 * @param {number} to
 * @returns {[number, number]}
 */
export function visible(xs, from, to) {
  const first = Math.max(0, lowerBound(xs, from) - 1);
  let last = lowerBound(xs, to);
  while (last < xs.length && xs[last] === to) {
    last += 1;
  }
  return [first, Math.min(xs.length - 1, last)];
}

/**
 * The position of the point that is nearest to `x`, -1 when there is none or `x` is further than `slack`
 * from all of them.
 * @param {Float64Array} xs
 * @param {number} x
 * @param {number} slack
 */
export function nearest(xs, x, slack) {
  const after = lowerBound(xs, x);
  const before = after - 1;
  if (x < read(xs, 0) - slack || x > read(xs, xs.length - 1) + slack) {
    return -1;
  }
  if (after === xs.length) {
    return before;
  }
  return before >= 0 && x - read(xs, before) < read(xs, after) - x ? before : after;
}

/**
 * The least and the greatest x of all of them, null when there is no point.
 * @param {Points[]} all
 * @returns {[number, number] | null}
 */
export function extentOfX(all) {
  let least = Infinity;
  let greatest = -Infinity;
  for (const { xs } of all) {
    if (xs.length > 0) {
      least = Math.min(least, read(xs, 0));
      greatest = Math.max(greatest, read(xs, xs.length - 1));
    }
  }
  return least <= greatest ? [least, greatest] : null;
}

/**
 * The least and the greatest value that can be drawn, in a range of x.
 * @param {Points[]} all
 * @param {[number, number]} range
 * @param {boolean} isLog a logarithm needs more than 0
 * @returns {{ range: [number, number] | null, leftOut: number }} `leftOut`: 0 or less, on a log scale
 */
export function extentOfY(all, [from, to], isLog) {
  let least = Infinity;
  let greatest = -Infinity;
  let leftOut = 0;
  for (const { xs, ys } of all) {
    for (let at = lowerBound(xs, from); at < xs.length && read(xs, at) <= to; at += 1) {
      const y = read(ys, at);
      if (!Number.isFinite(y)) {
        continue;
      }
      if (isLog && y <= 0) {
        leftOut += 1;
        continue;
      }
      least = Math.min(least, y);
      greatest = Math.max(greatest, y);
    }
  }
  return { range: least <= greatest ? [least, greatest] : null, leftOut };
}

/**
 * Positions of the values that have no place on a scale, in a range of x.
 * @param {Points} points
 * @param {[number, number]} range
 */
export function nonFinite({ xs, ys }, [from, to]) {
  /** @type {number[]} */
  const found = [];
  for (let at = lowerBound(xs, from); at < xs.length && read(xs, at) <= to; at += 1) {
    if (!Number.isFinite(read(ys, at))) {
      found.push(at);
    }
  }
  return found;
}

/** The first position whose value is not less than `x`. @param {ArrayLike<number>} ascending @param {number} x */
export function lowerBound(ascending, x) {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (read(ascending, middle) < x) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** @param {Points} points @returns {Points} */
function ordered({ xs, ys, steps, ...rest }) {
  const order = Array.from(xs.keys()).sort((a, b) => read(xs, a) - read(xs, b) || a - b);
  const picked = (/** @type {Float64Array} */ column) => Float64Array.from(order, (at) => read(column, at));
  // what is next by step is not what is next by time: a band would be of other points
  return { ...rest, xs: picked(xs), ys: picked(ys), steps: picked(steps), lows: null, highs: null };
}

/** What is at a position that is there. @param {ArrayLike<number>} column @param {number} at */
function read(column, at) {
  return /** @type {number} */ (column[at]);
}
