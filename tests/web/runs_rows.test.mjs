import assert from "node:assert/strict";
import { test } from "node:test";
import {
  appended, bestValues, columnsInSight, inSight, learn, nothingKnown, refreshed, rowOf, toggled,
} from "../../chalicelib/api/web/static/runs_rows.js";

function row(run_id, metrics = {}, status = "running") {
  return { run_id, name: run_id, status, duration_ms: null, user: "ada", tags: {}, params: {}, metrics };
}

function ids(rows) {
  return rows.map((one) => one.run_id);
}

test("the user is whom the client named, else whose key it was", () => {
  assert.equal(rowOf({ tags: {}, created_by: "key" }).user, "key");
  assert.equal(rowOf({ tags: { "mlflow.user": "ada" }, created_by: "key" }).user, "ada");
});

test("a run that moved between two pages is shown once", () => {
  assert.deepEqual(ids(appended([row("a"), row("b")], [row("b"), row("c")])), ["a", "b", "c"]);
});

test("new runs come in above and rows that did not change are the same objects", () => {
  const old = [row("a", { loss: 1 }), row("b"), row("c")];
  const now = refreshed(old, [row("new"), row("a", { loss: 0.5 }), row("b")], false);
  assert.deepEqual(ids(now), ["new", "a", "b", "c"]);
  assert.equal(now[1].metrics.loss, 0.5);
  assert.equal(now[2], old[1]);
  assert.equal(now[3], old[2]);
});

test("a whole answer replaces what is shown, so that what was archived goes", () => {
  assert.deepEqual(ids(refreshed([row("a"), row("b")], [row("b")], true)), ["b"]);
});

test("rows further down take their newer states and keep their places", () => {
  const now = refreshed([row("a"), row("b"), row("c")], [row("a")], false, [row("c", {}, "finished")]);
  assert.deepEqual(now.map((one) => one.status), ["running", "running", "finished"]);
});

test("what differs is seen in metrics, params and tags", () => {
  const old = [row("a", { loss: "NaN" })];
  assert.equal(refreshed(old, [row("a", { loss: "NaN" })], true)[0], old[0]);
  assert.notEqual(refreshed(old, [{ ...row("a", { loss: "NaN" }), tags: { x: "" } }], true)[0], old[0]);
});

test("known values are kept up to a bound, and MLflow's own tags are not offered", () => {
  const known = nothingKnown();
  learn(known, Array.from({ length: 300 }, (_, n) => ({ ...row(`r${n}`), params: { n: `${n}` }, tags: { "mlflow.user": "x" } })));
  assert.equal(known.params.get("n").size, 100);
  assert.equal(known.tags.size, 0);
});

test("the best value follows the goal, and NaN is never best", () => {
  const rows = [row("a", { loss: "NaN", acc: 0.5 }), row("b", { loss: 2, acc: "Infinity" }), row("c", { loss: 1 }), row("d")];
  assert.deepEqual(bestValues(rows, { loss: "min", acc: "max", absent: "max" }), new Map([["loss", 1], ["acc", Infinity]]));
});

test("the rows in sight are within the list however far it is scrolled", () => {
  const view = { height: 340, rowHeight: 34, count: 1000, around: 2 };
  assert.deepEqual(inSight({ ...view, top: 0 }), { first: 0, end: 12 });
  assert.deepEqual(inSight({ ...view, top: 3400 }), { first: 98, end: 112 });
  assert.deepEqual(inSight({ ...view, top: 1e9 }), { first: 1000, end: 1000 });
  assert.deepEqual(inSight({ ...view, top: 0, count: 0 }), { first: 0, end: 0 });
});

test("the columns in sight are those that are seen and two at each side", () => {
  const widths = Array.from({ length: 100 }, () => 100);
  assert.deepEqual(columnsInSight(widths, { left: 0, width: 250 }), { first: 0, end: 5 });
  assert.deepEqual(columnsInSight(widths, { left: 5000, width: 250 }), { first: 48, end: 55 });
  assert.deepEqual(columnsInSight(widths, { left: -300, width: 250 }), { first: 0, end: 2 });
  assert.deepEqual(columnsInSight([], { left: 0, width: 250 }), { first: 0, end: 0 });
});

test("a range becomes as the clicked one becomes, in either direction", () => {
  const shown = ["a", "b", "c", "d"];
  assert.deepEqual([...toggled(new Set(["b"]), shown, "d", "b")], ["b", "c", "d"]);
  assert.deepEqual([...toggled(new Set(shown), shown, "a", "c")], ["d"]);
  assert.deepEqual([...toggled(new Set(), shown, "c", "gone")], ["c"]);
  assert.deepEqual([...toggled(new Set(["c"]), shown, "c", null)], []);
});

test("a metric may be named as what every object has", () => {
  const named = JSON.parse('{"constructor": 1, "__proto__": 2}');
  const goals = JSON.parse('{"constructor": "min", "__proto__": "max"}');
  const rows = [row("a", named), row("b")];
  assert.deepEqual([...bestValues(rows, goals)], [["constructor", 1], ["__proto__", 2]]);
  assert.notEqual(refreshed(rows, [row("a"), row("b", named)], true)[1], rows[1]);
});

test("rows that were asked for and are not found any more go", () => {
  const rows = [row("a"), row("b"), row("c"), row("d")];
  const now = refreshed(rows, [row("a")], false, [row("c", { loss: 1 })], ["b", "c"]);
  assert.deepEqual(ids(now), ["a", "c", "d"]);
  assert.equal(now[1].metrics.loss, 1);
});
