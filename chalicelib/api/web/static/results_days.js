// Days in UTC, and which of them to ask about. No DOM.
import { own } from "./format.js";

const DAY = 86_400_000;

/** @param {number} ms @returns {string} as 2026-01-31 */
export function dayOf(ms) {
  return new Date(ms).toISOString().slice(0, 10);
}

/** The midnight at which it begins. @param {string} day */
export function startOf(day) {
  return Date.parse(`${day}T00:00:00Z`);
}

/**
 * Days from the first to the last, both included, evenly spread when there are more than `most`.
 * @param {string} first
 * @param {string} last
 * @param {number} [most]
 * @returns {string[]}
 */
export function sampledDays(first, last, most = 30) {
  const from = startOf(first);
  const count = Math.round((startOf(last) - from) / DAY) + 1;
  if (!(count > 0)) {
    return [];
  }
  const picked = Math.min(count, most);
  const step = picked === 1 ? 0 : (count - 1) / (picked - 1);
  return Array.from({ length: picked }, (_, index) => dayOf(from + Math.round(index * step) * DAY));
}

/**
 * The first day to ask about: as asked, else the earlier of the start and of what `days` before the
 * last one tell, for logs may be older than the experiment's start.
 * @param {{ from: string | null, startedAt: string | null, last: string, days: number }} known
 */
export function firstDay({ from, startedAt, last, days }) {
  if (from !== null) {
    return from;
  }
  const counted = startOf(last) - (Math.max(1, days) - 1) * DAY;
  return dayOf(startedAt === null ? counted : Math.min(counted, Date.parse(startedAt)));
}

/**
 * The difference of a variant by the units first seen up to each day, as known now. Answers to another
 * question than that of `shown` are left out.
 * @param {{ day: string, results: Results }[]} answers by day
 * @param {Results} shown
 * @param {string} metric
 * @param {string} variant
 * @param {boolean} isRelative
 * @returns {{ x: number, y: number, low: number | null, high: number | null }[]}
 */
export function course(answers, shown, metric, variant, isRelative) {
  const isSame = (/** @type {Results} */ one) =>
    one.baseline === shown.baseline && one.confidence === shown.confidence && one.from === shown.from;
  return answers.flatMap(({ day, results }) => {
    const found = isSame(results) ? own(results.metrics, metric) : undefined;
    const difference = found && own(found.variants, variant)?.difference;
    const estimate = isRelative ? difference?.relative : difference?.absolute;
    if (difference === null || difference === undefined || estimate === null || estimate === undefined) {
      return [];
    }
    const { low, high } = isRelative ? difference.relative_interval : difference.always_valid;
    return [{ x: startOf(day), y: estimate, low, high }];
  });
}
