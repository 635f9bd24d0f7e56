// A file, shown as what it is: as far as a browser shows it without running it.
import { html, useEffect, useState } from "preact";
import { ApiError } from "./api.js";
import { parseTable } from "./csv.js";
import { useData } from "./data.js";
import { bytes, counted, plain } from "./format.js";
import { Markdown } from "./markdown_view.js";
import { endingOf, indented, kindOf } from "./preview_kind.js";
import { fetchText } from "./preview_text.js";
import { Await, Failure } from "./ui.js";

const MAX_TEXT_BYTES = 256_000;
const MAX_IMAGE_BYTES = 20_000_000;
/** A picture of less is shown itself, not by its preview. */
const SMALL_IMAGE_BYTES = 1_000_000;
const MAX_ROWS = 200;
const MAX_COLUMNS = 200;

/**
 * @typedef {object} PreviewProps
 * @property {(signal?: AbortSignal) => Promise<string>} url_of gives an address of the bytes that needs
 *   no key, a new one each time
 * @property {(signal: AbortSignal) => Promise<string>} [preview_of] the same of a small picture of it, if
 *   there is one
 * @property {string} name
 * @property {string | null | undefined} [mime]
 * @property {number | null | undefined} [size] in bytes
 */

/** What a file holds, below its name. @param {PreviewProps} props */
export function Preview({ url_of, preview_of, name, mime, size }) {
  const kind = kindOf(name, mime);
  const [isAsked, ask] = useState(false);
  useEffect(() => ask(false), [name]);
  if (size === 0) {
    return html`<p class="faint">The file is empty.</p>`;
  }
  switch (kind) {
    case "image":
      return (size ?? 0) > SMALL_IMAGE_BYTES && !isAsked
        ? html`<${Large} url_of=${url_of} preview_of=${preview_of} name=${name} size=${size} ask=${() => ask(true)} />`
        : html`<${Media} kind=${kind} url_of=${url_of} name=${name} />`;
    case "audio":
    case "video":
      return html`<${Media} kind=${kind} url_of=${url_of} name=${name} />`;
    case "other":
      return isAsked
        ? html`<${Text} kind="text" url_of=${url_of} name=${name} />`
        : html`<p class="faint">
            There is no preview of this kind of file.
            <button type="button" class="quiet" onClick=${() => ask(true)}>Show it as text</button>
          </p>`;
    default:
      return html`<${Text} key=${name} kind=${kind} url_of=${url_of} name=${name} />`;
  }
}

/**
 * A picture of many bytes: a small one of it first, where the store has made one.
 * @param {PreviewProps & { ask: () => void }} props
 */
function Large({ url_of, preview_of, name, size, ask }) {
  const small = useData(async (signal) => (preview_of ? orNone(preview_of(signal)) : ""), [name]);
  return html`<${Await} loaded=${small} what="the preview">
    ${(/** @type {string} */ url) =>
      url === "" && (size ?? 0) <= MAX_IMAGE_BYTES
        ? html`<${Media} kind="image" url_of=${url_of} name=${name} />`
        : html`
            ${url !== "" && html`<div class="preview-image"><img src=${url} alt=${plain(name)} /></div>`}
            <p>
              ${url === "" ? "The picture is large." : "This is a small picture of it."}
              <button type="button" onClick=${ask}>Show it whole (${bytes(size)})</button>
            </p>
          `}
  </${Await}>`;
}

/** @param {Promise<string>} found @returns {Promise<string>} "" of none */
async function orNone(found) {
  try {
    return await found;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) {
      return "";
    }
    throw error;
  }
}

/**
 * @param {{ kind: "image" | "audio" | "video", url_of: PreviewProps["url_of"], name: string }} props
 */
function Media({ kind, url_of, name }) {
  const loaded = useData((signal) => url_of(signal), [name]);
  const [isBroken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [loaded.data]);
  if (isBroken) {
    const again = () => {
      setBroken(false);
      loaded.reload();
    };
    return html`<${Failure} error=${new Error(`this ${kind} cannot be shown: the browser does not know its format, or the link to it has died`)} retry=${again} />`;
  }
  const broken = () => setBroken(true);
  return html`<${Await} loaded=${loaded} what="the file">
    ${(/** @type {string} */ url) => {
      switch (kind) {
        case "image":
          return html`<div class="preview-image"><img src=${url} alt=${plain(name)} onError=${broken} /></div>`;
        case "audio":
          return html`<audio controls preload="metadata" src=${url} aria-label=${plain(name)} onError=${broken}></audio>`;
        case "video":
          return html`<video controls preload="metadata" src=${url} aria-label=${plain(name)} onError=${broken}></video>`;
      }
    }}
  </${Await}>`;
}

/** @param {{ kind: string, url_of: PreviewProps["url_of"], name: string }} props */
function Text({ kind, url_of, name }) {
  const [isPlain, setPlain] = useState(false);
  const loaded = useData(
    async (signal) => fetchText(await url_of(signal), MAX_TEXT_BYTES, signal),
    [name],
  );
  return html`<${Await} loaded=${loaded} what="the file">
    ${(/** @type {import("./preview_text.js").Fetched} */ { text, isCut }) => {
      const shown = isPlain ? null : formed(kind, name, text, isCut);
      return html`
        <p class="preview-note faint">
          ${isCut && `The first ${bytes(MAX_TEXT_BYTES)} of the file. `}${shown?.note}
          ${kind !== "text" &&
          html`<label class="inline">
            <input type="checkbox" checked=${isPlain} onChange=${() => setPlain(!isPlain)} />
            As it is written
          </label>`}
        </p>
        ${shown?.view ?? html`<pre class="preview-text" tabindex="0" aria-label=${`Text of ${plain(name)}`}>${text}</pre>`}
      `;
    }}
  </${Await}>`;
}

/**
 * The text as more than text; `view` is null where it is not what its name says.
 * @param {string} kind @param {string} name @param {string} text @param {boolean} isCut
 * @returns {{ view: any, note: string }}
 */
function formed(kind, name, text, isCut) {
  if (kind === "markdown") {
    return { view: html`<${Markdown} text=${text} level=${3} />`, note: "" };
  }
  if (kind === "json") {
    return isCut || !isJson(text)
      ? { view: null, note: isCut ? "" : "It is not valid JSON. " }
      : { view: html`<pre class="preview-text" tabindex="0" aria-label=${`Text of ${plain(name)}`}>${indented(text)}</pre>`, note: "" };
  }
  if (kind === "table") {
    const separator = /^(tsv|tab)$/.test(endingOf(name)) ? "\t" : ",";
    const { rows, isWhole } = parseTable(text, { separator, maxRows: MAX_ROWS + 1, isCut });
    const width = rows.reduce((most, row) => Math.max(most, row.length), 0);
    const columns = width > MAX_COLUMNS ? `, the first ${MAX_COLUMNS} of ${counted(width, "column")}` : "";
    const note = `${isWhole ? "" : "The first "}${counted(Math.max(0, rows.length - 1), "row")}${columns}. `;
    return { view: html`<${Table} rows=${rows} width=${Math.min(width, MAX_COLUMNS)} name=${name} />`, note };
  }
  return { view: null, note: "" };
}

/** @param {string} text */
function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** @param {{ rows: string[][], width: number, name: string }} props */
function Table({ rows, width, name }) {
  const [head = [], ...body] = rows;
  const columns = Array.from({ length: width }, (_, at) => ({
    title: head[at] ?? "",
    isNumber: body.length > 0 && body.every((row) => isNumeric(row[at] ?? "")),
  }));
  return html`<div class="scroll preview-table" tabindex="0" role="region" aria-label=${`Table of ${plain(name)}`}>
    <table>
      <thead>
        <tr>
          ${columns.map(({ title, isNumber }) => html`<th scope="col" class=${isNumber ? "number" : ""}>${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${body.map(
          (row) => html`<tr>
            ${columns.map(({ isNumber }, at) => html`<td class=${isNumber ? "number" : "long"}>${row[at] ?? ""}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** @param {string} text */
function isNumeric(text) {
  return text.trim() === "" || !Number.isNaN(Number(text)) || /^[-+]?(nan|inf(inity)?)$/i.test(text.trim());
}
