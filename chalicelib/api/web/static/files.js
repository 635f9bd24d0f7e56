// The files of a run: a tree, and the file that is chosen in it.
import { html, useRef, useState } from "preact";
import { get, located, segment } from "./api.js";
import { useData, useEvery, usePages } from "./data.js";
import { Download } from "./download.js";
import { bytes, time } from "./format.js";
import { Preview } from "./preview.js";
import { adjust, here } from "./router.js";
import { Await, Copy, Empty, Failure } from "./ui.js";

const REFRESH_MS = 5000;
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
  // what the tree has listed need not be looked for
  const known = useRef(/** @type {Map<string, RunFile>} */ (new Map()));
  const top = useFolder(run, "", known.current);
  const isOpen = (/** @type {string} */ path) => chosen.startsWith(`${path}/`);
  if (chosen === "" && top.first.data?.artifacts.length === 0) {
    return html`<${Empty} title="No files yet" code=${BEGIN}>
      <p>Models, pictures, tables, logs: what a run made can be kept with it. In Python:</p>
    </${Empty}>`;
  }
  return html`<div class="files">
    <nav aria-label="Files of the run">
      <${Level} folder=${top} run=${run} chosen=${chosen} isOpen=${isOpen} known=${known.current} />
    </nav>
    <div class="file-shown">
      ${chosen === ""
        ? html`<p class="faint">Choose a file to see what is in it.</p>`
        : html`<${Shown} key=${chosen} run=${run} path=${chosen} known=${known.current} />`}
    </div>
  </div>`;
}

/**
 * What is in one folder, read again while the run may add to it.
 * @param {Run} run @param {string} path @param {Map<string, RunFile>} known
 */
function useFolder(run, path, known) {
  const pages = usePages(
    /** @returns {Promise<Folder>} */ async (cursor, signal) => {
      const page = await get(`api/v1/experiments/runs/${segment(run.run_id)}/artifacts`, { path, cursor }, signal);
      page.artifacts.forEach((/** @type {RunFile} */ file) => !file.is_dir && known.set(file.path, file));
      return page;
    },
    (page) => page.artifacts,
    [run.run_id, path],
  );
  useEvery(REFRESH_MS, run.status === "running", pages.first.reload);
  return pages;
}

/**
 * @typedef {{ run: Run, chosen: string, isOpen: (path: string) => boolean, known: Map<string, RunFile> }} Tree
 * @param {Tree & { folder: ReturnType<typeof useFolder> }} props
 */
function Level({ folder, ...tree }) {
  const { first, items, more, isBusy, error, load } = folder;
  return html`<${Await} loaded=${first} what="files">
    ${() => html`
      <ul class="file-level">
        ${items.map((file) =>
          file.is_dir
            ? html`<${Branch} key=${file.path} path=${file.path} ...${tree} />`
            : html`<li key=${file.path}>
                <button type="button" class="quiet file-row" aria-current=${file.path === tree.chosen ? "true" : undefined}
                  onClick=${() => adjust(here(), { file: file.path })}>
                  <bdi class="file-name">${nameOf(file.path)}</bdi>
                  <span class="faint">${bytes(file.size_bytes)}</span>
                </button>
              </li>`,
        )}
      </ul>
      ${error !== null && html`<${Failure} error=${error} />`}
      ${more && html`<button type="button" disabled=${isBusy} onClick=${load}>Show more</button>`}
    `}
  </${Await}>`;
}

/** @param {Tree & { path: string }} props */
function Branch({ path, ...tree }) {
  const [isShown, setShown] = useState(tree.isOpen(path));
  return html`<li>
    <button type="button" class="quiet file-row" aria-expanded=${isShown} onClick=${() => setShown(!isShown)}>
      <span class="file-name"><span aria-hidden="true">${isShown ? "▾" : "▸"}</span> <bdi>${nameOf(path)}/</bdi></span>
    </button>
    ${isShown && html`<${Opened} path=${path} ...${tree} />`}
  </li>`;
}

/** @param {Tree & { path: string }} props */
function Opened({ path, ...tree }) {
  return html`<${Level} folder=${useFolder(tree.run, path, tree.known)} ...${tree} />`;
}

/** @param {{ run: Run, path: string, known: Map<string, RunFile> }} props */
function Shown({ run, path, known }) {
  const files = `api/v1/experiments/runs/${segment(run.run_id)}/artifacts`;
  const url_of = (/** @type {AbortSignal | undefined} */ signal) => located(`${files}/content`, { path }, signal);
  const preview_of = (/** @type {AbortSignal} */ signal) => located(`${files}/preview`, { path }, signal);
  const facts = useData(async (signal) => ({ file: known.get(path) ?? (await factsOf(run.run_id, path, signal)) }), [run.run_id, path]);
  const file = facts.data?.file;
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
      <${Preview} url_of=${url_of} preview_of=${preview_of} name=${path} mime=${file.mime} size=${file.size_bytes} />
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
