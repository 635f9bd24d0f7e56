// Numbers, times and sizes as people read them.

/** A metric's value; the three that JSON cannot spell come as strings. @param {unknown} value */
export function number(value) {
  if (value === null || value === undefined) {
    return "–";
  }
  if (typeof value === "string") {
    return value === "Infinity" ? "∞" : value === "-Infinity" ? "−∞" : value;
  }
  if (typeof value !== "number") {
    return String(value);
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e9) {
    return value.toLocaleString("en").replace("-", "−");
  }
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e9)
      ? value.toExponential(3)
      : size >= 1e5
        ? Math.round(value).toLocaleString("en")
        : String(Number(value.toPrecision(5)));
  return text.replace("-", "−");
}

/**
 * What an object has under a name that somebody logged, which may be that of something every object has.
 * @template T
 * @param {Readonly<Record<string, T>>} record
 * @param {string} key
 * @returns {T | undefined}
 */
export function own(record, key) {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * Without the signs that turn the direction of what follows them: for logged text where no <bdi> can
 * stand, as in titles and pictures.
 * @param {string} text
 */
export function plain(text) {
  return text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
}

/** The double that a value of the API stands for. @param {unknown} value */
export function double(value) {
  return typeof value === "number" ? value : value === null ? NaN : Number(value);
}

/** @param {number | null | undefined} milliseconds */
export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) {
    return "–";
  }
  const seconds = milliseconds / 1000;
  if (seconds < 1) {
    return `${Math.round(milliseconds)} ms`;
  }
  if (seconds < 60) {
    return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return `${minutes} min ${Math.floor(seconds % 60)} s`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago, in words. @param {string | number | null | undefined} moment */
export function ago(moment) {
  if (moment === null || moment === undefined) {
    return "–";
  }
  const passed = Date.now() - new Date(moment).getTime();
  if (passed < 60_000) {
    return "just now";
  }
  const minutes = Math.floor(passed / 60_000);
  if (minutes < 60) {
    return `${minutes} min ago`;
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    return `${hours} h ago`;
  }
  const days = Math.floor(hours / 24);
  return days < 30 ? `${days} d ago` : date(moment);
}

/** @param {string | number} moment */
export function date(moment) {
  return new Date(moment).toLocaleDateString("en-CA");
}

/** Day and time, here. @param {string | number | null | undefined} moment */
export function time(moment) {
  if (moment === null || moment === undefined) {
    return "–";
  }
  const at = new Date(moment);
  return `${date(moment)} ${at.toLocaleTimeString("en-GB")}`;
}

/** @param {number | null | undefined} count */
export function bytes(count) {
  if (count === null || count === undefined) {
    return "–";
  }
  const units = ["B", "KB", "MB", "GB", "TB"];
  let size = count;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** @param {number | null | undefined} part 0.123 is 12.3 % @param {number} [digits] */
export function percent(part, digits = 1) {
  return part === null || part === undefined
    ? "–"
    : `${(100 * part).toFixed(digits).replace("-", "−")} %`;
}

/** `1 run`, `2 runs`. @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
