import assert from "node:assert/strict";
import { test } from "node:test";
import { column, crossings, withinRanges } from "../../chalicelib/api/web/static/compare_axes.js";
import { markText, rangesOf, valueAt } from "../../chalicelib/api/web/static/compare_marks.js";

const runsOf = (values) => values.map((value) => ({ run_id: "", name: "", params: value === null ? {} : { lr: value }, metrics: {} }));
const within = (values, mark) => {
  const columns = [column("params.lr", runsOf(values))];
  return withinRanges(crossings(columns, values.length), rangesOf([mark], columns));
};

test("a mark keeps the same runs when others come", () => {
  const mark = markText(column("params.lr", runsOf(["0", "0.2", "0.4", "1"])), [0.1, 0.5]);
  assert.equal(mark, "0.1:0.5:params.lr");
  assert.deepEqual(within(["0", "0.2", "0.4", "1"], mark), [false, true, true, false]);
  assert.deepEqual(within(["0", "0.2", "0.4", "1", "10"], mark), [false, true, true, false, false]);
});

test("a mark to the end of its axis is open there, and leaves out runs without a value", () => {
  const mark = markText(column("params.lr", runsOf(["0.123456789", "1"])), [0, 0.5]);
  assert.match(mark, /^:0\.561\d*:params\.lr$/);
  assert.deepEqual(within(["0.123456789", "1", null], mark), [true, false, false]);
});

test("on a logarithmic axis and on one of a single value places are values too", () => {
  const log = column("params.lr", runsOf(["0.00001", "0.00002", "0.1"]));
  assert.equal(log.axis.kind, "log");
  assert.ok(Math.abs(log.axis.at(valueAt(log, 0.5)) - 0.5) < 1e-3);
  const single = column("params.lr", runsOf(["5", "5"]));
  assert.ok(Math.abs(single.axis.at(valueAt(single, 0.25)) - 0.25) < 1e-3);
  assert.equal(valueAt(column("params.lr", []), 0.5), null);
});

test("a mark among names goes from name to name, whatever is in them", () => {
  const names = ["a:b", "c", "é%", "z"];
  const found = column("params.lr", runsOf(names));
  const mark = markText(found, [found.axis.at("a:b") + 0.01, found.axis.at("é%") + 0.01]);
  assert.deepEqual(within(names, mark), [true, true, true, false]);
  assert.deepEqual(within([...names, "b"], mark), [true, true, true, false, true]);
});

test("a mark of another axis, of no number or of a name that is gone is none", () => {
  const columns = [column("params.lr", runsOf(["1", "2"]))];
  assert.deepEqual(rangesOf(["1:2:params.other", "x:2:params.lr", "2:1:params.lr", "%:1", ""], columns), {});
  assert.deepEqual(rangesOf(["gone:b:params.lr"], [column("params.lr", runsOf(["a", "b"]))]), {});
});
