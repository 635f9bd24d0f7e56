import assert from "node:assert/strict";
import { test } from "node:test";
import {
  behind, copied, goalTexts, goalsOf, rowsOf, runIds, timesBest,
} from "../../chalicelib/api/web/static/compare_values.js";
import { csv } from "../../chalicelib/api/web/static/csv.js";

test("ids of the address are each there once", () => {
  assert.deepEqual(runIds("a, b,,a"), ["a", "b"]);
  assert.deepEqual(runIds(""), []);
});

test("goals go into the address and come back", () => {
  const goals = { "val/loss": "min", "a:b": "max" };
  assert.deepEqual(goalsOf(goalTexts(goals)), goals);
  assert.deepEqual(goalsOf(["least:loss", "min:", "nonsense"]), {});
});

test("a row has the values of all runs, and tells whether they differ", () => {
  const rows = rowsOf([{ lr: "0.1", seed: "1" }, { lr: "0.1" }]);
  assert.deepEqual(rows, [
    { name: "lr", values: ["0.1", "0.1"], differs: false },
    { name: "seed", values: ["1", null], differs: true },
  ]);
});

test("names that every object has are names like others", () => {
  const runs = JSON.parse('[{"constructor": 1, "__proto__": 2}, {}]');
  assert.deepEqual(rowsOf(runs).map((row) => [row.name, ...row.values]), [["__proto__", 2, null], ["constructor", 1, null]]);
  assert.deepEqual(goalTexts(goalsOf(["min:__proto__", "max:constructor"])), ["min:__proto__", "max:constructor"]);
});

test("rows are ordered as people count", () => {
  assert.deepEqual(rowsOf([{ layer10: "", layer9: "" }]).map((row) => row.name), ["layer9", "layer10"]);
});

test("runs that share a best value are best alike", () => {
  const times = timesBest({
    loss: { best_value: 1, all_values: { a: 1, b: 1, c: 2 } },
    accuracy: { best_value: 0.9, all_values: { a: 0.8, b: 0.9 } },
    broken: { best_value: null, all_values: { a: "NaN" } },
  });
  assert.deepEqual([...times].sort(), [["a", 1], ["b", 2]]);
});

test("how far a value is from the best is in percent", () => {
  assert.equal(behind(1.1, 1), "+10 %");
  assert.equal(behind(0.5, 1), "−50 %");
  assert.equal(behind(-1.5, -1), "−50 %");
  assert.equal(behind(1, 1), "");
  assert.equal(behind(1, 0), "");
  assert.equal(behind("NaN", 1), "");
});

test("a cell of CSV is quoted where it must be", () => {
  assert.equal(csv([["a,b", 'say "hi"', "two\nlines"], [1, null, "x"]]), '"a,b","say ""hi""","two\nlines"\r\n1,,x');
});

test("no cell of CSV is a formula to a spreadsheet, and numbers stay numbers", () => {
  assert.equal(csv([["=1+1", "@me", "-x", "-0.5", -0.5, "-Infinity"]]), "'=1+1,'@me,'-x,-0.5,-0.5,-Infinity");
});

test("a copy has facts, metrics and params of each run", () => {
  const run = { run_id: "1", name: "one", status: "finished", params: {}, metrics: {} };
  const rows = copied([run], rowsOf([{ loss: "NaN" }]), rowsOf([{ lr: "0.1" }]));
  assert.deepEqual(rows, [["", "one"], ["run_id", "1"], ["status", "finished"], ["metrics.loss", "NaN"], ["params.lr", "0.1"]]);
});
