// How all charts of a page are drawn, as the address says.

/**
 * @typedef {object} Settings
 * @property {import("./chart_points.js").Axis} axis
 * @property {number} smoothing 0 to 0.99
 * @property {boolean} isLog
 * @property {string} filter part of a metric's name
 * @property {[number, number] | null} zoom a range of x, null is all
 */

/** @param {URLSearchParams} query @returns {Settings} what is not valid counts as not there */
export function settingsOf(query) {
  const x = query.get("x");
  const [from, to] = [asNumber(query.get("from")), asNumber(query.get("to"))];
  return {
    axis: x === "time" || x === "relative" ? x : "step",
    smoothing: Math.min(0.99, Math.max(0, asNumber(query.get("smooth")) ?? 0)),
    isLog: query.get("log") === "1",
    filter: query.get("metrics") ?? "",
    zoom: from !== null && to !== null && from < to ? [from, to] : null,
  };
}

/** For the address: as exact as a screen is. @param {[number, number] | null} range */
export function zoomQuery(range) {
  if (range === null) {
    return { from: null, to: null };
  }
  const digits = Math.max(0, 4 - Math.floor(Math.log10(range[1] - range[0])));
  const text = (/** @type {number} */ value) => String(Number(value.toFixed(Math.min(20, digits))));
  return { from: text(range[0]), to: text(range[1]) };
}

/**
 * Metrics by what comes before the first slash of their names, in order of names; those without a slash
 * come first, under "".
 * @param {string[]} names
 * @param {string} filter words, all of which must be in a name, in any order and either case
 * @returns {[string, string[]][]}
 */
export function grouped(names, filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const name of [...names].sort(byName)) {
    if (words.every((word) => name.toLowerCase().includes(word))) {
      const slash = name.indexOf("/");
      const group = slash > 0 ? name.slice(0, slash) : "";
      groups.set(group, [...(groups.get(group) ?? []), name]);
    }
  }
  return [...groups].sort(([a], [b]) => byName(a, b));
}

/** `layer2` before `layer10`. @param {string} a @param {string} b */
export function byName(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}

/** @param {string | null} text */
function asNumber(text) {
  const value = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}
