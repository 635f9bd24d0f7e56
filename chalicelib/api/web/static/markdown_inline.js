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
const ENDING = ".,;:!?'*_~)]";
const WORD = /[\p{L}\p{N}_]/u;
/** @type {[string, "strong" | "emphasis" | "strike"][]} the longer of a sign first */
const MARKS = [["**", "strong"], ["__", "strong"], ["~~", "strike"], ["*", "emphasis"], ["_", "emphasis"]];

/**
 * What was found of a text ahead of where it is read, so that nothing is looked for twice.
 * @typedef {{ ends: Map<string, number>, brackets: Map<number, number> | null }} Ahead `ends`: the next
 *   place where each mark may end something
 */

/**
 * @param {string} text
 * @param {number} [depth]
 * @returns {Inline[]}
 */
export function inlines(text, depth = 0) {
  /** @type {Ahead} */
  const ahead = { ends: new Map(), brackets: null };
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
    const read = depth < MAX_DEPTH ? special(text, at, depth, ahead) : null;
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

/** @param {string} text @param {number} at @param {number} depth @param {Ahead} ahead @returns {[Inline, number] | null} */
function special(text, at, depth, ahead) {
  switch (text[at]) {
    case "`":
      return code(text, at);
    case "!":
      // a picture from elsewhere would tell its host who reads this: it is a link
      return text[at + 1] === "[" ? link(text, at + 1, depth, ahead) : null;
    case "[":
      return link(text, at, depth, ahead);
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
      return marked(text, at, depth, ahead);
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
  const near = text.slice(0, end + REACH);
  let close = near.indexOf(fence, end);
  while (close >= 0 && (text[close + fence.length] === "`" || text[close - 1] === "`")) {
    close = near.indexOf(fence, close + 1);
  }
  if (close < 0) {
    return [{ kind: "text", text: fence }, end];
  }
  const inner = text.slice(end, close).replaceAll("\n", " ");
  const isPadded = inner.startsWith(" ") && inner.endsWith(" ") && inner.trim() !== "";
  return [{ kind: "code", text: isPadded ? inner.slice(1, -1) : inner }, close + fence.length];
}

/**
 * `[words](address "title")`, from the bracket on.
 * @param {string} text @param {number} at @param {number} depth @param {Ahead} ahead
 * @returns {[Inline, number] | null}
 */
function link(text, at, depth, ahead) {
  ahead.brackets ??= bracketsOf(text);
  const end = ahead.brackets.get(at) ?? Infinity;
  if (end - at >= REACH || text[end + 1] !== "(") {
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

/** Where each bracket is closed. @param {string} text */
function bracketsOf(text) {
  /** @type {Map<number, number>} */
  const closed = new Map();
  const open = [];
  for (let at = 0; at < text.length; at += text[at] === "\\" ? 2 : 1) {
    if (text[at] === "[") {
      open.push(at);
    } else if (text[at] === "]") {
      closed.set(open.pop() ?? -1, at);
    }
  }
  return closed;
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
  if (!ADDRESS.test(text)) {
    return null;
  }
  let end = ADDRESS.lastIndex;
  // signs that end a sentence are not part of it
  while (ENDING.includes(text.charAt(end - 1))) {
    end -= 1;
  }
  return address(text.slice(at, end), end);
}

/** @param {string} text @param {number} at @param {number} depth @param {Ahead} ahead @returns {[Inline, number] | null} */
function marked(text, at, depth, { ends }) {
  for (const [mark, kind] of MARKS) {
    const start = at + mark.length;
    const isWordy = mark.startsWith("_") && WORD.test(text.charAt(at - 1));
    if (!text.startsWith(mark, at) || /^\s|^$/.test(text.charAt(start)) || isWordy) {
      continue;
    }
    let end = ends.get(mark) ?? 0;
    if (end <= start) {
      end = closing(text, start + 1, mark);
      ends.set(mark, end);
    }
    if (end - at < REACH) {
      return [{ kind, children: inlines(text.slice(start, end), depth + 1) }, end + mark.length];
    }
  }
  return null;
}

/** Where the mark may next end something, Infinity where it does not. @param {string} text @param {number} from @param {string} mark */
function closing(text, from, mark) {
  for (let end = text.indexOf(mark, from); end > 0; end = text.indexOf(mark, end + 1)) {
    const after = text.charAt(end + mark.length);
    const isLonger = mark.length === 1 && (after === mark || text[end - 1] === mark);
    const isEnd = !/\s/.test(text.charAt(end - 1)) && text[end - 1] !== "\\";
    if (isEnd && !isLonger && !(mark.startsWith("_") && after !== "" && WORD.test(after))) {
      return end;
    }
  }
  return Infinity;
}
