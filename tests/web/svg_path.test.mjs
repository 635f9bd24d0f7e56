import assert from "node:assert/strict";
import { test } from "node:test";
import { bandPath, linePath, shortened } from "../../chalicelib/api/web/static/svg_path.js";

test("a line goes from dot to dot", () => {
  assert.equal(linePath([{ x: 0, y: 1 }, { x: 2.04, y: 3 }]), "M0 1L2 3");
});

test("a line has a gap where there is no value", () => {
  assert.equal(linePath([{ x: 0, y: 0 }, null, { x: 2, y: NaN }, { x: 3, y: 3 }, { x: 4, y: 4 }]), "M0 0M3 3L4 4");
});

test("a band goes there above and back below", () => {
  assert.equal(bandPath([{ x: 0, low: 5, high: 1 }, { x: 2, low: 6, high: 2 }]), "M0 1L2 2L2 6L0 5Z");
});

test("a band has a piece on each side of a gap", () => {
  const path = bandPath([{ x: 0, low: 1, high: 0 }, { x: 1, low: NaN, high: 0 }, { x: 2, low: 1, high: 0 }]);
  assert.equal(path.split("Z").length, 3);
  assert.equal(bandPath([]), "");
});

test("a text is cut between signs, not within one", () => {
  assert.equal(shortened("short", 5), "short");
  assert.equal(shortened("much longer", 5), "much…");
  assert.equal(shortened("😀😀😀", 2), "😀…");
});
