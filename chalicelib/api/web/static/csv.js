// Tables as text: RFC 4180, and what spreadsheets make of it.

/**
 * The rows of a table. Quotes may hold separators, line ends and doubled quotes; a quote that comes
 * within a bare field is text. LF, CRLF and CR end rows; empty lines are left out.
 * @param {string} text
 * @param {{ separator?: string, maxRows?: number, isCut?: boolean }} [how] `isCut`: the text goes on
 *   after its end, so that its last row may not be whole and is left out
 * @returns {{ rows: string[][], isWhole: boolean }} `isWhole`: there is no other row
 */
export function parseTable(text, { separator = ",", maxRows = Infinity, isCut = false } = {}) {
  /** @type {string[][]} */
  const rows = [];
  /** @type {string[]} */
  let row = [];
  let at = text.startsWith("\ufeff") ? 1 : 0;
  while (at < text.length) {
    if (rows.length === maxRows) {
      return { rows, isWhole: false };
    }
    const field = text[at] === '"' ? quoted(text, at + 1, separator) : bare(text, at, separator);
    row.push(field.value);
    at = field.end;
    if (at >= text.length) {
      break;
    }
    if (text[at] === separator) {
      at += 1;
      if (at < text.length) {
        continue;
      }
      row.push("");
      break;
    }
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
    if (row.length > 1 || row[0] !== "" || field.isQuoted) {
      rows.push(row);
    }
    row = [];
  }
  if (row.length > 0 && !isCut) {
    rows.push(row);
  }
  return { rows, isWhole: !isCut };
}

/** @param {string} text @param {number} at @param {string} separator */
function bare(text, at, separator) {
  let end = at;
  while (end < text.length && !isEnd(text[end], separator)) {
    end += 1;
  }
  return { value: text.slice(at, end), end, isQuoted: false };
}

/** @param {string} text @param {number} at behind the quote @param {string} separator */
function quoted(text, at, separator) {
  let value = "";
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) {
      return { value: value + text.slice(at), end: text.length, isQuoted: true };
    }
    value += text.slice(at, quote);
    if (text[quote + 1] !== '"') {
      // text between the closing quote and the separator belongs to the field
      const rest = bare(text, quote + 1, separator);
      return { value: value + rest.value, end: rest.end, isQuoted: true };
    }
    value += '"';
    at = quote + 2;
  }
}

/** @param {string | undefined} sign @param {string} separator */
function isEnd(sign, separator) {
  return sign === separator || sign === "\n" || sign === "\r";
}

/**
 * RFC 4180; a cell that a spreadsheet would run as a formula begins with an apostrophe, a number never.
 * @param {(string | number | null | undefined)[][]} rows
 */
export function csv(rows) {
  const cell = (/** @type {string | number | null | undefined} */ value) => {
    const text = String(value ?? "");
    const isFormula = /^[=+\-@\t\r]/.test(text) && text !== "-Infinity" && (text.trim() === "" || Number.isNaN(Number(text)));
    const safe = isFormula ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n");
}
