import assert from "node:assert/strict";
import { test } from "node:test";
import { csv, parseTable } from "../../chalicelib/api/web/static/csv.js";

const rows = (text, how) => parseTable(text, how).rows;

test("quotes hold separators, line ends and doubled quotes", () => {
  assert.deepEqual(rows('a,b\n"1,2","x ""y""\r\nz"\n'), [["a", "b"], ["1,2", 'x "y"\r\nz']]);
});

test("all three line ends end a row, and the last row needs none", () => {
  assert.deepEqual(rows("a\rb\r\nc\nd"), [["a"], ["b"], ["c"], ["d"]]);
});

test("empty fields are kept, empty lines are not", () => {
  assert.deepEqual(rows(',a,\n\n"",\n""\n'), [["", "a", ""], ["", ""], [""]]);
  assert.deepEqual(rows("a,"), [["a", ""]]);
});

test("a byte order mark is no part of the first name", () => {
  assert.deepEqual(rows("\ufeffid,x"), [["id", "x"]]);
});

test("quotes in the middle of a field are text", () => {
  assert.deepEqual(rows('5" disk,"a"b,c'), [['5" disk', "ab", "c"]]);
});

test("a quote that is never closed takes the rest", () => {
  assert.deepEqual(rows('a,"b\nc'), [["a", "b\nc"]]);
});

test("other separators", () => {
  assert.deepEqual(rows("a\tb,c\n", { separator: "\t" }), [["a", "b,c"]]);
});

test("the last row of a text that goes on is left out", () => {
  assert.deepEqual(parseTable("a,b\n1,2\n3,", { isCut: true }), { rows: [["a", "b"], ["1", "2"]], isWhole: false });
});

test("no more rows than asked for, and it says that there are more", () => {
  assert.deepEqual(parseTable("1\n2\n3\n", { maxRows: 2 }), { rows: [["1"], ["2"]], isWhole: false });
  assert.deepEqual(parseTable("1\n2\n", { maxRows: 2 }), { rows: [["1"], ["2"]], isWhole: true });
  assert.deepEqual(parseTable(""), { rows: [], isWhole: true });
});

test("what is taken along runs as no formula, and numbers stay numbers", () => {
  assert.equal(csv([["=1+1", "-1.5", -1.5, "-x", "-Infinity", null, '"', "\t"]]), `'=1+1,-1.5,-1.5,'-x,-Infinity,,"""",'\t`);
});
