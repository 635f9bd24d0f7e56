// Axes: where a value lies between 0 and 1, and which ticks to write. No DOM.

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
const SECOND = 1000;
const DAY = 86_400_000;
const TIME_STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 30].map((n) => n * 60 * SECOND),
  ...[1, 3, 6, 12].map((n) => n * 3600 * SECOND),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
];

/**
 * Round numbers from `low` to `high`, about `count` of them, ends included when they are round.
 * @param {number} low
 * @param {number} high
 * @param {number} [count]
 * @returns {number[]}
 */
export function roundNumbers(low, high, count = 5) {
  if (!(high > low) || !Number.isFinite(high - low)) {
    return Number.isFinite(low) ? [low] : [];
  }
  const step = roundStep((high - low) / Math.max(1, count));
  const found = [];
  const first = Math.ceil(low / step - 1e-9);
  for (let index = first; index <= high / step + 1e-9; index += 1) {
    // a product of doubles is 0.30000000000000004
    found.push(Number((index * step).toPrecision(12)));
  }
  return found;
}

/** The next of 1, 2, 5, 10 ... @param {number} rough */
function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const part = rough / power;
  return (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10) * power;
}

/**
 * As short as the ticks beside it allow: 0.0002, 1.5, 20k, 3e-7.
 * @param {number} value
 */
export function tickText(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return value
      .toExponential(2)
      .replace(/\.?0*e\+?/, "e")
      .replaceAll("-", "−");
  }
  if (size >= 10_000) {
    return `${Number((value / 1000).toPrecision(4))}k`.replace("-", "−");
  }
  return String(Number(value.toPrecision(4))).replace("-", "−");
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
 * @param {{ isLog?: boolean, count?: number, pad?: number, text?: (value: number) => string }} [how]
 *   `pad` is a part of the length, left free at both ends
 * @returns {Axis}
 */
export function numericAxis(values, { isLog = false, count = 5, pad = 0, text = tickText } = {}) {
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
  const marked = isLog ? powers(low, high, count) : roundNumbers(low, high, count);
  return {
    kind: isLog ? "log" : "linear",
    at,
    ticks: marked.map((value) => ({ at: at(value), text: text(value) })),
  };
}

/** Powers of ten between, with 2 and 5 when those are few. @param {number} low @param {number} high @param {number} count */
function powers(low, high, count) {
  const between = (/** @type {number[]} */ parts, /** @type {number} */ every) => {
    const found = [];
    for (let power = Math.floor(low); power <= high; power += 1) {
      for (const part of parts) {
        const value = part * 10 ** power;
        const at = Math.log10(value);
        if (power % every === 0 && at >= low - 1e-9 && at <= high + 1e-9) {
          found.push(Number(value.toPrecision(12)));
        }
      }
    }
    return found;
  };
  const tens = between([1], 1);
  if (tens.length < 3) {
    return between([1, 2, 5], 1);
  }
  return tens.length > count + 2 ? between([1], Math.ceil(tens.length / count)) : tens;
}

/**
 * An axis of moments, in UTC.
 * @param {number[]} values milliseconds since the epoch
 * @param {number} [count]
 * @returns {Axis}
 */
export function timeAxis(values, count = 5) {
  const plain = numericAxis(values);
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) {
    return { ...plain, kind: "time" };
  }
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const step = low === high ? DAY : TIME_STEPS.find((one) => (high - low) / one <= count) ?? 365 * DAY;
  /** @type {Tick[]} */
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) {
    ticks.push({ at: plain.at(at), text: moment(at, step) });
  }
  if (ticks.length === 0) {
    ticks.push({ at: plain.at(low), text: moment(low, step) });
  }
  return { kind: "time", at: plain.at, ticks };
}

/** @param {number} at @param {number} step */
function moment(at, step) {
  const text = new Date(at).toISOString();
  if (step < SECOND) {
    return text.slice(17, 23);
  }
  return step >= DAY ? text.slice(5, 10) : step >= 60 * SECOND ? text.slice(11, 16) : text.slice(11, 19);
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
