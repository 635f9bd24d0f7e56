import assert from "node:assert/strict";
import { test } from "node:test";
import { plain } from "../../chalicelib/api/web/static/format.js";
import {
  byRole, chance, conclusion, percentsAgree, probability, shares, signed, signedShare,
} from "../../chalicelib/api/web/static/results_conclusions.js";

const PLAIN = { low: null, high: null, p_value: null, adjusted_p_value: null };

/** A metric with A as the baseline and the difference of B. */
function metric(difference, { reason = null, units = 100, ...more } = {}) {
  const whole = difference && {
    absolute: null, relative: null, relative_interval: { low: null, high: null }, fixed: PLAIN,
    chance_to_beat: null, expected_loss: null, guardrail: null, cuped: null, ...difference,
    always_valid: { ...PLAIN, ...difference.always_valid },
  };
  return {
    goal: "max", goal_source: "experiment", role: "success", ...more,
    variants: { A: { units: 100, difference: null, reason: null }, B: { units, difference: whole, reason } },
  };
}

const results = (more) => ({ baseline: "A", confidence: 0.95, status: "active", from: null, to: null, warnings: [], ...more });
const raw = (of, { results: shown = {}, ...more } = {}) =>
  conclusion({ name: "rating", metric: of, variant: "B", isRelative: false, rails: 1, results: results(shown), ...more });
const said = (...asked) => {
  const found = raw(...asked);
  return { ...found, text: plain(found.text) };
};
const UP = { absolute: 0.4, always_valid: { low: 0.1, high: 0.7, p_value: 0.001, adjusted_p_value: 0.004 } };

test("an interval above zero is better where more is better", () => {
  const found = said(metric(UP));
  assert.equal(found.verdict, "better");
  assert.equal(found.text, "B is better than A in rating, with 95 % confidence: +0.4 (+0.1 to +0.7). This holds however often you look.");
});

test("an interval above zero is worse where less is better", () => {
  const found = said(metric(UP, { goal: "min" }));
  assert.equal(found.verdict, "worse");
  assert.match(found.text, /^B is worse than A/);
});

test("an interval below zero is better where less is better", () => {
  const down = { absolute: -3, always_valid: { low: -5, high: -1, p_value: 0.001, adjusted_p_value: 0.001 } };
  const found = said(metric(down, { goal: "min" }));
  assert.equal(found.verdict, "better");
  assert.match(found.text, /−3 \(−5 to −1\)/);
});

test("the confidence that was asked for is named", () => {
  assert.match(said(metric(UP), { results: { confidence: 0.8 } }).text, /with 80 % confidence/);
});

test("what is true of days that were chosen is not true however often one looks", () => {
  for (const days of [{ from: 0 }, { to: 0 }]) {
    assert.doesNotMatch(said(metric(UP), { results: days }).text, /holds/);
  }
});

test("logs without a unit put a condition on what is concluded", () => {
  const warnings = [{ code: "logs_without_unit", message: "" }];
  assert.match(said(metric(UP), { results: { warnings } }).text, /holds however often you look, provided that no two of the logs without a unit/);
  assert.match(said(metric(UP), { results: { warnings, from: 0 } }).text, /This holds, provided/);
});

test("too few units let nothing be concluded, of guardrails neither", () => {
  const few = said(metric(UP, { units: 3 }));
  assert.deepEqual([few.verdict, few.word], ["none", "too few units"]);
  assert.match(few.text, /^Too few units to conclude anything of B in rating/);
  const rail = metric({ ...UP, guardrail: { margin: 1, kind: "absolute", bound: 0.5, verdict: "non-inferior" } }, { units: 9, role: "guardrail" });
  assert.equal(said(rail).verdict, "none");
});

test("an interval over zero says nothing yet, and nothing at all at the end", () => {
  const over = metric({ absolute: 0.1, relative: 0.01, always_valid: { low: -0.2, high: 0.5 }, relative_interval: { low: -0.02, high: 0.05 } });
  assert.equal(said(over, { isRelative: true }).text, "Not known yet whether B differs from A in rating: +1.0 % (−2.0 % to +5.0 %, with 95 % confidence).");
  assert.match(said(over, { results: { status: "completed" } }).text, /^Not shown whether/);
  assert.equal(said(over).verdict, "unknown");
});

test("an end at zero itself says nothing", () => {
  assert.equal(said(metric({ absolute: 1, always_valid: { low: 0, high: 2 } })).verdict, "unknown");
});

test("what many comparisons may bring by chance is not called certain", () => {
  const unsure = metric({ absolute: 1, always_valid: { low: 0.1, high: 2, p_value: 0.02, adjusted_p_value: 0.07 } });
  const found = said(unsure);
  assert.deepEqual([found.verdict, found.word], ["unclear", "seems better"]);
  assert.match(found.note, /with all success metrics and variants taken into account, p is 0\.07/);
  assert.match(said(unsure, { isSplit: true }).note, /with all success metrics, variants and values taken/);
});

test("a goal that was guessed makes nothing better", () => {
  for (const role of ["success", "other"]) {
    const down = { ...UP, absolute: -20, always_valid: { ...UP.always_valid, low: -25, high: -15 } };
    assert.equal(said(metric(down, { role, goal_source: "name" })).verdict, "lower");
    assert.equal(said(metric(UP, { role, goal_source: "name" })).verdict, "higher");
  }
});

test("what is not corrected for the number of metrics only seems so", () => {
  const found = said(metric({ absolute: 1, always_valid: { low: 0.5, high: 2, p_value: 0.001 } }, { role: "other", goal_source: "name" }));
  assert.deepEqual([found.verdict, found.word], ["unclear", "seems higher"]);
  assert.match(found.note, /not corrected/);
});

test("percents that do not say the same as the difference are told", () => {
  const of = (relative_interval, always_valid = { low: 0.01, high: 2 }) => metric({ always_valid, relative_interval });
  assert.ok(!percentsAgree(of({ low: -0.01, high: 0.2 })));
  assert.ok(!percentsAgree(of({ low: null, high: null })));
  assert.ok(percentsAgree(of({ low: 0.01, high: 0.2 })));
  assert.ok(percentsAgree(of({ low: null, high: null }, PLAIN)));
});

test("too little data is said, with the reason", () => {
  const found = said(metric(null, { reason: "fewer than 2 units" }));
  assert.equal(found.verdict, "none");
  assert.equal(found.text, "Nothing can be said of B in rating: fewer than 2 units.");
});

test("names are isolated, and cannot end that", () => {
  const text = raw(metric(UP), { name: "a\u2069\u202eb" }).text;
  assert.match(text, /in \u2068ab\u2069, with/);
});

test("a variant that is called as something every object has is not found where it is not", () => {
  assert.equal(said(metric(UP), { variant: "constructor" }).verdict, "none");
});

const guarded = (guardrail, { goal_source = "experiment", ...more } = {}) =>
  said(
    metric({ ...UP, guardrail: { margin: 0.05, kind: "relative", bound: 0.031, ...guardrail } }, { role: "guardrail", goal: "min", goal_source }),
    { name: "latency", ...more },
  );

test("a guardrail that holds says how much worse it may be at most", () => {
  const found = guarded({ verdict: "non-inferior" });
  assert.equal(found.verdict, "harmless");
  assert.equal(found.text, "B does not harm latency: it is at most 3.1 % worse than A, within the margin of 5.0 %, with 95 % confidence. This holds however often you look.");
  assert.match(guarded({ verdict: "non-inferior", bound: -0.01 }).text, /it is no worse than A/);
});

test("a guardrail that is broken names its margin", () => {
  const found = guarded({ verdict: "inferior", kind: "absolute", margin: 2 });
  assert.equal(found.verdict, "harmful");
  assert.match(found.text, /by more than the margin of 2, with 95 % confidence\./);
});

test("a guardrail that is undecided says how bad it may be", () => {
  const found = guarded({ verdict: "undecided", bound: 0.062 });
  assert.equal(found.verdict, "unknown");
  assert.equal(found.text, "Not known yet whether B harms latency: it may be worse than A by up to 6.2 % (with 95 % confidence), beside the margin of 5.0 %.");
});

test("one of several guardrails only may harm, for none is corrected for the others", () => {
  const found = guarded({ verdict: "inferior" }, { rails: 30 });
  assert.deepEqual([found.verdict, found.word], ["unclear", "may harm"]);
  assert.match(found.text, /^B may harm latency/);
  assert.match(found.note, /one of 30 comparisons/);
  assert.equal(guarded({ verdict: "non-inferior" }, { rails: 2 }).word, "seems harmless");
});

test("a guardrail whose goal was guessed says what is supposed", () => {
  const found = guarded({ verdict: "inferior" }, { goal_source: "name" });
  assert.equal(found.verdict, "unclear");
  assert.match(found.text, /^B may harm latency: supposing that less is better, it is worse than A/);
});

test("numbers are signed, and have no digits that are noise", () => {
  assert.equal(signed(0.1529), "+0.153");
  assert.equal(signed(-1234.56), "−1,235");
  assert.equal(signed(0), "0");
  assert.equal(signed(null), "–");
  assert.equal(signedShare(-0.0484), "−4.8 %");
  assert.equal(signedShare(0.0004), "+0.04 %");
});

test("a chance is never certain, and a p-value never zero", () => {
  assert.equal(chance(0.99999), "> 99.9 %");
  assert.equal(chance(0.5), "50.0 %");
  assert.equal(chance(0), "< 0.1 %");
  assert.equal(probability(1e-9), "< 0.0001");
  assert.equal(probability(0.0178213), "0.018");
  assert.equal(probability(null), "–");
});

test("metrics are apart by role, in the order of the answer", () => {
  const found = byRole({
    a: metric(null, { role: "other" }), b: metric(null), c: metric(null, { role: "guardrail" }), d: metric(null),
    e: metric(null, { goal_source: "name" }),
  });
  assert.deepEqual(found.success.map(([name]) => name), ["b", "d"]);
  assert.deepEqual(found.guardrail.map(([name]) => name), ["c"]);
  assert.deepEqual(found.other.map(([name]) => name), ["a", "e"]);
});

test("shares are beside what the weights say, for variants without units too", () => {
  const found = shares({ A: { units: 30, logs: 40 } }, [{ key: "A", weight: 50 }, { key: "B", weight: 50 }]);
  assert.deepEqual(found, [
    { key: "A", units: 30, logs: 40, share: 1, planned: 0.5 },
    { key: "B", units: 0, logs: 0, share: 0, planned: 0.5 },
  ]);
  assert.equal(shares({}, [{ key: "A", weight: 100 }])[0].share, null);
  assert.deepEqual(shares({ gone: { units: 1, logs: 1 } }, [{ key: "A", weight: 0 }]).map((one) => one.planned), [0, null]);
});
