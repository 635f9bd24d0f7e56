// Intervals of variants on one axis that has zero on it. No DOM.
import { tickLabels } from "./chart_scale.js";
import { own } from "./format.js";
import { numericAxis } from "./svg_axis.js";

/**
 * @typedef {object} IntervalRow
 * @property {string} key
 * @property {string} label
 * @property {string} remark what stands behind it: its verdict in a word
 * @property {string} verdict a class of its colour
 * @property {boolean} isExtra it belongs to the row before
 * @property {number | null} estimate
 * @property {number | null} low always valid
 * @property {number | null} high
 * @property {number | null} fixedLow valid only at the planned number of units
 * @property {number | null} fixedHigh
 * @property {number | null} limit a margin, signed to the side on which harm is
 */

/**
 * @typedef {object} Span in pixels
 * @property {number} from
 * @property {number} to
 */

/**
 * @typedef {object} PlacedRow
 * @property {IntervalRow} row
 * @property {number} y the middle
 * @property {Span | null} wide the always-valid interval
 * @property {Span | null} thin the fixed one
 * @property {number | null} point
 * @property {number | null} limit
 */

const ROW = 30;
const TOP = 8;
const BOTTOM = 26;
const NARROW = 560;

/**
 * @param {IntervalRow[]} rows
 * @param {object} how
 * @param {number} how.width of all of it, in pixels
 * @param {boolean} how.isRelative
 * @returns {{ rows: PlacedRow[], height: number, rowHeight: number, left: number, right: number, bottom: number,
 *   zero: number, ticks: { x: number, text: string }[], isNarrow: boolean }}
 */
export function placed(rows, { width, isRelative }) {
  const isNarrow = width < NARROW;
  const left = isNarrow ? 8 : 140;
  const right = width - (isNarrow ? 12 : 120);
  const rowHeight = isNarrow ? ROW + 18 : ROW;
  const ends = rows.flatMap((row) => [row.low, row.high, row.fixedLow, row.fixedHigh, row.estimate, row.limit]);
  const known = ends.filter((end) => end !== null && Number.isFinite(end));
  const axis = numericAxis([0, .../** @type {number[]} */ (known)], {
    count: isNarrow ? 4 : 7,
    pad: 0.04,
    labels: (values) => differenceLabels(values, isRelative),
  });
  const x = (/** @type {number} */ value) => left + axis.at(value) * (right - left);
  const span = (/** @type {number | null} */ low, /** @type {number | null} */ high) =>
    low === null || high === null ? null : { from: x(low), to: x(high) };
  const bottom = TOP + rows.length * rowHeight;
  return {
    rows: rows.map((row, index) => ({
      row,
      y: TOP + index * rowHeight + (isNarrow ? rowHeight - ROW / 2 : rowHeight / 2),
      wide: span(row.low, row.high),
      thin: span(row.fixedLow, row.fixedHigh),
      point: row.estimate === null ? null : x(row.estimate),
      limit: row.limit === null ? null : x(row.limit),
    })),
    height: bottom + BOTTOM,
    rowHeight,
    left,
    right,
    bottom,
    zero: x(0),
    ticks: axis.ticks.map((tick) => ({ x: left + tick.at * (right - left), text: tick.text })),
    isNarrow,
  };
}

/** With their sign. @param {number[]} values @param {boolean} isRelative in percent then */
export function differenceLabels(values, isRelative) {
  const texts = tickLabels(isRelative ? values.map((value) => Number((100 * value).toPrecision(12))) : values);
  return texts.map((text, at) => `${Number(values[at]) > 0 ? "+" : ""}${text}${isRelative && text !== "0" ? " %" : ""}`);
}

/**
 * The rows of a metric: each variant but the baseline, and with it what covariates leave.
 * @param {MetricResult} metric
 * @param {string} baseline
 * @param {boolean} isRelative
 * @param {(variant: string) => { verdict: string, word: string }} verdict
 * @returns {IntervalRow[]}
 */
export function intervalRows(metric, baseline, isRelative, verdict) {
  const limit = harmLimit(metric, baseline, isRelative);
  return Object.entries(metric.variants).flatMap(([key, found]) => {
    const difference = found.difference;
    if (key === baseline || difference === null) {
      return [];
    }
    const said = verdict(key);
    const of = isRelative ? difference.relative_interval : difference.always_valid;
    /** @type {IntervalRow} */
    const row = {
      key,
      label: key,
      remark: said.word,
      verdict: said.verdict,
      isExtra: false,
      estimate: isRelative ? difference.relative : difference.absolute,
      low: of.low,
      high: of.high,
      fixedLow: isRelative ? null : difference.fixed.low,
      fixedHigh: isRelative ? null : difference.fixed.high,
      limit,
    };
    const cuped = isRelative ? null : difference.cuped;
    return cuped === null ? [row] : [row, withCovariates(row, cuped)];
  });
}

/** @param {IntervalRow} row @param {CupedResult} cuped @returns {IntervalRow} */
function withCovariates(row, cuped) {
  return {
    ...row,
    key: `${row.key} with covariates`,
    label: "  with covariates",
    remark: "",
    verdict: "unknown",
    isExtra: true,
    estimate: cuped.absolute,
    low: cuped.always_valid.low,
    high: cuped.always_valid.high,
    fixedLow: cuped.fixed.low,
    fixedHigh: cuped.fixed.high,
  };
}

/**
 * Where harm begins, on the side where it lies; null when it cannot be drawn.
 * @param {MetricResult} metric
 * @param {string} baseline
 * @param {boolean} isRelative
 */
export function harmLimit(metric, baseline, isRelative) {
  const guardrail = marginOf(metric);
  if (guardrail === null) {
    return null;
  }
  const size = Math.abs(own(metric.variants, baseline)?.mean ?? NaN);
  const isSame = (guardrail.kind === "relative") === isRelative;
  const limit = (metric.goal === "max" ? -1 : 1) * guardrail.margin * (isSame ? 1 : isRelative ? 1 / size : size);
  // a margin relative to a mean of 0 is 0
  return Number.isFinite(limit) ? limit : null;
}

/** @param {MetricResult} metric @returns {GuardrailResult | null} */
export function marginOf(metric) {
  return Object.values(metric.variants).find((one) => one.difference?.guardrail)?.difference?.guardrail ?? null;
}
