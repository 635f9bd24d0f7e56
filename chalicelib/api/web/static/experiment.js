// One experiment: what it is, and the ways to look at it.
import { html, useEffect } from "preact";
import { get, segment } from "./api.js";
import { ChartsTab } from "./charts.js";
import { perKey, useData } from "./data.js";
import { ExperimentAbout } from "./experiment_about.js";
import { counted } from "./format.js";
import { NamedArtifacts } from "./named_artifacts.js";
import { ResultsTab } from "./results.js";
import { href } from "./router.js";
import { RunsTab } from "./runs_view.js";
import { Await, Crumbs, Empty, Status, Tabs, Tags, useTitle } from "./ui.js";

/**
 * What each tab was asked for last, so that the way back to it leads to the same, and what was shown
 * last: another tab of it begins with that.
 */
const last = perKey(() => ({
  visited: /** @type {Map<string, string>} */ (new Map()),
  experiment: /** @type {Experiment | undefined} */ (undefined),
}));

/** @param {{ place: import("./router.js").Place }} props */
export function ExperimentView({ place }) {
  const name = place.path[1] ?? "";
  const { experiment } = last();
  const before = experiment?.slug === name || experiment?.id === name ? experiment : undefined;
  const loaded = useData(
    async (signal) => {
      const found = /** @type {Experiment} */ (await get(`api/v1/experiments/${segment(name)}`, {}, signal));
      last().experiment = found;
      return found;
    },
    [name],
    { before },
  );
  return html`<${Await} loaded=${loaded} what="the experiment">
    ${(/** @type {Experiment} */ experiment) => html`<${Frame} experiment=${experiment} place=${place} changed=${loaded.reload} />`}
  </${Await}>`;
}

/**
 * @param {{ experiment: Experiment, place: import("./router.js").Place, changed: () => void }} props
 */
function Frame({ experiment, place, changed }) {
  const first = experiment.variants.length > 0 && experiment.counts.runs === 0 ? "results" : "runs";
  const current = place.path[2] ?? first;
  useTitle(experiment.name);
  const own = (/** @type {string} */ tab) => `${experiment.id} ${tab}`;
  useEffect(() => {
    last().visited.set(own(current), place.query.toString());
  }, [place]);
  const tab = (/** @type {string} */ name, /** @type {string} */ label) => ({
    name,
    label,
    address: href(
      ["experiments", experiment.slug, ...(name === first ? [] : [name])],
      new URLSearchParams(last().visited.get(own(name)) ?? ""),
    ),
  });
  const { counts } = experiment;
  const tabs = [
    tab("runs", "Runs"),
    tab("charts", "Charts"),
    ...(experiment.variants.length > 0 ? [tab("results", "A/B results")] : []),
    tab("artifacts", "Artifacts"),
    tab("about", "About"),
  ];
  return html`
    <${Crumbs} steps=${[{ label: "Experiments", address: href([]) }, { label: experiment.name }]} />
    <header class="experiment-head">
      <h1>${experiment.name}</h1>
      ${experiment.description && html`<p class="experiment-description">${experiment.description}</p>`}
      <p class="experiment-counts">
        ${experiment.variants.length > 0 && html`<span>A/B test <${Status} status=${experiment.status} /></span>`}
        <span>${counted(counts.runs, "run")}</span>
        <span>${counted(counts.artifacts, "artifact")}</span>
        ${counts.logs > 0 && html`<span>${counted(counts.logs, "variant log")}</span>`}
        <${Tags} tags=${experiment.tags} />
      </p>
      ${experiment.lifecycle_stage === "deleted" &&
      html`<p class="notice">This experiment is archived: it can be read, and takes nothing new.</p>`}
    </header>
    <${Tabs} tabs=${tabs} current=${current} />
    <${Shown} tab=${current} experiment=${experiment} place=${place} changed=${changed} />
  `;
}

/**
 * @param {{ tab: string, experiment: Experiment, place: import("./router.js").Place,
 *   changed: () => void }} props
 */
function Shown({ tab, experiment, place, changed }) {
  switch (tab) {
    case "runs":
      return html`<${RunsTab} experiment=${experiment} place=${place} changed=${changed} />`;
    case "charts":
      return html`<${ChartsTab} experiment=${experiment} place=${place} />`;
    case "results":
      return html`<${ResultsTab} experiment=${experiment} place=${place} changed=${changed} />`;
    case "artifacts":
      return html`<${NamedArtifacts} experiment=${experiment} place=${place} />`;
    case "about":
      return html`<${ExperimentAbout} experiment=${experiment} changed=${changed} />`;
    default:
      return html`<${Empty} title="There is no such view">
        <p>The link may not be whole. <a href=${href(["experiments", experiment.slug])}>The runs</a></p>
      </${Empty}>`;
  }
}
