import assert from "node:assert/strict";
import { test } from "node:test";
import { completed, completion } from "../../chalicelib/api/web/static/filter_completion.js";
import { learn, nothingKnown } from "../../chalicelib/api/web/static/runs_rows.js";

const KNOWN = nothingKnown();
learn(KNOWN, [
  {
    name: "one", user: "ada", tags: { team: "vision", "git branch": "main" },
    params: { model: "vit", optimizer: "it's" }, metrics: { "val/loss": 1, "val acc": 1, loss: 2 },
  },
  { name: "two", user: "bob", tags: {}, params: { model: "mlp" }, metrics: {} },
]);
const NOW = 1_800_000_000_000;

/** What is offered at the end of the text. */
function offered(text) {
  return completion(text, text.length, KNOWN, NOW).options.map((option) => option.text);
}

/** The text after the first offer was taken. */
function taken(text) {
  const { from, options } = completion(text, text.length, KNOWN, NOW);
  return completed(text, text.length, from, options[0]).text;
}

test("at the beginning the kinds of fields are offered", () => {
  assert.deepEqual(offered("").slice(0, 4), ["metrics.", "params.", "tags.", "status"]);
  assert.deepEqual(offered("metrics.loss < 1 AND ").slice(0, 1), ["metrics."]);
});

test("a part of a name finds fields of all kinds, those that begin with it first", () => {
  assert.deepEqual(offered("loss"), ["metrics.val/loss", "metrics.loss"]);
  assert.deepEqual(offered("val/l"), ["metrics.val/loss"]);
  assert.deepEqual(offered("stat"), ["status"]);
  assert.deepEqual(offered("metric.lo"), ["metrics.loss"]);
  assert.ok(offered("attributes.st").includes("attributes.status"));
});

test("a key with other signs is put in backticks, and found while they are open", () => {
  assert.equal(taken("git"), "tags.`git branch` ");
  assert.equal(taken("metrics.`val a"), "metrics.`val acc` ");
});

test("operators are those that fit the field", () => {
  assert.deepEqual(offered("metrics.loss ").slice(0, 2), ["<", "<="]);
  assert.ok(!offered("metrics.loss ").includes("LIKE"));
  assert.deepEqual(offered("params.model ").slice(0, 3), ["=", "!=", "LIKE"]);
  assert.deepEqual(offered("params.model li"), ["LIKE"]);
  assert.deepEqual(offered("tags.`git branch` is n"), ["IS NULL", "IS NOT NULL"]);
  assert.deepEqual(offered("metrics.loss <"), ["<", "<="]);
  assert.ok(offered("duration_ms ").includes(">="));
});

test("values are those of the rows, quoted", () => {
  assert.deepEqual(offered("params.model = "), ["'mlp'", "'vit'"]);
  assert.deepEqual(offered("params.model = 'v"), ["'vit'"]);
  assert.equal(taken("params.optimizer = "), "params.optimizer = 'it''s' ");
  assert.deepEqual(offered("status = 'f"), ["'FINISHED'", "'FAILED'"]);
  assert.deepEqual(offered("user_id != "), ["'ada'", "'bob'"]);
  assert.deepEqual(offered("metrics.loss < "), []);
});

test("moments are offered where milliseconds are asked for", () => {
  assert.equal(offered("start_time > ")[0], String(NOW - 3_600_000));
  assert.deepEqual(offered("start_time > 17"), []);
});

test("a list goes on with a comma or ends", () => {
  assert.deepEqual(offered("params.model IN "), ["("]);
  assert.equal(taken("params.model IN "), "params.model IN (");
  assert.deepEqual(offered("params.model IN ("), ["'mlp'", "'vit'"]);
  assert.deepEqual(offered("params.model in ('vit'"), [",", ")"]);
  assert.deepEqual(offered("params.model not in ('vit', 'm"), ["'mlp'"]);
  assert.deepEqual(offered("params.model IN ('a, b', 'c') "), ["AND"]);
});

test("behind a whole clause AND is offered, and nothing before a space", () => {
  assert.deepEqual(offered("metrics.loss < 0.5"), []);
  assert.deepEqual(offered("metrics.loss < 0.5 "), ["AND"]);
  assert.deepEqual(offered("params.model IS NULL a"), ["AND"]);
  assert.deepEqual(offered("metrics.loss < 0.5 or"), []);
});

test("quotes may hold what looks like the language", () => {
  assert.deepEqual(offered("params.model = 'a AND b' "), ["AND"]);
  assert.deepEqual(offered("params.model = 'it''s' AND metrics.loss > -1e-3 AND lo").at(-1), "metrics.loss");
});

test("only what is before the caret counts, and what is behind it stays", () => {
  const text = "met < 1";
  const { from, options } = completion(text, 3, KNOWN, NOW);
  assert.deepEqual(completed(text, 3, from, options[0]), { text: "metrics. < 1", caret: 8 });
});

test("any text that is typed has an answer", () => {
  const pieces = ["metrics.", "`", "'", "\"", "(", ",", " ", "AND", "IN", "=", "<", "params.a", ")", "IS", "1e", "é"];
  for (let n = 0; n < 4000; n += 1) {
    let text = "";
    for (let rest = n * 7919; rest > 0; rest = Math.floor(rest / pieces.length)) {
      text += pieces[rest % pieces.length];
    }
    assert.ok(Array.isArray(offered(text)));
  }
});

test("what is typed may be named as what every object has", () => {
  for (const text of ["constructor", "constructor.", "constructor.a = ", "attributes.constructor "]) {
    assert.ok(Array.isArray(completion(text, text.length, nothingKnown(), 0).options));
  }
  assert.deepEqual(completion("constructor.", 12, nothingKnown(), 0).options, []);
});
