// Parallel coordinates: a line for each run through the axes of its params to that of a metric.
import { html, useMemo, useRef, useState } from "preact";
import { crossings, NONE, nearestLine, nextRun, withinRanges } from "./compare_axes.js";
import { plain } from "./format.js";
import { linePath, shortened } from "./svg_path.js";
import { useWidth } from "./svg_width.js";

const TOP = 34;
const BOTTOM = 38;
const SIDE = 62;
const LEAST_GAP = 104;
const GRIP = 12;

/** @typedef {import("./compare_axes.js").Column} Column */

/**
 * Dragging along an axis keeps the runs that cross it there; a click on the axis lets all in again.
 * @param {{ columns: Column[], colour: Column, chosen: number | null, choose: (run: number | null) => void,
 *   open: (run: number) => void, ranges: Record<number, [number, number]>,
 *   mark: (axis: number, range: [number, number] | null) => void, height?: number }} props
 *   runs are indices of the columns' values
 */
export function Parallel({ columns, colour, chosen, choose, open, ranges, mark, height = 340 }) {
  const { box, width: room } = useWidth(900);
  const drag = useRef(/** @type {{ axis: number, from: number } | null} */ (null));
  const [drawn, draw] = useState(/** @type {{ axis: number, range: [number, number] } | null} */ (null));
  const width = Math.max(room, 2 * SIDE + (columns.length - 1) * LEAST_GAP);
  const count = colour.values.length;
  const lines = useMemo(() => crossings(columns, count), [columns, count]);
  const shown = drawn === null ? ranges : { ...ranges, [drawn.axis]: drawn.range };
  const isIn = useMemo(() => withinRanges(lines, shown), [lines, JSON.stringify(shown)]);
  const gap = columns.length > 1 ? (width - 2 * SIDE) / (columns.length - 1) : 0;
  const x = (/** @type {number} */ axis) => SIDE + axis * gap;
  const y = (/** @type {number} */ at) => height - BOTTOM - at * (height - TOP - BOTTOM);
  const path = (/** @type {(number | null)[]} */ line) =>
    linePath(line.map((at, axis) => (at === null ? null : { x: x(axis), y: y(at) })));
  const hue = (/** @type {number} */ run) => colourOf(colour, run);
  // as they are the same from one move of the pointer to the next, they are made once
  const all = useMemo(
    () =>
      lines.map((line, run) => {
        const stroke = hue(run);
        return html`<path key=${run} class=${isIn[run] ? "" : "left-out"} d=${path(line)} style=${{ stroke }} />`;
      }),
    [lines, isIn, width, height],
  );
  const place = (/** @type {PointerEvent} */ event) => {
    const frame = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    const up = (height - BOTTOM - (event.clientY - frame.top)) / (height - TOP - BOTTOM);
    return { across: (event.clientX - frame.left - SIDE) / Math.max(1, width - 2 * SIDE), up };
  };
  const axisAt = (/** @type {number} */ across) => {
    const axis = Math.round(across * (columns.length - 1));
    return Math.abs(x(axis) - (SIDE + across * (width - 2 * SIDE))) <= GRIP ? axis : null;
  };
  const down = (/** @type {PointerEvent} */ event) => {
    const { across, up } = place(event);
    const axis = axisAt(across);
    if (axis !== null) {
      drag.current = { axis, from: up };
      /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
    }
  };
  const move = (/** @type {PointerEvent} */ event) => {
    const { across, up } = place(event);
    const from = drag.current;
    if (from === null) {
      const near = nearestLine(lines.map((line, run) => (isIn[run] ? line : [])), across, up);
      choose(near);
    } else if (Math.abs(up - from.from) > 0.01) {
      draw({ axis: from.axis, range: [Math.max(0, Math.min(up, from.from)), Math.min(1, Math.max(up, from.from))] });
    }
  };
  const cancel = () => {
    drag.current = null;
    draw(null);
  };
  const release = () => {
    const from = drag.current;
    cancel();
    if (from !== null) {
      mark(from.axis, drawn === null ? null : drawn.range);
    } else if (chosen !== null) {
      open(chosen);
    }
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      choose(nextRun(colour, chosen, step));
    } else if (event.key === "Enter" && chosen !== null) {
      open(chosen);
    }
  };
  const line = chosen === null ? undefined : lines[chosen];
  return html`
    <div class="scroll plot-room" ref=${box}>
      <svg class=${`plot-layer parallel-lines ${chosen === null ? "" : "is-faded"}`} width=${width} height=${height} aria-hidden="true">${all}</svg>
      <svg class="parallel plot-top" width=${width} height=${height} tabindex="0" role="img"
        aria-label=${`Parallel coordinates of ${count} runs over ${plain(columns.map((one) => one.label).join(", "))}. Up and down go through the runs by ${plain(colour.label)}, Enter opens one.`}
        onPointerMove=${move} onPointerDown=${down} onPointerUp=${release} onPointerCancel=${cancel}
        onPointerLeave=${() => drag.current === null && choose(null)} onKeyDown=${press}>
        ${columns.map((column, axis) => html`<${AxisLine} key=${column.field} column=${column} x=${x(axis)} y=${y}
          gap=${gap} range=${shown[axis]} isLast=${axis === columns.length - 1} />`)}
        ${line !== undefined && html`<path class="parallel-chosen" d=${path(line)} />`}
        ${line !== undefined &&
        line.map((at, axis) => at !== null && html`<circle class="parallel-dot" cx=${x(axis)} cy=${y(at)} r="3.5" />`)}
      </svg>
    </div>
  `;
}

/**
 * @param {{ column: Column, x: number, y: (at: number) => number, gap: number,
 *   range: [number, number] | undefined, isLast: boolean }} props
 */
function AxisLine({ column, x, y, gap, range, isLast }) {
  const marked = range?.map((at) => Math.min(1, Math.max(0, at)));
  const letters = Math.max(8, Math.floor((gap || 120) / 7));
  return html`
    <g class="parallel-axis">
      <text x=${x} y="14" text-anchor="middle" class=${isLast ? "parallel-goal" : ""}>
        ${shortened(plain(column.label), letters)}<title>${plain(column.label)}</title>
      </text>
      ${column.axis.kind === "log" && html`<text class="svg-tick" x=${x} y="27" text-anchor="middle">log</text>`}
      <line class="svg-zero" x1=${x} x2=${x} y1=${y(0)} y2=${y(1)} />
      ${marked !== undefined && html`<rect class="parallel-range" x=${x - 6} width="12" y=${y(marked[1] ?? 1)} height=${Math.max(2, y(marked[0] ?? 0) - y(marked[1] ?? 1))} />`}
      ${column.axis.ticks.map(
        (tick) => html`<g key=${tick.text}>
          <line class="svg-zero" x1=${x - 4} x2=${x} y1=${y(tick.at)} y2=${y(tick.at)} />
          <text class="svg-tick parallel-tick" x=${isLast ? x + 7 : x - 7} y=${y(tick.at) + 4} text-anchor=${isLast ? "start" : "end"}>
            ${shortened(plain(tick.text), isLast ? 9 : 12)}<title>${plain(tick.text)}</title>
          </text>
        </g>`,
      )}
      ${column.values.includes(null) &&
      html`<text class="svg-tick" x=${isLast ? x + 7 : x - 7} y=${y(NONE) + 4} text-anchor=${isLast ? "start" : "end"}>none</text>`}
      <rect class="parallel-grip" x=${x - GRIP} width=${2 * GRIP} y=${y(1)} height=${y(0) - y(1)} fill="transparent" />
    </g>
  `;
}

/** From the one colour (low) to the other (high). @param {Column} column @param {number} run */
export function colourOf(column, run) {
  const value = column.values[run] ?? null;
  const at = value === null ? NaN : column.axis.at(value);
  return Number.isFinite(at)
    ? `color-mix(in oklab, var(--series-2) ${Math.round(100 * at)}%, var(--series-1))`
    : "var(--strong-line)";
}
