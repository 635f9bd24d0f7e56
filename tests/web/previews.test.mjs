import assert from "node:assert/strict";
import { test } from "node:test";
import { endingOf, indented, kindOf, memberText } from "../../chalicelib/api/web/static/preview_kind.js";

test("a file is shown as its media type says, or as its name where that is vague", () => {
  for (const [name, mime, kind] of [
    ["a.png", "image/png", "image"], ["a", "image/webp", "image"], ["a.svg", null, "image"],
    ["a.csv", "text/plain", "table"], ["a.tsv", "text/tab-separated-values", "table"],
    ["a.md", "text/plain; charset=utf-8", "markdown"], ["a.json", "application/octet-stream", "json"],
    ["a.geojson", "application/geo+json", "json"], ["a.py", "text/x-python", "text"], ["A.LOG", "", "text"],
    ["Dockerfile", null, "text"], ["a.wav", "audio/x-wav", "audio"], ["a.mp4", "video/mp4", "video"],
    ["a.html", "text/html", "text"], ["a.pkl", "application/octet-stream", "other"],
    ["a.tif", "image/tiff", "other"], ["a.pdf", "application/pdf", "other"], ["a.csv", "application/zip", "other"],
  ]) {
    assert.equal(kindOf(name, mime), kind, `${name} ${mime}`);
  }
});

test("endings are those of the last name", () => {
  assert.equal(endingOf("a.b/C.Tar.GZ"), "gz");
  assert.equal(endingOf("a.b/Makefile"), "makefile");
});

test("JSON is indented without changing a token", () => {
  const source = '{"a":[1,{"b":[]},12345678901234567890],"c":"x,{\\"y\\"}:", "d" : {}, "e":1.50}';
  assert.equal(
    indented(source),
    '{\n  "a": [\n    1,\n    {\n      "b": []\n    },\n    12345678901234567890\n  ],\n  "c": "x,{\\"y\\"}:",\n  "d": {},\n  "e": 1.50\n}',
  );
  assert.equal(indented(" 3 "), "3");
  const odd = { "": [true, null, "\u2028", "\\"], deep: [[[[]]]] };
  assert.deepEqual(JSON.parse(indented(JSON.stringify(odd))), odd);
  assert.equal(indented(JSON.stringify(odd)), JSON.stringify(odd, null, 2));
});

test("a long string in JSON is no trouble", () => {
  const source = JSON.stringify({ a: "x".repeat(300_000), b: "\\".repeat(100_000) });
  assert.deepEqual(JSON.parse(indented(source)), JSON.parse(source));
});

test("a file with a name that every object has is of no known kind", () => {
  assert.equal(kindOf("constructor", ""), "other");
});

test("what is nested too deep to be indented stays as it is written", () => {
  const source = "[".repeat(30_000) + "]".repeat(30_000);
  assert.equal(indented(source), source);
  assert.equal(indented("[[1]]"), "[\n  [\n    1\n  ]\n]");
});

test("a member of an answer keeps its digits", () => {
  assert.equal(memberText('{"a": {"value": 1}, "value": 9007199254740993, "b": "value"}', "value"), "9007199254740993");
  assert.equal(memberText('{"value":{"n": [12345678901234567890]}}', "value"), '{"n": [12345678901234567890]}');
  assert.equal(memberText('{"a": 1}', "value"), "");
});
