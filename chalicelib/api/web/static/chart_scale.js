// Where an axis begins and ends, and what is written on it.

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
/** @type {[number, string][]} */
const UNITS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/**
 * A little more than the values, so that no line runs along the frame.
 * @param {[number, number] | null} extent null when there is nothing to draw
 * @param {boolean} isLog
 * @returns {[number, number]}
 */
export function padded(extent, isLog) {
  if (extent === null) {
    return isLog ? [0.1, 10] : [0, 1];
  }
  const [least, greatest] = extent;
  if (isLog) {
    const room = least === greatest ? 2 : (greatest / least) ** 0.05;
    return [least / room, Math.min(greatest * room, Number.MAX_VALUE)];
  }
  const height = greatest / 2 - least / 2;
  const room = height === 0 ? Math.abs(greatest) * 0.1 || 1 : height * 0.1;
  return [Math.max(least - room, -Number.MAX_VALUE), Math.min(greatest + room, Number.MAX_VALUE)];
}

/**
 * Round values from `least` to `greatest`, about `count` of them.
 * @param {number} least
 * @param {number} greatest
 * @param {number} count
 * @param {{ isLog?: boolean, isWhole?: boolean, isTime?: boolean }} [how] `isWhole`: integers only;
 *   `isTime`: seconds, at steps of a clock
 */
export function ticks(least, greatest, count, { isLog = false, isWhole = false, isTime = false } = {}) {
  if (!(greatest > least) || !Number.isFinite(greatest - least)) {
    return [least];
  }
  if (isLog) {
    const found = logTicks(least, greatest, count);
    if (found.length >= 3) {
      return found;
    }
  }
  const wanted = (greatest - least) / Math.max(1, count);
  const known = isTime && wanted >= 1 ? SECONDS.find((one) => one >= wanted / 1.41) : undefined;
  const step = known ?? roundStep(isTime && wanted > 86400 ? wanted / 86400 : wanted) * (isTime && wanted > 86400 ? 86400 : 1);
  const by = isWhole ? Math.max(1, step) : step;
  /** @type {number[]} */
  const found = [];
  for (let at = Math.ceil(least / by - 1e-9); at <= greatest / by + 1e-9; at += 1) {
    // 3 * 0.1 is not 0.3
    found.push(Number((at * by).toPrecision(15)));
  }
  return found;
}

/** 1, 2 or 5 times a power of 10, whichever is nearest by ratio. @param {number} wanted */
function roundStep(wanted) {
  const power = 10 ** Math.floor(Math.log10(wanted));
  const part = wanted / power;
  return (part < 1.41 ? 1 : part < 3.16 ? 2 : part < 7.07 ? 5 : 10) * power;
}

/** @param {number} least @param {number} greatest @param {number} count */
function logTicks(least, greatest, count) {
  const first = Math.floor(Math.log10(least));
  const last = Math.floor(Math.log10(greatest));
  const decades = last - first;
  const every = Math.max(1, Math.ceil(decades / Math.max(1, count)));
  const within = decades >= 4 ? [1] : decades >= 2 ? [1, 3] : [1, 2, 5];
  /** @type {number[]} */
  const found = [];
  for (let power = first; power <= last; power += every) {
    for (const part of within) {
      const value = Number(`${part}e${power}`);
      if (value >= least && value <= greatest) {
        found.push(value);
      }
    }
  }
  return found;
}

/**
 * What is written beside ticks: short, and as exact as tells them apart.
 * @param {number[]} values
 */
export function tickLabels(values) {
  const step = values.length === 1
    ? lastDigit(values[0] ?? 0)
    : Math.min(...values.slice(1).map((value, at) => Math.abs(value - /** @type {number} */ (values[at]))));
  const largest = Math.max(...values.map(Math.abs));
  return values.map((value) => (value === 0 ? "0" : short(value, largest, step)).replace("-", "−"));
}

/** What its last digit counts: 0.01 of 3.25. @param {number} value */
function lastDigit(value) {
  const [digits = "", power] = value.toExponential().split("e");
  return 10 ** (Number(power) - (digits.split(".")[1] ?? "").length);
}

/** @param {number} value @param {number} largest @param {number} step to the next tick */
function short(value, largest, step) {
  if (largest >= 1e15 || largest < 1e-4) {
    return value.toExponential(decimals(step / 10 ** Math.floor(Math.log10(Math.abs(value)))));
  }
  const [unit, sign] = UNITS.find(([size]) => largest >= 10 * size) ?? [1, ""];
  const digits = decimals(step / unit);
  return unit === 1 || digits > 1
    ? value.toLocaleString("en", { maximumSignificantDigits: 15 })
    : `${Number((value / unit).toFixed(digits))}${sign}`;
}

/** After the point, so that two that are `step` apart differ. @param {number} step */
function decimals(step) {
  return Number.isFinite(step) && step > 0 ? Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) : 2;
}

/**
 * Seconds as `1 h 30 min`.
 * @param {number} seconds
 * @param {number} [step] between those that must differ; without it the two largest parts do
 */
export function span(seconds, step) {
  const sign = seconds < 0 ? "−" : "";
  const size = Math.abs(seconds);
  if (size < 60) {
    return `${size === 0 ? "" : sign}${Number(size.toPrecision(step === undefined ? 3 : 9))} s`;
  }
  const rest = step === undefined ? Math.floor(size % 60) : Number((size % 60).toFixed(decimals(step)));
  /** @type {[number, string, number][]} */
  const parts = [
    [Math.floor(size / 86400), "d", 86400],
    [Math.floor((size % 86400) / 3600), "h", 3600],
    [Math.floor((size % 3600) / 60), "min", 60],
    [rest, "s", 0],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  const shown = parts.slice(first).filter(([count, , unit], at) => {
    const isNeeded = step === undefined ? at < 2 : at === 0 || (parts[first + at - 1]?.[2] ?? unit) > step;
    return count > 0 && isNeeded;
  });
  return sign + shown.map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/** What is written beside ticks of a duration. @param {number[]} values seconds */
export function spanLabels(values) {
  const step = (values[1] ?? NaN) - (values[0] ?? NaN);
  return values.map((value) => (Number.isFinite(step) ? span(value, step) : span(value)));
}

/**
 * Times of day, here; the date below the first and where it changes.
 * @param {number[]} values seconds since the epoch
 * @param {number} step between them
 */
export function timeLabels(values, step) {
  let day = "";
  return values.map((value) => {
    const at = new Date(value * 1000);
    const own = at.toLocaleDateString("en-CA");
    const isNew = own !== day;
    day = own;
    if (step >= 86400) {
      return own;
    }
    const clock = at.toLocaleTimeString("en-GB").slice(0, step >= 60 ? 5 : 8);
    const part = step < 1 ? String((value % 1).toFixed(decimals(step))).slice(1) : "";
    return `${clock}${part}${isNew ? `\n${own}` : ""}`;
  });
}
