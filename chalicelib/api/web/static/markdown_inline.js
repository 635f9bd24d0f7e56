// What is within a line of markdown: emphasis, code, links.

/**
 * @typedef {{ kind: "text", text: string }
 *   | { kind: "code", text: string }
 *   | { kind: "break" }
 *   | { kind: "strong" | "emphasis" | "strike", children: Inline[] }
 *   | { kind: "link", href: string, children: Inline[] }} Inline
 */

const MAX_DEPTH = 8;
/** How far the end of something is looked for: what takes longer to read is text. */
const REACH = 1000;
const SAFE = /^(?:https?:\/\/|mailto:)[^\s<>"\\]+$/i;
const ADDRESS = /https?:\/\/[^\s<>"\\]+/iy;
const ESCAPED = /[!-/:-@[-`{-~]/;
const WORD = /[\p{L}\p{N}_]/u;
/** @type {[string, "strong" | "emphasis" | "strike"][]} the longer of a sign first */
const MARKS = [["**", "strong"], ["__", "strong"], ["~~", "strike"], ["*", "emphasis"], ["_", "emphasis"]];

/**
 * @param {string} text
 * @param {number} [depth]
 * @returns {Inline[]}
 */
export function inlines(text, depth = 0) {
  /** @type {Inline[]} */
  const found = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const escaped = text[at] === "\\" ? text[at + 1] : undefined;
    if (escaped !== undefined && ESCAPED.test(escaped)) {
      plain += escaped;
      at += 2;
      continue;
    }
    const read = depth < MAX_DEPTH ? special(text, at, depth) : null;
    if (read === null) {
      plain += text[at];
      at += 1;
      continue;
    }
    const [node, end] = read;
    // two spaces at the end of a line break it, and are not shown
    const before = node.kind === "break" ? plain.trimEnd() : plain;
    if (before !== "") {
      found.push({ kind: "text", text: before });
    }
    found.push(node);
    plain = "";
    at = end;
  }
  if (plain !== "") {
    found.push({ kind: "text", text: plain });
  }
  return found;
}

/**
 * The address where a link may lead there, null where it may not.
 * @param {string} address
 */
export function safeAddress(address) {
  return SAFE.test(address) ? address : null;
}

/** @param {string} text @param {number} at @param {number} depth @returns {[Inline, number] | null} */
function special(text, at, depth) {
  switch (text[at]) {
    case "`":
      return code(text, at);
    case "!":
      // a picture from elsewhere would tell its host who reads this: it is a link
      return text[at + 1] === "[" ? link(text, at + 1, depth) : null;
    case "[":
      return link(text, at, depth);
    case "<": {
      const end = text.slice(at, at + REACH).indexOf(">");
      return end < 0 ? null : address(text.slice(at + 1, at + end), at + end + 1);
    }
    case "h":
    case "H":
      return bareAddress(text, at);
    case "\n":
      return / {2}$/.test(text.slice(Math.max(0, at - 2), at)) ? [{ kind: "break" }, at + 1] : null;
    case "*":
    case "_":
    case "~":
      return marked(text, at, depth);
    default:
      return null;
  }
}

/** @param {string} text @param {number} at @returns {[Inline, number] | null} */
function code(text, at) {
  let end = at;
  while (text[end] === "`") {
    end += 1;
  }
  const fence = text.slice(at, end);
  let close = text.indexOf(fence, end);
  while (close >= 0 && close - end < REACH && (text[close + fence.length] === "`" || text[close - 1] === "`")) {
    close = text.indexOf(fence, close + 1);
  }
  if (close < 0 || close - end >= REACH) {
    return [{ kind: "text", text: fence }, end];
  }
  const inner = text.slice(end, close).replaceAll("\n", " ");
  const isPadded = inner.startsWith(" ") && inner.endsWith(" ") && inner.trim() !== "";
  return [{ kind: "code", text: isPadded ? inner.slice(1, -1) : inner }, close + fence.length];
}

/**
 * `[words](address "title")`, from the bracket on.
 * @param {string} text @param {number} at @param {number} depth @returns {[Inline, number] | null}
 */
function link(text, at, depth) {
  let open = 0;
  let end = at;
  for (; end < text.length && end - at < REACH; end += 1) {
    open += text[end] === "[" ? 1 : text[end] === "]" ? -1 : 0;
    end += text[end] === "\\" ? 1 : 0;
    if (open === 0) {
      break;
    }
  }
  if (open !== 0 || text[end + 1] !== "(") {
    return null;
  }
  const found = /^\(\s*<?((?:[^\s()<>]|\([^\s()<>]*\))*)>?(?:\s+"[^"]*"|\s+'[^']*')?\s*\)/.exec(
    text.slice(end + 1, end + 1 + REACH),
  );
  if (found === null) {
    return null;
  }
  const href = safeAddress(found[1] ?? "");
  const words = text.slice(at + 1, end);
  const after = end + 1 + found[0].length;
  if (href === null) {
    return [{ kind: "text", text: text.slice(at, after) }, after];
  }
  // a link has no links in it
  const children = inlines(words, depth + 1).map(withoutLink);
  return [{ kind: "link", href, children: children.length ? children : [{ kind: "text", text: href }] }, after];
}

/** @param {Inline} node @returns {Inline} */
function withoutLink(node) {
  return node.kind === "link" ? { kind: "strong", children: node.children.map(withoutLink) } : node;
}

/** @param {string} text @param {number} end @returns {[Inline, number] | null} */
function address(text, end) {
  const href = safeAddress(text);
  return href === null ? null : [{ kind: "link", href, children: [{ kind: "text", text }] }, end];
}

/** @param {string} text @param {number} at @returns {[Inline, number] | null} */
function bareAddress(text, at) {
  if (at > 0 && WORD.test(text[at - 1] ?? "")) {
    return null;
  }
  ADDRESS.lastIndex = at;
  // signs that end a sentence are not part of it
  const found = ADDRESS.exec(text)?.[0].replace(/[.,;:!?'*_~)\]]+$/, "");
  return found === undefined ? null : address(found, at + found.length);
}

/** @param {string} text @param {number} at @param {number} depth @returns {[Inline, number] | null} */
function marked(text, at, depth) {
  for (const [mark, kind] of MARKS) {
    if (text.startsWith(mark, at)) {
      const end = closing(text, at, mark);
      if (end > 0) {
        const children = inlines(text.slice(at + mark.length, end), depth + 1);
        return [{ kind, children }, end + mark.length];
      }
    }
  }
  return null;
}

/** Where the same mark ends what it begins at `at`, -1 where it does not. @param {string} text @param {number} at @param {string} mark */
function closing(text, at, mark) {
  const start = at + mark.length;
  const isWordy = mark.startsWith("_");
  if (/^\s|^$/.test(text.charAt(start)) || (isWordy && WORD.test(text.charAt(at - 1)))) {
    return -1;
  }
  for (let end = text.indexOf(mark, start + 1); end > 0 && end - at < REACH; end = text.indexOf(mark, end + 1)) {
    const after = text.charAt(end + mark.length);
    const isLonger = mark.length === 1 && (after === mark || text[end - 1] === mark);
    const isEnd = !/\s/.test(text.charAt(end - 1)) && text[end - 1] !== "\\";
    if (isEnd && !isLonger && !(isWordy && after !== "" && WORD.test(after))) {
      return end;
    }
  }
  return -1;
}
