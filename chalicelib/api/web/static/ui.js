// The parts that every view is made of.
import { html, useEffect, useRef, useState } from "preact";
import { ApiError } from "./api.js";
import { useMinute } from "./data.js";
import { ago, plain, time } from "./format.js";

/** Of a list that is shown. More would take a browser seconds. */
const FIRST = 500;

/**
 * What is loaded, or that it is on its way, or why it is not there.
 * @param {{ loaded: import("./data.js").Loaded<any>, children: (data: any) => unknown, what?: string }} props
 */
export function Await({ loaded, children, what = "this" }) {
  if (loaded.data === undefined) {
    return loaded.error === null
      ? html`<p class="loading" role="status">Loading ${what} …</p>`
      : html`<${Failure} error=${loaded.error} retry=${loaded.reload} />`;
  }
  return html`
    ${loaded.error !== null && html`<${Failure} error=${loaded.error} retry=${loaded.reload} />`}
    ${children(loaded.data)}
  `;
}

/**
 * What went wrong, and what to do.
 * @param {{ error: Error, retry?: (() => void) | undefined }} props
 */
export function Failure({ error, retry }) {
  const known = error instanceof ApiError ? error : null;
  const fields = /** @type {{ path: string, message: string }[]} */ (known?.details["fields"] ?? []);
  return html`
    <div class="failure" role="alert">
      <p><strong>${sentence(plain(error.message))}</strong> ${known === null ? "" : remedy(known)}</p>
      ${fields.length > 1 &&
      html`<ul>
        ${fields.map((one) => html`<li><code>${one.path}</code> ${one.message}</li>`)}
      </ul>`}
      ${known?.requestId && html`<p class="faint">Request ${known.requestId}</p>`}
      ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
    </div>
  `;
}

/** @param {ApiError} error */
function remedy(error) {
  switch (error.status) {
    case 0:
      return "Is it running, and is this computer online?";
    case 401:
      return "Paste a key that is valid.";
    case 403:
      return "Ask an administrator of your team for a key that may do this.";
    case 404:
      return "It may have been deleted, or the link is not whole.";
    case 409:
      return "Somebody may have changed it meanwhile: load it again.";
    case 429:
    case 503:
      return "The store is busy or away. Wait a moment.";
    default:
      return error.status >= 500 ? "The request's id below is in the server's log." : "";
  }
}

/** @param {string} text */
function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/**
 * Nothing is here yet: what to type so that something is.
 * @param {{ title: string, children?: unknown, code?: string | undefined }} props
 */
export function Empty({ title, children, code }) {
  return html`
    <div class="empty">
      <h2>${title}</h2>
      <div>${children}</div>
      ${code && html`<${Code} text=${code} />`}
    </div>
  `;
}

/** Something to type or to take along. @param {{ text: string }} props */
export function Code({ text }) {
  return html`
    <div class="code">
      <pre tabindex="0"><code>${text}</code></pre>
      <${Copy} text=${text} />
    </div>
  `;
}

/** @param {{ text: string, label?: string }} props */
export function Copy({ text, label = "Copy" }) {
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    const timer = isDone ? setTimeout(() => setDone(false), 1500) : 0;
    return () => clearTimeout(timer);
  }, [isDone]);
  const copy = () => void navigator.clipboard?.writeText(text).then(() => setDone(true));
  return html`<button type="button" class="quiet" onClick=${copy}>${isDone ? "Copied" : label}</button>`;
}

/** A moment, as long ago as it is; the exact time on pointing at it. @param {{ at: any }} props */
export function When({ at }) {
  useMinute();
  return at === null || at === undefined
    ? html`<span>–</span>`
    : html`<time datetime=${new Date(at).toISOString()} title=${time(at)}>${ago(at)}</time>`;
}

/** @param {{ status: string }} props */
export function Status({ status }) {
  return html`<span class=${`status status-${status}`}>${status}</span>`;
}

/** Tags of anything. @param {{ tags: Record<string, string> }} props */
export function Tags({ tags }) {
  const shown = Object.entries(tags).filter(([name]) => !name.startsWith("mlflow."));
  return html`<span class="tags">
    ${shown.map(
      ([name, value]) =>
        html`<span class="tag" title=${`${name}: ${value}`}>${value ? `${name}: ${value}` : name}</span>`,
    )}
  </span>`;
}

/**
 * The views of one thing, one below the other in the address.
 * @param {{ tabs: { name: string, label: string, address: string }[], current: string }} props
 */
export function Tabs({ tabs, current }) {
  return html`
    <nav class="tabs" aria-label="Views">
      ${tabs.map(
        (tab) => html`<a
          href=${tab.address}
          aria-current=${tab.name === current ? "page" : undefined}
          >${tab.label}</a
        >`,
      )}
    </nav>
  `;
}

/**
 * A way back to what this is part of.
 * @param {{ steps: { label: string, address?: string }[] }} props
 */
export function Crumbs({ steps }) {
  return html`
    <nav class="crumbs" aria-label="You are here">
      <ol>
        ${steps.map(
          (step) => html`<li>
            ${step.address ? html`<a href=${step.address}>${step.label}</a>` : html`<bdi>${step.label}</bdi>`}
          </li>`,
        )}
      </ol>
    </nav>
  `;
}

/**
 * A box above the page; Escape and a click beside it close it: one that began beside it, too, for what
 * is selected in it may end there.
 * @param {{ title: string, close: () => void, children?: unknown, wide?: boolean }} props
 */
export function Dialog({ title, close, children, wide = false }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  const began = useRef(false);
  const isBeside = (/** @type {MouseEvent} */ { target, clientX, clientY }) => {
    const edge = box.current?.getBoundingClientRect();
    return (
      edge !== undefined && target === box.current &&
      (clientX < edge.left || clientX > edge.right || clientY < edge.top || clientY > edge.bottom)
    );
  };
  return html`
    <dialog
      ref=${box}
      class=${wide ? "wide" : ""}
      aria-label=${plain(title)}
      onCancel=${close}
      onPointerDown=${(/** @type {PointerEvent} */ event) => (began.current = isBeside(event))}
      onClick=${(/** @type {MouseEvent} */ event) => began.current && isBeside(event) && close()}
    >
      <header>
        <h2>${plain(title)}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${close}>✕</button>
      </header>
      ${children}
    </dialog>
  `;
}

/** The title of the tab, which is said to a screen reader when it changes. @param {string} text */
export function useTitle(text) {
  useEffect(() => {
    document.title = text ? `${plain(text)} · Trialbook` : "Trialbook";
    const said = document.getElementById("view-title");
    if (said !== null) {
      said.textContent = plain(text);
    }
  }, [text]);
}

/**
 * The first of many, and more when asked for.
 * @template T
 * @param {T[]} all
 * @returns {{ shown: T[], more: unknown }} `more` is a button, when there are more
 */
export function useFirst(all) {
  const [count, setCount] = useState(FIRST);
  return {
    shown: all.slice(0, count),
    more:
      all.length > count &&
      html`<button type="button" onClick=${() => setCount(count + FIRST)}>Show more of ${all.length.toLocaleString("en")}</button>`,
  };
}
