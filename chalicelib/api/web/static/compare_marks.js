// Marks on axes, as the address has them: from a value to a value, so that they hold when runs come. No DOM.

/** @typedef {import("./compare_axes.js").Column} Column */

/**
 * The value at a place of a column's axis, as exact as a screen is; of a category the nearest name.
 * @param {Column} column
 * @param {number} at 0 to 1
 * @returns {number | string | null} null where the axis has no values
 */
export function valueAt({ axis, values }, at) {
  if (axis.kind === "category") {
    const far = (/** @type {unknown} */ name) => Math.abs(axis.at(name) - at);
    return values.reduce((best, one) => (one !== null && (best === null || far(one) < far(best)) ? one : best), null);
  }
  const isLog = axis.kind === "log";
  const known = values.filter((one) => typeof one === "number" && Number.isFinite(axis.at(one))).map(Number);
  if (known.length === 0) {
    return null;
  }
  const scaled = (/** @type {number} */ value) => (isLog ? Math.log10(value) : value);
  const low = known.reduce((least, one) => Math.min(least, one));
  const high = known.reduce((most, one) => Math.max(most, one));
  const other = high > low ? high : isLog ? 10 * low : low + (Math.abs(low) || 1);
  const length = (scaled(other) - scaled(low)) / (axis.at(other) - axis.at(low));
  const value = scaled(low) + (at - axis.at(low)) * length;
  const digits = Math.min(20, Math.max(0, Math.ceil(3 - Math.log10(length))));
  return isLog ? Number((10 ** value).toPrecision(4)) : Number(value.toFixed(digits));
}

/**
 * A mark for the address: `0.01:0.5:params.lr`. What reaches the end of its axis is open there.
 * @param {Column} column
 * @param {[number, number]} range places on the axis
 */
export function markText(column, [low, high]) {
  const end = (/** @type {number} */ at, /** @type {boolean} */ isOpen) =>
    isOpen ? "" : encodeURIComponent(valueAt(column, at) ?? "");
  return `${end(low, low <= 0)}:${end(high, high >= 1)}:${column.field}`;
}

/**
 * Where the marks of the address lie; one of another axis, or of what is no value of it, is left out.
 * @param {string[]} texts
 * @param {Column[]} columns
 * @returns {Record<number, [number, number]>} by column; below 0 and above 1 is beyond the runs
 */
export function rangesOf(texts, columns) {
  /** @type {Record<number, [number, number]>} */
  const ranges = {};
  for (const text of texts) {
    const [from = "", to = "", ...field] = text.split(":");
    const index = columns.findIndex((one) => one.field === field.join(":"));
    const column = columns[index];
    if (column !== undefined) {
      const low = placeOf(column, from, 0, -1);
      const high = placeOf(column, to, 1, 1);
      if (low <= high) {
        ranges[index] = [low, high];
      }
    }
  }
  return ranges;
}

/**
 * @param {Column} column @param {string} text
 * @param {number} open where an open end lies
 * @param {-1 | 1} side a name has room on both sides of its place
 */
function placeOf({ axis, values }, text, open, side) {
  if (text === "") {
    return open;
  }
  if (axis.kind !== "category") {
    return axis.at(Number(text));
  }
  const names = new Set(values.filter((one) => one !== null)).size;
  return axis.at(decoded(text)) + side * (0.5 / names);
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
