// A line of the runs table: one run, or a group of runs.
import { html, useMemo } from "preact";
import { cellOf } from "./columns.js";
import { counted, double, duration, number, plain } from "./format.js";
import { summary, values } from "./grouping.js";
import { href } from "./router.js";
import { Status, Tags, When } from "./ui.js";

/** @typedef {import("./columns.js").Column} Column */
/** @typedef {import("./grouping.js").Group} Group */
/** @typedef {import("./runs_rows.js").Row} Row */
/** @typedef {Map<string, { width: number, isNumber: boolean }>} Shapes */

/**
 * The columns that are in the document.
 * @typedef {object} Part
 * @property {Column[]} shown the name and others
 * @property {number} before how many between the name and the others are not
 * @property {number} after how many behind them are not
 */

/** In place of columns that are out of sight. @param {number} count */
function gap(count) {
  return count > 0 && html`<td key="gap" class="rest" colspan=${count}></td>`;
}

/**
 * Drawn anew only when something of it changed: most of scrolling costs nothing.
 * @param {{ row: Row, isInGroup: boolean, index: number, part: Part, shapes: Shapes,
 *   best: Map<string, number>, isSelected: boolean, now: number }} props
 */
export function RunLine({ row, isInGroup, index, part, shapes, best, isSelected, now }) {
  return useMemo(
    () => html`<tr
      data-index=${index}
      aria-rowindex=${index + 2}
      class=${`${isInGroup ? "in-group" : ""} ${isSelected ? "picked" : ""}`}
    >
      <td class="pick">
        <input type="checkbox" aria-label=${`Select ${plain(row.name)}`} checked=${isSelected} />
      </td>
      ${part.shown.map((column, at) => [
        at === 1 && gap(part.before),
        runCell(column, row, colIndex(part, at), shapes.get(column.id)?.isNumber ?? false, best, now),
      ])}
      <td class="rest" colspan=${part.after + 1}></td>
    </tr>`,
    [row, isInGroup, index, part, best, isSelected, now],
  );
}

/** Counted from 1, the box to select with included. @param {Part} part @param {number} at */
function colIndex(part, at) {
  return at === 0 ? 2 : at + 2 + part.before;
}

/**
 * @param {Column} column
 * @param {Row} row
 * @param {number} at
 * @param {boolean} isNumber
 * @param {Map<string, number>} best
 * @param {number} now
 */
function runCell(column, row, at, isNumber, best, now) {
  const cell = cellOf(column, row);
  switch (column.kind) {
    case "name":
      return html`<th aria-colindex=${at} scope="row" class="name">
        <a href=${href(["runs", row.run_id])} title=${row.name}>${row.name}</a>
      </th>`;
    case "status":
      return html`<td aria-colindex=${at}><${Status} status=${row.status} /></td>`;
    case "started":
      return html`<td aria-colindex=${at}><${When} at=${row.start_time} /></td>`;
    case "duration":
      return html`<td aria-colindex=${at} class="number">
        ${duration(row.duration_ms ?? (now > 0 ? Math.max(0, now - Date.parse(row.start_time)) : null))}
      </td>`;
    case "tags":
      return html`<td aria-colindex=${at}><${Tags} tags=${row.tags} /></td>`;
    case "metric": {
      const isBest = cell !== undefined && best.get(column.key) === double(cell);
      return html`<td aria-colindex=${at} class=${isBest ? "number best" : "number"} title=${cell === undefined ? undefined : String(cell)}>
        ${isBest && html`<span aria-label="Best:" role="img">★ </span>`}${number(cell)}
      </td>`;
    }
    default:
      return html`<td aria-colindex=${at} class=${isNumber ? "number" : ""} title=${cell}>
        ${cell === undefined ? html`<span class="faint">–</span>` : cell}
      </td>`;
  }
}

/**
 * @param {{ group: Group, index: number, part: Part, shapes: Shapes, isOpen: boolean,
 *   selected: ReadonlySet<string> }} props
 */
export function GroupLine({ group, index, part, shapes, isOpen, selected }) {
  const cells = useMemo(
    () =>
      part.shown
        .slice(1)
        .map((column, at) =>
          groupCell(column, group.rows, colIndex(part, at + 1), shapes.get(column.id)?.isNumber ?? false),
        ),
    [group, part],
  );
  const isAll = useMemo(() => group.rows.every((row) => selected.has(row.run_id)), [group, selected]);
  const name = group.value ?? "not set";
  return html`<tr class="group" data-index=${index} aria-rowindex=${index + 2}>
    <td class="pick">
      <input type="checkbox" aria-label=${`Select all runs of ${plain(name)}`} checked=${isAll} />
    </td>
    <th scope="row" class="name">
      <button type="button" class="fold" aria-expanded=${isOpen} title=${name}>
        <span aria-hidden="true">${isOpen ? "▾" : "▸"}</span>
        <span class="fold-name">${name === "" ? "(empty)" : name}</span>
        <span class="faint">${counted(group.rows.length, "run")}</span>
      </button>
    </th>
    ${gap(part.before)} ${cells}
    <td class="rest" colspan=${part.after + 1}></td>
  </tr>`;
}

/** @param {Column} column @param {readonly Row[]} rows @param {number} at @param {boolean} isNumber */
function groupCell(column, rows, at, isNumber) {
  if (column.kind === "metric" || column.kind === "duration") {
    const write = column.kind === "metric" ? number : duration;
    const found = summary(rows, column);
    if (found === null) {
      return html`<td aria-colindex=${at} class="number"><span class="faint">–</span></td>`;
    }
    const range = `${write(found.min)} to ${write(found.max)}`;
    return html`<td aria-colindex=${at} class="number" title=${`mean ${write(found.mean)}, ${range}${found.nan > 0 ? `, ${found.nan} NaN` : ""}`}>
      <span class="mean">${found.count === 0 ? "NaN" : write(found.mean)}</span>
      ${found.count > 1 && html`<span class="range">${write(brief(found.min))} – ${write(brief(found.max))}</span>`}
    </td>`;
  }
  if (column.kind === "started" || column.kind === "tags") {
    return html`<td aria-colindex=${at}></td>`;
  }
  const found = values(rows, column);
  return html`<td aria-colindex=${at} class=${isNumber ? "number" : ""} title=${found.join(", ")}>
    ${found.length === 1 ? found[0] : html`<span class="faint">${found.join(", ") || "–"}</span>`}
  </td>`;
}

/** Three digits: the range stands in small below the mean. @param {number} value */
function brief(value) {
  return Number(value.toPrecision(3));
}
