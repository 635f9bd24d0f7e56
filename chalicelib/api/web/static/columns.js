// The columns of the runs table: which there are, what is in them, how the address spells them.
import { spelledField } from "./filter_fields.js";
import { own } from "./format.js";

/**
 * @typedef {object} Column
 * @property {string} id as the address has it: "status", "metrics.loss"
 * @property {"name" | "status" | "started" | "duration" | "user" | "tags" | "metric" | "param" | "tag"} kind
 * @property {string} key of a metric, param or tag; else ""
 * @property {string} label
 */

/** @typedef {{ id: string, isDescending: boolean }} Sort */
/** @typedef {import("./runs_rows.js").Row} Row */
/** @typedef {import("./runs_rows.js").Known} Known */

const PLAIN = /** @type {const} */ ({
  name: "Name",
  status: "Status",
  started: "Started",
  duration: "Duration",
  user: "User",
  tags: "Tags",
});
const ORDERED_BY = /** @type {Record<string, string>} */ ({
  name: "run_name",
  status: "status",
  started: "start_time",
  duration: "duration_ms",
  user: "user_id",
});
const KINDS = /** @type {Record<string, "metric" | "param" | "tag">} */ ({
  metrics: "metric",
  params: "param",
  tags: "tag",
});
const MOST_BY_DEFAULT = 12;
const NEWEST_FIRST = { id: "started", isDescending: true };

/** The names of columns that need no key. */
const PLAIN_COLUMNS = /** @type {(keyof typeof PLAIN)[]} */ (Object.keys(PLAIN));

/** @param {string} id @returns {Column | null} null when there is no such column */
export function column(id) {
  const dot = id.indexOf(".");
  if (dot < 0) {
    const kind = PLAIN_COLUMNS.find((plain) => plain === id);
    return kind === undefined ? null : { id, kind, key: "", label: PLAIN[kind] };
  }
  const key = id.slice(dot + 1);
  const kind = own(KINDS, id.slice(0, dot));
  return kind === undefined || key === "" ? null : { id, kind, key, label: key };
}

/** A list of ids as one value of the address. @param {readonly string[]} ids */
export function listText(ids) {
  return ids.map((id) => id.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
}

/** The ids that `listText` spelled, each once. @param {string | null} text */
export function parsedList(text) {
  const ids = (text ?? "").split(",").filter(Boolean);
  return [...new Set(ids.map((id) => id.replaceAll("%2C", ",").replaceAll("%25", "%")))];
}

/**
 * The columns behind the name, as the address asks for them.
 * @param {string | null} text
 * @returns {Column[] | null} null when it asks for none that there are
 */
export function askedColumns(text) {
  const asked = parsedList(text)
    .filter((id) => id !== "name")
    .map(column)
    .filter((one) => one !== null);
  return asked.length === 0 ? null : asked;
}

/**
 * The columns when nobody has chosen: metrics with a goal first, other metrics, and the params that
 * differ, at most 12 of both.
 * @param {Known} known
 * @param {Record<string, Goal>} goals
 * @returns {Column[]}
 */
export function defaultColumns(known, goals) {
  const metrics = [...known.metrics].filter((key) => !key.startsWith("system/"));
  const ranked = [
    ...metrics.filter((key) => Object.hasOwn(goals, key)),
    ...metrics.filter((key) => !Object.hasOwn(goals, key)),
  ];
  const differing = [...known.params].filter(([, values]) => values.size > 1).map(([key]) => key);
  const half = MOST_BY_DEFAULT / 2;
  const metricCount = Math.min(ranked.length, Math.max(half, MOST_BY_DEFAULT - differing.length));
  const paramCount = Math.min(differing.length, MOST_BY_DEFAULT - metricCount);
  const ids = [
    ...["status", "started", "duration"],
    ...ranked.slice(0, metricCount).map((key) => `metrics.${key}`),
    ...differing.slice(0, paramCount).map((key) => `params.${key}`),
    "user",
    ...(known.tags.size > 0 ? ["tags"] : []),
  ];
  return ids.map(column).filter((one) => one !== null);
}

/** All that can be chosen behind the name. @param {Known} known @returns {Column[]} */
export function allColumns(known) {
  const ids = [
    ...PLAIN_COLUMNS.filter((id) => id !== "name"),
    ...sorted(known.metrics).map((key) => `metrics.${key}`),
    ...sorted(known.params.keys()).map((key) => `params.${key}`),
    ...sorted(known.tags.keys()).map((key) => `tags.${key}`),
  ];
  return ids.map(column).filter((one) => one !== null);
}

/** @param {Iterable<string>} keys */
function sorted(keys) {
  return [...keys].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/**
 * What a row has in a column: a string, a number, the name of a number that JSON lacks, or undefined.
 * @param {Column} column
 * @param {Row} row
 */
export function cellOf(column, row) {
  switch (column.kind) {
    case "metric":
      return own(row.metrics, column.key);
    case "param":
      return own(row.params, column.key);
    case "tag":
      return own(row.tags, column.key);
    case "name":
      return row.name;
    case "status":
      return row.status;
    case "started":
      return row.start_time;
    case "duration":
      return row.duration_ms ?? undefined;
    case "user":
      return row.user;
    case "tags":
      return undefined;
  }
}

/**
 * Pixels: as wide as the name and, of texts, what the first rows have in it.
 * @param {Column} column
 * @param {readonly Row[]} rows
 */
export function widthOf(column, rows) {
  const fixed = { name: 220, status: 96, started: 108, duration: 108, user: 110, tags: 200 };
  if (column.kind !== "metric" && column.kind !== "param" && column.kind !== "tag") {
    return fixed[column.kind];
  }
  let letters = column.label.length + 3;
  if (column.kind !== "metric") {
    for (const row of rows.slice(0, 50)) {
      letters = Math.max(letters, String(cellOf(column, row) ?? "").length);
    }
  }
  return Math.round(Math.min(220, Math.max(122, 7.6 * letters + 20)));
}

/**
 * Whether the column has numbers, to be set to the right.
 * @param {Column} column
 * @param {readonly Row[]} rows
 */
export function isNumeric(column, rows) {
  if (column.kind !== "param" && column.kind !== "tag") {
    return column.kind === "metric" || column.kind === "duration";
  }
  const cells = rows.slice(0, 50).map((row) => cellOf(column, row)).filter((cell) => cell !== undefined);
  return cells.length > 0 && cells.every((cell) => cell !== "" && Number.isFinite(Number(cell)));
}

/** @param {string | null} text `metrics.loss:desc` @returns {Sort | null} */
export function parsedSort(text) {
  if (text === null) {
    return null;
  }
  const end = text.lastIndexOf(":");
  const word = text.slice(end + 1);
  const isSaid = end > 0 && (word === "asc" || word === "desc");
  const id = isSaid ? text.slice(0, end) : text;
  const found = column(id);
  return found === null || found.kind === "tags" ? null : { id, isDescending: isSaid && word === "desc" };
}

/** @param {Sort | null} sort */
export function sortText(sort) {
  return sort === null ? null : `${sort.id}:${sort.isDescending ? "desc" : "asc"}`;
}

/**
 * Clauses of `order_by`; none is the newest first.
 * @param {Sort | null} sort
 */
export function orderBy(sort) {
  const by = sort === null ? null : column(sort.id);
  if (sort === null || by === null) {
    return [];
  }
  const field = by.key === "" ? (ORDERED_BY[by.kind] ?? "start_time") : spelledField(by.kind, by.key);
  return [`${field} ${sort.isDescending ? "DESC" : "ASC"}`];
}

/** How the rows are ordered, seen from a column. @param {Sort | null} sort @param {Column} column */
export function sortedBy(sort, column) {
  const now = sort ?? NEWEST_FIRST;
  return now.id !== column.id ? "none" : now.isDescending ? "descending" : "ascending";
}

/**
 * The order after a click: the more telling end first, then the other, then none.
 * @param {Sort | null} sort
 * @param {Column} column
 * @param {Record<string, Goal>} goals
 * @returns {Sort | null}
 */
export function nextSort(sort, column, goals) {
  const isFirst =
    column.kind === "metric" ? own(goals, column.key) !== "min" : column.kind === "duration";
  if (column.kind === "started") {
    return sort === null ? { id: "started", isDescending: false } : null;
  }
  if (sort?.id !== column.id) {
    return { id: column.id, isDescending: isFirst };
  }
  return sort.isDescending === isFirst ? { id: column.id, isDescending: !isFirst } : null;
}
