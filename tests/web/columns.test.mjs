import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allColumns, askedColumns, cellOf, column, defaultColumns, isNumeric, listText, nextSort, orderBy,
  parsedList, parsedSort, sortText, sortedBy, widthOf,
} from "../../chalicelib/api/web/static/columns.js";
import { learn, nothingKnown } from "../../chalicelib/api/web/static/runs_rows.js";

const ROW = {
  run_id: "a", name: "one", status: "finished", start_time: "2026-01-01T00:00:00.000Z",
  duration_ms: 5, user: "ada", tags: { team: "vision" }, params: { lr: "0.1", model: "vit" },
  metrics: { loss: 0.5 },
};

function knownFrom(...rows) {
  const known = nothingKnown();
  learn(known, rows.map((row) => ({ ...ROW, ...row })));
  return known;
}

function ids(columns) {
  return columns.map((one) => one.id);
}

test("keys with commas, percent signs and dots come back from the address", () => {
  const given = ["metrics.a,b", "params.50%", "tags.%2C", "metrics.val/loss", "params.model.depth"];
  assert.deepEqual(parsedList(listText(given)), given);
  assert.equal(column("params.model.depth").key, "model.depth");
});

test("columns that there are not are left out, and each is there once", () => {
  assert.deepEqual(ids(askedColumns("status,nothing,metrics.,status,name,params.lr")), ["status", "params.lr"]);
  assert.equal(askedColumns("nothing"), null);
  assert.equal(askedColumns(null), null);
});

test("by default metrics with a goal come first and params that are all the same are left out", () => {
  const known = knownFrom(
    { metrics: { loss: 1, accuracy: 1, "system/cpu": 1 }, params: { lr: "1", model: "vit" } },
    { metrics: {}, params: { lr: "2", model: "vit" } },
  );
  assert.deepEqual(ids(defaultColumns(known, { accuracy: "max" })), [
    "status", "started", "duration", "metrics.accuracy", "metrics.loss", "params.lr", "user", "tags",
  ]);
});

test("by default there are at most twelve metrics and params, and half are left to each", () => {
  const many = (prefix, value) => Object.fromEntries(Array.from({ length: 20 }, (_, n) => [prefix + n, value]));
  const both = knownFrom({ metrics: many("m", 1), params: many("p", "1") }, { metrics: {}, params: many("p", "2") });
  const chosen = defaultColumns(both, {});
  assert.equal(chosen.filter((one) => one.kind === "metric").length, 6);
  assert.equal(chosen.filter((one) => one.kind === "param").length, 6);
  const metrics = defaultColumns(knownFrom({ metrics: many("m", 1), params: {} }), {});
  assert.equal(metrics.filter((one) => one.kind === "metric").length, 12);
});

test("all that was logged can be chosen, numbers in names in their order", () => {
  const known = knownFrom({ metrics: { l10: 1, l2: 1 }, params: { lr: "1" }, tags: { team: "a", "mlflow.user": "b" } });
  assert.deepEqual(ids(allColumns(known)).slice(5), ["metrics.l2", "metrics.l10", "params.lr", "tags.team"]);
});

test("a sort survives the address, also of a key with a colon", () => {
  for (const sort of [{ id: "metrics.a:b", isDescending: true }, { id: "started", isDescending: false }]) {
    assert.deepEqual(parsedSort(sortText(sort)), sort);
  }
  assert.deepEqual(parsedSort("metrics.loss"), { id: "metrics.loss", isDescending: false });
  assert.deepEqual(parsedSort("params.a:asc:desc"), { id: "params.a:asc", isDescending: true });
  assert.equal(parsedSort("tags:asc"), null);
  assert.equal(parsedSort(""), null);
  assert.equal(parsedSort(null), null);
});

test("the order that the server is asked for names fields as the filter language does", () => {
  assert.deepEqual(orderBy(parsedSort("metrics.val loss:desc")), ["metrics.`val loss` DESC"]);
  assert.deepEqual(orderBy(parsedSort("params.a`b:asc")), ["params.`a``b` ASC"]);
  assert.deepEqual(orderBy(parsedSort("duration:desc")), ["duration_ms DESC"]);
  assert.deepEqual(orderBy(null), []);
});

test("clicks lead from the telling end to the other and back to the newest first", () => {
  const goals = { loss: "min" };
  const clicks = (id) => {
    const one = column(id);
    const first = nextSort(null, one, goals);
    const second = nextSort(first, one, goals);
    return [sortText(first), sortText(second), nextSort(second, one, goals)];
  };
  assert.deepEqual(clicks("metrics.accuracy"), ["metrics.accuracy:desc", "metrics.accuracy:asc", null]);
  assert.deepEqual(clicks("metrics.loss"), ["metrics.loss:asc", "metrics.loss:desc", null]);
  assert.deepEqual(clicks("params.lr"), ["params.lr:asc", "params.lr:desc", null]);
  assert.equal(sortText(nextSort(null, column("started"), goals)), "started:asc");
  assert.equal(nextSort(parsedSort("params.lr:asc"), column("started"), goals), null);
  assert.equal(sortedBy(null, column("started")), "descending");
  assert.equal(sortedBy(parsedSort("params.lr:asc"), column("started")), "none");
});

test("a cell is what the run has, or undefined", () => {
  assert.equal(cellOf(column("metrics.loss"), ROW), 0.5);
  assert.equal(cellOf(column("params.absent"), ROW), undefined);
  assert.equal(cellOf(column("duration"), { ...ROW, duration_ms: null }), undefined);
  assert.equal(cellOf(column("user"), ROW), "ada");
});

test("params are set as numbers only when all of them are", () => {
  const other = { ...ROW, params: { lr: "auto" } };
  assert.equal(isNumeric(column("params.lr"), [ROW]), true);
  assert.equal(isNumeric(column("params.lr"), [ROW, other]), false);
  assert.equal(isNumeric(column("params.absent"), [ROW]), false);
});

test("a column is as wide as its name needs, within bounds", () => {
  assert.ok(widthOf(column("metrics.a_rather_long_name"), []) > widthOf(column("metrics.f1"), []));
  assert.equal(widthOf(column(`params.${"x".repeat(250)}`), []), 220);
});

test("a run without a key has nothing there, also where every object has something", () => {
  for (const id of ["params.constructor", "metrics.constructor", "tags.__proto__"]) {
    assert.equal(cellOf(column(id), ROW), undefined);
  }
  assert.equal(cellOf(column("params.constructor"), { ...ROW, params: { constructor: "x" } }), "x");
  assert.equal(column("constructor.a"), null);
  const known = knownFrom({ metrics: { constructor: 1 } }, { metrics: { loss: 1 } });
  assert.equal(ids(defaultColumns(known, { loss: "min" }))[3], "metrics.loss");
  assert.equal(nextSort(null, column("metrics.constructor"), {}).isDescending, true);
});
