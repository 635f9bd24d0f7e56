// Tags as lines of text, to be changed by hand.
import { own } from "./format.js";

/** `team: vision`, or the name alone. @param {string} name @param {string} value */
export function tagText(name, value) {
  return value === "" ? name : `${name}: ${value}`;
}

/**
 * Those that come back from a line as they were; the others, and those of programs, are not to be
 * changed by hand.
 * @param {Record<string, string>} tags
 */
function editable(tags) {
  return Object.entries(tags).filter(([name, value]) => {
    const read = parsed(tagText(name, value));
    return !name.startsWith("mlflow.") && read.size === 1 && read.get(name) === value;
  });
}

/** @param {Record<string, string>} tags */
export function tagLines(tags) {
  return editable(tags).map(([name, value]) => tagText(name, value)).join("\n");
}

/**
 * What differs alone: a tag that another person added meanwhile stays.
 * @param {Record<string, string>} tags as they were
 * @param {string} lines as they are to be
 * @returns {Record<string, string | null>} null deletes
 */
export function tagChanges(tags, lines) {
  const wanted = parsed(lines);
  const gone = editable(tags).filter(([name]) => !wanted.has(name)).map(([name]) => [name, null]);
  return Object.fromEntries([...gone, ...[...wanted].filter(([name, value]) => own(tags, name) !== value)]);
}

/** @param {string} lines @returns {Map<string, string>} */
function parsed(lines) {
  const found = new Map();
  for (const line of lines.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const at = line.indexOf(":");
    found.set(at < 0 ? line : line.slice(0, at).trim(), at < 0 ? "" : line.slice(at + 1).trim());
  }
  return found;
}
