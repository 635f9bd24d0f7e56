// The files of a run: a tree, and the file that is chosen in it.
import { html, useState } from "preact";
import { get, located, segment } from "./api.js";
import { useData } from "./data.js";
import { Download } from "./download.js";
import { bytes, time } from "./format.js";
import { Preview } from "./preview.js";
import { adjust, here } from "./router.js";
import { Copy, Empty, Failure } from "./ui.js";

const BEGIN = `run.upload("model.pkl")
run.upload("confusion.png", "plots/confusion.png")`;

/**
 * @typedef {object} Folder
 * @property {RunFile[]} artifacts
 * @property {string | null} next_cursor
 */

/** @param {{ run: Run, place: import("./router.js").Place }} props */
export function RunFiles({ run, place }) {
  const chosen = place.query.get("file") ?? "";
  const [isEmpty, setEmpty] = useState(false);
  if (isEmpty) {
    return html`<${Empty} title="No files yet" code=${BEGIN}>
      <p>Models, pictures, tables, logs: what a run made can be kept with it. In Python:</p>
    </${Empty}>`;
  }
  return html`<div class="files">
    <nav aria-label="Files of the run">
      <${Level} run=${run} path="" chosen=${chosen} isOpen=${(/** @type {string} */ path) => chosen.startsWith(`${path}/`)} onEmpty=${() => setEmpty(true)} />
    </nav>
    <div class="file-shown">
      ${chosen === ""
        ? html`<p class="faint">Choose a file to see what is in it.</p>`
        : html`<${Shown} key=${chosen} run=${run} path=${chosen} />`}
    </div>
  </div>`;
}

/**
 * What is in one folder; folders in it are read when they are opened.
 * @param {{ run: Run, path: string, chosen: string, isOpen: (path: string) => boolean,
 *   onEmpty?: () => void }} props
 */
function Level({ run, path, chosen, isOpen, onEmpty }) {
  const [more, setMore] = useState(/** @type {Folder[]} */ ([]));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const address = `api/v1/experiments/runs/${segment(run.run_id)}/artifacts`;
  const loaded = useData(
    async (signal) => {
      const folder = /** @type {Folder} */ (await get(address, { path }, signal));
      if (folder.artifacts.length === 0) {
        onEmpty?.();
      }
      return folder;
    },
    [run.run_id, path],
  );
  if (loaded.data === undefined) {
    return loaded.error !== null
      ? html`<${Failure} error=${loaded.error} retry=${loaded.reload} />`
      : html`<p class="loading">Loading …</p>`;
  }
  const pages = [loaded.data, ...more];
  const cursor = pages.at(-1)?.next_cursor;
  const next = () =>
    void get(address, { path, cursor }).then((page) => setMore((old) => [...old, page]), setError);
  return html`
    <ul class="file-level">
      ${pages
        .flatMap((page) => page.artifacts)
        .map((file) =>
          file.is_dir
            ? html`<${Branch} key=${file.path} run=${run} path=${file.path} chosen=${chosen} isOpen=${isOpen} />`
            : html`<li key=${file.path}>
                <button type="button" class="quiet file-row" aria-current=${file.path === chosen ? "true" : undefined}
                  onClick=${() => adjust(here(), { file: file.path })}>
                  <span class="file-name">${nameOf(file.path)}</span>
                  <span class="faint">${bytes(file.size_bytes)}</span>
                </button>
              </li>`,
        )}
    </ul>
    ${error !== null && html`<${Failure} error=${error} />`}
    ${cursor && html`<button type="button" onClick=${next}>Show more</button>`}
  `;
}

/** @param {{ run: Run, path: string, chosen: string, isOpen: (path: string) => boolean }} props */
function Branch({ run, path, chosen, isOpen }) {
  const [isShown, setShown] = useState(isOpen(path));
  return html`<li>
    <button type="button" class="quiet file-row" aria-expanded=${isShown} onClick=${() => setShown(!isShown)}>
      <span class="file-name"><span aria-hidden="true">${isShown ? "▾" : "▸"}</span> ${nameOf(path)}/</span>
    </button>
    ${isShown && html`<${Level} run=${run} path=${path} chosen=${chosen} isOpen=${isOpen} />`}
  </li>`;
}

/** @param {{ run: Run, path: string }} props */
function Shown({ run, path }) {
  const content = `api/v1/experiments/runs/${segment(run.run_id)}/artifacts/content`;
  const url_of = (/** @type {AbortSignal | undefined} */ signal) => located(content, { path }, signal);
  const facts = useData((signal) => factsOf(run.run_id, path, signal), [run.run_id, path]);
  /** @type {RunFile | null | undefined} */
  const file = facts.data;
  return html`
    <header class="file-head">
      <h2>${nameOf(path)}</h2>
      <${Download} url_of=${() => url_of(undefined)} name=${path} />
    </header>
    ${facts.error !== null && html`<${Failure} error=${facts.error} retry=${facts.reload} />`}
    ${file === null && html`<p>The run has no such file; it may have been removed.</p>`}
    ${file &&
    html`
      <dl class="facts file-facts">
        <dt>Path</dt><dd class="mono">${path} <${Copy} text=${path} /></dd>
        <dt>Size</dt><dd>${bytes(file.size_bytes)}</dd>
        <dt>Type</dt><dd>${file.mime ?? "–"}</dd>
        <dt>SHA-256</dt><dd class="mono">${file.sha256 ?? "not known yet"}</dd>
        <dt>Stored</dt><dd>${time(file.created_at)} by ${file.created_by}</dd>
      </dl>
      <${Preview} url_of=${url_of} name=${path} mime=${file.mime} size=${file.size_bytes} />
    `}
  `;
}

/**
 * What is known of a file: its folder tells, a page at a time.
 * @param {string} runId @param {string} path @param {AbortSignal} signal
 * @returns {Promise<RunFile | null>}
 */
async function factsOf(runId, path, signal) {
  const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  const address = `api/v1/experiments/runs/${segment(runId)}/artifacts`;
  /** @type {string | null} */
  let cursor = null;
  do {
    /** @type {Folder} */
    const page = await get(address, { path: folder, cursor }, signal);
    const found = page.artifacts.find((file) => file.path === path);
    if (found) {
      return found;
    }
    cursor = page.next_cursor;
  } while (cursor !== null);
  return null;
}

/** @param {string} path */
function nameOf(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}
