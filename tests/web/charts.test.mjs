import assert from "node:assert/strict";
import { test } from "node:test";
import { csvOf } from "../../chalicelib/api/web/static/chart_csv.js";
import { addBand, addLine } from "../../chalicelib/api/web/static/chart_line.js";
import { notesOf } from "../../chalicelib/api/web/static/chart_notes.js";
import {
  extentOfX, extentOfY, lowerBound, merged, nearest, nonFinite, pointsOf, stepsWithin, visible,
} from "../../chalicelib/api/web/static/chart_points.js";
import { padded, span, spanLabels, tickLabels, ticks, timeLabels } from "../../chalicelib/api/web/static/chart_scale.js";
import { grouped, settingsOf, zoomQuery } from "../../chalicelib/api/web/static/chart_settings.js";
import { smoothed } from "../../chalicelib/api/web/static/chart_smooth.js";

const series = (steps, values, more = {}) => ({
  run_id: "r", key: "loss", steps, timestamps: steps.map((step) => 1000 * step), values, total: steps.length, lows: null, highs: null, ...more,
});
const floats = (...values) => Float64Array.from(values);

test("x is the step, the time of day or the time since the run began", () => {
  const one = series([0, 5], [1, 2], { timestamps: [10_000, 12_500] });
  assert.deepEqual([...pointsOf(one, "step", 4000).xs], [0, 5]);
  assert.deepEqual([...pointsOf(one, "time", 4000).xs], [10, 12.5]);
  assert.deepEqual([...pointsOf(one, "relative", 4000).xs], [6, 8.5]);
});

test("a history that is older than its run begins with its first point", () => {
  assert.deepEqual([...pointsOf(series([0, 5], [1, 2]), "relative", 1e12).xs], [0, 5]);
});

test("points are in order of time where clocks went back", () => {
  const points = pointsOf(series([0, 1, 2], [7, 8, 9], { timestamps: [3000, 1000, 2000] }), "time", 0);
  assert.deepEqual([...points.xs], [1, 2, 3]);
  assert.deepEqual([...points.ys], [8, 9, 7]);
  assert.deepEqual([...points.steps], [1, 2, 0]);
});

test("the three values that JSON cannot spell are themselves", () => {
  const { ys } = pointsOf(series([0, 1, 2, 3], ["NaN", "Infinity", "-Infinity", 1]), "step", 0);
  assert.deepEqual([...ys], [NaN, Infinity, -Infinity, 1]);
});

test("a finer part takes the place of its steps, and no other", () => {
  const whole = series([0, 10, 20, 30, 40], [0, 1, 2, 3, 4]);
  const part = series([10, 15, 20, 25, 30], [1, 1.5, 2, 2.5, 3]);
  assert.deepEqual(merged(whole, part, 10, 30).steps, [0, 10, 15, 20, 25, 30, 40]);
  assert.deepEqual(merged(whole, part, 10, 30).values, [0, 1, 1.5, 2, 2.5, 3, 4]);
  assert.deepEqual(merged(whole, series([], []), 10, 30).steps, [0, 40]);
});

test("a finer part brings its band, and a part of which nothing is left out spans its values", () => {
  const whole = series([0, 10, 20], [0, 1, 2], { lows: [-1, -1, 2], highs: [5, 6, 2] });
  const band = { lows: [0, -1, 2], highs: [1, 6, 2] };
  const finer = merged(whole, series([10, 15, 20], [1, 1.5, 2], band), 10, 20);
  assert.deepEqual([finer.lows, finer.highs], [[-1, 0, -1, 2], [5, 1, 6, 2]]);
  const all = merged(whole, series([10, 11, 20], [1, 6, 2]), 10, 20);
  assert.deepEqual([all.lows, all.highs], [[-1, 1, 6, 2], [5, 1, 6, 2]]);
});

test("points have a band where some were left out, and none where time is not in order of steps", () => {
  const thinned = series([0, 9], [1, "NaN"], { lows: [-1, "NaN"], highs: [3, "NaN"] });
  const { lows, highs } = pointsOf(thinned, "step", 0);
  assert.deepEqual([[...lows], [...highs]], [[-1, NaN], [3, NaN]]);
  assert.equal(pointsOf({ ...thinned, timestamps: [2, 1] }, "time", 0).lows, null);
  assert.equal(pointsOf(series([0], [1]), "step", 0).highs, null);
});

test("the steps in view have one point more on either side", () => {
  const all = [pointsOf(series([0, 10, 20, 30, 40], [0, 0, 0, 0, 0]), "step", 0)];
  assert.deepEqual(stepsWithin(all, 12, 28), [10, 30]);
  assert.deepEqual(stepsWithin(all, 10, 30), [0, 40]);
  assert.deepEqual(stepsWithin([], 0, 1), null);
});

test("what is drawn is in view or next to it, equal steps included", () => {
  assert.deepEqual(visible(floats(0, 1, 1, 1, 2, 3), 1, 1), [0, 4]);
  assert.deepEqual(visible(floats(0, 1, 2, 3), 1.5, 1.6), [1, 2]);
  const [first, last] = visible(floats(), 0, 1);
  assert.ok(first > last);
  assert.equal(lowerBound([1, 2, 2, 3], 2), 1);
});

test("the cursor finds the nearest point, and none far from a line's ends", () => {
  const xs = floats(10, 20, 40);
  assert.equal(nearest(xs, 14, 1), 0);
  assert.equal(nearest(xs, 16, 1), 1);
  assert.equal(nearest(xs, 40.5, 1), 2);
  assert.equal(nearest(xs, 42, 1), -1);
  assert.equal(nearest(xs, 8, 1), -1);
  assert.equal(nearest(floats(), 8, 1), -1);
});

test("extents leave out what has no place, and say how much a log scale leaves out", () => {
  const points = pointsOf(series([0, 1, 2, 3, 4], [-1, 0, 4, "NaN", "Infinity"]), "step", 0);
  assert.deepEqual(extentOfY([points], [0, 4], false), { range: [-1, 4], leftOut: 0 });
  assert.deepEqual(extentOfY([points], [0, 4], true), { range: [4, 4], leftOut: 2 });
  assert.deepEqual(extentOfY([points], [0, 1], true), { range: null, leftOut: 2 });
  assert.deepEqual(extentOfX([points]), [0, 4]);
  assert.deepEqual(extentOfX([]), null);
  assert.deepEqual(nonFinite(points, [0, 3]), [3]);
});

test("smoothing keeps what is level, and begins at the first value", () => {
  assert.deepEqual([...smoothed(floats(0, 1, 2), floats(5, 5, 5), 0.9, 2)], [5, 5, 5]);
  assert.equal(smoothed(floats(0, 1, 2), floats(1, 9, 9), 0.9, 2)[0], 1);
});

test("smoothing counts by distance, not by how many points there are", () => {
  // one step of a thousandth: weights 1 and sqrt(0.25)
  const [, near] = smoothed(floats(0, 1), floats(0, 3), 0.25, 1000);
  assert.ok(Math.abs(near - 3 / 1.5) < 1e-12);
  const [, far] = smoothed(floats(0, 2), floats(0, 3), 0.25, 1000);
  assert.ok(Math.abs(far - 3 / 1.25) < 1e-12);
});

test("smoothing leaves NaN in its place and goes on behind it", () => {
  const found = smoothed(floats(0, 1, 2), floats(1, NaN, 1), 0.5, 2);
  assert.deepEqual([...found], [1, NaN, 1]);
  assert.equal(smoothed(floats(3, 3), floats(1, 2), 0.5, 0).every(Number.isFinite), true);
});

test("a column of the screen keeps its first, least, greatest and last value", () => {
  const calls = [];
  const path = { moveTo: (x, y) => calls.push(["M", x, y]), lineTo: (x, y) => calls.push(["L", x, y]) };
  const ys = floats(5, 9, 1, 4, 7);
  const alone = addLine(path, floats(0, 0.1, 0.2, 0.3, 3), ys, [0, 4], (x) => x, (y) => y);
  assert.deepEqual(calls, [["M", 0, 5], ["L", 0, 1], ["L", 0, 9], ["L", 0, 4], ["L", 3, 7]]);
  assert.deepEqual(alone, []);
});

test("NaN interrupts a line, and a point between two of them stands alone", () => {
  const calls = [];
  const path = { moveTo: (x) => calls.push(["M", x]), lineTo: (x) => calls.push(["L", x]) };
  const alone = addLine(path, floats(0, 1, 2, 3, 4, 5), floats(1, 1, NaN, 1, NaN, 1), [0, 5], (x) => x, (y) => y);
  assert.deepEqual(calls, [["M", 0], ["L", 1], ["M", 3], ["M", 5]]);
  assert.deepEqual(alone, [3, 5]);
});

test("a band is as wide as from point to point, and nowhere without a range", () => {
  const calls = [];
  const path = { rect: (...box) => calls.push(box) };
  const band = (toY, least) => {
    calls.length = 0;
    addBand(path, pointsOf(lines, "step", 0), [0, 5], (x) => x / 10 + 0.5, toY, least);
    return calls;
  };
  const lines = series([0, 2, 20, 40, 60, 80], [0, 0, 0, 0, 0, 0], {
    lows: [-1, -9, 3, "NaN", -4, 0], highs: [1, 2, 3, "NaN", -2, 0],
  });
  // the third and the last left nothing out, the fourth has nothing finite
  assert.deepEqual(band((y) => -y, -5), [[0, -1, 1, 2], [0, -2, 2, 7], [6, 2, 2, 2]]);
  // where there is no place for 0 or less, as on a log scale
  assert.deepEqual(band((y) => (y > 0 ? -y : NaN), 0.5), [[0, -1, 1, 0.5], [0, -2, 2, 1.5]]);
});

test("axes leave room, also for a single value and for the largest doubles", () => {
  const [low, high] = padded([1, 3], false);
  assert.ok(low < 1 && high > 3);
  for (const extent of [[2, 2], [0, 0], [-Number.MAX_VALUE, Number.MAX_VALUE], [5e-324, 5e-324]]) {
    const [from, to] = padded(extent, false);
    assert.ok(Number.isFinite(from) && Number.isFinite(to) && from < to, extent);
  }
  assert.ok(padded([1e-3, 1e-3], true)[0] > 0);
  assert.ok(padded(null, true)[0] > 0);
});

test("ticks are round", () => {
  assert.deepEqual(ticks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(0, 3, 10, { isWhole: true }), [0, 1, 2, 3]);
  assert.deepEqual(ticks(0, 100, 4, { isTime: true }), [0, 30, 60, 90]);
  assert.deepEqual(ticks(0.001, 1000, 7, { isLog: true }), [0.001, 0.01, 0.1, 1, 10, 100, 1000]);
  assert.ok(ticks(0.31, 0.35, 4, { isLog: true }).length >= 3);
  assert.ok(ticks(5, 5, 4).length === 1);
});

test("labels of ticks are short, and differ", () => {
  assert.deepEqual(tickLabels([0, 50_000, 100_000]), ["0", "50k", "100k"]);
  assert.deepEqual(tickLabels([49_550, 49_600]), ["49,550", "49,600"]);
  assert.deepEqual(tickLabels([-0.2, 0, 0.2]), ["−0.2", "0", "0.2"]);
  assert.deepEqual(tickLabels([0, 2e-5]), ["0", "2e−5"]);
  assert.equal(new Set(tickLabels([1.0001e-5, 1.0002e-5, 1.0003e-5])).size >= 1, true);
});

test("spans of time", () => {
  assert.deepEqual([0, 0.5, 30, 90, 5400, 90_000, -60].map((value) => span(value)), ["0 s", "0.5 s", "30 s", "1 min 30 s", "1 h 30 min", "1 d 1 h", "−1 min"]);
});

test("labels of durations and times tell neighbours apart", () => {
  assert.deepEqual(spanLabels([0, 1800, 3600, 5400]), ["0 s", "30 min", "1 h", "1 h 30 min"]);
  assert.deepEqual(spanLabels([3725, 3726]), ["1 h 2 min 5 s", "1 h 2 min 6 s"]);
  assert.deepEqual(spanLabels([90_000.5, 90_001]), ["1 d 1 h 0.5 s", "1 d 1 h 1 s"]);
  const at = new Date(2026, 0, 2, 23, 59).getTime() / 1000;
  assert.deepEqual(timeLabels([at, at + 60], 60), ["23:59\n2026-01-02", "00:00\n2026-01-03"]);
  assert.deepEqual(timeLabels([at, at + 0.5], 0.5), ["23:59:00.0\n2026-01-02", "23:59:00.5"]);
  assert.deepEqual(timeLabels([at], 86_400), ["2026-01-02"]);
});

test("metrics are grouped by what comes before the first slash", () => {
  assert.deepEqual(grouped(["val/loss", "layer10/x", "layer2/x", "loss", "train/b", "train/a", "/odd"], ""), [
    ["", ["/odd", "loss"]], ["layer2", ["layer2/x"]], ["layer10", ["layer10/x"]],
    ["train", ["train/a", "train/b"]], ["val", ["val/loss"]],
  ]);
  assert.deepEqual(grouped(["train/loss", "val/loss", "val/acc"], "LOSS val"), [["val", ["val/loss"]]]);
});

test("an address that makes no sense is as one that says nothing", () => {
  const plain = settingsOf(new URLSearchParams());
  assert.deepEqual(settingsOf(new URLSearchParams("x=y&smooth=z&log=2&from=a&to=1")), plain);
  assert.deepEqual(settingsOf(new URLSearchParams("from=5&to=1")), plain);
  assert.equal(settingsOf(new URLSearchParams("smooth=7")).smoothing, 0.99);
  assert.deepEqual(settingsOf(new URLSearchParams("x=time&smooth=0.5&log=1&metrics=a&from=1&to=2")), {
    axis: "time", smoothing: 0.5, isLog: true, filter: "a", zoom: [1, 2],
  });
});

test("a zoom in the address is as exact as a screen", () => {
  assert.deepEqual(zoomQuery([39931.48312, 59981.99]), { from: "39931", to: "59982" });
  assert.deepEqual(zoomQuery([1_700_000_000.12345, 1_700_000_020.12345]), { from: "1700000000.123", to: "1700000020.123" });
  assert.deepEqual(zoomQuery(null), { from: null, to: null });
});

test("what a chart does not show is told", () => {
  const points = pointsOf(series([0, 1, 2, 3], ["NaN", 1, "NaN", "-Infinity"]), "step", 0);
  assert.deepEqual(notesOf([points], [0, 3], { shown: 4, total: 4, leftOut: 1 }), [
    "2 NaN at step 0, 2",
    "1 −∞ at step 3",
    "The log scale leaves out 1 value of 0 or less.",
  ]);
  const [thinned, counted] = notesOf([points], [0, 3], { shown: 4, total: 9, leftOut: 0 });
  assert.match(thinned, /^4 of 9 points.* shaded is the range/);
  assert.match(counted, /^At least 2 NaN/);
});

test("a table to take along has every digit, and no formulas", () => {
  const text = csvOf([series([1], [0.1 + 0.2])], new Map([["r", '=1+1,"x"']]));
  assert.equal(text, 'run_id,run,metric,step,timestamp_ms,value\r\nr,"\'=1+1,""x""",loss,1,1000,0.30000000000000004\r\n');
});
