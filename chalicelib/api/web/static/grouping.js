// Runs in groups that share the value of a param or a tag.
import { cellOf, column } from "./columns.js";
import { double } from "./format.js";

/** @typedef {import("./runs_rows.js").Row} Row */

const MOST_VALUES = 20;

/**
 * @typedef {object} Group
 * @property {string} id differs from group to group, also where there is no value
 * @property {string | null} value null of runs that have none
 * @property {Row[]} rows in the order of the table
 */

/**
 * A line of the table.
 * @typedef {{ group: Group, row: null } | { group: Group | null, row: Row }} Line
 */

/**
 * Groups in the order in which their first runs come, runs without a value last.
 * @param {readonly Row[]} rows
 * @param {string} id of a column
 * @returns {Group[]}
 */
export function groups(rows, id) {
  const by = column(id);
  /** @type {Map<string, Group>} */
  const found = new Map();
  /** @type {Group} */
  const without = { id: "none", value: null, rows: [] };
  for (const row of rows) {
    const cell = by === null ? undefined : cellOf(by, row);
    if (cell === undefined) {
      without.rows.push(row);
      continue;
    }
    const value = String(cell);
    const group = found.get(value);
    if (group === undefined) {
      found.set(value, { id: `is ${value}`, value, rows: [row] });
    } else {
      group.rows.push(row);
    }
  }
  return without.rows.length > 0 ? [...found.values(), without] : [...found.values()];
}

/**
 * @param {readonly Group[]} groups
 * @param {(group: Group) => boolean} isOpen
 * @returns {Line[]}
 */
export function grouped(groups, isOpen) {
  /** @type {Line[]} */
  const lines = [];
  for (const group of groups) {
    lines.push({ group, row: null });
    if (isOpen(group)) {
      for (const row of group.rows) {
        lines.push({ group, row });
      }
    }
  }
  return lines;
}

/**
 * What the numbers of a column come to; NaN takes no part and is counted apart.
 * @param {readonly Row[]} rows
 * @param {import("./columns.js").Column} column
 * @returns {{ count: number, nan: number, mean: number, min: number, max: number } | null}
 *   null when no row has one
 */
export function summary(rows, column) {
  let count = 0;
  let nan = 0;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  for (const row of rows) {
    const cell = cellOf(column, row);
    if (cell === undefined) {
      continue;
    }
    const value = double(cell);
    if (Number.isNaN(value)) {
      nan += 1;
      continue;
    }
    count += 1;
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (count === 0) {
    return nan === 0 ? null : { count, nan, mean: NaN, min: NaN, max: NaN };
  }
  return { count, nan, mean: sum / count, min, max };
}

/**
 * The different values of a column of texts, at most 20, in the order in which they come.
 * @param {readonly Row[]} rows
 * @param {import("./columns.js").Column} column
 * @returns {string[]}
 */
export function values(rows, column) {
  /** @type {Set<string>} */
  const seen = new Set();
  for (const row of rows) {
    const cell = cellOf(column, row);
    if (cell !== undefined && seen.size < MOST_VALUES) {
      seen.add(String(cell));
    }
  }
  return [...seen];
}
