// Runs compared: a few side by side, or many in plots.
import { html, useMemo } from "preact";
import { get, post, segment } from "./api.js";
import { MetricCharts } from "./charts.js";
import { ManyRuns } from "./compare_many.js";
import { ComparePlots } from "./compare_plots.js";
import { ComparedTable } from "./compare_table.js";
import { copied, goalTexts, goalsOf, rowsOf, runIds, timesBest } from "./compare_values.js";
import { csv } from "./csv.js";
import { useData, useTyped } from "./data.js";
import { counted } from "./format.js";
import { adjust, here, href } from "./router.js";
import { foundRuns, Missing } from "./run_found.js";
import { Await, Copy, Crumbs, Empty, useTitle } from "./ui.js";

const MOST = 10;

/** @param {{ place: import("./router.js").Place }} props */
export function CompareView({ place }) {
  const slug = place.query.get("experiment");
  const ids = runIds(place.query.getAll("runs").join(","));
  if (ids.length === 0 && slug !== null) {
    return html`<${ManyRuns} slug=${slug} place=${place} />`;
  }
  if (ids.length < 2 || ids.length > MOST) {
    return html`
      <h1>Compare runs</h1>
      <${Empty} title=${ids.length > MOST ? `${MOST} runs at most stand side by side` : "Choose two runs or more"}>
        <p>
          ${ids.length > MOST
            ? "Leave some out. For many runs there are the plots of a whole experiment, with a filter."
            : html`Tick them in the table of an experiment, then choose Compare. <a href=${href([])}>All experiments</a>`}
        </p>
        ${ids.length === 1 && html`<p><a href=${href(["runs", ids[0] ?? ""])}>The run that is chosen</a></p>`}
        ${ids.length > MOST && html`<p><a href=${href(place.path, { runs: ids.slice(0, MOST).join(",") })}>Compare the first ${MOST}</a></p>`}
      </${Empty}>
    `;
  }
  return html`<${FewRuns} ids=${ids} place=${place} />`;
}

/** @typedef {{ compared: Compared | null, runs: Run[], missing: string[], experiments: Experiment[] }} Side null of fewer than two */

/** @param {string[]} ids @param {Record<string, Goal>} goals @param {AbortSignal} signal @returns {Promise<Side>} */
async function loadSides(ids, goals, signal) {
  const { runs, missing } = await foundRuns(ids, signal);
  const owners = [...new Set(runs.map((run) => run.experiment_id))];
  const asked = { run_ids: runs.map((run) => run.run_id), ...(Object.keys(goals).length > 0 && { goals }) };
  const [compared, ...experiments] = await Promise.all([
    runs.length < 2 ? null : post("api/v1/experiments/runs/compare", asked, signal),
    ...owners.map((id) => get(`api/v1/experiments/${segment(id)}`, {}, signal)),
  ]);
  return { compared, runs, missing, experiments };
}

/** @param {{ ids: string[], place: import("./router.js").Place }} props */
function FewRuns({ ids, place }) {
  const goals = goalsOf(place.query.getAll("goals"));
  const loaded = useData((signal) => loadSides(ids, goals, signal), [ids.join(","), goalTexts(goals).join("\n")]);
  useTitle(`Compare ${ids.length} runs`);
  const experiments = loaded.data?.experiments ?? [];
  const only = experiments.length === 1 ? experiments[0] : undefined;
  return html`
    <${Crumbs} steps=${[
      { label: "Experiments", address: href([]) },
      ...(only === undefined ? [] : [{ label: only.name, address: href(["experiments", only.slug]) }]),
      { label: "Compare" },
    ]} />
    <h1>Compare ${ids.length} runs</h1>
    <${Await} loaded=${loaded} what="runs">
      ${(/** @type {Side} */ side) => html`
        <${Missing} ids=${side.missing} />
        ${side.compared === null
          ? html`<p>There is nothing to compare: ${side.runs.length === 0 ? "none of them is there" : html`only <a href=${href(["runs", side.runs[0]?.run_id ?? ""])}><bdi>${side.runs[0]?.name}</bdi></a> is there`}.</p>`
          : html`<${Sides} side=${side} compared=${side.compared} goals=${goals} place=${place} />`}
      `}
    </${Await}>
  `;
}

/** @param {{ side: Side, compared: Compared, goals: Record<string, Goal>, place: import("./router.js").Place }} props */
function Sides({ side, compared, goals, place }) {
  const { runs, experiments } = side;
  const onlyDifferences = place.query.get("only") === "differences";
  const names = place.query.get("names") ?? "";
  const { typed, setTyped } = useTyped(names, (text) => adjust(here(), { names: text }));
  const setGoal = (/** @type {string} */ metric, /** @type {Goal | null} */ goal) => {
    const next = { ...goals };
    delete next[metric];
    adjust(place, { goals: goalTexts(goal === null ? next : { ...next, [metric]: goal }) });
  };
  const remove = (/** @type {string} */ id) =>
    adjust(place, { runs: runs.map((run) => run.run_id).filter((one) => one !== id).join(",") });
  const text = useMemo(() => {
    const rowsFor = (/** @type {"metrics" | "params"} */ what) => rowsOf(compared.runs.map((run) => run[what]));
    const all = copied(compared.runs, rowsFor("metrics"), rowsFor("params"));
    return csv(all);
  }, [compared]);
  return html`
    <${Best} compared=${compared} />
    <div class="toolbar">
      <label class="inline">
        <input type="checkbox" checked=${onlyDifferences}
          onChange=${(/** @type {any} */ event) => adjust(place, { only: event.target.checked ? "differences" : null })} />
        Only differences
      </label>
      <label class="hidden-label" for="compare-names">Params and metrics whose name has</label>
      <input id="compare-names" type="search" placeholder="Params and metrics" value=${typed}
        onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />
      <${Copy} text=${text} label="Copy as CSV" />
      ${experiments.map(
        (one) => html`<a key=${one.id} class="button" href=${href(["compare"], { experiment: one.slug })}>Plot all runs of <bdi>${one.name}</bdi></a>`,
      )}
    </div>
    <${ComparedTable} compared=${compared} runs=${runs} onlyDifferences=${onlyDifferences} names=${names}
      setGoal=${setGoal} remove=${runs.length > 2 ? remove : null} />
    <${ComparePlots} runs=${runs} place=${place} preferred=${preferred(compared, experiments)} />
    <section class="compare-charts">
      <h2>Charts</h2>
      <${MetricCharts} runs=${runs} place=${place} />
    </section>
  `;
}

/** Metrics with a goal, then those that all have. @param {Compared} compared @param {Experiment[]} experiments */
function preferred(compared, experiments) {
  const shared = Object.entries(compared.comparison.metric_comparison)
    .filter(([, metric]) => Object.keys(metric.all_values).length === compared.runs.length)
    .map(([name]) => name);
  return [...experiments.flatMap((one) => Object.keys(one.metric_goals)), ...shared];
}

/** @param {{ compared: Compared }} props */
function Best({ compared }) {
  const { best_run: best, metric_comparison: metrics } = compared.comparison;
  const total = Object.keys(metrics).length;
  const nameOf = (/** @type {string} */ id) => html`<bdi>${compared.runs.find((run) => run.run_id === id)?.name ?? id}</bdi>`;
  if (total === 0) {
    return html`<p>These runs have logged no metrics yet.</p>`;
  }
  const times = timesBest(metrics);
  if (best !== null) {
    return html`<p>
      <strong>${nameOf(best)}</strong> is best in more metrics than any other: ${times.get(best) ?? 0} of ${total}.
    </p>`;
  }
  if (times.size === 0) {
    return html`<p>No run is best in any metric: none of their values can be told apart.</p>`;
  }
  const most = Math.max(...times.values());
  const tied = [...times].filter(([, count]) => count === most).map(([id], at) => html`${at > 0 && " and "}${nameOf(id)}`);
  return html`<p>No run is best in more metrics than the others: ${tied} are each best in ${counted(most, "metric")} of ${total}.</p>`;
}
