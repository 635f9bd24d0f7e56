// What may be typed next in a filter, as far as it is typed.
import { ATTRIBUTES, spelledField, spelledString } from "./filter_fields.js";
import { own } from "./format.js";

/** @typedef {{ text: string, label: string, hint: string }} Option */
/** @typedef {{ from: number, options: Option[] }} Completion what is typed behind `from` is replaced */
/** @typedef {{ kind: string, key: string }} Field */

const SPACE = /\s*/y;
const FIELD = /(?:`(?:[^`]|``)*`|\w+)(?:\.(?:`(?:[^`]|``)*`|"(?:[^"]|"")*"|[\w.$@:/-]*))?/y;
const OPEN_FIELD = /^(?:[\w$@:/-]*|\w+\.`(?:[^`]|``)*)$/;
const OPERATOR =
  /(?:is\s+not\s+null\b|is\s+null\b|not\s+in\b|in\b|ilike\b|like\b|!=|<>|<=|>=|==|=|<|>)/iy;
const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?![\w.])/iy;
const STRING = /'(?:[^']|'')*'|"(?:[^"]|"")*"/y;
const NULLS = ["IS NULL", "IS NOT NULL"];
const FOR_NUMBERS = ["<", "<=", ">", ">=", "=", "!=", ...NULLS];
const FOR_STRINGS = ["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", ...NULLS];
const STATUSES = ["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"];
const KINDS = /** @type {Record<string, string>} */ ({
  metrics: "metric",
  metric: "metric",
  params: "param",
  param: "param",
  parameters: "param",
  tags: "tag",
  tag: "tag",
});
const HINTS = /** @type {Record<string, string>} */ ({
  LIKE: "% is any text",
  ILIKE: "as LIKE, in either case",
  IN: "one of a list",
  "NOT IN": "none of a list",
  "IS NULL": "it has none",
  "IS NOT NULL": "it has one",
});
const MOST = 50;
const HOUR = 3_600_000;

/**
 * @param {string} text
 * @param {number} caret
 * @param {import("./runs_rows.js").Known} known
 * @param {number} now milliseconds since the epoch
 * @returns {Completion} without options where nothing can be offered
 */
export function completion(text, caret, known, now) {
  const typed = text.slice(0, caret);
  let at = 0;
  for (;;) {
    at = behind(SPACE, typed, at) ?? at;
    const end = behind(FIELD, typed, at) ?? at;
    const isOpen = OPEN_FIELD.test(typed.slice(at));
    if (end === typed.length || isOpen) {
      return fields(typed, at, known);
    }
    const field = parsedField(typed.slice(at, end));
    at = behind(SPACE, typed, end) ?? end;
    const operatorEnd = behind(OPERATOR, typed, at);
    if (operatorEnd === null || operatorEnd === typed.length) {
      return operators(typed, at, field);
    }
    const operator = typed.slice(at, operatorEnd).toUpperCase().replace(/\s+/g, " ");
    const value = operator.endsWith("NULL")
      ? { end: operatorEnd, completion: null }
      : operator.endsWith("IN")
        ? list(typed, operatorEnd, field, known)
        : single(typed, operatorEnd, field, known, now);
    if (value.completion !== null) {
      return value.completion;
    }
    at = behind(SPACE, typed, value.end) ?? value.end;
    const and = /and\s/iy;
    const next = behind(and, typed, at);
    if (next === null) {
      const isApart = at > value.end;
      return { from: at, options: isApart ? matching(typed.slice(at), [option("AND", "and also")]) : [] };
    }
    at = next;
  }
}

/**
 * The text with an option in it, and where the caret is then.
 * @param {string} text
 * @param {number} caret
 * @param {number} from
 * @param {Option} option
 */
export function completed(text, caret, from, option) {
  const rest = text.slice(caret);
  const isWhole = !option.text.endsWith(".") && !option.text.endsWith("(");
  const gap = isWhole && !rest.startsWith(" ") ? " " : "";
  const head = text.slice(0, from) + option.text + gap;
  return { text: head + rest, caret: head.length };
}

/** @param {string} typed @param {number} from @param {import("./runs_rows.js").Known} known */
function fields(typed, from, known) {
  const prefix = typed.slice(from).replaceAll("`", "");
  const dot = prefix.indexOf(".");
  const entity = dot < 0 ? null : prefix.slice(0, dot).toLowerCase();
  /** @type {Option[]} */
  const keys = [
    ...[...known.metrics].map((key) => fieldOption("metric", key)),
    ...[...known.params.keys()].map((key) => fieldOption("param", key)),
    ...[...known.tags.keys()].map((key) => fieldOption("tag", key)),
  ];
  if (entity === "attributes") {
    const all = Object.entries(ATTRIBUTES).map(([name, kind]) => option(`attributes.${name}`, kind));
    return { from, options: matching(prefix, all) };
  }
  if (entity !== null) {
    return { from, options: matching(`${own(KINDS, entity) ?? entity}s${prefix.slice(dot)}`, keys) };
  }
  const begun = [
    option("metrics.", "a number that was logged"),
    option("params.", "a setting of the run"),
    option("tags.", "a tag"),
    ...Object.entries(ATTRIBUTES).map(([name, kind]) => option(name, kind)),
    option("attributes.", "status, start_time and others"),
  ];
  return { from, options: matching(prefix, prefix === "" ? begun : [...begun, ...keys]) };
}

/** @param {string} typed @param {number} from @param {Field} field */
function operators(typed, from, field) {
  const offered = isNumber(field) ? FOR_NUMBERS : FOR_STRINGS;
  const prefix = typed.slice(from).toUpperCase().replace(/\s+/g, " ");
  const begin = offered.filter((one) => one.startsWith(prefix));
  return { from, options: begin.map((one) => option(one, HINTS[one] ?? "")) };
}

/**
 * @param {string} typed
 * @param {number} start
 * @param {Field} field
 * @param {import("./runs_rows.js").Known} known
 * @param {number} now
 * @returns {{ end: number, completion: Completion | null }}
 */
function single(typed, start, field, known, now) {
  const from = behind(SPACE, typed, start) ?? start;
  const end = behind(isNumber(field) ? NUMBER : STRING, typed, from);
  if (end !== null) {
    return end === typed.length ? { end, completion: { from: end, options: [] } } : { end, completion: null };
  }
  if (isNumber(field)) {
    const options = typed.length === from ? moments(field, now) : [];
    return { end: from, completion: { from, options } };
  }
  return { end: from, completion: { from, options: strings(typed.slice(from), field, known) } };
}

/**
 * @param {string} typed
 * @param {number} start
 * @param {Field} field
 * @param {import("./runs_rows.js").Known} known
 * @returns {{ end: number, completion: Completion | null }}
 */
function list(typed, start, field, known) {
  let at = behind(SPACE, typed, start) ?? start;
  if (typed[at] !== "(") {
    const options = typed.length === at ? [option("(", "a list such as ('a', 'b')")] : [];
    return { end: at, completion: { from: at, options } };
  }
  for (;;) {
    at = behind(SPACE, typed, at + 1) ?? at + 1;
    const end = behind(STRING, typed, at);
    if (end === null) {
      return { end: at, completion: { from: at, options: strings(typed.slice(at), field, known) } };
    }
    at = behind(SPACE, typed, end) ?? end;
    if (typed[at] === ")") {
      return { end: at + 1, completion: null };
    }
    if (typed[at] !== ",") {
      const options = typed.length === at ? [option(",", "one more"), option(")", "the end of the list")] : [];
      return { end: at, completion: { from: end, options } };
    }
  }
}

/** @param {string} typed @param {Field} field @param {import("./runs_rows.js").Known} known */
function strings(typed, field, known) {
  const seen = valuesOf(field, known).map((value) => option(spelledString(value), ""));
  const prefix = typed.replace(/^"/, "'");
  return prefix === "" || prefix.startsWith("'") ? matching(prefix.slice(1), seen) : matching(prefix, seen);
}

/** @param {Field} field @param {import("./runs_rows.js").Known} known @returns {string[]} */
function valuesOf(field, known) {
  if (field.kind === "param" || field.kind === "tag") {
    const values = field.kind === "param" ? known.params : known.tags;
    return [...(values.get(field.key) ?? [])].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  }
  switch (field.key) {
    case "status":
      return STATUSES;
    case "user_id":
    case "created_by":
      return [...known.users];
    case "run_name":
    case "name":
      return [...known.names];
    default:
      return [];
  }
}

/** Nobody knows milliseconds since 1970 by heart. @param {Field} field @param {number} now */
function moments(field, now) {
  if (field.key !== "start_time" && field.key !== "end_time" && field.key !== "created") {
    return [];
  }
  const spans = /** @type {[string, number][]} */ ([
    ["an hour ago", HOUR],
    ["a day ago", 24 * HOUR],
    ["a week ago", 7 * 24 * HOUR],
    ["30 days ago", 30 * 24 * HOUR],
  ]);
  return spans.map(([hint, span]) => option(String(now - span), hint));
}

/** @param {string} text @returns {Field} */
function parsedField(text) {
  const dot = text.indexOf(".");
  const entity = dot < 0 ? "" : text.slice(0, dot).toLowerCase();
  const key = text.slice(dot + 1);
  const quote = key[0] === "`" || key[0] === '"' ? key[0] : null;
  const plain = quote === null ? key : key.slice(1, -1).replaceAll(quote + quote, quote);
  const kind = own(KINDS, entity) ?? "attribute";
  return { kind, key: kind === "attribute" ? plain.toLowerCase() : plain };
}

/** @param {Field} field */
function isNumber(field) {
  if (field.kind !== "attribute") {
    return field.kind === "metric";
  }
  const kind = own(ATTRIBUTES, field.key);
  return kind === "number" || kind === "time" || field.key === "created";
}

/** Those that begin with it, then those that have it inside. @param {string} typed @param {Option[]} options */
function matching(typed, options) {
  const wanted = typed.toLowerCase();
  const first = [];
  const later = [];
  for (const one of options) {
    const label = one.label.toLowerCase();
    const bare = label.startsWith("'") ? label.slice(1) : label;
    if (bare.startsWith(wanted)) {
      first.push(one);
    } else if (label.includes(wanted)) {
      later.push(one);
    }
  }
  return [...first, ...later].slice(0, MOST);
}

/** @param {string} kind @param {string} key @returns {Option} */
function fieldOption(kind, key) {
  return { text: spelledField(kind, key), label: `${kind}s.${key}`, hint: "" };
}

/** @param {string} text @param {string} hint @returns {Option} */
function option(text, hint) {
  return { text, label: text, hint };
}

/** @param {RegExp} pattern sticky @param {string} text @param {number} at @returns {number | null} */
function behind(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}
