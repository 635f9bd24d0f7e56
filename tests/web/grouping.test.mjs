import assert from "node:assert/strict";
import { test } from "node:test";
import { column } from "../../chalicelib/api/web/static/columns.js";
import { grouped, groups, summary, values } from "../../chalicelib/api/web/static/grouping.js";

function run(run_id, model, loss) {
  const params = model === undefined ? {} : { model };
  return { run_id, params, tags: {}, metrics: loss === undefined ? {} : { loss }, status: "finished" };
}

const ROWS = [run("a", "vit", 1), run("b", undefined, 2), run("c", "mlp", "NaN"), run("d", "vit", 3), run("e", "")];

test("groups come as their first runs come, runs without a value last", () => {
  const found = groups(ROWS, "params.model");
  assert.deepEqual(found.map((one) => one.value), ["vit", "mlp", "", null]);
  assert.deepEqual(found[0].rows.map((row) => row.run_id), ["a", "d"]);
  assert.equal(new Set(found.map((one) => one.id)).size, 4);
});

test("the runs of a closed group are not in the lines", () => {
  const found = groups(ROWS, "params.model");
  const lines = grouped(found, (group) => group.value === "vit");
  assert.deepEqual(lines.map((line) => line.row?.run_id ?? line.group.value), ["vit", "a", "d", "mlp", "", null]);
});

test("a summary leaves NaN out and counts it", () => {
  const loss = column("metrics.loss");
  assert.deepEqual(summary(ROWS, loss), { count: 3, nan: 1, mean: 2, min: 1, max: 3 });
  assert.equal(summary([ROWS[4]], loss), null);
  assert.equal(summary([ROWS[2]], loss).nan, 1);
  assert.equal(summary([run("x", "m", "Infinity")], loss).max, Infinity);
});

test("a group tells its different values", () => {
  assert.deepEqual(values(ROWS, column("params.model")), ["vit", "mlp", ""]);
  assert.deepEqual(values(ROWS, column("params.absent")), []);
  assert.equal(values(Array.from({ length: 50 }, (_, n) => run("r", String(n))), column("params.model")).length, 20);
});

test("a column that there is not makes one group", () => {
  assert.deepEqual(groups(ROWS, "nothing").map((one) => one.rows.length), [5]);
});
