// One metric: what may be concluded, the intervals, the numbers, the way there.
import { html } from "preact";
import { number, percent } from "./format.js";
import { Intervals } from "./intervals.js";
import { harmLimit, intervalRows } from "./intervals_layout.js";
import { VERDICTS, chance, conclusion, probability, shownInterval, signed, signedShare } from "./results_conclusions.js";
import { course } from "./results_days.js";
import { Lines } from "./svg_lines.js";

/**
 * @typedef {object} MetricProps
 * @property {string} name
 * @property {MetricResult} metric
 * @property {Results} results
 * @property {string[]} variants in their order, which gives each its colour
 * @property {boolean} isRelative
 * @property {import("./results_time.js").Course | null} over null when nobody asked
 */

/** @param {MetricProps} props */
export function MetricCard({ name, metric, results, variants, isRelative, over }) {
  const { baseline } = results;
  const said = (/** @type {string} */ variant) =>
    conclusion({
      name, metric, variant, baseline, isRelative,
      confidence: results.confidence,
      isOver: results.status === "completed",
    });
  const others = Object.keys(metric.variants).filter((key) => key !== baseline);
  const all = others.map((key) => ({ key, ...said(key) }));
  const rows = intervalRows(metric, baseline, isRelative, (key) => {
    const { verdict } = said(key);
    return results.srm.mismatch ? { verdict: "unknown", word: "" } : { verdict, word: VERDICTS[verdict] };
  });
  const saved = Object.values(metric.variants).find((one) => one.difference?.cuped)?.difference?.cuped;
  return html`
    <section class="metric">
      <h3>${name} <span class="faint metric-goal">${goalText(metric)}</span></h3>
      ${!results.srm.mismatch &&
      html`<ul class="conclusions">
        ${all.map(
          (one) => html`<li key=${one.key} class=${`conclusion interval-${one.verdict}`}>
            ${one.text}${one.note && html` <span class="faint">${one.note}</span>`}
          </li>`,
        )}
      </ul>`}
      ${rows.some((row) => row.low !== null) &&
      html`<${Intervals} rows=${rows} isRelative=${isRelative} limit=${harmLimit(metric, baseline, isRelative)}
        title=${`Intervals of the difference from ${baseline} in ${name}. The table below has the numbers.`} />`}
      <${Numbers} name=${name} metric=${metric} results=${results} variants=${variants} isRelative=${isRelative} />
      ${saved &&
      html`<p class="faint">
        With covariates: what was known of the units before explains ${percent(saved.variance_reduction, 0)} of the variance,
        and is taken out. The conclusion above is without it.
      </p>`}
      ${over !== null && html`<${OverTime} name=${name} others=${others} variants=${variants} over=${over} isRelative=${isRelative} baseline=${baseline} />`}
      ${hasQuantiles(metric) && html`<${Quantiles} metric=${metric} />`}
      ${results.dimension !== null && html`<${Split} name=${name} metric=${metric} results=${results} isRelative=${isRelative} />`}
    </section>
  `;
}

/** @param {MetricResult} metric */
function goalText(metric) {
  const better = metric.goal === "max" ? "higher is better" : "lower is better";
  const margin = Object.values(metric.variants).find((one) => one.difference?.guardrail)?.difference?.guardrail;
  const text = metric.goal_source === "name" ? `${better}, taken from its name` : better;
  return margin
    ? `${text}; may be worse by ${margin.kind === "relative" ? percent(margin.margin) : number(margin.margin)}`
    : text;
}

/** @param {{ name: string, metric: MetricResult, results: Results, variants: string[], isRelative: boolean }} props */
function Numbers({ name, metric, results, variants, isRelative }) {
  const { baseline } = results;
  const hasAdjusted = Object.values(metric.variants).some((one) => one.difference?.always_valid.adjusted_p_value != null);
  const keys = Object.keys(metric.variants);
  const level = Number((100 * results.confidence).toFixed(4));
  return html`
    <div class="scroll">
      <table class="metric-numbers">
        <caption class="hidden-label">${name} of each variant</caption>
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col" class="number">Units</th>
            <th scope="col" class="number">Mean</th>
            <th scope="col" class="number">Difference</th>
            <th scope="col" class="number">${level} %, always valid</th>
            <th scope="col" class="number">p</th>
            ${hasAdjusted && html`<th scope="col" class="number" title="Takes account of how many are looked at">p, adjusted</th>`}
            <th scope="col" class="number" title="With a flat prior; not corrected for looking often">Chance to beat</th>
            <th scope="col" class="number" title="What choosing it costs on average where it is not the better one">Expected loss</th>
            <th scope="col" class="number planned" title="Welch's t, right for one look at the planned number of units">Only at ${results.planned_units.toLocaleString("en")} units</th>
          </tr>
        </thead>
        <tbody>
          ${keys.map((key) => {
            const one = metric.variants[key];
            const difference = one?.difference ?? null;
            const shown = difference === null ? null : shownInterval(difference, isRelative);
            return html`<tr key=${key}>
              <th scope="row" class="long">
                <span class=${`variant-mark variant-${(variants.indexOf(key) % 10) + 1}`} aria-hidden="true"></span>${key}
                ${key === baseline && html`<span class="faint"> · baseline</span>`}
              </th>
              <td class="number" title=${`${one?.logs} logs`}>${number(one?.units)}</td>
              <td class="number">${number(one?.mean)}</td>
              ${difference === null || shown === null
                ? html`<td class="number faint" colspan=${hasAdjusted ? 7 : 6}>${one?.reason ?? ""}</td>`
                : html`
                    <td class="number">${shown.estimate}</td>
                    <td class="number">${shown.low} to ${shown.high}</td>
                    <td class="number">${probability(difference.always_valid.p_value)}</td>
                    ${hasAdjusted && html`<td class="number">${probability(difference.always_valid.adjusted_p_value)}</td>`}
                    <td class="number">${chance(difference.chance_to_beat)}</td>
                    <td class="number">${lossText(difference.expected_loss, metric.variants[baseline]?.mean ?? null)}</td>
                    <td class="number planned">${signed(difference.fixed.low)} to ${signed(difference.fixed.high)}, p ${probability(difference.fixed.p_value)}</td>
                  `}
            </tr>`;
          })}
        </tbody>
      </table>
    </div>
  `;
}

/** In the metric's unit; what is nothing beside the mean is said to be so. @param {number | null} loss @param {number | null} mean */
function lossText(loss, mean) {
  return loss !== null && mean !== null && loss < 1e-6 * Math.abs(mean) ? "≈ 0" : signed(loss).replace("+", "");
}

/**
 * @param {{ name: string, others: string[], variants: string[], baseline: string, isRelative: boolean,
 *   over: import("./results_time.js").Course }} props
 */
function OverTime({ name, others, variants, over, isRelative, baseline }) {
  const lines = others
    .map((key) => ({
      name: key,
      colour: (variants.indexOf(key) % 10) + 1,
      points: course(over.answers, name, key, isRelative),
    }))
    .filter((line) => line.points.length > 0);
  const isDone = over.answers.length === over.wanted && over.wanted > 0;
  return html`
    <h4>Difference from ${baseline} by day</h4>
    ${!isDone && over.error === null && html`<p class="loading" role="status">Loading ${over.answers.length} of ${over.wanted || "…"} days</p>`}
    ${lines.length > 0
      ? html`<${Lines} lines=${lines} xKind="day" hasZero text=${isRelative ? signedShare : signed}
          title=${`Difference in ${name} from ${baseline} as it was known at the end of each day, with its always-valid interval`} />`
      : isDone && html`<p class="faint">No day has enough data yet.</p>`}
  `;
}

/** @param {MetricResult} metric */
function hasQuantiles(metric) {
  return Object.values(metric.variants).some((one) => one.quantiles.p50 !== null);
}

/** @param {{ metric: MetricResult }} props */
function Quantiles({ metric }) {
  const names = /** @type {Quantile[]} */ (["p50", "p90", "p99"]);
  return html`
    <details>
      <summary>Quantiles and spread</summary>
      <p class="faint">Over logs, within 1 %. Their intervals hold for one look.</p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Variant</th>
              <th scope="col" class="number">SD</th>
              <th scope="col" class="number">Least</th>
              ${names.map((one) => html`<th key=${one} scope="col" class="number">${one}</th>`)}
              <th scope="col" class="number">Greatest</th>
            </tr>
          </thead>
          <tbody>
            ${Object.entries(metric.variants).map(
              ([key, one]) => html`<tr key=${key}>
                <th scope="row" class="long">${key}</th>
                <td class="number">${number(one.sd)}</td>
                <td class="number">${number(one.min)}</td>
                ${names.map(
                  (name) => html`<td key=${name} class="number">
                    ${number(one.quantiles[name])}
                    <span class="faint"> (${number(one.quantile_intervals[name].low)} to ${number(one.quantile_intervals[name].high)})</span>
                  </td>`,
                )}
                <td class="number">${number(one.max)}</td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
  `;
}

/** By the values of a dimension. @param {{ name: string, metric: MetricResult, results: Results, isRelative: boolean }} props */
function Split({ name, results, isRelative }) {
  const { baseline, dimension } = results;
  const rows = Object.entries(dimension?.values ?? {}).flatMap(([value, segment]) => {
    const metric = segment.metrics[name];
    if (metric === undefined) {
      return [];
    }
    return intervalRows(metric, baseline, isRelative, (variant) => {
      const { verdict } = conclusion({
        name, metric, variant, baseline, isRelative, confidence: results.confidence, isOver: false,
      });
      return results.srm.mismatch ? { verdict: "unknown", word: "" } : { verdict, word: VERDICTS[verdict] };
    })
      .filter((row) => !row.key.endsWith(" with covariates"))
      .map((row) => ({ ...row, key: `${value} ${row.key}`, label: `${value} · ${row.key}` }));
  });
  return html`
    <h4>By ${dimension?.key}</h4>
    ${rows.length > 0
      ? html`<${Intervals} rows=${rows} isRelative=${isRelative} limit=${null}
          title=${`Intervals of the difference in ${name} for each ${dimension?.key}: ${rows.map((row) => `${row.label} ${row.remark}`).join(", ")}`} />`
      : html`<p class="faint">No unit has a value of ${dimension?.key} yet.</p>`}
  `;
}
