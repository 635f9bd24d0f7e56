import assert from "node:assert/strict";
import { test } from "node:test";
import { isKey, waitOf } from "../../chalicelib/api/web/static/api.js";

test("the server says in seconds or by a date how long to wait", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(waitOf("3", now), 3000);
  assert.equal(waitOf("0", now), 0);
  assert.equal(waitOf("Thu, 01 Jan 2026 00:00:05 GMT", now), 5000);
  assert.equal(waitOf("Wed, 31 Dec 2025 23:59:00 GMT", now), 0);
  assert.equal(waitOf(null, now), 1000);
  assert.equal(waitOf("soon", now), 1000);
});

test("a key is told from what a header cannot have", () => {
  const secret = "0123456789".repeat(4);
  assert.equal(isKey(`tb_abcdefgh_${secret}`), true);
  assert.equal(isKey(`tb_abcdefgh_${secret}ж`), false);
  assert.equal(isKey(`tb_аbcdefgh_${secret}`), false);
  assert.equal(isKey(""), false);
});
