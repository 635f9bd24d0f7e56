// What a chart does not show, in words.
import { nonFinite } from "./chart_points.js";
import { number, own, plain } from "./format.js";

const NAMED = 5;

/**
 * @param {import("./chart_points.js").Points[]} all
 * @param {[number, number]} x
 * @param {{ shown: number, total: number, leftOut: number }} counts of points, and of those that a log
 *   scale has no place for
 * @returns {string[]} sentences
 */
export function notesOf(all, x, { shown, total, leftOut }) {
  const isThinned = shown < total;
  const notes = isThinned
    ? [`${shown.toLocaleString("en")} of ${total.toLocaleString("en")} points, peaks kept; shaded is the range of those between. Drag over a part to see more of it.`]
    : [];
  for (const [word, is] of /** @type {[string, (value: number) => boolean][]} */ ([
    ["NaN", Number.isNaN],
    ["∞", (value) => value === Infinity],
    ["−∞", (value) => value === -Infinity],
  ])) {
    const steps = all.flatMap((one) =>
      nonFinite(one, x).filter((at) => is(one.ys[at] ?? 0)).map((at) => one.steps[at] ?? 0),
    );
    if (steps.length > 0) {
      notes.push(marked(word, steps, isThinned));
    }
  }
  if (leftOut > 0) {
    notes.push(`The log scale leaves out ${leftOut.toLocaleString("en")} ${leftOut === 1 ? "value" : "values"} of 0 or less.`);
  }
  return notes;
}

/** @param {string} word @param {number[]} steps @param {boolean} isThinned */
function marked(word, steps, isThinned) {
  const distinct = [...new Set(steps)].sort((a, b) => a - b);
  const named = distinct.slice(0, NAMED).map((step) => step.toLocaleString("en")).join(", ");
  const count = `${isThinned ? "at least " : ""}${steps.length.toLocaleString("en")} ${word}`;
  return `${count[0]?.toUpperCase()}${count.slice(1)} at step ${named}${distinct.length > NAMED ? " …" : ""}`;
}

/**
 * A chart in a sentence, for those who do not see it.
 * @param {string} metric @param {Run[]} runs those that have it
 */
export function summaryOf(metric, runs) {
  const parts = runs.slice(0, NAMED).map(({ name, metric_summary }) => {
    const { last, step, min, max } = /** @type {MetricSummary} */ (own(metric_summary, metric));
    return `${name} ended at ${number(last)} at step ${step}, between ${number(min)} and ${number(max)}`;
  });
  const more = runs.length > NAMED ? `; and ${runs.length - NAMED} more runs` : "";
  return plain(`Chart of ${metric}: ${parts.join("; ")}${more}.`);
}
