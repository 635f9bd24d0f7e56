import assert from "node:assert/strict";
import { test } from "node:test";
import { tagChanges, tagLines } from "../../chalicelib/api/web/static/tag_lines.js";

test("tags that were not touched do not change", () => {
  const tags = { team: "vision", done: "", url: "https://example.org:1", "a: b": "c", text: "two\nlines", "mlflow.user": "ada" };
  assert.equal(tagLines(tags), "team: vision\ndone\nurl: https://example.org:1");
  assert.deepEqual(tagChanges(tags, tagLines(tags)), {});
});

test("what differs is sent, and what is gone is deleted", () => {
  assert.deepEqual(tagChanges({ a: "1", b: "2" }, "a: 3\n\n c:4 \nd"), { b: null, a: "3", c: "4", d: "" });
});

test("a tag may be named as what every object has", () => {
  assert.deepEqual(tagChanges({}, "constructor: x"), { constructor: "x" });
});
