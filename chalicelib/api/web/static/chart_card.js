// The chart of one metric: its histories, its drawing, its table.
import { html, useEffect, useMemo, useRef, useState } from "preact";
import { post } from "./api.js";
import { csvOf } from "./chart_csv.js";
import { save } from "./chart_export.js";
import { notesOf, summaryOf } from "./chart_notes.js";
import { Plot } from "./chart_plot.js";
import { extentOfX, extentOfY, merged, pointsOf, stepsWithin } from "./chart_points.js";
import { padded } from "./chart_scale.js";
import { smoothed } from "./chart_smooth.js";
import { ChartTable } from "./chart_table.js";
import { useData, useEvery } from "./data.js";
import { own, plain } from "./format.js";
import { Failure } from "./ui.js";

const REFRESH_MS = 5000;
const DWELL_MS = 80;
/** What the table takes, so that charts out of view keep their place without one. */
const ROW_PX = 19.5;
const MAX_ROWS = 11;
const HISTORY = "api/v1/experiments/runs/metrics/history";
/** What a chart shows of one run, and what one answer may have of all. */
const MAX_POINTS = 2000;
const MAX_POINTS_IN_ALL = 50_000;

/**
 * @param {{ metric: string, runs: Run[], settings: import("./chart_settings.js").Settings,
 *   palette: import("./chart_theme.js").Palette, onZoom: (range: [number, number] | null) => void,
 *   isAlone: boolean }} props `runs`: all that are shown, whether or not they have the metric
 */
export function ChartCard({ metric, runs, settings, palette, onZoom, isAlone }) {
  const { axis, smoothing, isLog, zoom } = settings;
  const card = useRef(/** @type {HTMLElement | null} */ (null));
  const { isNear, wasNear } = useNear(card);
  const [asked, setWide] = useState(/** @type {boolean | null} */ (null));
  const isWide = asked ?? isAlone;
  const having = runs.filter((run) => own(run.metric_summary, metric) !== undefined);
  const { series, counts, error, isLoading } = useHistories(metric, having, settings, isNear, wasNear);
  const points = useMemo(
    () => series.map((one) => pointsOf(one, axis, startOf(runs, one.run_id))),
    [series, axis, runs],
  );
  const whole = spread(extentOfX(points));
  const x = zoom ?? whole;
  const y = extentOfY(points, x, isLog);
  const lines = useMemo(
    () =>
      points.map((one) => ({
        name: runs.find((run) => run.run_id === one.runId)?.name ?? one.runId,
        points: one,
        smooth: smoothing === 0 ? null : smoothed(one.xs, one.ys, smoothing, x[1] - x[0]),
        index: runs.findIndex((run) => run.run_id === one.runId),
      })),
    [points, smoothing, x[0], x[1], runs],
  );
  const toCsv = () => {
    const names = new Map(runs.map((run) => [run.run_id, run.name]));
    save(new Blob([csvOf(series, names)], { type: "text/csv" }), `${metric}.csv`);
  };
  const zoomTo = (/** @type {[number, number] | null} */ range) => onZoom(range && zoomed(range, whole, axis));
  const notes = notesOf(points, x, { ...counts, leftOut: y.leftOut });
  const height = isWide ? 420 : 220;
  return html`<section ref=${card} class=${`chart${isWide ? " chart-wide" : ""}`} aria-label=${plain(metric)}>
    <header>
      <h3 title=${plain(metric)}>${metric}</h3>
      <span class="chart-tools">
        <button type="button" class="quiet" onClick=${toCsv} disabled=${lines.length === 0} aria-label=${`CSV of ${plain(metric)}`}>CSV</button>
        <button type="button" class="quiet" onClick=${() => setWide(!isWide)} aria-pressed=${isWide} aria-label=${`${isWide ? "Narrow" : "Wide"}: ${plain(metric)}`}>
          ${isWide ? "Narrow" : "Wide"}
        </button>
      </span>
    </header>
    ${error !== null && html`<${Failure} error=${error} />`}
    <p class="hidden-label">${summaryOf(metric, having)}</p>
    ${isNear && lines.length > 0
      ? html`<${Plot}
          lines=${lines} x=${x} y=${padded(y.range, isLog)} axis=${axis} isLog=${isLog} palette=${palette}
          label=${`Cursor of the chart of ${plain(metric)}`} onZoom=${zoomTo} height=${height}
        />`
      : html`<div class="chart-plot chart-waiting" style=${{ height: `${height}px` }}>
          ${isLoading ? "Loading …" : error === null && wasNear ? "No points." : ""}
        </div>`}
    ${notes.map((note) => html`<p class="chart-note">${note}</p>`)}
    ${isNear
      ? html`<${ChartTable} metric=${metric} lines=${lines} runs=${runs} x=${x} axis=${axis} />`
      : html`<div style=${{ height: `${ROW_PX * Math.min(MAX_ROWS, having.length + 1)}px` }}></div>`}
  </section>`;
}

/**
 * All of a metric at the resolution of a screen, and what is zoomed at in place of that part.
 * @param {string} metric @param {Run[]} runs
 * @param {import("./chart_settings.js").Settings} settings
 * @param {boolean} isNear @param {boolean} wasNear
 */
function useHistories(metric, runs, { axis, zoom }, isNear, wasNear) {
  const ids = runs.map((run) => run.run_id);
  const max_points = Math.max(4, Math.min(MAX_POINTS, Math.floor(MAX_POINTS_IN_ALL / Math.max(1, ids.length))));
  /** @param {string[]} run_ids @param {AbortSignal} signal @param {object} [part] @returns {Promise<Series[]>} */
  const ask = async (run_ids, signal, part) =>
    (await post(HISTORY, { run_ids, keys: [metric], max_points, band: true, ...part }, signal)).series;
  const whole = useData(
    async (signal) => (wasNear && ids.length > 0 ? ask(ids, signal) : NONE),
    [ids.join(), metric, wasNear],
  );
  const all = whole.data ?? NONE;
  const thinned = all.filter((one) => one.steps.length < one.total);
  const steps = useMemo(
    () =>
      zoom === null || thinned.length === 0
        ? null
        : stepsWithin(thinned.map((one) => pointsOf(one, axis, startOf(runs, one.run_id))), ...zoom),
    [all, axis, zoom?.[0], zoom?.[1]],
  );
  const part = useData(
    async (signal) =>
      steps === null || !isNear
        ? null
        : {
            start: steps[0],
            end: steps[1],
            series: await ask(thinned.map((one) => one.run_id), signal, { start_step: steps[0], end_step: steps[1] }),
          },
    // not by the steps: they move as a run goes on, and each answer would be given up for the next
    [zoom?.[0], zoom?.[1], axis, steps === null, thinned.map((one) => one.run_id).join(), isNear],
  );
  useEvery(REFRESH_MS, isNear && runs.some((run) => run.status === "running"), () => {
    whole.reload();
    part.reload();
  });
  const found = zoom === null ? null : part.data;
  const series = useMemo(
    () => all.filter((one) => ids.includes(one.run_id)).map((one) => finer(one, found)),
    [all, found, ids.join()],
  );
  const counts = countsOf(all, found);
  return { series, counts, error: whole.error ?? part.error, isLoading: whole.isLoading };
}

/** @type {Series[]} */
const NONE = [];

/**
 * @param {Series} whole
 * @param {{ start: number, end: number, series: Series[] } | null | undefined} part
 */
function finer(whole, part) {
  const found = part?.series.find((one) => one.run_id === whole.run_id);
  return part && found ? merged(whole, found, part.start, part.end) : whole;
}

/**
 * How many points are there, and how many of them are shown: in the part, where there is one.
 * @param {Series[]} all
 * @param {{ series: Series[] } | null | undefined} part
 */
function countsOf(all, part) {
  let shown = 0;
  let total = 0;
  for (const whole of all) {
    const one = part?.series.find(({ run_id }) => run_id === whole.run_id) ?? whole;
    shown += one.steps.length;
    total += Math.max(one.total, one.steps.length);
  }
  return { shown, total };
}

/**
 * What may be zoomed to: within what there is, and not closer than two steps; null is all.
 * @param {[number, number]} range @param {[number, number]} whole
 * @param {import("./chart_points.js").Axis} axis
 * @returns {[number, number] | null}
 */
function zoomed(range, whole, axis) {
  const least = axis === "step" ? 2 : 0.001;
  const room = Math.max(0, least - (range[1] - range[0])) / 2;
  const from = Math.max(whole[0], range[0] - room);
  const to = Math.min(whole[1], range[1] + room);
  return (from <= whole[0] && to >= whole[1]) || from >= to ? null : [from, to];
}

/** @param {Run[]} runs @param {string} id */
function startOf(runs, id) {
  return Date.parse(runs.find((run) => run.run_id === id)?.start_time ?? "");
}

/** A single x gets room on both sides. @param {[number, number] | null} range @returns {[number, number]} */
function spread(range) {
  const [from, to] = range ?? [0, 1];
  return from === to ? [from - 1, to + 1] : [from, to];
}

/**
 * Whether an element is in view or about to be.
 * @param {{ current: HTMLElement | null }} element
 */
function useNear(element) {
  const [state, setState] = useState({ isNear: false, wasNear: false });
  useEffect(() => {
    let timer = 0;
    const observer = new IntersectionObserver(
      (entries) => {
        const isNear = entries.at(-1)?.isIntersecting ?? false;
        clearTimeout(timer);
        const set = () => setState((old) => ({ isNear, wasNear: old.wasNear || isNear }));
        // what is scrolled past is not loaded
        timer = setTimeout(set, isNear ? DWELL_MS : 0);
      },
      { rootMargin: "300px" },
    );
    if (element.current !== null) {
      observer.observe(element.current);
    }
    return () => {
      clearTimeout(timer);
      observer.disconnect();
    };
  }, []);
  return state;
}
