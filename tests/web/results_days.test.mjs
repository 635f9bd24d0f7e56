import assert from "node:assert/strict";
import { test } from "node:test";
import { course, dayOf, firstDay, sampledDays, startOf } from "../../chalicelib/api/web/static/results_days.js";

test("each of few days is asked about", () => {
  assert.deepEqual(sampledDays("2026-02-27", "2026-03-02"), ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]);
  assert.deepEqual(sampledDays("2026-02-27", "2026-02-27"), ["2026-02-27"]);
});

test("of many days as many as may be asked about, the first and the last among them", () => {
  const found = sampledDays("2026-01-01", "2026-12-31", 30);
  assert.equal(found.length, 30);
  assert.equal(new Set(found).size, 30);
  assert.equal(found[0], "2026-01-01");
  assert.equal(found.at(-1), "2026-12-31");
});

test("days that end before they begin are none", () => {
  assert.deepEqual(sampledDays("2026-01-02", "2026-01-01"), []);
  assert.deepEqual(sampledDays("2026-01-02", "2026-01-02", 1), ["2026-01-02"]);
});

test("the first day is the one asked for, else the earlier of start and first log", () => {
  const known = { from: null, startedAt: "2026-01-10T05:00:00.000Z", last: "2026-01-20", days: 3 };
  assert.equal(firstDay({ ...known, from: "2026-01-15" }), "2026-01-15");
  assert.equal(firstDay(known), "2026-01-10");
  assert.equal(firstDay({ ...known, days: 15 }), "2026-01-06");
  assert.equal(firstDay({ ...known, startedAt: null, days: 0 }), "2026-01-20");
});

test("a day is that of UTC", () => {
  assert.equal(dayOf(startOf("2026-01-31")), "2026-01-31");
  assert.equal(dayOf(startOf("2026-01-31") - 1), "2026-01-30");
});

test("a course has the days that have an interval from the baseline that is shown", () => {
  const shown = { baseline: "A", confidence: 0.95, from: null };
  const of = (difference, more) => ({ ...shown, ...more, metrics: { m: { variants: { B: { difference } } } } });
  const known = {
    absolute: 1, relative: 0.1, always_valid: { low: 0, high: 2 }, relative_interval: { low: 0.01, high: 0.2 },
  };
  const answers = [
    { day: "2026-01-01", results: of(null) },
    { day: "2026-01-02", results: { ...shown, metrics: {} } },
    { day: "2026-01-03", results: of({ ...known, absolute: null }) },
    { day: "2026-01-04", results: of(known) },
    { day: "2026-01-05", results: of(known, { baseline: "C" }) },
  ];
  assert.deepEqual(course(answers, shown, "m", "B", false), [{ x: startOf("2026-01-04"), y: 1, low: 0, high: 2 }]);
  assert.equal(course(answers, shown, "m", "B", true).at(-1).high, 0.2);
});
