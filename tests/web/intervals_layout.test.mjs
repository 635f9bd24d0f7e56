import assert from "node:assert/strict";
import { test } from "node:test";
import { differenceLabels, harmLimit, intervalRows, placed } from "../../chalicelib/api/web/static/intervals_layout.js";

const row = (more) => ({
  key: "B", label: "B", remark: "", verdict: "unknown", estimate: 1, low: 0.5, high: 1.5, fixedLow: 0.7, fixedHigh: 1.3, limit: null, ...more,
});

test("zero is on the axis although no interval holds it", () => {
  const found = placed([row()], { width: 800, isRelative: false });
  assert.ok(found.zero >= found.left && found.zero < found.rows[0].wide.from);
  assert.ok(found.rows[0].wide.to <= found.right);
  assert.ok(found.ticks.some((tick) => tick.text === "0" && Math.abs(tick.x - found.zero) < 1e-9));
});

test("rows share one axis", () => {
  const found = placed([row(), row({ key: "C", low: 0.5, high: 6, estimate: 3 })], { width: 800, isRelative: false });
  assert.equal(found.rows[0].wide.from, found.rows[1].wide.from);
  assert.ok(found.rows[1].y > found.rows[0].y && found.rows[1].y < found.bottom);
});

test("a fixed interval lies within the always-valid one, and the estimate between", () => {
  const [{ wide, thin, point }] = placed([row()], { width: 800, isRelative: false }).rows;
  assert.ok(wide.from < thin.from && thin.from < point && point < thin.to && thin.to < wide.to);
});

test("a row without an interval has no picture", () => {
  const [only] = placed([row({ low: null, high: null, fixedLow: null, fixedHigh: null, estimate: null })], { width: 800, isRelative: false }).rows;
  assert.deepEqual([only.wide, only.thin, only.point], [null, null, null]);
});

test("a margin is on the axis", () => {
  const found = placed([row({ limit: -4 })], { width: 800, isRelative: false });
  assert.ok(found.rows[0].limit >= found.left && found.rows[0].limit < found.zero);
});

test("where it is narrow the words are above the intervals", () => {
  const found = placed([row()], { width: 360, isRelative: false });
  assert.ok(found.isNarrow && found.left < 20 && found.right <= 360);
});

const difference = {
  absolute: 1, relative: 0.1, always_valid: { low: 0.5, high: 1.5 }, fixed: { low: 0.7, high: 1.3 },
  relative_interval: { low: 0.05, high: 0.15 }, guardrail: null,
  cuped: { absolute: 1.1, always_valid: { low: 0.8, high: 1.4 }, fixed: { low: 0.9, high: 1.3 } },
};
const metric = (more = {}) => ({
  goal: "max", role: "success",
  variants: { A: { mean: 10, difference: null }, B: { mean: 11, difference: { ...difference, ...more } } },
});
const say = () => ({ verdict: "better", word: "better" });

test("covariates have a row of their own, in the metric's unit", () => {
  const rows = intervalRows(metric(), "A", false, say);
  assert.deepEqual(rows.map((one) => one.key), ["B", "B with covariates"]);
  assert.equal(rows[1].low, 0.8);
});

test("in percent there is no fixed interval, nor one with covariates", () => {
  const [only, ...more] = intervalRows(metric(), "A", true, say);
  assert.deepEqual(more, []);
  assert.deepEqual([only.low, only.high, only.fixedLow], [0.05, 0.15, null]);
});

test("the margin lies on the side where harm is, in the unit that is shown", () => {
  const guarded = (goal, guardrail) => ({ ...metric({ guardrail }), goal });
  const relative = { margin: 0.05, kind: "relative" };
  assert.equal(harmLimit(guarded("max", relative), "A", true), -0.05);
  assert.equal(harmLimit(guarded("min", relative), "A", true), 0.05);
  assert.equal(harmLimit(guarded("min", relative), "A", false), 0.5);
  assert.equal(harmLimit(guarded("min", { margin: 2, kind: "absolute" }), "A", true), 0.2);
  assert.equal(harmLimit(metric(), "A", false), null);
  assert.equal(intervalRows(guarded("min", relative), "A", false, say)[0].limit, 0.5);
});

test("a margin in the metric's unit is drawn beside a mean of zero too", () => {
  const of = (guardrail) => {
    const found = metric({ guardrail });
    return { ...found, variants: { ...found.variants, A: { mean: 0, difference: null } } };
  };
  assert.equal(harmLimit(of({ margin: 2, kind: "absolute" }), "A", false), -2);
  assert.equal(harmLimit(of({ margin: 2, kind: "absolute" }), "A", true), null);
});

test("ticks have their sign, and differ", () => {
  assert.deepEqual(differenceLabels([-0.0005, 0, 0.0005, 0.001, 0.0015], true), ["−0.05 %", "0", "+0.05 %", "+0.1 %", "+0.15 %"]);
  assert.deepEqual(differenceLabels([-0.5, 0, 0.5], false), ["−0.5", "0", "+0.5"]);
});
