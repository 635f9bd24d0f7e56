// Charts of the metrics of several runs.
import { html, useMemo, useRef, useState } from "preact";
import { get } from "./api.js";
import { ChartCard } from "./chart_card.js";
import { grouped, settingsOf, zoomQuery } from "./chart_settings.js";
import { Swatch } from "./chart_table.js";
import { usePalette } from "./chart_theme.js";
import { useData, useEvery, useTyped } from "./data.js";
import { counted } from "./format.js";
import { adjust, here, href } from "./router.js";
import { foundRuns, Missing } from "./run_found.js";
import { RunPicker } from "./run_picker.js";
import { Await, Empty, useFirst } from "./ui.js";

const NEWEST = 10;
/** The most that one question may be about. */
const MAX_RUNS = 100;
const REFRESH_MS = 5000;
const BEGIN = `for step in range(100):
    run.log({"train/loss": 1 / (step + 1)}, step=step)`;

/**
 * Charts of an experiment: of the runs in the address, else of the newest.
 * @param {{ experiment: Experiment, place: import("./router.js").Place }} props
 */
export function ChartsTab({ experiment, place }) {
  const asked = idsOf(place.query);
  const [isPicking, setPicking] = useState(false);
  const known = useRef(/** @type {Map<string, Run>} */ (new Map()));
  const loaded = useData(
    (signal) => chosenRuns(experiment.id, asked, known.current, signal),
    [experiment.id, asked.join()],
  );
  const isRunning = loaded.data?.runs.some((run) => run.status === "running") ?? false;
  useEvery(REFRESH_MS, isRunning, loaded.reload);
  const pick = (/** @type {string[]} */ ids) => {
    adjust(here(), { runs: ids.join(",") });
    setPicking(false);
  };
  return html`
    <${Await} loaded=${loaded} what="runs">
      ${(/** @type {import("./run_found.js").FoundRuns} */ { runs, missing }) => html`
        <${Missing} ids=${missing} />
        <${Legend} runs=${runs} isNewest=${asked.length === 0} pick=${() => setPicking(true)} />
        <${MetricCharts} runs=${runs} total=${Math.max(runs.length, asked.length - missing.length)} place=${place} />
        ${isPicking &&
        html`<${RunPicker}
          experimentId=${experiment.id} title="Runs in the charts" action="Show" max=${MAX_RUNS}
          chosen=${runs.map((run) => run.run_id)} done=${pick} close=${() => setPicking(false)}
        />`}
      `}
    </${Await}>
  `;
}

/**
 * The runs by id, else the newest; those that have ended are read once.
 * @param {string} experimentId @param {string[]} ids
 * @param {Map<string, Run>} known
 * @param {AbortSignal} signal
 * @returns {Promise<import("./run_found.js").FoundRuns>} of more than can be drawn only the first
 */
async function chosenRuns(experimentId, ids, known, signal) {
  if (ids.length === 0) {
    const page = await get("api/v1/experiments/runs", { experiment_id: experimentId, limit: NEWEST }, signal);
    return { runs: page.runs, missing: [] };
  }
  const drawn = ids.slice(0, MAX_RUNS);
  const wanted = drawn.filter((id) => !known.has(id) || known.get(id)?.status === "running");
  const { runs, missing } = await foundRuns(wanted, signal);
  runs.forEach((run) => known.set(run.run_id, run));
  return { runs: drawn.flatMap((id) => (missing.includes(id) ? [] : (known.get(id) ?? []))), missing };
}

/** @param {{ runs: Run[], isNewest: boolean, pick: () => void }} props */
function Legend({ runs, isNewest, pick }) {
  return html`<div class="chart-runs">
    <ul>
      ${runs.map(
        (run, index) => html`<li key=${run.run_id}>
          <${Swatch} index=${index} />
          <a href=${href(["runs", run.run_id, "charts"])}>${run.name}</a>
        </li>`,
      )}
    </ul>
    <button type="button" onClick=${pick}>Choose runs</button>
    ${isNewest && runs.length === NEWEST && html`<span class="faint">the ${NEWEST} newest</span>`}
  </div>`;
}

/**
 * A chart for each metric that one of the runs has, drawn when it comes into view. How they are drawn is
 * in the address: `x`, `smooth`, `log`, `metrics`, `from`, `to`.
 * @param {{ runs: Run[], place: import("./router.js").Place, total?: number }} props `total` runs were
 *   asked for
 */
export function MetricCharts({ runs: given, place, total = given.length }) {
  const runs = useMemo(() => given.slice(0, MAX_RUNS), [given]);
  const palette = usePalette();
  const asked = settingsOf(place.query);
  const filter = useTyped(asked.filter, (text) => adjust(here(), { metrics: text }));
  const smoothing = useTyped(asked.smoothing, (value) => adjust(here(), { smooth: value === 0 ? null : String(value) }));
  const names = useMemo(() => [...new Set(runs.flatMap((run) => Object.keys(run.metric_summary)))], [runs]);
  const found = useMemo(() => grouped(names, filter.settled).flatMap(([, own]) => own), [names, filter.settled]);
  const count = found.length;
  const { shown, more } = useFirst(found);
  const settings = { ...asked, smoothing: smoothing.typed };
  const zoom = (/** @type {[number, number] | null} */ range) => adjust(here(), zoomQuery(range));
  if (names.length === 0) {
    return html`<${Empty} title="No metrics yet" code=${BEGIN}>
      <p>${runs.length === 1 ? "The run has" : "These runs have"} logged no metric. In Python:</p>
    </${Empty}>`;
  }
  return html`
    <${Toolbar} settings=${settings} filter=${filter.typed} setFilter=${filter.setTyped} setSmoothing=${smoothing.setTyped} zoom=${zoom} />
    ${total > runs.length && html`<p class="notice">The first ${runs.length} of ${total} runs are drawn.</p>`}
    <p class="faint" role="status">
      ${counted(count, "metric")}${filter.settled && ` of ${names.length}`}
    </p>
    ${grouped(shown, "").map(
      ([group, own]) => html`<details class="chart-group" key=${group} open>
        <summary><h2>${group || "Metrics"}</h2> <span class="faint">${own.length}</span></summary>
        <div class="charts">
          ${own.map(
            (metric) => html`<${ChartCard} key=${metric} metric=${metric} runs=${runs} settings=${settings} palette=${palette} onZoom=${zoom} isAlone=${count === 1} />`,
          )}
        </div>
      </details>`,
    )}
    ${more}
  `;
}

/**
 * @param {{ settings: import("./chart_settings.js").Settings, filter: string,
 *   setFilter: (text: string) => void, setSmoothing: (value: number) => void,
 *   zoom: (range: null) => void }} props
 */
function Toolbar({ settings, filter, setFilter, setSmoothing, zoom }) {
  const value = (/** @type {any} */ event) => event.target.value;
  return html`<form class="toolbar" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <span class="grow">
      <label class="hidden-label" for="chart-filter">Metrics with these words in their names</label>
      <input id="chart-filter" type="search" placeholder="Filter metrics" value=${filter}
        onInput=${(/** @type {any} */ event) => setFilter(value(event))} />
    </span>
    <label class="inline">
      X axis
      <select value=${settings.axis}
        onChange=${(/** @type {any} */ event) =>
          adjust(here(), { x: value(event) === "step" ? null : value(event), from: null, to: null })}>
        <option value="step">Step</option>
        <option value="relative">Time since the run began</option>
        <option value="time">Time of day</option>
      </select>
    </label>
    <label class="inline">
      Smoothing
      <input type="range" min="0" max="0.99" step="0.01" value=${settings.smoothing}
        onInput=${(/** @type {any} */ event) => setSmoothing(Number(value(event)))} />
      <output class="mono">${settings.smoothing.toFixed(2)}</output>
    </label>
    <label class="inline">
      <input type="checkbox" checked=${settings.isLog}
        onChange=${(/** @type {any} */ event) => adjust(here(), { log: event.target.checked ? "1" : null })} />
      Log scale
    </label>
    <button type="button" disabled=${settings.zoom === null} onClick=${() => zoom(null)}>Zoom out</button>
  </form>`;
}

/** `runs=a,b` and `runs=a&runs=b`. @param {URLSearchParams} query */
function idsOf(query) {
  return [...new Set(query.getAll("runs").flatMap((one) => one.split(",")).filter(Boolean))];
}
