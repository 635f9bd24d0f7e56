// A file, shown as what it is: as far as a browser shows it without running it.
import { html, useEffect, useState } from "preact";
import { parseTable } from "./csv.js";
import { useData } from "./data.js";
import { bytes, counted } from "./format.js";
import { Markdown } from "./markdown_view.js";
import { endingOf, indented, kindOf } from "./preview_kind.js";
import { fetchText } from "./preview_text.js";
import { Await, Failure } from "./ui.js";

const MAX_TEXT_BYTES = 256_000;
const MAX_IMAGE_BYTES = 20_000_000;
const MAX_ROWS = 200;

/**
 * @typedef {object} PreviewProps
 * @property {(signal?: AbortSignal) => Promise<string>} url_of gives an address of the bytes that needs
 *   no key, a new one each time
 * @property {string} name
 * @property {string | null | undefined} [mime]
 * @property {number | null | undefined} [size] in bytes
 */

/** What a file holds, below its name. @param {PreviewProps} props */
export function Preview({ url_of, name, mime, size }) {
  const kind = kindOf(name, mime);
  const [isAsked, ask] = useState(false);
  useEffect(() => ask(false), [name]);
  if (size === 0) {
    return html`<p class="faint">The file is empty.</p>`;
  }
  switch (kind) {
    case "image":
      if ((size ?? 0) > MAX_IMAGE_BYTES && !isAsked) {
        return html`<p>
          The picture is large.
          <button type="button" onClick=${() => ask(true)}>Show it (${bytes(size)})</button>
        </p>`;
      }
      return html`<${Media} kind=${kind} url_of=${url_of} name=${name} />`;
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
          return html`<div class="preview-image"><img src=${url} alt=${name} onError=${broken} /></div>`;
        case "audio":
          return html`<audio controls preload="metadata" src=${url} aria-label=${name} onError=${broken}></audio>`;
        case "video":
          return html`<video controls preload="metadata" src=${url} aria-label=${name} onError=${broken}></video>`;
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
        ${shown?.view ?? html`<pre class="preview-text" tabindex="0" aria-label=${`Text of ${name}`}>${text}</pre>`}
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
      : { view: html`<pre class="preview-text" tabindex="0" aria-label=${`Text of ${name}`}>${indented(text)}</pre>`, note: "" };
  }
  if (kind === "table") {
    const separator = /^(tsv|tab)$/.test(endingOf(name)) ? "\t" : ",";
    const { rows, isWhole } = parseTable(text, { separator, maxRows: MAX_ROWS + 1, isCut });
    const note = `${isWhole ? "" : "The first "}${counted(Math.max(0, rows.length - 1), "row")}. `;
    return { view: html`<${Table} rows=${rows} name=${name} />`, note };
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

/** @param {{ rows: string[][], name: string }} props */
function Table({ rows, name }) {
  const [head = [], ...body] = rows;
  const width = Math.max(0, ...rows.map((row) => row.length));
  const columns = Array.from({ length: width }, (_, at) => ({
    title: head[at] ?? "",
    isNumber: body.length > 0 && body.every((row) => isNumeric(row[at] ?? "")),
  }));
  return html`<div class="scroll preview-table" tabindex="0" role="region" aria-label=${`Table of ${name}`}>
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
