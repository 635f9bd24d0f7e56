// The table of runs: only the rows in sight are in the document, however many there are.
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact";
import { isNumeric, nextSort, sortedBy, widthOf } from "./columns.js";
import { useKeptFocus } from "./runs_focus.js";
import { rememberScroll, rememberedScroll } from "./runs_loading.js";
import { GroupLine, RunLine } from "./runs_lines.js";
import { columnsInSight, inSight } from "./runs_rows.js";

/** @typedef {import("./columns.js").Column} Column */
/** @typedef {import("./columns.js").Sort} Sort */
/** @typedef {import("./grouping.js").Line} Line */
/** @typedef {import("./runs_rows.js").Row} Row */

/** Pixels; runs.css has it, too. */
const ROW_HEIGHT = 34;
const PICK_WIDTH = 38;

/**
 * @typedef {object} TableProps
 * @property {string} asked which search the rows answer: with another the table begins at its top
 * @property {Line[]} lines
 * @property {Row[]} rows all of them, also those in closed groups
 * @property {Column[]} columns the first is the name
 * @property {Sort | null} sort
 * @property {Record<string, Goal>} goals
 * @property {Map<string, number>} best
 * @property {ReadonlySet<string>} selected
 * @property {ReadonlySet<string>} openGroups
 * @property {number} updatedAt
 * @property {(sort: Sort | null) => void} onSort
 * @property {(id: string, isRange: boolean) => void} onPick
 * @property {(rows: Row[], isOn: boolean) => void} onPickAll
 * @property {(group: string) => void} onOpen
 */

/** @param {TableProps} props */
export function RunsTable(props) {
  const { asked, lines, rows, columns, sort, best, selected, openGroups, updatedAt } = props;
  const { box, view, onScroll } = useScrolling(asked, lines);
  useKeptFocus(box);
  const shapes = useShapes(columns, rows);
  const part = useColumnsInSight(columns, shapes, view);
  const { first, end } = inSight({ ...view, rowHeight: ROW_HEIGHT, count: lines.length });
  const newest = useRef(props);
  newest.current = props;
  const onClick = useCallback((/** @type {any} */ event) => clicked(event, newest.current), []);
  // All of them, whatever is in sight: the way of the keyboard leads through them.
  const heads = useMemo(
    () =>
      columns.map(
        (one, index) => html`<${Head}
          key=${one.id}
          column=${one}
          index=${index + 2}
          isNumber=${shapes.get(one.id)?.isNumber ?? false}
          order=${sortedBy(sort, one)}
          onSort=${() => newest.current.onSort(nextSort(newest.current.sort, one, newest.current.goals))}
        />`,
      ),
    [columns, sort?.id, sort?.isDescending, rows.length > 0],
  );
  const picked = useMemo(() => rows.filter((row) => selected.has(row.run_id)).length, [rows, selected]);
  const all = useRef(/** @type {HTMLInputElement | null} */ (null));
  useLayoutEffect(() => {
    if (all.current !== null) {
      all.current.indeterminate = picked > 0 && picked < rows.length;
    }
  }, [picked, rows.length]);
  return html`
    <div class="runs-scroll" ref=${box} onScroll=${onScroll} role="region" aria-label="Runs" tabindex="0">
      <table
        class="runs"
        style=${{ minWidth: `${part.width}px` }}
        aria-rowcount=${lines.length + 1}
        aria-colcount=${columns.length + 1}
      >
        <colgroup>
          <col style=${{ width: `${PICK_WIDTH}px` }} />
          ${columns.map((one) => html`<col key=${one.id} style=${{ width: `${shapes.get(one.id)?.width}px` }} />`)}
          <col />
        </colgroup>
        <thead>
          <tr aria-rowindex="1">
            <td class="pick">
              <input
                type="checkbox"
                ref=${all}
                aria-label="Select all runs"
                checked=${rows.length > 0 && picked === rows.length}
                onChange=${(/** @type {any} */ event) => props.onPickAll(rows, event.target.checked)}
              />
            </td>
            ${heads}
            <td class="rest"></td>
          </tr>
        </thead>
        <tbody onClick=${onClick} onKeyDown=${moved}>
          ${first > 0 && html`<tr key="above" class="gap" aria-hidden="true" style=${{ height: `${first * ROW_HEIGHT}px` }}></tr>`}
          ${lines.slice(first, end).map((line, offset) =>
            line.row === null
              ? html`<${GroupLine}
                  key=${`group ${line.group.id}`}
                  group=${line.group}
                  index=${first + offset}
                  part=${part}
                  shapes=${shapes}
                  isOpen=${openGroups.has(line.group.id)}
                  selected=${selected}
                />`
              : html`<${RunLine}
                  key=${line.row.run_id}
                  row=${line.row}
                  isInGroup=${line.group !== null}
                  index=${first + offset}
                  part=${part}
                  shapes=${shapes}
                  best=${best}
                  isSelected=${selected.has(line.row.run_id)}
                  now=${line.row.status === "running" ? updatedAt : 0}
                />`,
          )}
          ${end < lines.length &&
          html`<tr key="below" class="gap" aria-hidden="true" style=${{ height: `${(lines.length - end) * ROW_HEIGHT}px` }}></tr>`}
        </tbody>
      </table>
    </div>
  `;
}

/**
 * @param {{ column: Column, index: number, isNumber: boolean,
 *   order: "none" | "ascending" | "descending", onSort: () => void }} props
 */
function Head({ column, index, isNumber, order, onSort }) {
  return html`<th
    scope="col"
    aria-colindex=${index}
    class=${`${isNumber ? "number" : ""} ${column.kind === "name" ? "name" : ""}`}
    aria-sort=${order === "none" ? undefined : order}
    title=${column.key === "" ? column.label : column.id}
  >
    ${column.kind === "tags"
      ? html`<span class="head">${column.label}</span>`
      : html`<button type="button" class="head" onClick=${onSort}>
          <span class="head-label">${column.label}</span>
          <span class="head-order" aria-hidden="true">
            ${order === "ascending" ? "▲" : order === "descending" ? "▼" : ""}
          </span>
        </button>`}
  </th>`;
}

/**
 * How far it is scrolled. What is at the top stays there when rows come in above it.
 * @param {string} asked
 * @param {Line[]} lines
 */
function useScrolling(asked, lines) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [view, setView] = useState({ top: 0, height: 800, left: 0, width: 1280 });
  const shown = useRef({ asked: "", lines: /** @type {Line[]} */ ([]) });
  const onScroll = useCallback(() => {
    const { current } = box;
    if (current !== null) {
      rememberScroll(shown.current.asked, current.scrollTop);
      const { scrollTop: top, clientHeight: height, scrollLeft: left, clientWidth: width } = current;
      setView((old) =>
        old.top === top && old.height === height && old.left === left && old.width === width
          ? old
          : { top, height, left, width },
      );
    }
  }, []);
  useLayoutEffect(() => {
    const { current } = box;
    const before = shown.current;
    shown.current = { asked, lines };
    if (current === null) {
      return;
    }
    if (before.asked !== asked) {
      current.scrollTop = before.asked === "" ? rememberedScroll(asked) : 0;
    } else if (current.scrollTop > 0 && before.lines !== lines) {
      const index = Math.floor(current.scrollTop / ROW_HEIGHT);
      const anchor = before.lines[index];
      const now = anchor === undefined ? -1 : lines.findIndex((line) => isSame(line, anchor));
      if (now >= 0) {
        current.scrollTop += (now - index) * ROW_HEIGHT;
      }
    }
    onScroll();
  }, [asked, lines]);
  useEffect(() => {
    const observer = new ResizeObserver(onScroll);
    if (box.current !== null) {
      observer.observe(box.current);
    }
    return () => observer.disconnect();
  }, []);
  return { box, view, onScroll };
}

/** @param {Line} a @param {Line} b */
function isSame(a, b) {
  return a.row?.run_id === b.row?.run_id && (a.row !== null || a.group?.id === b.group?.id);
}

/**
 * Widths and sides of the columns. They stay as they were first, so that nothing moves when other
 * rows come.
 * @param {Column[]} columns
 * @param {Row[]} rows
 */
function useShapes(columns, rows) {
  const shapes = useRef(/** @type {Map<string, { width: number, isNumber: boolean }>} */ (new Map()));
  if (rows.length > 0) {
    for (const one of columns) {
      if (!shapes.current.has(one.id)) {
        shapes.current.set(one.id, { width: widthOf(one, rows), isNumber: isNumeric(one, rows) });
      }
    }
  }
  return shapes.current;
}

/**
 * The name and the columns in sight: a table may have hundreds.
 * @param {Column[]} columns
 * @param {Map<string, { width: number, isNumber: boolean }>} shapes
 * @param {{ left: number, width: number }} view
 * @returns {import("./runs_lines.js").Part & { width: number }} `width` is that of all, in pixels
 */
function useColumnsInSight(columns, shapes, view) {
  const [own = 0, ...widths] = columns.map((one) => shapes.get(one.id)?.width ?? 0);
  const left = view.left - PICK_WIDTH - own;
  const { first, end } = columnsInSight(widths, { left, width: view.width });
  const width = widths.reduce((sum, one) => sum + one, PICK_WIDTH + own);
  return useMemo(
    () => ({
      shown: [...columns.slice(0, 1), ...columns.slice(1 + first, 1 + end)],
      before: first,
      after: widths.length - end,
      width,
    }),
    [columns, first, end, width],
  );
}

/**
 * One listener for all rows.
 * @param {any} event
 * @param {TableProps} props
 */
function clicked(event, { lines, onPick, onPickAll, onOpen }) {
  const line = lines[Number(event.target.closest("tr")?.dataset.index)];
  const control = event.target.closest("input, button");
  if (line === undefined || control === null) {
    return;
  }
  if (line.row !== null) {
    onPick(line.row.run_id, event.shiftKey);
  } else if (control.tagName === "INPUT") {
    onPickAll(line.group.rows, control.checked);
  } else {
    onOpen(line.group.id);
  }
}

/** Up and down lead to the same control of the row above or below. @param {any} event */
function moved(event) {
  const isDown = event.key === "ArrowDown";
  if (!isDown && event.key !== "ArrowUp") {
    return;
  }
  const cell = event.target.closest("td, th");
  const row = cell?.parentElement;
  const next = isDown ? row?.nextElementSibling : row?.previousElementSibling;
  const control = next?.children[cell.cellIndex]?.querySelector("a, input, button");
  if (control) {
    event.preventDefault();
    control.focus();
  }
}
