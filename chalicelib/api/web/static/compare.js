// Runs compared: a few side by side, or many in plots.
import { html, useEffect, useMemo, useRef, useState } from "preact";
import { get, post, segment } from "./api.js";
import { MetricCharts } from "./charts.js";
import { ManyRuns } from "./compare_many.js";
import { ComparePlots } from "./compare_plots.js";
import { ComparedTable } from "./compare_table.js";
import { copied, csv, goalTexts, goalsOf, markdownTable, rowsOf, runIds, timesBest } from "./compare_values.js";
import { useData, useTyped } from "./data.js";
import { counted } from "./format.js";
import { adjust, here, href } from "./router.js";
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

/** @typedef {{ compared: Compared, runs: Run[], experiments: Experiment[] }} Side */

/** @param {string[]} ids @param {Record<string, Goal>} goals @param {AbortSignal} signal @returns {Promise<Side>} */
async function loadSides(ids, goals, signal) {
  const [compared, ...runs] = await Promise.all([
    post("api/v1/experiments/runs/compare", { run_ids: ids, ...(Object.keys(goals).length > 0 && { goals }) }, signal),
    ...ids.map((id) => get(`api/v1/experiments/runs/${segment(id)}`, {}, signal)),
  ]);
  const owners = [...new Set(runs.map((run) => run.experiment_id))];
  const experiments = await Promise.all(owners.map((id) => get(`api/v1/experiments/${segment(id)}`, {}, signal)));
  return { compared, runs, experiments };
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
      ${(/** @type {Side} */ side) => html`<${Sides} side=${side} goals=${goals} place=${place} />`}
    </${Await}>
  `;
}

/** @param {{ side: Side, goals: Record<string, Goal>, place: import("./router.js").Place }} props */
function Sides({ side, goals, place }) {
  const { compared, runs, experiments } = side;
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
  const texts = useMemo(() => {
    const rowsFor = (/** @type {"metrics" | "params"} */ what) => rowsOf(compared.runs.map((run) => run[what]));
    const all = copied(compared.runs, rowsFor("metrics"), rowsFor("params"));
    return { csv: csv(all), markdown: markdownTable(all) };
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
      <${Copy} text=${texts.csv} label="Copy as CSV" />
      <${Copy} text=${texts.markdown} label="Copy as markdown" />
      ${experiments.map(
        (one) => html`<a key=${one.id} class="button" href=${href(["compare"], { experiment: one.slug })}>Plot all runs of ${one.name}</a>`,
      )}
    </div>
    <${ComparedTable} compared=${compared} runs=${runs} onlyDifferences=${onlyDifferences} names=${names}
      setGoal=${setGoal} remove=${runs.length > 2 ? remove : null} />
    <${ComparePlots} runs=${runs} place=${place} preferred=${preferred(side)} />
    <${WhenSeen}>
      <h2>Charts</h2>
      <${MetricCharts} runs=${runs} place=${place} />
    </${WhenSeen}>
  `;
}

/** Metrics with a goal, then those that all have. @param {Side} side */
function preferred({ compared, experiments }) {
  const shared = Object.entries(compared.comparison.metric_comparison)
    .filter(([, metric]) => Object.keys(metric.all_values).length === compared.runs.length)
    .map(([name]) => name);
  return [...experiments.flatMap((one) => Object.keys(one.metric_goals)), ...shared];
}

/** @param {{ compared: Compared }} props */
function Best({ compared }) {
  const { best_run: best, metric_comparison: metrics } = compared.comparison;
  const total = Object.keys(metrics).length;
  const nameOf = (/** @type {string} */ id) => compared.runs.find((run) => run.run_id === id)?.name ?? id;
  if (total === 0) {
    return html`<p>These runs have logged no metrics yet.</p>`;
  }
  const times = timesBest(metrics);
  if (best !== null) {
    return html`<p>
      <strong>${nameOf(best)}</strong> is best in most metrics: ${times.get(best) ?? 0} of ${total}.
    </p>`;
  }
  const most = Math.max(0, ...times.values());
  const tied = [...times].filter(([, count]) => count === most).map(([id]) => nameOf(id));
  return html`<p>No run is best in most metrics: ${tied.join(" and ")} are each best in ${counted(most, "metric")} of ${total}.</p>`;
}

/** What is below is made when somebody comes near. @param {any} props */
function WhenSeen({ children }) {
  const mark = useRef(/** @type {HTMLElement | null} */ (null));
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => entries.some((one) => one.isIntersecting) && setSeen(true),
      { rootMargin: "300px" },
    );
    if (mark.current !== null) {
      observer.observe(mark.current);
    }
    return () => observer.disconnect();
  }, []);
  return html`<div ref=${mark} class="when-seen">${isSeen && children}</div>`;
}
