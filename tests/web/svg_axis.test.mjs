import assert from "node:assert/strict";
import { test } from "node:test";
import {
  categoryAxis, numericAxis, spansDecades, spelledNumber, tickText, tickTexts, timeAxis,
} from "../../chalicelib/api/web/static/svg_axis.js";

const DAY = 86_400_000;
const texts = (axis) => axis.ticks.map((tick) => tick.text);

test("ticks are round and lie between the ends, those included", () => {
  assert.deepEqual(texts(numericAxis([0, 0.3], { count: 3 })), ["0", "0.1", "0.2", "0.3"]);
  assert.deepEqual(texts(numericAxis([-0.31, 0.27], { count: 3 })), ["−0.2", "0", "0.2"]);
});

test("a tick is written as short as it can be", () => {
  assert.equal(tickText(0), "0");
  assert.equal(tickText(0.1 + 0.2), "0.3");
  assert.equal(tickText(-1.5), "−1.5");
  assert.equal(tickText(20_000), "20k");
  assert.equal(tickText(3e-7), "3e−7");
  assert.equal(tickText(1e30), "1e+30");
});

test("ticks that differ are written so", () => {
  assert.deepEqual(tickTexts([0.99991, 0.99993, 0.99997]), ["0.99991", "0.99993", "0.99997"]);
  assert.deepEqual(tickTexts([0.123456, 0.5]), ["0.1235", "0.5"]);
  for (const ends of [[0.99991, 0.99997], [1.79e12, 1.79e12 + 9000], [1.79e12, 1.79e12 + 8], [1e-9, 1.001e-9]]) {
    const found = texts(numericAxis(ends));
    assert.ok(found.length > 2, String(ends));
    assert.equal(new Set(found).size, found.length, found.join(" "));
  }
});

test("the ends of a numeric axis are its least and greatest value", () => {
  const axis = numericAxis([2, 4, 10, NaN, Infinity]);
  assert.equal(axis.at(2), 0);
  assert.equal(axis.at(10), 1);
  assert.ok(Number.isNaN(axis.at("2")));
});

test("free room at both ends moves the values inwards", () => {
  const axis = numericAxis([0, 10], { pad: 0.5 });
  assert.equal(axis.at(0), 0.25);
  assert.equal(axis.at(10), 0.75);
});

test("equal values lie in the middle", () => {
  assert.equal(numericAxis([7, 7]).at(7), 0.5);
  assert.equal(numericAxis([0]).at(0), 0.5);
  assert.equal(numericAxis([0.1, 0.1], { isLog: true }).at(0.1), 0.5);
});

test("a logarithmic axis gives each decade the same room", () => {
  const axis = numericAxis([1e-4, 1e-2, 1], { isLog: true });
  assert.ok(Math.abs(axis.at(1e-2) - 0.5) < 1e-12);
  assert.ok(Number.isNaN(axis.at(0)));
  assert.deepEqual(texts(axis), ["0.0001", "0.001", "0.01", "0.1", "1"]);
});

test("of many decades not each has a tick", () => {
  assert.ok(numericAxis([1e-30, 1], { isLog: true, count: 5 }).ticks.length <= 8);
});

test("an axis of nothing has no ticks and no place", () => {
  const axis = numericAxis([NaN]);
  assert.deepEqual(axis.ticks, []);
  assert.ok(Number.isNaN(axis.at(1)));
});

test("a logarithm is for what is above zero, spans two decades and is crowded at the low end", () => {
  assert.ok(!spansDecades([0.001, 0.3, 0.5, 0.7, 1]));
  assert.ok(spansDecades([0.001, 0.1]));
  assert.ok(!spansDecades([0.001, 0.05]));
  assert.ok(!spansDecades([0, 1000]));
  assert.ok(!spansDecades([5]));
  assert.ok(!spansDecades([]));
});

test("moments have ticks at whole days, hours or seconds", () => {
  const day = Date.UTC(2026, 0, 31);
  assert.deepEqual(texts(timeAxis([day, day + 3 * DAY], 4)), ["01-31", "02-01", "02-02", "02-03"]);
  assert.deepEqual(texts(timeAxis([day, day + 3 * 3_600_000], 3)), ["00:00", "01:00", "02:00", "03:00"]);
  assert.deepEqual(texts(timeAxis([day])), ["01-31"]);
  assert.deepEqual(timeAxis([]).ticks, []);
});

test("moments by the clock here are those that the readout beside them tells", () => {
  const from = new Date(2026, 0, 31, 9, 50).getTime();
  const axis = timeAxis([from, from + 3 * 3_600_000], 3, { isLocal: true });
  assert.deepEqual(texts(axis), ["10:00", "11:00", "12:00"]);
  assert.ok(Math.abs(axis.at(new Date(2026, 0, 31, 11).getTime()) - axis.ticks[1].at) < 1e-9);
});

test("names have equal shares, and of many only some are written", () => {
  const axis = categoryAxis(["adam", "sgd"]);
  assert.equal(axis.at("adam"), 0.25);
  assert.equal(axis.at("sgd"), 0.75);
  assert.ok(Number.isNaN(axis.at("other")));
  assert.ok(categoryAxis(Array.from({ length: 500 }, (_, n) => `n${n}`)).ticks.length <= 24);
});

test("a param spells a number or it does not", () => {
  assert.equal(spelledNumber("1e-3"), 0.001);
  assert.equal(spelledNumber(""), null);
  assert.equal(spelledNumber("  "), null);
  assert.equal(spelledNumber("12px"), null);
  assert.equal(spelledNumber("Infinity"), null);
});
