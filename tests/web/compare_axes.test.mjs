import assert from "node:assert/strict";
import { test } from "node:test";
import {
  NONE,
  column, crossings, fields, nearestDot, nearestLine, nextRun, split, withinRanges,
} from "../../chalicelib/api/web/static/compare_axes.js";

const run = (params, metrics) => ({ run_id: "", name: "", params, metrics });

test("a param is an axis of numbers when every value spells one", () => {
  const found = column("params.lr", [run({ lr: "0.1" }), run({ lr: "0.2" }), run({})]);
  assert.equal(found.axis.kind, "linear");
  assert.deepEqual(found.values, [0.1, 0.2, null]);
});

test("an axis that spans decades is logarithmic", () => {
  assert.equal(column("params.lr", [run({ lr: "1e-5" }), run({ lr: "0.1" })]).axis.kind, "log");
});

test("one text among numbers makes names of all", () => {
  const found = column("params.depth", [run({ depth: "10" }), run({ depth: "9" }), run({ depth: "auto" })]);
  assert.equal(found.axis.kind, "category");
  assert.deepEqual(found.axis.ticks.map((tick) => tick.text), ["9", "10", "auto"]);
});

test("few different numbers are their own ticks", () => {
  const found = column("params.batch", [run({ batch: "16" }), run({ batch: "128" }), run({ batch: "64" })]);
  assert.deepEqual(found.axis.ticks.map((tick) => tick.text), ["16", "64", "128"]);
});

test("a metric that is no finite number has no place", () => {
  assert.deepEqual(column("metrics.a.b", [run({}, { "a.b": 1 }), run({}, { "a.b": "NaN" }), run({}, {})]).values, [1, null, null]);
});

test("a field is split at its first dot", () => {
  assert.deepEqual(split("params.a.b"), ["params", "a.b"]);
});

test("params that tell runs apart come first as axes, names of runs do not", () => {
  const runs = Array.from({ length: 60 }, (_, n) => run({ lr: String(n), note: `run number ${n}`, model: "same", opt: n % 2 ? "a" : "b" }, { loss: n }));
  const found = fields(runs);
  assert.deepEqual(found.telling, ["params.lr", "params.opt"]);
  assert.deepEqual(found.params, ["params.lr", "params.model", "params.note", "params.opt"]);
  assert.deepEqual(found.metrics, ["metrics.loss"]);
});

const RUNS = [run({ lr: "0" }, { loss: 0 }), run({ lr: "1" }, { loss: 2 }), run({}, { loss: 1 })];
const COLUMNS = [column("params.lr", RUNS), column("metrics.loss", RUNS)];

test("a line crosses each axis at its value, and below it where it has none", () => {
  assert.deepEqual(crossings(COLUMNS, 3), [[0, 0], [1, 1], [NONE, 0.5]]);
});

test("the nearest line is found between the axes", () => {
  const lines = [[0, 1], [1, 1], [null, 0.2]];
  assert.equal(nearestLine(lines, 0.5, 0.52), 0);
  assert.equal(nearestLine(lines, 1, 0.99), 0);
  assert.equal(nearestLine(lines, 0, 0.97), 1);
  assert.equal(nearestLine(lines, 0.5, 0.2), null);
  assert.equal(nearestLine([], 0.5, 0.5), null);
});

test("the nearest dot is found, and none when all are far", () => {
  const dots = [{ x: 0, y: 0 }, null, { x: 10, y: 0 }];
  assert.equal(nearestDot(dots, 7, 0), 2);
  assert.equal(nearestDot(dots, 100, 100), null);
});

test("marks on several axes must all be crossed", () => {
  const lines = crossings(COLUMNS, 3);
  assert.deepEqual(withinRanges(lines, { 1: [0.4, 1] }), [false, true, true]);
  assert.deepEqual(withinRanges(lines, { 0: [0, 1], 1: [0.4, 1] }), [false, true, false]);
  assert.deepEqual(withinRanges(lines, {}), [true, true, true]);
});

test("the keyboard goes through the runs by value and stays at the ends", () => {
  const loss = COLUMNS[1];
  assert.equal(nextRun(loss, null, 1), 0);
  assert.equal(nextRun(loss, null, -1), 1);
  assert.equal(nextRun(loss, 0, 1), 2);
  assert.equal(nextRun(loss, 1, 1), 1);
  assert.equal(nextRun(column("metrics.none", RUNS), null, 1), null);
});

test("a param or metric may have the name of what every object has", () => {
  const runs = JSON.parse('[{"params": {"constructor": "1"}, "metrics": {"constructor": 2}}, {"params": {}, "metrics": {}}]');
  assert.deepEqual(column("params.constructor", runs).values, [1, null]);
  assert.deepEqual(column("metrics.constructor", runs).values, [2, null]);
});
