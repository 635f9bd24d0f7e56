// Parallel coordinates and a scatter plot of the same runs, with what they show in the address.
import { html, useMemo, useState } from "preact";
import { column, crossings, fields, split, withinRanges } from "./compare_axes.js";
import { markText, rangesOf } from "./compare_marks.js";
import { Parallel } from "./compare_parallel.js";
import { Scatter } from "./compare_scatter.js";
import { counted, number, own, plain } from "./format.js";
import { adjust, go, href } from "./router.js";
import { spelledNumber } from "./svg_axis.js";

const MOST_AXES = 7;

/** @typedef {import("./compare_axes.js").PlottedRun} PlottedRun */
/** @typedef {import("./compare_axes.js").Column} Column */

/**
 * @param {{ runs: PlottedRun[], place: import("./router.js").Place, preferred: string[] }} props
 *   `preferred` metrics, the first that some run has is shown until another is chosen
 */
export function ComparePlots({ runs, place, preferred }) {
  const [chosen, choose] = useState(/** @type {number | null} */ (null));
  const known = useMemo(() => fields(runs), [runs]);
  const first = preferred.map((name) => `metrics.${name}`).find((one) => known.metrics.includes(one)) ?? known.metrics[0];
  const asked = place.query.get("colour");
  const metric = asked !== null && known.metrics.includes(asked) ? asked : first;
  const axes = place.query.getAll("axis").filter((one) => known.params.includes(one) || known.metrics.includes(one));
  const shown = axes.length > 0 ? axes : known.telling.slice(0, MOST_AXES);
  const all = metric === undefined ? shown : [...shown.filter((one) => one !== metric), metric];
  const columns = useMemo(() => all.map((one) => column(one, runs)), [runs, all.join("\n")]);
  if (metric === undefined || columns.length === 0) {
    return html`<p class="faint">These runs have no metrics to draw.</p>`;
  }
  const colour = /** @type {Column} */ (columns.at(-1));
  const ranges = rangesOf(place.query.getAll("range"), columns);
  const open = (/** @type {number} */ run) => go(href(["runs", runs[run]?.run_id ?? ""]));
  const mark = (/** @type {number} */ axis, /** @type {[number, number] | null} */ range) => {
    const others = place.query.getAll("range").filter((one) => !one.endsWith(`:${all[axis]}`));
    adjust(place, { range: range === null ? others : [...others, markText(/** @type {Column} */ (columns[axis]), range)] });
  };
  const marked = Object.keys(ranges).length;
  const within = marked === 0 ? runs.length : withinRanges(crossings(columns, runs.length), ranges).filter(Boolean).length;
  return html`
    <h2 id="parallel">Parallel coordinates</h2>
    <${Axes} place=${place} known=${known} shown=${shown} metric=${metric} />
    <${Scale} colour=${colour} />
    ${columns.length > 1
      ? html`<${Parallel} columns=${columns} colour=${colour} chosen=${chosen} choose=${choose} open=${open} ranges=${ranges} mark=${mark} />`
      : html`<p class="faint">No param differs between these runs. Add an axis to see one all the same.</p>`}
    <${Readout} run=${chosen === null ? undefined : runs[chosen]} columns=${columns}
      hint=${`Point at a line, or focus the plot and press up and down. Drag along an axis to keep only the runs that cross it there; a filter of runs does the same.`} />
    ${marked > 0 &&
    html`<p role="status">
      ${counted(within, "run")} of ${runs.length} within the marks.
      <button type="button" class="quiet" onClick=${() => adjust(place, { range: null })}>Remove the marks</button>
    </p>`}
    <${ScatterPart} runs=${runs} place=${place} known=${known} metric=${metric} chosen=${chosen} choose=${choose} open=${open} />
  `;
}

/**
 * @param {{ place: import("./router.js").Place, known: ReturnType<typeof fields>, shown: string[], metric: string }} props
 */
function Axes({ place, known, shown, metric }) {
  const rest = [...known.params, ...known.metrics].filter((one) => !shown.includes(one) && one !== metric);
  const set = (/** @type {string[]} */ next) => adjust(place, { axis: next, range: null });
  return html`
    <div class="toolbar plot-axes">
      <label class="inline">Coloured by
        <select value=${metric} onChange=${(/** @type {any} */ event) => adjust(place, { colour: event.target.value, range: null })}>
          ${known.metrics.map((one) => html`<option key=${one} value=${one}>${split(one)[1]}</option>`)}
        </select>
      </label>
      <span>Axes</span>
      ${shown.map(
        (one) => html`<button key=${one} type="button" class="tag" title=${`Remove the axis ${plain(one)}`}
          disabled=${shown.length < 2} onClick=${(/** @type {any} */ event) => {
            // the button goes, and of two the other can no longer be pressed
            const { nextElementSibling: next, previousElementSibling: before, parentElement: bar } = event.currentTarget;
            (shown.length === 2 ? bar.querySelector("select") : next?.matches("button") ? next : before).focus();
            set(shown.filter((other) => other !== one));
          }}>
          <bdi>${split(one)[1]}</bdi> <span aria-hidden="true">✕</span><span class="hidden-label">remove this axis</span>
        </button>`,
      )}
      ${rest.length > 0 &&
      html`<label class="hidden-label" for="add-axis">Add an axis</label>
        <select id="add-axis" value="" onChange=${(/** @type {any} */ event) => event.target.value && set([...shown, event.target.value])}>
          <option value="">Add an axis …</option>
          ${rest.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
        </select>`}
    </div>
  `;
}

/** What the colours stand for. @param {{ colour: Column }} props */
function Scale({ colour }) {
  const known = colour.values.filter((one) => typeof one === "number");
  const missing = colour.values.length - known.length;
  if (known.length === 0) {
    return html`<p class="faint">No run has a finite value of <bdi>${colour.label}</bdi>.</p>`;
  }
  return html`<p class="plot-scale">
    <span>${number(least(known))}</span>
    <span class="plot-gradient" aria-hidden="true"></span>
    <span>${number(-least(known.map((one) => -one)))} <bdi>${colour.label}</bdi></span>
    ${missing > 0 && html`<span class="faint">${counted(missing, "run")} without it, grey</span>`}
  </p>`;
}

/** @param {number[]} values */
function least(values) {
  return values.reduce((low, one) => Math.min(low, one), Infinity);
}

/** @param {{ run: PlottedRun | undefined, columns: Column[], hint: string }} props */
function Readout({ run, columns, hint }) {
  return html`<p class="svg-readout" aria-live="polite">
    ${run === undefined
      ? html`<span class="faint">${hint}</span>`
      : html`<a href=${href(["runs", run.run_id])}><bdi>${run.name}</bdi></a>
          ${columns.map((one) => {
            const [kind, name] = split(one.field);
            const param = own(run.params, name) ?? "–";
            const value = kind === "metrics" ? number(own(run.metrics, name)) : number(spelledNumber(param) ?? param);
            return html`<span key=${one.field}><bdi class="faint">${name}</bdi> <bdi>${value}</bdi></span>`;
          })}`}
  </p>`;
}

/**
 * @param {{ runs: PlottedRun[], place: import("./router.js").Place, known: ReturnType<typeof fields>, metric: string,
 *   chosen: number | null, choose: (run: number | null) => void, open: (run: number) => void }} props
 */
function ScatterPart({ runs, place, known, metric, chosen, choose, open }) {
  const pick = (/** @type {string} */ name, /** @type {string[]} */ of, /** @type {string | undefined} */ first) => {
    const asked = place.query.get(name);
    return asked !== null && of.includes(asked) ? asked : first;
  };
  const either = [...known.params, ...known.metrics];
  const first = known.telling.find((one) => column(one, runs).axis.kind !== "category") ?? known.telling[0] ?? either[0];
  const x = pick("across", either, first) ?? metric;
  const y = pick("up", known.metrics, metric) ?? metric;
  const across = useMemo(() => column(x, runs, { pad: 0.03 }), [x, runs]);
  const up = useMemo(() => column(y, runs, { pad: 0.05 }), [y, runs]);
  const colour = useMemo(() => column(metric, runs), [metric, runs]);
  const select = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string[]} */ of) => html`
    <select value=${value} onChange=${(/** @type {any} */ event) => adjust(place, { [name]: event.target.value })}>
      ${of.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
    </select>`;
  return html`
    <h2>Scatter</h2>
    <div class="toolbar">
      <label class="inline">Up ${select("up", y, known.metrics)}</label>
      <label class="inline">Across ${select("across", x, either)}</label>
    </div>
    <${Scatter} across=${across} up=${up} colour=${colour} chosen=${chosen} choose=${choose} open=${open} />
    <${Readout} run=${chosen === null ? undefined : runs[chosen]} columns=${[across, up]} hint="Point at a dot, or focus the plot and press the arrows." />
  `;
}
