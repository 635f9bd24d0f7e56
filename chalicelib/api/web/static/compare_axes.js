// Axes of params and metrics over many runs, where the lines lie, and which is nearest. No DOM.
import { double, own } from "./format.js";
import { categoryAxis, numericAxis, spansDecades, spelledNumber, tickText } from "./svg_axis.js";

/** @typedef {import("./svg_axis.js").Axis} Axis */
/** @typedef {{ run_id: string, name: string, params: Record<string, string>, metrics: Record<string, Metric> }} PlottedRun */
/** @typedef {{ field: string, label: string, axis: Axis, values: (number | string | null)[] }} Column values by run */

const MOST_OWN_TICKS = 8;
const TICK_GAP = 0.05;
const collator = new Intl.Collator("en", { numeric: true });

/**
 * The column of `params.NAME` or `metrics.NAME`. A param is numeric when every value of it spells a
 * number; an axis is logarithmic when it spans decades.
 * @param {string} field
 * @param {PlottedRun[]} runs
 * @param {{ pad?: number }} [how]
 * @returns {Column}
 */
export function column(field, runs, { pad = 0 } = {}) {
  const [kind, name] = split(field);
  if (kind === "metrics") {
    return numeric(field, name, runs.map((run) => finite(own(run.metrics, name))), pad);
  }
  const texts = runs.map((run) => own(run.params, name) ?? null);
  const numbers = texts.map((text) => (text === null ? null : spelledNumber(text)));
  const isNumeric = texts.some((text) => text !== null) && numbers.every((one, index) => one !== null || texts[index] === null);
  if (isNumeric) {
    return numeric(field, name, numbers, pad);
  }
  const names = [...new Set(texts.filter((text) => text !== null))].sort(collator.compare);
  return { field, label: name, axis: categoryAxis(names), values: texts };
}

/** @param {string} field @param {string} label @param {(number | null)[]} values @param {number} pad @returns {Column} */
function numeric(field, label, values, pad) {
  const known = values.filter((one) => one !== null);
  const axis = numericAxis(known, { isLog: spansDecades(known), pad });
  return { field, label, values, axis: { ...axis, ticks: fewTicks(known, axis) ?? axis.ticks } };
}

/** Of few different values each its own tick, where there is room for them. @param {number[]} values @param {Axis} axis */
function fewTicks(values, axis) {
  const different = [...new Set(values)].sort((a, b) => a - b);
  const ticks = different.map((value) => ({ at: axis.at(value), text: tickText(value) }));
  const isRoomy = ticks.every((tick, index) => index === 0 || tick.at - (ticks[index - 1]?.at ?? 0) > TICK_GAP);
  return ticks.length <= MOST_OWN_TICKS && isRoomy ? ticks : null;
}

/** @param {Metric | undefined} value */
function finite(value) {
  const number = value === undefined ? NaN : double(value);
  return Number.isFinite(number) ? number : null;
}

/** @param {string} field @returns {[string, string]} `params.a.b` are `params` and `a.b` */
export function split(field) {
  const at = field.indexOf(".");
  return [field.slice(0, at), field.slice(at + 1)];
}

/**
 * What can be an axis, most telling first: params that differ, then the rest of them.
 * @param {PlottedRun[]} runs
 * @returns {{ params: string[], metrics: string[], telling: string[] }} `params` and `metrics` by name
 */
export function fields(runs) {
  /** @type {Map<string, Set<string>>} */
  const params = new Map();
  const metrics = new Set();
  for (const run of runs) {
    for (const [name, value] of Object.entries(run.params)) {
      const known = params.get(name) ?? new Set();
      params.set(name, known.add(value));
    }
    Object.keys(run.metrics).forEach((name) => metrics.add(name));
  }
  const names = [...params.keys()].sort(collator.compare);
  // a text of its own in each run is a name, not a setting
  const isTelling = (/** @type {string} */ name) => {
    const values = params.get(name) ?? new Set();
    const isNumeric = [...values].every((one) => spelledNumber(one) !== null);
    return values.size > 1 && (isNumeric || values.size <= Math.max(12, runs.length / 3));
  };
  return {
    params: names.map((name) => `params.${name}`),
    metrics: [...metrics].sort(collator.compare).map((name) => `metrics.${name}`),
    telling: names.filter(isTelling).map((name) => `params.${name}`),
  };
}

/** Where runs without a value cross an axis: below it. */
export const NONE = -0.08;

/**
 * Where each run crosses each axis: 0 (low) to 1, or NONE; null where it has a value that is on no
 * axis, 0 on a logarithmic one say.
 * @param {Column[]} columns
 * @param {number} count of runs
 * @returns {(number | null)[][]} by run, then axis
 */
export function crossings(columns, count) {
  return Array.from({ length: count }, (_, run) =>
    columns.map((one) => {
      const value = one.values[run] ?? null;
      const at = value === null ? NONE : one.axis.at(value);
      return Number.isFinite(at) ? at : null;
    }),
  );
}

/**
 * The run whose line passes nearest to a place between the axes.
 * @param {(number | null)[][]} lines as `crossings` gives them
 * @param {number} across 0 (first axis) to 1 (last axis)
 * @param {number} up 0 to 1
 * @param {number} most farther than that is none
 * @returns {number | null} the index of the run
 */
export function nearestLine(lines, across, up, most = 0.06) {
  let best = null;
  let distance = most;
  for (const [index, line] of lines.entries()) {
    const place = Math.min(Math.max(across, 0), 1) * (line.length - 1);
    const left = Math.floor(place);
    const from = line[left] ?? null;
    const to = line[Math.min(left + 1, line.length - 1)] ?? null;
    if (from !== null && to !== null) {
      const far = Math.abs(from + (to - from) * (place - left) - up);
      if (far < distance) {
        [best, distance] = [index, far];
      }
    }
  }
  return best;
}

/**
 * The dot nearest to a place, all in pixels.
 * @param {({ x: number, y: number } | null)[]} dots
 * @param {number} x
 * @param {number} y
 * @param {number} [most]
 * @returns {number | null}
 */
export function nearestDot(dots, x, y, most = 24) {
  let best = null;
  let distance = most;
  for (const [index, dot] of dots.entries()) {
    const far = dot === null ? Infinity : Math.hypot(dot.x - x, dot.y - y);
    if (far < distance) {
      [best, distance] = [index, far];
    }
  }
  return best;
}

/**
 * Runs within what was marked on the axes: all of those that cross each range.
 * @param {(number | null)[][]} lines
 * @param {Record<number, [number, number]>} ranges by axis
 * @returns {boolean[]}
 */
export function withinRanges(lines, ranges) {
  const asked = Object.entries(ranges);
  return lines.map((line) =>
    asked.every(([axis, [low, high]]) => {
      const at = line[Number(axis)] ?? null;
      return at !== null && at >= low && at <= high;
    }),
  );
}

/**
 * From one to the next in the order of a column's values, for the keyboard.
 * @param {Column} by
 * @param {number | null} current index of a run
 * @param {number} step 1 upwards, -1 downwards
 * @returns {number | null}
 */
export function nextRun(by, current, step) {
  const order = by.values
    .map((value, index) => ({ at: value === null ? NaN : by.axis.at(value), index }))
    .filter((one) => Number.isFinite(one.at))
    .sort((a, b) => a.at - b.at || a.index - b.index)
    .map((one) => one.index);
  if (order.length === 0) {
    return null;
  }
  const place = current === null ? -1 : order.indexOf(current);
  if (place < 0) {
    return (step > 0 ? order[0] : order.at(-1)) ?? null;
  }
  return order[Math.min(order.length - 1, Math.max(0, place + step))] ?? null;
}
