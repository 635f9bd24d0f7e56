// The values of a chart: which line is which run, and what it is at the cursor.
import { html } from "preact";
import { useCursor } from "./chart_cursor.js";
import { nearest } from "./chart_points.js";
import { span } from "./chart_scale.js";
import { slackOf } from "./chart_plot.js";
import { dashOf } from "./chart_theme.js";
import { number, own, time } from "./format.js";
import { href } from "./router.js";

/**
 * @param {{ metric: string, lines: import("./chart_draw.js").Line[], runs: Run[], x: [number, number],
 *   axis: import("./chart_points.js").Axis }} props
 */
export function ChartTable({ metric, lines, runs, x, axis }) {
  const cursor = useCursor();
  const at = cursor !== null && cursor >= x[0] && cursor <= x[1] ? cursor : null;
  // what the points that were left out span, in place of what the whole run does
  const isBand = at !== null && lines.some((line) => line.points.lows !== null);
  const isSmooth = lines.some((line) => line.smooth !== null);
  return html`<div class="chart-values">
    <table>
      <thead>
        <tr>
          <th scope="col">${at === null ? "Run" : placeOf(at, axis)}</th>
          <th scope="col" class="number">${at === null ? "Last" : "Value"}</th>
          ${isSmooth && html`<th scope="col" class="number">Smoothed</th>`}
          <th scope="col" class="number">${isBand ? "Min here" : "Min"}</th>
          <th scope="col" class="number">${isBand ? "Max here" : "Max"}</th>
        </tr>
      </thead>
      <tbody>
        ${runs.map((run, index) => {
          const summary = own(run.metric_summary, metric);
          const line = lines.find((one) => one.points.runId === run.run_id);
          if (summary === undefined) {
            return null;
          }
          const count = line?.points.xs.length ?? 0;
          const found = at === null ? count - 1 : nearest(line?.points.xs ?? new Float64Array(), at, slackOf(x));
          const value = at === null ? summary.last : found < 0 ? null : line?.points.ys[found];
          const { lows, highs, ys } = line?.points ?? {};
          const [min, max] = isBand ? [(lows ?? ys)?.[found], (highs ?? ys)?.[found]] : [summary.min, summary.max];
          const title = found < 0 || line === undefined ? undefined : `${value} at step ${line.points.steps[found]}`;
          return html`<tr key=${run.run_id}>
            <th scope="row">
              <${Swatch} index=${index} />
              <a href=${href(["runs", run.run_id, "charts"])} title=${run.name}>${run.name}</a>
            </th>
            <td class="number" title=${title}>${plain(value)}</td>
            ${isSmooth && html`<td class="number" title=${line?.smooth?.[found]}>${plain(found < 0 ? null : line?.smooth?.[found])}</td>`}
            <td class="number" title=${min}>${plain(min)}</td>
            <td class="number" title=${max}>${plain(max)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

/** A piece of the line, as it is drawn. @param {{ index: number }} props */
export function Swatch({ index }) {
  return html`<svg class=${`chart-swatch series-${(index % 10) + 1}`} viewBox="0 0 26 8" aria-hidden="true">
    <line x1="1" y1="4" x2="25" y2="4" stroke-dasharray=${dashOf(index).join(" ")} />
  </svg>`;
}

/** Where the cursor is. @param {number} x @param {import("./chart_points.js").Axis} axis */
function placeOf(x, axis) {
  switch (axis) {
    case "step":
      return `At step ${number(Math.round(x))}`;
    case "time":
      return `At ${time(x * 1000)}`;
    case "relative":
      return `After ${span(x)}`;
  }
}

/** @param {number | string | null | undefined} value */
function plain(value) {
  return number(Math.abs(Number(value)) === Infinity ? String(value) : value);
}
