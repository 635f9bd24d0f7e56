import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countText, isNarrowed, isSearch, labelOf, level, listQuery, ordinal, searchBody, wanted, whyText,
} from "../../chalicelib/api/web/static/artifacts_asked.js";

const asked = (text) => wanted(new URLSearchParams(text));

test("without words, metric or time it is a list with pages", () => {
  const found = asked("kind=model&tag=a&tag=b&label=team%3Dred&pinned=1&run=r1");
  assert.ok(!isSearch(found));
  assert.ok(isNarrowed(found));
  assert.deepEqual(listQuery(found, "next"), {
    limit: 100, cursor: "next", tags: ["a", "b"], "label.team": "red", kind: "model", run_id: "r1", pinned: true,
  });
});

test("words make it a search, with the mode that was chosen", () => {
  const found = asked("query=street+signs&mode=lexical&tag=a&label=a%3Db%3Dc");
  assert.ok(isSearch(found));
  assert.deepEqual(searchBody(found), { limit: 100, query: "street signs", mode: "lexical", tags: ["a"], labels: { a: "b=c" } });
});

test("a metric or a time makes it a search without words", () => {
  assert.deepEqual(searchBody(asked("metric=f1&best=min")), { limit: 100, metric: "f1", metric_mode: "min" });
  assert.deepEqual(searchBody(asked("since=7d")), { limit: 100, time_window: "7d" });
});

test("an address of nonsense asks for all", () => {
  const found = asked("mode=other&best=most&label=nothing&query=++");
  assert.equal(found.mode, "hybrid");
  assert.equal(found.best, "max");
  assert.deepEqual(found.labels, {});
  assert.ok(!isNarrowed(found));
  assert.deepEqual(listQuery(found, null), { limit: 100, cursor: null });
});

test("a label has a key and a value", () => {
  assert.deepEqual(labelOf(" team = red "), [["team", "red"]]);
  assert.equal(labelOf("team="), null);
  assert.equal(labelOf("=red"), null);
  assert.equal(labelOf("team"), null);
});

test("why a hit was found is said in words", () => {
  assert.equal(whyText({ words: ["street", "signs"], lexical: { rank: 2, score: 1 }, semantic: { rank: 1, score: 1 } }), "words: street, signs · 2nd by words, 1st by meaning");
  assert.equal(whyText({ metric: "f1", value: 0.93 }), "f1 0.93");
  assert.equal(whyText({}), "");
});

test("places are counted as in English", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
});

test("a level of a directory has its folders with what is in them, and its files", () => {
  const files = [{ path: "a/b/one", size_bytes: 1 }, { path: "a/two", size_bytes: 2 }, { path: "ab", size_bytes: 4 }];
  assert.deepEqual(level(files, ""), { folders: [{ name: "a", path: "a", files: 2, size: 3 }], files: [files[2]] });
  assert.deepEqual(level(files, "a"), { folders: [{ name: "b", path: "a/b", files: 1, size: 1 }], files: [files[1]] });
  assert.deepEqual(level(files, "none"), { folders: [], files: [] });
});

test("how many are shown says whether there are more", () => {
  assert.equal(countText(asked("since=7d"), 100, true), "The first 100 artifacts, newest first");
  assert.equal(countText(asked("query=street"), 250, false), "250 artifacts, best first");
  assert.match(countText(asked("metric=f1"), 1000, false), /^The first 1,000 artifacts, best first: narrow/);
  assert.equal(countText(asked(""), 1000, false), "1,000 artifacts, newest first");
  assert.equal(searchBody(asked("since=7d"), 1000).limit, 1000);
});
