// One metric: what may be concluded, the intervals, the numbers, the way there.
import { html } from "preact";
import { counted, number, own, percent } from "./format.js";
import { Intervals } from "./intervals.js";
import { differenceLabels, intervalRows, marginOf } from "./intervals_layout.js";
import {
  chance, conclusion, isNarrowed, level, percentsAgree, probability, shownInterval, signed, signedShare,
} from "./results_conclusions.js";
import { course } from "./results_days.js";
import { Lines } from "./svg_lines.js";

/**
 * @typedef {object} MetricProps
 * @property {string} name
 * @property {MetricResult} metric
 * @property {Results} results
 * @property {string[]} variants in their order, which gives each its colour
 * @property {boolean} isRelative
 * @property {number} rails how many comparisons with a margin there are
 * @property {import("./results_time.js").Course | null} over null when nobody asked
 */

/** @param {MetricProps} props */
export function MetricCard({ name, metric, results, variants, isRelative: inPercent, rails, over }) {
  const { baseline } = results;
  const isRelative = inPercent && percentsAgree(metric);
  const others = Object.keys(metric.variants).filter((key) => key !== baseline);
  const all = new Map(others.map((variant) => [variant, conclusion({ name, metric, variant, results, isRelative, rails })]));
  const rows = intervalRows(metric, baseline, isRelative, (key) => verdictOf(results, all.get(key)));
  const saved = others.flatMap((key) => {
    const cuped = own(metric.variants, key)?.difference?.cuped;
    return cuped ? [html`${percent(cuped.variance_reduction, 0)} of the variance for <bdi>${key}</bdi>, `] : [];
  });
  return html`
    <section class="metric">
      <h3><bdi>${name}</bdi> <span class="faint metric-goal">${goalText(metric)}</span></h3>
      ${!results.srm.mismatch &&
      html`<ul class="conclusions">
        ${[...all].map(
          ([key, one]) => html`<li key=${key} class=${`conclusion interval-${one.verdict}`}>
            <${Told} text=${one.text} />${one.note && html` <span class="faint">${one.note}</span>`}
          </li>`,
        )}
      </ul>`}
      ${inPercent && !isRelative && html`<p class="faint told">Shown in the metric's unit: with a mean this near to zero, percents do not tell the same.</p>`}
      ${rows.some((row) => row.low !== null) &&
      html`<${Intervals} rows=${rows} isRelative=${isRelative}
        title=${`Intervals of the difference from ${baseline} in ${name}. The table below has the numbers.`} />`}
      <${Numbers} name=${name} metric=${metric} results=${results} variants=${variants} isRelative=${isRelative} />
      ${saved.length > 0 &&
      html`<p class="faint">
        With covariates: what was known of the units before explains ${saved} and is taken out. The conclusion above is
        without it.
      </p>`}
      ${over !== null && html`<${OverTime} name=${name} others=${others} variants=${variants} over=${over} isRelative=${isRelative} results=${results} />`}
      ${hasQuantiles(metric) && html`<${Quantiles} metric=${metric} />`}
      ${results.dimension !== null && html`<${Split} name=${name} metric=${metric} results=${results} inPercent=${inPercent} rails=${rails} />`}
    </section>
  `;
}

/** A sentence; what is isolated in it are names. @param {{ text: string }} props */
function Told({ text }) {
  return html`${text.split(/[\u2068\u2069]/).map((part, at) => (at % 2 === 0 ? part : html`<bdi>${part}</bdi>`))}`;
}

/** Where the split is broken nothing is concluded. @param {Results} results @param {import("./results_conclusions.js").Conclusion | undefined} said */
function verdictOf(results, said) {
  return results.srm.mismatch || said === undefined ? { verdict: "unknown", word: "" } : said;
}

/** @param {MetricResult} metric */
function goalText(metric) {
  const isGuessed = metric.goal_source === "name";
  const margin = marginOf(metric);
  const better = `${metric.goal === "max" ? "higher" : "lower"} is better`;
  const text = !isGuessed ? better : margin ? `supposed that ${better}: no goal is set` : "no goal is set";
  return margin
    ? `${text}; may be worse by ${margin.kind === "relative" ? percent(margin.margin) : number(margin.margin)}`
    : text;
}

/** @param {{ name: string, metric: MetricResult, results: Results, variants: string[], isRelative: boolean }} props */
function Numbers({ name, metric, results, variants, isRelative }) {
  const { baseline } = results;
  const hasAdjusted = Object.values(metric.variants).some((one) => one.difference?.always_valid.adjusted_p_value != null);
  const keys = Object.keys(metric.variants);
  const isGuessed = metric.goal_source === "name";
  const inUnit = isRelative ? ", in the metric's unit" : "";
  const columns = (hasAdjusted ? 7 : 6) - (isGuessed ? 1 : 0);
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
            <th scope="col" class="number">${level(results.confidence)}${isNarrowed(results) ? " interval" : ", always valid"}</th>
            <th scope="col" class="number">p</th>
            ${hasAdjusted && html`<th scope="col" class="number" title=${`Takes account of all ${isGuessed ? "" : "success "}metrics and variants`}>p, adjusted</th>`}
            <th scope="col" class="number" title="With a flat prior; not corrected for looking often">${isGuessed ? `Chance to be ${metric.goal === "max" ? "higher" : "lower"}` : "Chance to beat"}</th>
            ${!isGuessed && html`<th scope="col" class="number" title="What choosing it costs on average over all that may be true, where nothing is lost when it is the better one">Expected loss${inUnit}</th>`}
            <th scope="col" class="number planned" title="Welch's t, right for one look at the planned number of units">Only at ${counted(results.planned_units, "unit")}${inUnit}</th>
          </tr>
        </thead>
        <tbody>
          ${keys.map((key) => {
            const one = own(metric.variants, key);
            const difference = one?.difference ?? null;
            const shown = difference === null ? null : shownInterval(difference, isRelative);
            return html`<tr key=${key}>
              <th scope="row" class="long">
                <span class=${`variant-mark variant-${(variants.indexOf(key) % 10) + 1}`} aria-hidden="true"></span><bdi>${key}</bdi>
                ${key === baseline && html`<span class="faint"> · baseline</span>`}
              </th>
              <td class="number" title=${`${one?.logs} logs`}>${number(one?.units)}</td>
              <td class="number">${number(one?.mean)}</td>
              ${difference === null || shown === null
                ? html`<td class="number faint" colspan=${columns}>${one?.reason ?? ""}</td>`
                : html`
                    <td class="number">${shown.estimate}</td>
                    <td class="number">${shown.low} to ${shown.high}</td>
                    <td class="number">${probability(difference.always_valid.p_value)}</td>
                    ${hasAdjusted && html`<td class="number">${probability(difference.always_valid.adjusted_p_value)}</td>`}
                    <td class="number">${chance(difference.chance_to_beat)}</td>
                    ${!isGuessed && html`<td class="number">${lossText(difference.expected_loss, own(metric.variants, baseline)?.mean ?? null)}</td>`}
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
 * @param {{ name: string, others: string[], variants: string[], results: Results, isRelative: boolean,
 *   over: import("./results_time.js").Course }} props
 */
function OverTime({ name, others, variants, over, isRelative, results }) {
  const lines = others
    .map((key) => ({
      name: key,
      colour: (variants.indexOf(key) % 10) + 1,
      points: course(over.answers, results, name, key, isRelative),
    }))
    .filter((line) => line.points.length > 0);
  const isDone = over.answers.length === over.wanted && over.wanted > 0;
  return html`
    <h4>Difference from <bdi>${results.baseline}</bdi> by day (UTC)</h4>
    <p class="faint told">Counting units first seen up to each day, as known now.</p>
    ${lines.length > 0
      ? html`<${Lines} lines=${lines} xKind="day" hasZero text=${isRelative ? signedShare : signed}
          labels=${(/** @type {number[]} */ values) => differenceLabels(values, isRelative)}
          title=${`Difference in ${name} from ${results.baseline} by units first seen up to each day, with its interval`} />`
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
                <th scope="row" class="long"><bdi>${key}</bdi></th>
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

/** By the values of a dimension. @param {{ name: string, metric: MetricResult, results: Results, inPercent: boolean, rails: number }} props */
function Split({ name, metric: whole, results, inPercent, rails }) {
  const { baseline, dimension } = results;
  const values = Object.entries(dimension?.values ?? {});
  const found = values.flatMap(([value, segment]) => {
    const metric = own(segment.metrics, name);
    return metric === undefined ? [] : [{ value, metric }];
  });
  const isRelative = inPercent && found.every(({ metric }) => percentsAgree(metric));
  const rows = found.flatMap(({ value, metric }) =>
    intervalRows(metric, baseline, isRelative, (variant) =>
      verdictOf(results, conclusion({ name, metric, variant, results, isRelative, rails: rails * values.length, isSplit: true })),
    )
      .filter((row) => !row.isExtra)
      .map((row) => ({ ...row, key: `${value} ${row.key}`, label: `${value} · ${row.key}` })),
  );
  return html`
    <h4>By <bdi>${dimension?.key}</bdi></h4>
    ${rows.length > 0
      ? html`<p class="faint told">${splitText(whole, results)}${inPercent && !isRelative ? " Shown in the metric's unit." : ""}</p>
          <${Intervals} rows=${rows} isRelative=${isRelative}
            title=${`Intervals of the difference in ${name} for each ${dimension?.key}: ${rows.map((row) => `${row.label} ${row.remark}`).join(", ")}`} />`
      : html`<p class="faint">No unit has a value of <bdi>${dimension?.key}</bdi> yet.</p>`}
  `;
}

/** What the words beside the values are worth. @param {MetricResult} metric @param {Results} results */
function splitText(metric, results) {
  if (metric.role !== "success") {
    return "Each interval is by itself, not corrected for the number of values: among many, some are different by chance.";
  }
  const [of, words] = metric.goal_source === "name" ? ["", "higher or lower"] : ["success ", "better or worse"];
  return `With all ${of}metrics, variants and values taken into account: of what is called ${words}, at most ${level(1 - results.confidence)} on average is so by chance. What only seems so may well be.`;
}
