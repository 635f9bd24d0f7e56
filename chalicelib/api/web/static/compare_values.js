// What there is to compare: rows of runs, goals in the address, copies as text. No DOM.
import { number, own } from "./format.js";

/** @typedef {{ name: string, values: (string | Metric | null)[], differs: boolean }} ComparedRow by run */

/** @param {string} text of the address @returns {string[]} ids, each once */
export function runIds(text) {
  return [...new Set(text.split(",").map((one) => one.trim()).filter(Boolean))];
}

/** Goals as the address has them: `min:val/loss`. @param {string[]} texts @returns {Record<string, Goal>} */
export function goalsOf(texts) {
  return Object.fromEntries(
    texts.filter((text) => /^(?:min|max):./s.test(text)).map((text) => [text.slice(4), /** @type {Goal} */ (text.slice(0, 3))]),
  );
}

/** @param {Record<string, Goal>} goals @returns {string[]} */
export function goalTexts(goals) {
  return Object.entries(goals).map(([name, goal]) => `${goal}:${name}`);
}

/**
 * A row for each name that a run has, by name; null where a run has none.
 * @param {Record<string, string | Metric>[]} runs the params, or the metrics, of each run
 * @returns {ComparedRow[]}
 */
export function rowsOf(runs) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run)))];
  return names.sort(byName.compare).map((name) => {
    const values = runs.map((run) => own(run, name) ?? null);
    return { name, values, differs: new Set(values).size > 1 };
  });
}

const byName = new Intl.Collator("en", { numeric: true });

/**
 * In how many metrics each run is best, those that share a best value alike.
 * @param {Record<string, MetricComparison>} metrics
 * @returns {Map<string, number>}
 */
export function timesBest(metrics) {
  /** @type {Map<string, number>} */
  const times = new Map();
  for (const metric of Object.values(metrics)) {
    for (const [run, value] of Object.entries(metric.all_values)) {
      if (metric.best_value !== null && value === metric.best_value) {
        times.set(run, (times.get(run) ?? 0) + 1);
      }
    }
  }
  return times;
}

/**
 * Of the values of a metric: how far each is from the best, in percent of it.
 * @param {Metric | null} value
 * @param {Metric | null} best
 * @returns {string} "" where that says nothing
 */
export function behind(value, best) {
  if (typeof value !== "number" || typeof best !== "number" || best === 0 || value === best) {
    return "";
  }
  const part = (100 * (value - best)) / Math.abs(best);
  const text = Math.abs(part) >= 1000 ? number(Math.round(part)) : String(Number(part.toPrecision(2)));
  return `${part > 0 ? "+" : ""}${text.replace("-", "−")} %`;
}

/**
 * All of a comparison, a row for each fact, metric and param.
 * @param {ComparedRun[]} runs
 * @param {ComparedRow[]} metrics
 * @param {ComparedRow[]} params
 * @returns {(string | number | null)[][]}
 */
export function copied(runs, metrics, params) {
  const labelled = (/** @type {string} */ what, /** @type {ComparedRow[]} */ rows) =>
    rows.map((row) => [`${what}.${row.name}`, ...row.values]);
  return [
    ["", ...runs.map((run) => run.name)],
    ["run_id", ...runs.map((run) => run.run_id)],
    ["status", ...runs.map((run) => run.status)],
    ...labelled("metrics", metrics),
    ...labelled("params", params),
  ];
}
