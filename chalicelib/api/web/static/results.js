// How the variants of an A/B experiment compare.
import { html, useState } from "preact";
import { get, segment } from "./api.js";
import { useData, useEvery } from "./data.js";
import { Begin, NoVariants } from "./results_begin.js";
import { byRole, isNarrowed, level } from "./results_conclusions.js";
import { ResultsControls } from "./results_controls.js";
import { Exposures, ResultsHead, Warnings } from "./results_head.js";
import { ResultsLogs } from "./results_logs.js";
import { MetricCard } from "./results_metric.js";
import { useCourse } from "./results_time.js";
import { Await, Failure } from "./ui.js";

const AGAIN_MS = 20_000;
const PARTS = /** @type {const} */ ([
  ["success", "Success metrics", "What has a goal."],
  ["guardrail", "Guardrails", "What must not become worse by more than its margin, the dashed line."],
  ["other", "Metrics without a goal", "Nobody said which way is better: name it in metric_goals of the experiment to judge by it."],
]);

/**
 * @param {{ experiment: Experiment, place: import("./router.js").Place,
 *   changed?: (experiment: Experiment) => void }} props `changed` hears of a new status
 */
export function ResultsTab({ experiment, place, changed }) {
  const [newer, setNewer] = useState(/** @type {Experiment | null} */ (null));
  const current = newer !== null && newer.version > experiment.version ? newer : experiment;
  if (current.variants.length === 0) {
    return html`<${NoVariants} experiment=${current} />`;
  }
  const moved = (/** @type {Experiment} */ next) => {
    setNewer(next);
    changed?.(next);
  };
  return html`
    <${ResultsHead} experiment=${current} changed=${moved} />
    <${Loaded} key=${current.id} experiment=${current} place=${place} />
  `;
}

/** @param {{ experiment: Experiment, place: import("./router.js").Place }} props */
function Loaded({ experiment, place }) {
  const asked = Object.fromEntries(
    ["metric", "baseline", "confidence", "from", "to", "dimension"].map((name) => [name, place.query.get(name)]),
  );
  const path = `experiment/${segment(experiment.slug)}/results`;
  const loaded = useData((signal) => get(path, asked, signal), [path, JSON.stringify(asked), experiment.version]);
  const [known, setKnown] = useState(/** @type {string[]} */ ([]));
  useEvery(AGAIN_MS, experiment.status === "active", loaded.reload);
  const isOver = place.query.get("over") === "1";
  const over = useCourse({ experiment, query: { ...asked, dimension: null }, days: loaded.data?.days, isOn: isOver });
  const names = Object.keys(loaded.data?.metrics ?? {});
  if (asked["metric"] === null && names.some((name) => !known.includes(name))) {
    setKnown(names);
  }
  const metrics = [...new Set([...known, ...names, ...(asked["metric"] ? [asked["metric"]] : [])])];
  // an address that is refused is put right by the controls
  const isControlled = loaded.data === undefined ? loaded.error !== null : hasLogs(loaded.data);
  return html`
    ${isControlled && html`<${ResultsControls} experiment=${experiment} place=${place} metrics=${metrics} />`}
    <${Await} loaded=${loaded} what="results">
      ${(/** @type {Results} */ results) => html`
        <${Found} experiment=${experiment} place=${place} results=${results} over=${isOver ? over : null} />
        ${hasLogs(results) && html`<${ResultsLogs} experiment=${experiment} place=${place} metrics=${metrics} />`}
      `}
    </${Await}>
  `;
}

/** @param {Results} results */
function hasLogs(results) {
  return isNarrowed(results) || Object.values(results.exposures).some((one) => one.logs > 0);
}

/**
 * @param {{ experiment: Experiment, place: import("./router.js").Place, results: Results,
 *   over: import("./results_time.js").Course | null }} props
 */
function Found({ experiment, place, results, over }) {
  if (!hasLogs(results)) {
    return html`<${Begin} experiment=${experiment} />`;
  }
  const roles = byRole(results.metrics);
  const variants = [...new Set([...experiment.variants.map((one) => one.key), ...Object.keys(results.exposures)])];
  const isRelative = place.query.get("shown") === "relative";
  const rails = Object.keys(experiment.guardrails).length * (experiment.variants.length - 1);
  const isLoading = over !== null && over.error === null && results.days > 0 && over.answers.length < (over.wanted || 1);
  return html`
    <${Warnings} results=${results} />
    <${Exposures} experiment=${experiment} results=${results} />
    ${over !== null && over.error !== null && html`<${Failure} error=${over.error} />`}
    ${isLoading &&
    html`<p class="loading">
      <span role="status">Loading the results of each day</span>
      <span aria-hidden="true"> ${over.answers.length} of ${over.wanted || "…"}</span>
    </p>`}
    ${Object.keys(results.metrics).length === 0
      ? html`<p>No metric is logged ${isNarrowed(results) ? "in these days" : "yet"}.</p>`
      : html`<${Legend} results=${results} isRelative=${isRelative} />`}
    ${PARTS.map(
      ([role, title, told]) =>
        roles[role].length > 0 &&
        html`
          <h2>${title}</h2>
          <p class="faint told">${told}</p>
          ${roles[role].map(
            ([name, metric]) => html`<${MetricCard} key=${name} name=${name} metric=${metric} results=${results}
              variants=${variants} isRelative=${isRelative} rails=${rails} over=${over} />`,
          )}
        `,
    )}
  `;
}

/** @param {{ results: Results, isRelative: boolean }} props */
function Legend({ results, isRelative }) {
  return html`
    <p class="legend">
      <span><svg width="44" height="14" aria-hidden="true"><line class="interval-wide legend-line" x1="2" x2="42" y1="7" y2="7" /><circle class="interval-point" cx="22" cy="7" r="4.5" /></svg>
        ${level(results.confidence)} interval of the difference from <bdi>${results.baseline}</bdi>, ${isNarrowed(results) ? "of the days chosen" : "valid however often you look"}</span>
      ${isRelative
        ? html`<span class="faint">The interval for the planned number of units is shown for differences in the metric's unit only.</span>`
        : html`<span><svg width="44" height="14" aria-hidden="true"><path class="interval-thin" d="M2 4v6M2 7H42M42 4v6" /></svg>
            valid only for one look at the planned ${results.planned_units.toLocaleString("en")} units</span>`}
    </p>
  `;
}
