// What is drawn between the axes: bands, lines, and marks of values that have no place on a scale.
import { addBand, addLine } from "./chart_line.js";
import { nonFinite, visible } from "./chart_points.js";
import { colorOf, dashOf } from "./chart_theme.js";

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {import("./chart_points.js").Points} points
 * @property {Float64Array | null} smooth null where nothing is smoothed
 * @property {number} index of its run among those shown: its colour and dashes
 */

const FAINT = 0.28;
/** Ten of them over each other let the lines be seen. */
const BAND = 0.14;
/** Fewer points than one for so many pixels are drawn as dots too. */
const ROOM_OF_DOT = 14;

/**
 * @param {any} chart
 * @param {Line[]} lines
 * @param {import("./chart_theme.js").Palette} palette
 * @param {boolean} isLog
 */
export function drawLines(chart, lines, palette, isLog) {
  const { left, top, width, height } = chart.bbox;
  /** @type {CanvasRenderingContext2D} */
  const context = chart.ctx;
  const ratio = devicePixelRatio;
  const { x, y } = chart.scales;
  const toX = (/** @type {number} */ value) => left + ((value - x.min) / (x.max - x.min)) * width;
  const toY = rowOf(y.min, y.max, top, height, isLog);
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.lineJoin = "round";
  context.lineCap = "round";
  context.globalAlpha = BAND;
  for (const { points, index } of lines) {
    const path = new Path2D();
    addBand(path, points, visible(points.xs, x.min, x.max), toX, toY, y.min);
    context.fillStyle = colorOf(palette, index);
    context.fill(path);
  }
  context.globalAlpha = 1;
  for (const { points, smooth, index } of lines) {
    const bounds = visible(points.xs, x.min, x.max);
    context.strokeStyle = colorOf(palette, index);
    context.fillStyle = colorOf(palette, index);
    const stroke = (/** @type {Float64Array} */ ys, /** @type {number} */ thickness) => {
      context.lineWidth = thickness * ratio;
      const path = new Path2D();
      const alone = addLine(path, points.xs, ys, bounds, toX, toY);
      context.stroke(path);
      const isSparse = (bounds[1] - bounds[0]) * ROOM_OF_DOT * ratio < width;
      const dots = isSparse ? Array.from({ length: bounds[1] - bounds[0] + 1 }, (_, at) => bounds[0] + at) : alone;
      for (const at of dots) {
        dot(context, toX(points.xs[at] ?? NaN), toY(ys[at] ?? NaN), 2.5 * ratio);
      }
    };
    if (smooth !== null) {
      context.globalAlpha = FAINT;
      context.setLineDash([]);
      stroke(points.ys, 1);
      context.globalAlpha = 1;
    }
    context.setLineDash(dashOf(index).map((length) => length * ratio));
    stroke(smooth ?? points.ys, 1.6);
    context.setLineDash([]);
    for (const at of nonFinite(points, [x.min, x.max])) {
      mark(context, toX(points.xs[at] ?? NaN), points.ys[at] ?? NaN, top, top + height, ratio);
    }
  }
  context.restore();
}

/**
 * The row of a value, NaN for what has none.
 * @param {number} least @param {number} greatest @param {number} top @param {number} height
 * @param {boolean} isLog
 * @returns {(value: number) => number}
 */
export function rowOf(least, greatest, top, height, isLog) {
  const scale = isLog ? Math.log10 : (/** @type {number} */ value) => value;
  // in halves, for the distance of two doubles may be none
  const low = scale(least) / 2;
  const part = height / (scale(greatest) / 2 - low);
  return (value) =>
    Number.isFinite(value) && (!isLog || value > 0) ? top + height - (scale(value) / 2 - low) * part : NaN;
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} radius */
function dot(context, x, y, radius) {
  if (!Number.isNaN(y)) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
}

/**
 * NaN is a cross on the axis, an infinity an arrow at its end of the chart.
 * @param {CanvasRenderingContext2D} context @param {number} x @param {number} value
 * @param {number} top @param {number} bottom @param {number} ratio
 */
function mark(context, x, value, top, bottom, ratio) {
  const size = 4 * ratio;
  context.lineWidth = 1.6 * ratio;
  context.beginPath();
  if (Number.isNaN(value)) {
    const [from, to] = [bottom - 2 * size - ratio, bottom - ratio];
    context.moveTo(x - size, from);
    context.lineTo(x + size, to);
    context.moveTo(x + size, from);
    context.lineTo(x - size, to);
    context.stroke();
    return;
  }
  const [tip, base] = value > 0 ? [top, top + 2 * size] : [bottom, bottom - 2 * size];
  context.moveTo(x, tip);
  context.lineTo(x - size, base);
  context.lineTo(x + size, base);
  context.closePath();
  context.fill();
}
