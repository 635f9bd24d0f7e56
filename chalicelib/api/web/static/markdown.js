// Markdown into a tree: what people write in notes, not all that CommonMark has. HTML is text.
import { inlines } from "./markdown_inline.js";

const MAX_DEPTH = 12;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)/;
const HEADING = /^ {0,3}(#{1,6})(?=\s|$)/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?: {1,4}|\t|$)/;
const QUOTE = /^ {0,3}> ?/;
/** Of a line without spaces at its end: patterns that try all ways to share them would take too long. */
const DIVISION = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?$/;

/**
 * @typedef {import("./markdown_inline.js").Inline} Inline
 * @typedef {"left" | "right" | "center" | ""} Align
 * @typedef {{ kind: "heading", level: number, children: Inline[] }
 *   | { kind: "paragraph", children: Inline[] }
 *   | { kind: "code", language: string, text: string }
 *   | { kind: "quote", blocks: Block[] }
 *   | { kind: "list", start: number | null, items: Block[][] }
 *   | { kind: "table", align: Align[], head: Inline[][], rows: Inline[][][] }
 *   | { kind: "rule" }} Block `start` is null of a list with bullets
 */

/** @param {string} text @returns {Block[]} */
export function parseMarkdown(text) {
  return blocksOf(text.replaceAll("\t", "    ").split(/\r\n|\r|\n/), 0);
}

/** @param {string[]} lines @param {number} depth @returns {Block[]} */
function blocksOf(lines, depth) {
  /** @type {Block[]} */
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (line.trim() === "") {
      at += 1;
      continue;
    }
    const read = depth < MAX_DEPTH ? container(lines, at, depth) : null;
    const [block, end] = read ?? leaf(lines, at);
    blocks.push(block);
    at = end;
  }
  return blocks;
}

/**
 * What has blocks of its own, null where none begins.
 * @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number] | null}
 */
function container(lines, at, depth) {
  const line = lines[at] ?? "";
  if (RULE.test(line)) {
    return null;
  }
  if (QUOTE.test(line)) {
    let end = at;
    /** @type {string[]} */
    const inner = [];
    while (end < lines.length && QUOTE.test(lines[end] ?? "")) {
      inner.push((lines[end] ?? "").replace(QUOTE, ""));
      end += 1;
    }
    return [{ kind: "quote", blocks: blocksOf(inner, depth + 1) }, end];
  }
  return ITEM.test(line) ? list(lines, at, depth) : null;
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function list(lines, at, depth) {
  const first = ITEM.exec(lines[at] ?? "");
  const mark = first?.[2] ?? "-";
  const sign = mark.at(-1);
  /** @type {Block[][]} */
  const items = [];
  let end = at;
  while (end < lines.length) {
    const line = lines[end] ?? "";
    const found = ITEM.exec(line);
    if (found === null || found[2]?.at(-1) !== sign || RULE.test(line)) {
      break;
    }
    const [inner, next] = itemLines(lines, end, found);
    items.push(blocksOf(inner, depth + 1));
    end = next;
  }
  const start = /\d/.test(mark) ? Number.parseInt(mark, 10) : null;
  return [{ kind: "list", start, items }, end];
}

/**
 * The lines of one item without its indent, and where the next thing begins.
 * @param {string[]} lines @param {number} at @param {RegExpExecArray} found
 * @returns {[string[], number]}
 */
function itemLines(lines, at, found) {
  const line = lines[at] ?? "";
  const width = found[0].length;
  const inner = [line.slice(width)];
  let end = at + 1;
  let isBlank = false;
  for (; end < lines.length; end += 1) {
    const next = lines[end] ?? "";
    if (next.trim() === "") {
      isBlank = true;
      inner.push("");
      continue;
    }
    const indent = next.length - next.trimStart().length;
    if (indent >= Math.min(width, 2 + (found[1] ?? "").length)) {
      inner.push(next.slice(Math.min(indent, width)));
    } else if (isBlank || beginsBlock(next)) {
      break;
    } else {
      inner.push(next.trimStart());
    }
    isBlank = false;
  }
  return [inner, end];
}

/** @param {string[]} lines @param {number} at @returns {[Block, number]} */
function leaf(lines, at) {
  const line = lines[at] ?? "";
  const fence = FENCE.exec(line);
  if (fence !== null) {
    return fenced(lines, at, fence[1] ?? "```", fence[2] ?? "");
  }
  const heading = HEADING.exec(line);
  if (heading !== null) {
    const level = (heading[1] ?? "#").length;
    return [{ kind: "heading", level, children: inlines(unclosed(line.slice(heading[0].length).trim())) }, at + 1];
  }
  if (RULE.test(line)) {
    return [{ kind: "rule" }, at + 1];
  }
  if (line.startsWith("    ")) {
    return code(lines, at);
  }
  if (line.includes("|") && DIVISION.test((lines[at + 1] ?? "").trimEnd()) && sameWidth(line, lines[at + 1] ?? "")) {
    return table(lines, at);
  }
  let end = at + 1;
  while (end < lines.length && (lines[end] ?? "").trim() !== "" && !beginsBlock(lines[end] ?? "")) {
    end += 1;
  }
  const text = lines.slice(at, end).map((one) => one.trimStart()).join("\n").trimEnd();
  return [{ kind: "paragraph", children: inlines(text) }, end];
}

/** A heading without the signs that may close it. @param {string} text without spaces at its ends */
function unclosed(text) {
  let end = text.length;
  while (text[end - 1] === "#") {
    end -= 1;
  }
  return end === 0 || text[end - 1] === " " ? text.slice(0, end).trimEnd() : text;
}

/** @param {string} line */
function beginsBlock(line) {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);
}

/**
 * @param {string[]} lines @param {number} at @param {string} fence @param {string} language
 * @returns {[Block, number]}
 */
function fenced(lines, at, fence, language) {
  let end = at + 1;
  while (end < lines.length) {
    const close = (lines[end] ?? "").trim();
    if (close.length >= fence.length && close === fence.charAt(0).repeat(close.length)) {
      break;
    }
    end += 1;
  }
  return [{ kind: "code", language, text: lines.slice(at + 1, end).join("\n") }, end + 1];
}

/** Text that is moved in by four. @param {string[]} lines @param {number} at @returns {[Block, number]} */
function code(lines, at) {
  let end = at;
  while (end < lines.length && (/^ {4}/.test(lines[end] ?? "") || (lines[end] ?? "").trim() === "")) {
    end += 1;
  }
  const text = lines.slice(at, end).map((one) => one.slice(4)).join("\n").trimEnd();
  return [{ kind: "code", language: "", text }, end];
}

/** @param {string[]} lines @param {number} at @returns {[Block, number]} */
function table(lines, at) {
  const head = cells(lines[at] ?? "");
  const align = cells(lines[at + 1] ?? "").map(alignment);
  let end = at + 2;
  /** @type {Inline[][][]} */
  const rows = [];
  while (end < lines.length && (lines[end] ?? "").includes("|")) {
    // what a row lacks is not filled in: many short rows below a wide head would be too much
    rows.push(cells(lines[end] ?? "").slice(0, head.length).map((text) => inlines(text)));
    end += 1;
  }
  return [{ kind: "table", align, head: head.map((text) => inlines(text)), rows }, end];
}

/** @param {string} mark @returns {Align} */
function alignment(mark) {
  const isRight = mark.endsWith(":");
  if (mark.startsWith(":")) {
    return isRight ? "center" : "left";
  }
  return isRight ? "right" : "";
}

/** @param {string} line @param {string} division */
function sameWidth(line, division) {
  return cells(line).length === cells(division).length;
}

/** `\|` is a sign of the text. @param {string} line */
function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
