import assert from "node:assert/strict";
import { test } from "node:test";
import {
  byRole, chance, conclusion, probability, shares, signed, signedShare,
} from "../../chalicelib/api/web/static/results_conclusions.js";

const PLAIN = { low: null, high: null, p_value: null, adjusted_p_value: null };

/** A metric with A as the baseline and the difference of B. */
function metric(difference, more = {}) {
  const whole = difference && {
    absolute: null, relative: null, relative_interval: { low: null, high: null }, fixed: PLAIN,
    chance_to_beat: null, expected_loss: null, guardrail: null, cuped: null, ...difference,
    always_valid: { ...PLAIN, ...difference.always_valid },
  };
  return {
    goal: "max", goal_source: "experiment", role: "success", ...more,
    variants: { A: { units: 10, difference: null, reason: null }, B: { units: 10, difference: whole, reason: more.reason ?? null } },
  };
}

const said = (of, more = {}) =>
  conclusion({ name: "rating", metric: of, variant: "B", baseline: "A", isRelative: false, confidence: 0.95, isOver: false, ...more });

test("an interval above zero is better where more is better", () => {
  const found = said(metric({ absolute: 0.4, always_valid: { low: 0.1, high: 0.7 } }));
  assert.equal(found.verdict, "better");
  assert.equal(found.text, "B is better than A in rating: +0.4 (+0.1 to +0.7). This holds however often you look.");
});

test("an interval above zero is worse where less is better", () => {
  const found = said(metric({ absolute: 0.4, always_valid: { low: 0.1, high: 0.7 } }, { goal: "min" }));
  assert.equal(found.verdict, "worse");
  assert.match(found.text, /^B is worse than A/);
});

test("an interval below zero is better where less is better", () => {
  const found = said(metric({ absolute: -3, always_valid: { low: -5, high: -1 } }, { goal: "min" }));
  assert.equal(found.verdict, "better");
  assert.match(found.text, /−3 \(−5 to −1\)/);
});

test("an interval over zero says nothing yet, and nothing at all at the end", () => {
  const over = metric({ absolute: 0.1, relative: 0.01, always_valid: { low: -0.2, high: 0.5 }, relative_interval: { low: -0.02, high: 0.05 } });
  assert.equal(said(over, { isRelative: true }).text, "Not known yet whether B differs from A in rating: the difference is between −2.0 % and +5.0 %.");
  assert.match(said(over, { isOver: true }).text, /^Not shown whether/);
  assert.equal(said(over).verdict, "unknown");
});

test("an end at zero itself says nothing", () => {
  assert.equal(said(metric({ absolute: 1, always_valid: { low: 0, high: 2 } })).verdict, "unknown");
});

test("what many comparisons may bring by chance is not called certain", () => {
  const found = said(metric({ absolute: 1, always_valid: { low: 0.1, high: 2, p_value: 0.02, adjusted_p_value: 0.07 } }));
  assert.equal(found.verdict, "unclear");
  assert.match(found.text, /seems better/);
  assert.match(found.note, /p is 0\.07/);
  const sure = said(metric({ absolute: 1, always_valid: { low: 0.1, high: 2, p_value: 0.001, adjusted_p_value: 0.004 } }));
  assert.equal(sure.verdict, "better");
});

test("a goal that was guessed makes nothing better", () => {
  const other = metric({ absolute: 1, always_valid: { low: 0.5, high: 2 } }, { role: "other", goal_source: "name" });
  assert.equal(said(other).verdict, "higher");
  const named = metric({ absolute: 1, always_valid: { low: 0.5, high: 2 } }, { role: "other", goal_source: "experiment" });
  assert.equal(said(named).verdict, "better");
});

test("where percents do not say the same as the difference, the difference is shown", () => {
  const odd = metric({ absolute: 1, relative: 0.1, always_valid: { low: 0.01, high: 2 }, relative_interval: { low: -0.01, high: 0.2 } });
  assert.match(said(odd, { isRelative: true }).text, /\+1 \(\+0\.01 to \+2\)/);
});

test("too little data is said, with the reason", () => {
  const found = said(metric(null, { reason: "fewer than 2 units" }));
  assert.equal(found.verdict, "none");
  assert.equal(found.text, "Nothing can be said of B in rating: fewer than 2 units.");
});

const guarded = (guardrail) =>
  said(metric({ absolute: 1, always_valid: { low: 0.5, high: 2 }, guardrail: { margin: 0.05, kind: "relative", bound: 0.031, ...guardrail } }, { role: "guardrail", goal: "min" }), { name: "latency" });

test("a guardrail that holds says how much worse it may be at most", () => {
  const found = guarded({ verdict: "non-inferior" });
  assert.equal(found.verdict, "harmless");
  assert.equal(found.text, "B does not harm latency: it is worse than A by at most 3.1 %, within the margin of 5.0 %. This holds however often you look.");
  assert.match(guarded({ verdict: "non-inferior", bound: -0.01 }).text, /it is no worse than A/);
});

test("a guardrail that is broken names its margin", () => {
  const found = guarded({ verdict: "inferior", kind: "absolute", margin: 2 });
  assert.equal(found.verdict, "harmful");
  assert.match(found.text, /by more than the margin of 2\./);
});

test("a guardrail that is undecided says how bad it may be", () => {
  const found = guarded({ verdict: "undecided", bound: 0.062 });
  assert.equal(found.verdict, "unknown");
  assert.equal(found.text, "Not known yet whether B harms latency: it may be worse than A by up to 6.2 %, and the margin is 5.0 %.");
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
  const found = byRole({ a: metric(null, { role: "other" }), b: metric(null), c: metric(null, { role: "guardrail" }), d: metric(null) });
  assert.deepEqual(found.success.map(([name]) => name), ["b", "d"]);
  assert.deepEqual(found.guardrail.map(([name]) => name), ["c"]);
  assert.deepEqual(found.other.map(([name]) => name), ["a"]);
});

test("shares are beside what the weights say, for variants without units too", () => {
  const found = shares({ A: { units: 30, logs: 40 } }, [{ key: "A", weight: 50 }, { key: "B", weight: 50 }]);
  assert.deepEqual(found, [
    { key: "A", units: 30, logs: 40, share: 1, planned: 0.5 },
    { key: "B", units: 0, logs: 0, share: 0, planned: 0.5 },
  ]);
  assert.equal(shares({}, [{ key: "A", weight: 100 }])[0].share, null);
});
