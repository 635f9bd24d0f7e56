import assert from "node:assert/strict";
import { test } from "node:test";
import { thinned } from "../../chalicelib/api/web/static/named_artifacts_points.js";

const series = (count, y) => Array.from({ length: count }, (_, x) => ({ x, y: y(x) }));

test("a long series keeps its ends and its peaks", () => {
  const points = series(15_000, (x) => (x === 7_777 ? 100 : x === 7_778 ? -100 : x % 3));
  const found = thinned(points, 2000);
  assert.ok(found.length <= 2002, found.length);
  assert.deepEqual([found[0].x, found.at(-1).x], [0, 14_999]);
  assert.deepEqual([Math.max(...found.map((one) => one.y)), Math.min(...found.map((one) => one.y))], [100, -100]);
  assert.deepEqual(found.map((one) => one.x), found.map((one) => one.x).toSorted((a, b) => a - b));
});

test("a short series is left as it is", () => {
  const points = series(2000, (x) => x);
  assert.equal(thinned(points, 2000), points);
  assert.deepEqual(thinned([], 10), []);
});
