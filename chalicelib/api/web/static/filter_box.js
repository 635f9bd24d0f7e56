// Where a filter is typed: it offers what may come next, and shows where a mistake is.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact";
import { ApiError } from "./api.js";
import { completed, completion } from "./filter_completion.js";
import { plain } from "./format.js";

const EXAMPLES = [
  ["metrics.loss < 0.5", "the last value of a metric"],
  ["params.optimizer IN ('adam', 'sgd')", "params are texts, also where they look like numbers"],
  ["tags.team LIKE 'vision%' AND status = 'FINISHED'", "all parts must hold; % is any text"],
  ["metrics.`val/loss` IS NOT NULL", "it was logged; backticks for names with other signs"],
];

/**
 * @param {{ filter: string, known: import("./runs_rows.js").Known, error: Error | null,
 *   apply: (filter: string) => void }} props
 */
export function FilterBox({ filter, known, error, apply }) {
  const [text, setText] = useState(filter);
  const [caret, setCaret] = useState(filter.length);
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const [isHelping, setHelping] = useState(false);
  const placed = useRef(/** @type {number | null} */ (null));
  useEffect(() => setText(filter), [filter]);
  const offered = useMemo(
    () => (isOpen ? completion(text, caret, known, Date.now()) : { from: 0, options: [] }),
    [isOpen, text, caret],
  );
  const { options } = offered;
  const isShown = isOpen && options.length > 0;
  useLayoutEffect(() => {
    if (placed.current !== null) {
      input.current?.setSelectionRange(placed.current, placed.current);
      placed.current = null;
    }
  });
  useLayoutEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active]);

  const typed = (/** @type {any} */ event) => {
    setText(event.target.value);
    setCaret(event.target.selectionStart);
    setOpen(true);
    setActive(-1);
  };
  const take = (/** @type {import("./filter_completion.js").Option | undefined} */ option) => {
    if (option !== undefined) {
      const next = completed(text, caret, offered.from, option);
      setText(next.text);
      setCaret(next.caret);
      placed.current = next.caret;
      setActive(-1);
      setOpen(true);
      input.current?.focus();
    }
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    setOpen(false);
    apply(text.trim());
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      if (isShown) {
        const next = active + step;
        setActive(next >= options.length ? 0 : next < 0 ? options.length - 1 : next);
      } else {
        setCaret(input.current?.selectionStart ?? text.length);
        setOpen(true);
      }
    } else if (event.key === "Escape" && isShown) {
      event.preventDefault();
      setOpen(false);
    } else if (event.key === "Enter" && isShown && active >= 0) {
      event.preventDefault();
      take(options[active]);
    } else if (event.key === "Tab" && !event.shiftKey && isShown && (active >= 0 || caret > offered.from)) {
      event.preventDefault();
      take(options[Math.max(0, active)]);
    }
  };
  const moved = () => setCaret(input.current?.selectionStart ?? 0);
  return html`
    <form class="filter" role="search" onSubmit=${submit}>
      <label class="hidden-label" for="run-filter">Filter runs</label>
      <div class="filter-line">
        <input
          id="run-filter"
          ref=${input}
          class="mono"
          role="combobox"
          aria-autocomplete="list"
          aria-expanded=${isShown}
          aria-controls="run-filter-options"
          aria-activedescendant=${isShown && active >= 0 ? `run-filter-${active}` : undefined}
          aria-invalid=${error !== null}
          aria-describedby=${error === null ? undefined : "run-filter-mistake"}
          autocomplete="off"
          autocapitalize="off"
          spellcheck=${false}
          placeholder="Filter: metrics.loss < 0.5 and params.lr = '0.01'"
          value=${text}
          onInput=${typed}
          onKeyDown=${pressed}
          onKeyUp=${moved}
          onClick=${moved}
          onBlur=${() => setOpen(false)}
        />
        <button type="submit" disabled=${text.trim() === filter && error === null}>Apply</button>
        ${(filter !== "" || text !== "") &&
        html`<button type="button" onClick=${() => { setText(""); apply(""); }}>Clear</button>`}
        <button
          type="button"
          class="quiet"
          aria-expanded=${isHelping}
          aria-controls="run-filter-help"
          onClick=${() => setHelping(!isHelping)}
        >
          Help
        </button>
      </div>
      <ul id="run-filter-options" role="listbox" aria-label="What may come next" ref=${list} hidden=${!isShown}>
        ${options.map(
          (option, index) => html`<li
            key=${option.text}
            id=${`run-filter-${index}`}
            role="option"
            aria-selected=${index === active}
            onMouseDown=${(/** @type {Event} */ event) => { event.preventDefault(); take(option); }}
          >
            <code>${option.label}</code> <span class="faint">${option.hint}</span>
          </li>`,
        )}
      </ul>
      ${error !== null && html`<${Mistake} filter=${filter} error=${error} />`}
      <div id="run-filter-help" class="filter-help" hidden=${!isHelping}>
        <p>Parts are joined by <code>AND</code>. A click takes an example into the box.</p>
        <dl>
          ${EXAMPLES.map(
            ([example = "", meaning]) => html`<div>
              <dt>
                <button type="button" class="quiet mono" onClick=${() => { setText(example); input.current?.focus(); }}>
                  ${example}
                </button>
              </dt>
              <dd class="faint">${meaning}</dd>
            </div>`,
          )}
        </dl>
      </div>
    </form>
  `;
}

/** @param {{ filter: string, error: Error }} props */
function Mistake({ filter, error }) {
  const given = error instanceof ApiError ? error.details["position"] : undefined;
  const at = typeof given === "number" ? given : null;
  const message = plain(error.message).replace(/^filter: /, "").replace(/, at position \d+$/, "");
  const word = at === null ? "" : (/^\S+/.exec(filter.slice(at))?.[0] ?? " ");
  return html`<div id="run-filter-mistake" class="filter-mistake" role="alert">
    ${at !== null &&
    html`<code>${filter.slice(0, at)}<mark>${word}</mark>${filter.slice(at + word.length)}</code>`}
    <span>${message.charAt(0).toUpperCase() + message.slice(1)}.</span>
  </div>`;
}
