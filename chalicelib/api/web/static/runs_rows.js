// The rows of the runs table: what is kept of a run, what is known from all of them, and how newer
// answers get into what is shown.
import { double, own } from "./format.js";

/**
 * A run without what the table does not show: ten thousand of them stay in memory.
 * @typedef {object} Row
 * @property {string} run_id
 * @property {string} name
 * @property {string} status
 * @property {string} start_time
 * @property {number | null} duration_ms null while it runs
 * @property {string} user
 * @property {Record<string, string>} tags
 * @property {Record<string, string>} params
 * @property {Record<string, Metric>} metrics
 */

/**
 * Keys and values that were seen in any row, in the order in which they came.
 * @typedef {object} Known
 * @property {Set<string>} metrics
 * @property {Map<string, Set<string>>} params
 * @property {Map<string, Set<string>>} tags without MLflow's own
 * @property {Set<string>} users
 * @property {Set<string>} names
 */

const MOST_VALUES = 100;

/** @param {Run} run @returns {Row} */
export function rowOf(run) {
  const { run_id, name, status, start_time, duration_ms, tags, params, metrics } = run;
  const user = tags["mlflow.user"] ?? run.created_by;
  return { run_id, name, status, start_time, duration_ms, user, tags, params, metrics };
}

/** @returns {Known} */
export function nothingKnown() {
  return {
    metrics: new Set(),
    params: new Map(),
    tags: new Map(),
    users: new Set(),
    names: new Set(),
  };
}

/**
 * Adds what the rows have to `known`. Of a key at most 100 values are kept.
 * @param {Known} known
 * @param {readonly Row[]} rows
 */
export function learn(known, rows) {
  for (const row of rows) {
    for (const key of Object.keys(row.metrics)) {
      known.metrics.add(key);
    }
    for (const [key, value] of Object.entries(row.params)) {
      addValue(known.params, key, value);
    }
    for (const [key, value] of Object.entries(row.tags)) {
      if (!key.startsWith("mlflow.")) {
        addValue(known.tags, key, value);
      }
    }
    known.users.add(row.user);
    if (known.names.size < MOST_VALUES) {
      known.names.add(row.name);
    }
  }
}

/** @param {Map<string, Set<string>>} values @param {string} key @param {string} value */
function addValue(values, key, value) {
  const seen = values.get(key);
  if (seen === undefined) {
    values.set(key, new Set([value]));
  } else if (seen.size < MOST_VALUES) {
    seen.add(value);
  }
}

/**
 * More rows behind those that are there; one that is there already (it moved while pages were
 * loaded) stays where it is.
 * @param {readonly Row[]} rows
 * @param {readonly Row[]} more
 */
export function appended(rows, more) {
  const there = new Set(rows.map((row) => row.run_id));
  return [...rows, ...more.filter((row) => !there.has(row.run_id))];
}

/**
 * What is shown after the beginning of the list was asked again. Rows that did not change are the
 * same objects as before.
 * @param {readonly Row[]} rows
 * @param {readonly Row[]} first the newest answer: the first rows, in order
 * @param {boolean} isAll there are no others than `first`
 * @param {readonly Row[]} [others] newer states of rows further down
 * @param {readonly string[]} [asked] which rows these are of: those that have none are not found any more
 */
export function refreshed(rows, first, isAll, others = [], asked = []) {
  const old = new Map(rows.map((row) => [row.run_id, row]));
  const top = first.map((row) => kept(old.get(row.run_id), row));
  if (isAll) {
    return top;
  }
  const placed = new Set(top.map((row) => row.run_id));
  const newer = new Map(others.map((row) => [row.run_id, row]));
  const gone = new Set(asked.filter((id) => !newer.has(id)));
  const rest = rows
    .filter((row) => !placed.has(row.run_id) && !gone.has(row.run_id))
    .map((row) => {
      const now = newer.get(row.run_id);
      return now === undefined ? row : kept(row, now);
    });
  return [...top, ...rest];
}

/** @param {Row | undefined} old @param {Row} row */
function kept(old, row) {
  return old !== undefined && isSame(old, row) ? old : row;
}

/** @param {Row} a @param {Row} b */
function isSame(a, b) {
  return (
    a.name === b.name &&
    a.status === b.status &&
    a.duration_ms === b.duration_ms &&
    hasSame(a.metrics, b.metrics) &&
    hasSame(a.params, b.params) &&
    hasSame(a.tags, b.tags)
  );
}

/** @param {Record<string, unknown>} a @param {Record<string, unknown>} b */
function hasSame(a, b) {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === own(b, key));
}

/**
 * The best value of each metric that has a goal; NaN is never best.
 * @param {readonly Row[]} rows
 * @param {Record<string, Goal>} goals
 * @returns {Map<string, number>}
 */
export function bestValues(rows, goals) {
  /** @type {Map<string, number>} */
  const best = new Map();
  for (const [key, goal] of Object.entries(goals)) {
    for (const row of rows) {
      const logged = own(row.metrics, key);
      const value = logged === undefined ? NaN : double(logged);
      const now = best.get(key);
      if (!Number.isNaN(value) && (now === undefined || (goal === "min" ? value < now : value > now))) {
        best.set(key, value);
      }
    }
  }
  return best;
}

/**
 * The rows that are in sight, and a few around them.
 * @param {{ top: number, height: number, rowHeight: number, count: number, around?: number }} view
 *   pixels; `top` is how far it is scrolled
 * @returns {{ first: number, end: number }} `end` is the index behind the last one
 */
export function inSight({ top, height, rowHeight, count, around = 8 }) {
  const first = Math.floor(top / rowHeight) - around;
  const end = Math.ceil((top + height) / rowHeight) + around;
  const last = Math.max(0, Math.min(count, end));
  return { first: Math.max(0, Math.min(first, last)), end: last };
}

/**
 * The columns in sight, and two at each side.
 * @param {readonly number[]} widths pixels
 * @param {{ left: number, width: number }} view how far it is scrolled, and how much is seen
 * @returns {{ first: number, end: number }} `end` is the index behind the last one
 */
export function columnsInSight(widths, { left, width }) {
  let first = 0;
  let end = 0;
  let edge = 0;
  widths.forEach((own, index) => {
    first = edge + own <= left ? index + 1 : first;
    end = edge < left + width ? index + 1 : end;
    edge += own;
  });
  return { first: Math.max(0, Math.min(first, widths.length) - 2), end: Math.min(widths.length, end + 2) };
}

/**
 * The selection after a click on `id`. With `from` all between the two become as `id` becomes.
 * @param {ReadonlySet<string>} selected
 * @param {readonly string[]} ids in the order shown
 * @param {string} id
 * @param {string | null} from where the range began
 * @returns {Set<string>}
 */
export function toggled(selected, ids, id, from) {
  const isOn = !selected.has(id);
  const a = ids.indexOf(id);
  const b = from === null ? a : ids.indexOf(from);
  const range = b < 0 ? [id] : ids.slice(Math.min(a, b), Math.max(a, b) + 1);
  const next = new Set(selected);
  for (const one of range) {
    if (isOn) {
      next.add(one);
    } else {
      next.delete(one);
    }
  }
  return next;
}
