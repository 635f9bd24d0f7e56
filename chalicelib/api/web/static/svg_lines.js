// Lines over an axis, each with a band around it when it has one.
import { html, useState } from "preact";
import { number, plain, time } from "./format.js";
import { tickLabels } from "./chart_scale.js";
import { numericAxis, timeAxis } from "./svg_axis.js";
import { bandPath, linePath } from "./svg_path.js";
import { useWidth } from "./svg_width.js";

/** @typedef {{ x: number, y: number, low?: number | null, high?: number | null }} LinePoint */
/** @typedef {{ name: string, colour: number, points: LinePoint[] }} Line */

const LEFT = 64;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 24;

/**
 * Points of all lines ascend by x. Left and right arrows go from point to point. Days are in UTC, times
 * by the clock here.
 * @param {{ lines: Line[], title: string, xKind?: "number" | "time" | "day", hasZero?: boolean,
 *   height?: number, text?: (value: number) => string, labels?: (values: number[]) => string[] }} props
 *   `text` is of a value, `labels` are of the ticks
 */
export function Lines({ lines, title, xKind = "number", hasZero = false, height = 180, text = number, labels = tickLabels }) {
  const { box, width } = useWidth();
  const [chosen, choose] = useState(/** @type {number | null} */ (null));
  const xs = [...new Set(lines.flatMap((line) => line.points.map((point) => point.x)))].sort((a, b) => a - b);
  const ys = lines.flatMap((line) => telling(line.points).flatMap((point) => [point.y, point.low ?? NaN, point.high ?? NaN]));
  const across = xKind === "number" ? numericAxis(xs, { count: width / 110 }) : timeAxis(xs, width / 110, { isLocal: xKind === "time" });
  const up = numericAxis([...ys, ...(hasZero ? [0] : [])], { count: height / 32, pad: 0.05, labels });
  const x = (/** @type {unknown} */ value) => LEFT + across.at(value) * (width - LEFT - RIGHT);
  const y = (/** @type {unknown} */ value) => height - BOTTOM - up.at(value) * (height - TOP - BOTTOM);
  const at = chosen === null ? undefined : xs[chosen];
  const move = (/** @type {PointerEvent} */ event) => {
    const frame = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    choose(nearest(xs.map(x), event.clientX - frame.left));
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      choose((old) => Math.min(xs.length - 1, Math.max(0, (old ?? (step > 0 ? -1 : xs.length)) + step)));
    }
  };
  return html`
    <div class="svg-lines" ref=${box}>
      <svg width=${width} height=${height} role="img" aria-label=${`${plain(title)}. Left and right arrows read the points.`}
        tabindex="0" onPointerMove=${move} onPointerLeave=${() => choose(null)} onKeyDown=${press} onBlur=${() => choose(null)}>
        ${up.ticks.map(
          (tick) => html`<g key=${tick.at}>
            <line class="svg-grid" x1=${LEFT} x2=${width - RIGHT}
              y1=${height - BOTTOM - tick.at * (height - TOP - BOTTOM)} y2=${height - BOTTOM - tick.at * (height - TOP - BOTTOM)} />
            <text class="svg-tick" x=${LEFT - 6} y=${height - BOTTOM - tick.at * (height - TOP - BOTTOM) + 4} text-anchor="end">${tick.text}</text>
          </g>`,
        )}
        ${across.ticks.map(
          (tick) => html`<text key=${tick.at} class="svg-tick" x=${LEFT + tick.at * (width - LEFT - RIGHT)} y=${height - 6}
            text-anchor=${tick.at > 0.97 ? "end" : "middle"}>${tick.text}</text>`,
        )}
        ${hasZero && html`<line class="svg-zero" x1=${LEFT} x2=${width - RIGHT} y1=${y(0)} y2=${y(0)} />`}
        <svg x=${LEFT} y="0" width=${width - LEFT} height=${height - BOTTOM} viewBox=${`${LEFT} 0 ${width - LEFT} ${height - BOTTOM}`}>${lines.map(
          (line) => html`<g key=${line.name} class=${`svg-series svg-series-${line.colour}`}>
            <path class="svg-series-band" d=${bandPath(line.points.map((one) => ({ x: x(one.x), low: y(one.low), high: y(one.high) })))} />
            <path class="svg-series-line" d=${linePath(line.points.map((one) => ({ x: x(one.x), y: y(one.y) })))} />
            ${line.points.length < 60 &&
            line.points.filter((one) => Number.isFinite(y(one.y)))
              .map((one) => html`<circle class="svg-series-dot" cx=${x(one.x)} cy=${y(one.y)} r="2.2" />`)}
          </g>`,
        )}</svg>
        ${at !== undefined && html`<line class="svg-cursor" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${height - BOTTOM} />`}
      </svg>
      <p class="svg-readout" aria-live="polite">
        ${at !== undefined && html`<span class="faint">${xText(at, xKind)}</span>`}
        ${lines.map((line) => html`<${Said} key=${line.name} line=${line} at=${at} text=${text} alone=${lines.length === 1} />`)}
      </p>
    </div>
  `;
}

/** Bands begin wide: the first of them would leave the others no height. @param {LinePoint[]} points */
function telling(points) {
  const isBanded = points.some((point) => point.low !== undefined);
  return isBanded ? points.slice(Math.floor(points.length / 5)) : points;
}

/** @param {{ line: Line, at: number | undefined, text: (value: number) => string, alone: boolean }} props */
function Said({ line, at, text, alone }) {
  const point = at === undefined ? undefined : line.points.find((one) => one.x === at);
  if (alone && at === undefined) {
    return html`<bdi>${line.name}</bdi>`;
  }
  const hasBand = point?.low !== undefined && point.low !== null && point.high !== undefined && point.high !== null;
  return html`<span class=${`svg-series svg-series-${line.colour}`}>
    <span class="svg-series-key" aria-hidden="true"></span><bdi>${line.name}</bdi>${point !== undefined && html`: ${text(point.y)}`}
    ${hasBand && html`<span class="faint"> (${text(Number(point.low))} to ${text(Number(point.high))})</span>`}
  </span>`;
}

/** @param {number} value @param {"number" | "time" | "day"} kind */
function xText(value, kind) {
  return kind === "number" ? number(value) : kind === "day" ? `${new Date(value).toISOString().slice(0, 10)} (UTC)` : time(value);
}

/** @param {number[]} places @param {number} wanted */
function nearest(places, wanted) {
  let best = null;
  for (const [index, place] of places.entries()) {
    if (best === null || Math.abs(place - wanted) < Math.abs((places[best] ?? NaN) - wanted)) {
      best = index;
    }
  }
  return best;
}
