// A dot for each run: any param, or metric, against a metric.
import { html, useMemo } from "preact";
import { nearestDot, nextRun } from "./compare_axes.js";
import { colourOf } from "./compare_parallel.js";
import { plain } from "./format.js";
import { shortened } from "./svg_path.js";
import { useWidth } from "./svg_width.js";

const LEFT = 66;
const RIGHT = 16;
const TOP = 12;
const BOTTOM = 46;

/** @typedef {import("./compare_axes.js").Column} Column */

/**
 * @param {{ across: Column, up: Column, colour: Column, chosen: number | null,
 *   choose: (run: number | null) => void, open: (run: number) => void, height?: number }} props
 */
export function Scatter({ across, up, colour, chosen, choose, open, height = 320 }) {
  const { box, width } = useWidth(700);
  const x = (/** @type {number} */ at) => LEFT + at * (width - LEFT - RIGHT);
  const y = (/** @type {number} */ at) => height - BOTTOM - at * (height - TOP - BOTTOM);
  const dots = useMemo(
    () =>
      up.values.map((value, run) => {
        const to = across.values[run] ?? null;
        const place = value === null || to === null ? null : { x: x(across.axis.at(to)), y: y(up.axis.at(value)) };
        return place !== null && Number.isFinite(place.x + place.y) ? place : null;
      }),
    [across, up, width, height],
  );
  const drawn = useMemo(
    () =>
      dots.map(
        (dot, run) => dot !== null && html`<circle key=${run} cx=${dot.x} cy=${dot.y} r="4" style=${{ fill: colourOf(colour, run) }} />`,
      ),
    [dots, colour],
  );
  const move = (/** @type {PointerEvent} */ event) => {
    const frame = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    choose(nearestDot(dots, event.clientX - frame.left, event.clientY - frame.top));
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      choose(nextRun(event.key.length > 7 && event.key !== "ArrowDown" ? across : up, chosen, step));
    } else if (event.key === "Enter" && chosen !== null) {
      open(chosen);
    }
  };
  const at = chosen === null ? null : (dots[chosen] ?? null);
  const letters = Math.max(3, Math.floor((width - LEFT - RIGHT) / Math.max(1, across.axis.ticks.length) / 7));
  const count = dots.filter((dot) => dot !== null).length;
  return html`
    <div class="plot-room" ref=${box}>
      <svg class="plot-layer" width=${width} height=${height} aria-hidden="true">
        ${up.axis.ticks.map((tick) => html`<line key=${tick.text} class="svg-grid" x1=${LEFT} x2=${width - RIGHT} y1=${y(tick.at)} y2=${y(tick.at)} />`)}
        ${across.axis.ticks.map((tick) => html`<line key=${tick.text} class="svg-grid" x1=${x(tick.at)} x2=${x(tick.at)} y1=${TOP} y2=${height - BOTTOM} />`)}
      </svg>
      <svg class=${`plot-layer scatter-dots ${at === null ? "" : "is-faded"}`} width=${width} height=${height} aria-hidden="true">${drawn}</svg>
      <svg class="scatter plot-top" width=${width} height=${height} tabindex="0" role="img"
        aria-label=${`${plain(up.label)} against ${plain(across.label)}, ${count} runs. Arrows go through the runs, Enter opens one.`}
        onPointerMove=${move} onPointerLeave=${() => choose(null)} onClick=${() => chosen !== null && open(chosen)} onKeyDown=${press}>
        ${up.axis.ticks.map(
          (tick) => html`<text key=${tick.text} class="svg-tick" x=${LEFT - 6} y=${y(tick.at) + 4} text-anchor="end">${plain(tick.text)}</text>`,
        )}
        ${across.axis.ticks.map(
          (tick) => html`<text key=${tick.text} class="svg-tick" x=${x(tick.at)} y=${height - BOTTOM + 16} text-anchor="middle">
            ${shortened(plain(tick.text), letters)}<title>${plain(tick.text)}</title>
          </text>`,
        )}
        <text x=${(LEFT + width - RIGHT) / 2} y=${height - 8} text-anchor="middle">
          ${shortened(plain(across.label), 60)}${across.axis.kind === "log" ? " (log)" : ""}
        </text>
        ${at !== null && html`<circle class="scatter-chosen" cx=${at.x} cy=${at.y} r="7" />`}
      </svg>
    </div>
  `;
}
