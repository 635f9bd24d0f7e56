// Axes: where a value lies between 0 and 1, and which ticks to write. No DOM.
import { tickLabels, ticks } from "./chart_scale.js";

/**
 * @typedef {object} Tick
 * @property {number} at 0 to 1
 * @property {string} text
 */

/**
 * @typedef {object} Axis
 * @property {"linear" | "log" | "time" | "category"} kind
 * @property {(value: unknown) => number} at from 0 (low, first) to 1; NaN of what has no place
 * @property {Tick[]} ticks
 */

const DECADES = 2;
const CROWDED = 5;
const DAY = 86_400;

/**
 * What is written beside any values: short, with as many digits as tell them apart.
 * @param {number[]} values
 */
export function tickTexts(values) {
  for (let digits = 4; ; digits += 1) {
    const texts = values.map((value) => tickText(value, digits));
    if (digits === 17 || new Set(texts).size === new Set(values).size) {
      return texts;
    }
  }
}

/** Of one alone: 0.0002, 1.5, 20k, 3e−7. @param {number} value @param {number} [digits] */
export function tickText(value, digits = 6) {
  return tickLabels([Number(value.toPrecision(digits))])[0] ?? "";
}

/**
 * Whether a logarithm shows these better: all above zero, over two decades, and most of them crowded
 * at the low end (as a uniform draw from 0 to 1 is not).
 * @param {number[]} values
 */
export function spansDecades(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const low = sorted[0] ?? 0;
  const high = sorted.at(-1) ?? 0;
  const middle = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  return low > 0 && high / low >= 10 ** DECADES && high / middle >= CROWDED;
}

/**
 * An axis of numbers. Of equal values the one is in the middle.
 * @param {number[]} values what must fit; what is not finite is left out
 * @param {{ isLog?: boolean, count?: number, pad?: number, labels?: (values: number[]) => string[] }} [how]
 *   `pad` is a part of the length, left free at both ends; `labels` are those of the ticks, all different
 * @returns {Axis}
 */
export function numericAxis(values, { isLog = false, count = 5, pad = 0, labels = isLog ? tickTexts : tickLabels } = {}) {
  const finite = values.filter((one) => Number.isFinite(one) && (!isLog || one > 0));
  if (finite.length === 0) {
    return { kind: isLog ? "log" : "linear", at: () => NaN, ticks: [] };
  }
  const scaled = (/** @type {number} */ value) => (isLog ? Math.log10(value) : value);
  let low = Infinity;
  let high = -Infinity;
  for (const one of finite) {
    low = Math.min(low, scaled(one));
    high = Math.max(high, scaled(one));
  }
  if (low === high) {
    const beside = isLog ? 0.5 : Math.abs(low) / 10 || 1;
    low -= beside;
    high += beside;
  } else {
    const free = (high - low) * pad;
    low -= free;
    high += free;
  }
  const at = (/** @type {unknown} */ value) =>
    typeof value === "number" && (!isLog || value > 0) ? (scaled(value) - low) / (high - low) : NaN;
  const marked = isLog ? ticks(10 ** low, 10 ** high, count, { isLog }) : ticks(low, high, count);
  const texts = labels(marked);
  return {
    kind: isLog ? "log" : "linear",
    at,
    ticks: marked.map((value, index) => ({ at: at(value), text: texts[index] ?? "" })),
  };
}

/**
 * An axis of moments.
 * @param {number[]} values milliseconds since the epoch
 * @param {number} [count]
 * @param {{ isLocal?: boolean }} [how] by the clock here, else in UTC
 * @returns {Axis}
 */
export function timeAxis(values, count = 5, { isLocal = false } = {}) {
  const { at } = numericAxis(values);
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) {
    return { kind: "time", at, ticks: [] };
  }
  const low = Math.min(...finite);
  const behind = (/** @type {number} */ ms) => (isLocal ? 60_000 * new Date(ms).getTimezoneOffset() : 0);
  // what a clock shows, as if it were in UTC
  const clock = (/** @type {number} */ ms) => (ms - behind(ms)) / 1000;
  const [first, last] = [clock(low), clock(Math.max(...finite))];
  const found = ticks(first, last, count, { isTime: true });
  const marked = found.length === 0 ? [first] : found;
  const step = marked.length > 1 ? Number(marked[1]) - Number(marked[0]) : DAY;
  return {
    kind: "time",
    at,
    ticks: marked.map((seconds) => {
      const ms = 1000 * seconds;
      return { at: at(ms + behind(ms + behind(low))), text: moment(ms, step) };
    }),
  };
}

/** @param {number} at @param {number} step in seconds */
function moment(at, step) {
  const text = new Date(at).toISOString();
  if (step < 1) {
    return text.slice(17, 23);
  }
  return step >= 90 * DAY ? text.slice(0, 10) : step >= DAY ? text.slice(5, 10) : step >= 60 ? text.slice(11, 16) : text.slice(11, 19);
}

/**
 * An axis of names, each in the middle of its share.
 * @param {string[]} names in their order
 * @param {number} [most] ticks that are written
 * @returns {Axis}
 */
export function categoryAxis(names, most = 24) {
  const places = new Map(names.map((name, index) => [name, (index + 0.5) / names.length]));
  const every = Math.max(1, Math.ceil(names.length / most));
  return {
    kind: "category",
    at: (value) => places.get(String(value)) ?? NaN,
    ticks: names
      .filter((_, index) => index % every === 0)
      .map((name) => ({ at: places.get(name) ?? NaN, text: name })),
  };
}

/**
 * The number that a param spells, null when it spells none.
 * @param {string} text
 */
export function spelledNumber(text) {
  const number = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(number) ? number : null;
}
