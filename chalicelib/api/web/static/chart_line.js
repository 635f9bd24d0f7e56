// Lines as a path: no more parts than the screen has columns, and no peak lost. Behind them their bands.

/** @typedef {{ moveTo: (x: number, y: number) => void, lineTo: (x: number, y: number) => void }} Path */

/**
 * A line through the points `first` to `last`. What `toY` finds no place for (NaN) interrupts it. Of
 * all points in one column of the screen are drawn the first, the least, the greatest and the last.
 * @param {Path} path
 * @param {Float64Array} xs
 * @param {Float64Array} ys
 * @param {[number, number]} bounds positions of the first and the last point
 * @param {(x: number) => number} toX a column of the screen
 * @param {(y: number) => number} toY a row of the screen
 * @returns {number[]} positions of points that have no line on either side
 */
export function addLine(path, xs, ys, [first, last], toX, toY) {
  /** @type {number[]} */
  const alone = [];
  let column = NaN;
  let place = 0;
  let low = 0;
  let high = 0;
  let end = 0;
  let begin = -1;
  const leaveColumn = () => {
    if (low !== end || high !== end) {
      path.lineTo(place, low);
      path.lineTo(place, high);
      path.lineTo(place, end);
    }
  };
  const endLine = (/** @type {number} */ at) => {
    if (begin >= 0) {
      leaveColumn();
      if (at - begin === 1) {
        alone.push(begin);
      }
    }
    begin = -1;
    column = NaN;
  };
  for (let at = first; at <= last; at += 1) {
    const y = toY(/** @type {number} */ (ys[at]));
    if (Number.isNaN(y)) {
      endLine(at);
      continue;
    }
    const x = toX(/** @type {number} */ (xs[at]));
    if (Math.round(x) === column) {
      low = Math.min(low, y);
      high = Math.max(high, y);
      end = y;
      continue;
    }
    if (begin < 0) {
      begin = at;
      path.moveTo(x, y);
    } else {
      leaveColumn();
      path.lineTo(x, y);
    }
    column = Math.round(x);
    place = x;
    low = y;
    high = y;
    end = y;
  }
  endLine(last + 1);
  return alone;
}

/**
 * From each point to the next, the range of what lies there. Whole columns of the screen, so that two
 * meet without a seam; what reaches below `least` ends there.
 * @param {{ rect: (x: number, y: number, width: number, height: number) => void }} path
 * @param {import("./chart_points.js").Points} points
 * @param {[number, number]} bounds positions of the first and the last point
 * @param {(x: number) => number} toX
 * @param {(y: number) => number} toY
 * @param {number} least
 */
export function addBand(path, { xs, lows, highs }, [first, last], toX, toY, least) {
  const column = (/** @type {number} */ at) => Math.floor(toX(xs[at] ?? NaN));
  for (let at = first; at < last; at += 1) {
    const top = toY(highs?.[at] ?? NaN);
    const height = toY(Math.max(lows?.[at] ?? NaN, least)) - top;
    if (height > 0) {
      path.rect(column(at), top, Math.max(1, column(at + 1) - column(at)), height);
    }
  }
}
