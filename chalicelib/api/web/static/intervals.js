// Intervals of variants, drawn: thick what is always valid, thin what is so only at the planned size.
import { html } from "preact";
import { plain } from "./format.js";
import { placed } from "./intervals_layout.js";
import { shortened } from "./svg_path.js";
import { useWidth } from "./svg_width.js";

const POINT = 4.5;

/**
 * @param {{ rows: import("./intervals_layout.js").IntervalRow[], isRelative: boolean, title: string }} props `title` says all of it in words
 */
export function Intervals({ rows, isRelative, title }) {
  const { box, width } = useWidth();
  const found = placed(rows, { width, isRelative });
  return html`
    <div class="intervals" ref=${box}>
      <svg width=${width} height=${found.height} role="img" aria-label=${plain(title)}>
        ${found.ticks.map(
          (tick) => html`<g key=${tick.x}>
            <line class="svg-grid" x1=${tick.x} x2=${tick.x} y1="2" y2=${found.bottom} />
            <text class="svg-tick" x=${tick.x} y=${found.bottom + 16} text-anchor="middle">${tick.text}</text>
          </g>`,
        )}
        <line class="svg-zero" x1=${found.zero} x2=${found.zero} y1="0" y2=${found.bottom} />
        ${found.rows.map((one) => html`<${Row} key=${one.row.key} one=${one} found=${found} width=${width} />`)}
      </svg>
    </div>
  `;
}

/** @param {{ one: import("./intervals_layout.js").PlacedRow, found: ReturnType<typeof placed>, width: number }} props */
function Row({ one, found, width }) {
  const { row, y } = one;
  const label = plain(row.label);
  const wordsAt = found.isNarrow ? y - 17 : y + 4;
  return html`
    <g class=${`interval interval-${row.verdict}`}>
      <text class="interval-label" x=${found.isNarrow ? found.left : found.left - 10} y=${wordsAt}
        text-anchor=${found.isNarrow ? "start" : "end"}>
        ${shortened(label, found.isNarrow ? 30 : 19)}
        <title>${label}</title>
      </text>
      ${row.remark &&
      html`<text class="interval-remark" x=${found.isNarrow ? found.right : found.right + 10} y=${wordsAt}
        text-anchor=${found.isNarrow ? "end" : "start"}>${row.remark}</text>`}
      ${one.wide === null
        ? html`<text class="svg-tick" x=${found.zero + 8} y=${y + 4}>no interval yet</text>`
        : html`<line class="interval-wide" x1=${one.wide.from} x2=${one.wide.to} y1=${y} y2=${y} />`}
      ${one.thin !== null &&
      html`<path class="interval-thin"
        d=${`M${one.thin.from} ${y + 5}v6M${one.thin.from} ${y + 8}H${one.thin.to}M${one.thin.to} ${y + 5}v6`} />`}
      ${one.point !== null && html`<circle class="interval-point" cx=${one.point} cy=${y} r=${POINT} />`}
      <rect x="0" y=${y - 14} width=${width} height="28" fill="transparent" />
      ${one.limit !== null &&
      html`<line class="intervals-limit" x1=${one.limit} x2=${one.limit} y1=${y + 15 - found.rowHeight} y2=${y + 15}>
        <title>The margin: harm begins here</title>
      </line>`}
    </g>
  `;
}
