// Which columns the runs table has, and in which order.
import { html, useMemo, useRef, useState } from "preact";
import { allColumns } from "./columns.js";
import { plain } from "./format.js";
import { useKeptFocus } from "./runs_focus.js";
import { Dialog } from "./ui.js";

/** @typedef {import("./columns.js").Column} Column */

const MOST_LISTED = 200;

/**
 * @param {{ shown: Column[], known: import("./runs_rows.js").Known, close: () => void,
 *   choose: (columns: Column[] | null) => void }} props `choose(null)` is what is shown by default
 */
export function ColumnsDialog({ shown, known, close, choose }) {
  const [chosen, setChosen] = useState(shown);
  const [words, setWords] = useState("");
  const all = useMemo(() => allColumns(known), []);
  const found = all.filter((one) => one.id.toLowerCase().includes(words.trim().toLowerCase()));
  const isChosen = new Set(chosen.map((one) => one.id));
  const toggle = (/** @type {Column} */ one) =>
    setChosen((old) => (isChosen.has(one.id) ? old.filter((other) => other.id !== one.id) : [...old, one]));
  const listed = found.slice(0, MOST_LISTED);
  const addAll = () => setChosen((old) => [...old, ...found.filter((one) => !isChosen.has(one.id))]);
  return html`
    <${Dialog} title="Columns" close=${close} wide>
      <div class="columns-dialog">
        <section aria-label="All columns">
          <label class="hidden-label" for="column-words">Search columns</label>
          <input
            id="column-words"
            type="search"
            placeholder="Search columns"
            autocomplete="off"
            value=${words}
            onInput=${(/** @type {any} */ event) => setWords(event.target.value)}
          />
          <ul class="column-list">
            ${listed.map(
              (one) => html`<li key=${one.id}>
                <label class="inline">
                  <input type="checkbox" checked=${isChosen.has(one.id)} onChange=${() => toggle(one)} />
                  <${ColumnName} column=${one} />
                </label>
              </li>`,
            )}
          </ul>
          <p class="faint" role="status">
            ${found.length === 0
              ? "No column has this in its name."
              : found.length > listed.length
                ? `${listed.length} of ${found.length}; search for the others.`
                : ""}
          </p>
          ${words.trim() !== "" && found.length > 1 &&
          html`<button type="button" onClick=${addAll}>Add all ${found.length}</button>`}
        </section>
        <section>
          <h3>Shown, in this order</h3>
          <${Order} chosen=${chosen} setChosen=${setChosen} />
        </section>
      </div>
      <div class="toolbar">
        <button type="button" class="primary" disabled=${chosen.length === 0} onClick=${() => choose(chosen)}>
          Show ${chosen.length}
        </button>
        <button type="button" onClick=${() => choose(null)}>Back to the default</button>
        <button type="button" class="quiet" onClick=${() => setChosen([])}>Remove all</button>
      </div>
    </${Dialog}>
  `;
}

/**
 * @param {{ chosen: Column[], setChosen: (change: (old: Column[]) => Column[]) => void }} props
 */
function Order({ chosen, setChosen }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useKeptFocus(box);
  const [dragged, setDragged] = useState(/** @type {number | null} */ (null));
  const move = (/** @type {number} */ from, /** @type {number} */ to) =>
    setChosen((old) => {
      const next = [...old];
      next.splice(to, 0, ...next.splice(from, 1));
      return next;
    });
  const over = (/** @type {DragEvent} */ event, /** @type {number} */ index) => {
    if (dragged !== null) {
      event.preventDefault();
      if (dragged !== index) {
        move(dragged, index);
        setDragged(index);
      }
    }
  };
  return html`<ol class="column-list" ref=${box} tabindex="-1">
    ${chosen.map(
      (one, index) => html`<li
        key=${one.id}
        class=${index === dragged ? "dragged" : ""}
        draggable="true"
        onDragStart=${() => setDragged(index)}
        onDragOver=${(/** @type {DragEvent} */ event) => over(event, index)}
        onDragEnd=${() => setDragged(null)}
      >
        <span class="grip" aria-hidden="true">⠿</span>
        <${ColumnName} column=${one} />
        <span class="moves">
          <button type="button" class="quiet" aria-label=${`${plain(one.label)} up`} disabled=${index === 0} onClick=${() => move(index, index - 1)}>↑</button>
          <button type="button" class="quiet" aria-label=${`${plain(one.label)} down`} disabled=${index === chosen.length - 1} onClick=${() => move(index, index + 1)}>↓</button>
          <button type="button" class="quiet" aria-label=${`Remove ${plain(one.label)}`} onClick=${() => setChosen((old) => old.filter((other) => other.id !== one.id))}>✕</button>
        </span>
      </li>`,
    )}
  </ol>`;
}

/** @param {{ column: Column }} props */
function ColumnName({ column }) {
  return html`<span class="column-name" title=${column.id}>
    ${column.key !== "" && html`<span class="faint">${column.kind} </span>`}<bdi>${column.label}</bdi>
  </span>`;
}
