// What a file can be shown as, by its media type and its name.
import { own } from "./format.js";

/** @typedef {"image" | "audio" | "video" | "json" | "table" | "markdown" | "text" | "other"} Kind */

const IMAGES = new Set([
  "image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/avif", "image/bmp",
]);
const TEXTS = new Set([
  "application/xml", "application/yaml", "application/x-yaml", "application/toml",
  "application/javascript", "application/x-javascript", "application/x-sh", "application/sql",
  "application/x-ndjson", "application/jsonl", "application/x-tex", "application/x-httpd-php",
]);
/** @type {Record<string, Kind>} */
const BY_ENDING = {
  png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image", svg: "image",
  wav: "audio", mp3: "audio", ogg: "audio", oga: "audio", flac: "audio", m4a: "audio", opus: "audio",
  mp4: "video", webm: "video",
  json: "json", geojson: "json", ipynb: "json",
  csv: "table", tsv: "table", tab: "table",
  md: "markdown", markdown: "markdown",
};
const TEXT_ENDINGS = new Set(
  (
    "txt text log out err py pyi js mjs ts tsx jsx css html htm xml yaml yml toml ini cfg conf env " +
    "properties sh bash zsh fish ps1 bat sql r rmd jl c h cc cpp hpp cu cuh java kt scala go rs rb " +
    "pl lua swift m tex bib rst jsonl ndjson diff patch lock gitignore dockerfile makefile cmake " +
    "proto graphql vue ipy pbtxt prototxt template"
  ).split(" "),
);

/**
 * @param {string} name
 * @param {string | null | undefined} mime
 * @returns {Kind}
 */
export function kindOf(name, mime) {
  const type = (mime ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  const ending = endingOf(name);
  // a table or a page of notes is often stored as text/plain
  const byEnding = own(BY_ENDING, ending);
  if (IMAGES.has(type)) {
    return "image";
  }
  if (type.startsWith("audio/")) {
    return "audio";
  }
  if (type.startsWith("video/")) {
    return "video";
  }
  if (type === "application/json" || type.endsWith("+json")) {
    return "json";
  }
  if (type === "text/csv" || type === "text/tab-separated-values") {
    return "table";
  }
  if (type === "text/markdown") {
    return "markdown";
  }
  const isVague = type === "" || type === "application/octet-stream" || type === "text/plain";
  if (isVague && byEnding !== undefined) {
    return byEnding;
  }
  if (type.startsWith("text/") || TEXTS.has(type) || type.endsWith("+xml")) {
    return byEnding === "table" || byEnding === "markdown" || byEnding === "json" ? byEnding : "text";
  }
  return isVague && TEXT_ENDINGS.has(ending) ? "text" : "other";
}

/** `csv` of `A/Table.CSV`; the whole name where it has no dot. @param {string} name */
export function endingOf(name) {
  const last = name.slice(name.lastIndexOf("/") + 1).toLowerCase();
  return last.slice(last.lastIndexOf(".") + 1);
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
/** Letters of indent and line ends: more than that is no help to read. */
const MAX_INDENT = 4_000_000;

/**
 * The value of a member of an object of JSON, as it was written there.
 * @param {string} text valid JSON of an object
 * @param {string} name
 */
export function memberText(text, name) {
  let depth = 0;
  let begin = -1;
  let last = "";
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    depth -= token === "}" || token === "]" ? 1 : 0;
    if (begin >= 0 && ((depth === 1 && token === ",") || depth === 0)) {
      return text.slice(begin, index).trim();
    }
    if (begin < 0 && depth === 1 && token === ":" && JSON.parse(last) === name) {
      begin = index + 1;
    }
    depth += token === "{" || token === "[" ? 1 : 0;
    last = token;
  }
  return "";
}

/**
 * JSON over several lines, every token as it was written: large integers keep their digits. What is
 * nested so deep that its indent would be most of it stays as it is.
 * @param {string} text valid JSON
 */
export function indented(text) {
  /** @type {string[]} */
  const parts = [];
  let depth = 0;
  let last = "";
  let indent = 0;
  for (const [token] of text.matchAll(TOKEN)) {
    const isClosing = token === "}" || token === "]";
    const isInside = last === "{" || last === "[" || last === ",";
    depth -= isClosing ? 1 : 0;
    if (isClosing ? !(last === "{" || last === "[") : isInside) {
      indent += 2 * depth;
      if (indent > MAX_INDENT) {
        return text;
      }
      parts.push("\n", "  ".repeat(depth));
    }
    parts.push(token === ":" ? ": " : token);
    depth += token === "{" || token === "[" ? 1 : 0;
    last = token;
  }
  return parts.join("");
}
