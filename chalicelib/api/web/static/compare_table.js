// Runs side by side: what they have in common is quiet, what differs and what is best is marked.
import { html, useMemo, useState } from "preact";
import { Swatch } from "./chart_table.js";
import { behind, rowsOf } from "./compare_values.js";
import { duration, number, own, plain } from "./format.js";
import { href } from "./router.js";
import { Status, When } from "./ui.js";

const MOST = 200;

/**
 * @typedef {object} TableProps
 * @property {Compared} compared
 * @property {Run[]} runs the same, in the same order
 * @property {boolean} onlyDifferences
 * @property {string} names rows whose name has this
 * @property {(metric: string, goal: Goal | null) => void} setGoal null takes back what a person said
 * @property {((runId: string) => void) | null} remove null when no more can be left out
 */

/** @param {TableProps} props */
export function ComparedTable({ compared, runs, onlyDifferences, names, setGoal, remove }) {
  const wanted = names.trim().toLowerCase();
  const kept = (/** @type {import("./compare_values.js").ComparedRow[]} */ rows) =>
    rows.filter((row) => (!onlyDifferences || row.differs) && row.name.toLowerCase().includes(wanted));
  const metrics = useMemo(() => rowsOf(compared.runs.map((run) => run.metrics)), [compared]);
  const params = useMemo(() => rowsOf(compared.runs.map((run) => run.params)), [compared]);
  const span = runs.length + 1;
  const leave = (/** @type {HTMLElement} */ head, /** @type {string} */ id) => {
    // the button goes with its run
    (head.nextElementSibling ?? head.previousElementSibling)?.querySelector("a")?.focus();
    remove?.(id);
  };
  return html`
    <div class="scroll compare-room" tabindex="0" role="region" aria-label="Comparison">
      <table class="compare">
        <thead>
          <tr>
            <th scope="col"><span class="hidden-label">What</span></th>
            ${runs.map(
              (run, index) => html`<th key=${run.run_id} scope="col" class="compare-run">
                <${Swatch} index=${index} />
                <a href=${href(["runs", run.run_id])}><bdi>${run.name}</bdi></a>
                ${remove !== null &&
                html`<button type="button" class="quiet" aria-label=${`Leave out ${plain(run.name)}`} title="Leave out" onClick=${(/** @type {any} */ event) => leave(event.currentTarget.closest("th"), run.run_id)}>✕</button>`}
              </th>`,
            )}
          </tr>
        </thead>
        <${Facts} runs=${runs} />
        <${Part} title="Metrics" span=${span} rows=${kept(metrics)} total=${metrics.length}
          row=${(/** @type {import("./compare_values.js").ComparedRow} */ row) =>
            html`<${MetricRow} key=${row.name} row=${row} compared=${compared} setGoal=${setGoal} />`} />
        <${Part} title="Params" span=${span} rows=${kept(params)} total=${params.length}
          row=${(/** @type {import("./compare_values.js").ComparedRow} */ row) => html`<tr key=${row.name}>
            <th scope="row" class="long">${row.name}</th>
            ${row.values.map((value) => html`<td class=${`compare-value ${row.differs && !onlyDifferences ? "differs" : ""}`}>${value ?? html`<span class="faint">–</span>`}</td>`)}
          </tr>`} />
      </table>
    </div>
  `;
}

/** @param {{ runs: Run[] }} props */
function Facts({ runs }) {
  return html`<tbody>
    <tr>
      <th scope="row">Status</th>
      ${runs.map((run) => html`<td key=${run.run_id}><${Status} status=${run.status} /></td>`)}
    </tr>
    <tr>
      <th scope="row">Started</th>
      ${runs.map((run) => html`<td key=${run.run_id}><${When} at=${run.start_time} /></td>`)}
    </tr>
    <tr>
      <th scope="row">Took</th>
      ${runs.map((run) => html`<td key=${run.run_id}>${duration(run.duration_ms)}</td>`)}
    </tr>
  </tbody>`;
}

/**
 * @param {{ title: string, span: number, total: number, rows: import("./compare_values.js").ComparedRow[],
 *   row: (row: import("./compare_values.js").ComparedRow) => unknown }} props
 */
function Part({ title, span, total, rows, row }) {
  const [isAll, showAll] = useState(false);
  const shown = isAll ? rows : rows.slice(0, MOST);
  return html`<tbody>
    <tr class="compare-part">
      <th scope="rowgroup" colspan=${span}>
        ${title} <span class="faint">${rows.length === total ? total : `${rows.length} of ${total}`}</span>
      </th>
    </tr>
    ${shown.map(row)}
    ${shown.length < rows.length &&
    html`<tr>
      <td colspan=${span}><button type="button" onClick=${() => showAll(true)}>Show all ${rows.length}</button></td>
    </tr>`}
  </tbody>`;
}

/**
 * @param {{ row: import("./compare_values.js").ComparedRow, compared: Compared,
 *   setGoal: TableProps["setGoal"] }} props
 */
function MetricRow({ row, compared, setGoal }) {
  const metric = own(compared.comparison.metric_comparison, row.name);
  return html`<tr>
    <th scope="row" class="long">
      ${row.name}
      ${metric !== undefined && html`<${GoalButton} name=${row.name} metric=${metric} setGoal=${setGoal} />`}
    </th>
    ${row.values.map((value) => {
      const isBest = metric !== undefined && metric.best_value !== null && value === metric.best_value && row.differs;
      const far = isBest ? "" : behind(/** @type {Metric | null} */ (value), metric?.best_value ?? null);
      return html`<td class=${`compare-value ${isBest ? "best" : ""}`}>
        ${value === null ? html`<span class="faint">–</span>` : number(value)}
        ${isBest && html`<span aria-hidden="true"> ★</span><span class="hidden-label"> best</span>`}
        ${far && html`<div class="faint compare-behind">${far}</div>`}
      </td>`;
    })}
  </tr>`;
}

/** @param {{ name: string, metric: MetricComparison, setGoal: TableProps["setGoal"] }} props */
function GoalButton({ name, metric, setGoal }) {
  const isUp = metric.goal === "max";
  const from = { name: "taken from its name", experiment: "as the experiment says", request: "as you said" }[metric.goal_source];
  const flip = () => setGoal(name, metric.goal_source === "request" ? null : isUp ? "min" : "max");
  return html`<button type="button" class="quiet goal" onClick=${flip}
    title=${`${isUp ? "Higher" : "Lower"} is better, ${from}. Click to turn it round.`}>
    ${isUp ? "↑ higher" : "↓ lower"} is better${metric.goal_source === "name" ? html`<span class="faint"> (from its name)</span>` : metric.goal_source === "request" ? html`<span class="faint"> (as you said)</span>` : ""}
  </button>`;
}
