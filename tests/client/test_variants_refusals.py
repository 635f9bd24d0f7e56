"""Logs that the service refuses are told, kept aside, and stop no others."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.client.checkout import checkout, files, logged
from tests.client.harness import Bench
from trialbook import Conflict, Invalid, NotFound, TooLarge
from trialbook.outbox import MAX_TOLD

pytestmark = pytest.mark.anyio


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_a_log_that_is_refused_is_told_and_stops_no_other(
    bench: Bench, said: pytest.LogCaptureFixture
) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        good = [handle.log("A"), handle.log("B")]
        bad = [handle.log("C", unit="ada"), handle.log("C")]
        good.append(handle.log("A"))
        with pytest.raises(Invalid, match="it has A, B"):
            handle.flush()
        assert handle.flush()
        assert sorted(logged(bench)) == sorted(good)
    [kept] = files(bench, "rejected")
    entries = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [entry["body"]["logs"][0]["logId"] for entry in entries] == bad
    assert {entry["slug"] for entry in entries} == {"checkout"}
    assert "it has A, B" in entries[0]["reason"]
    assert said.text.count("variants of checkout: the service refused") == 1
    assert "(2 times)" in said.text


def test_a_draft_and_an_experiment_that_is_missing_refuse_all_of_a_batch(bench: Bench) -> None:
    checkout(bench, status="draft")
    with bench.sync_client() as tb:
        for slug, kind in (("checkout", Conflict), ("nothing", NotFound)):
            handle = tb.experiment(slug)
            handle.log("A")
            handle.log("A")
            with pytest.raises(kind):
                handle.flush()
    kept = [json.loads(line) for file in files(bench, "rejected") for line in _lines(file)]
    assert [len(entry["body"]["logs"]) for entry in kept] == [2, 2]


def test_sync_tells_what_was_refused(bench: Bench) -> None:
    checkout(bench)
    bench.weather.away = True
    with bench.sync_client() as tb:
        for variant in ("A", "C", "B"):
            tb.experiment("checkout").log(variant)
    bench.weather.away = False
    with bench.sync_client() as tb:
        report = tb.sync()
    assert (report.sent, report.logs, report.rejected) == (1, 2, 1)
    [path] = report.rejected_files
    assert "it has A, B" in path.read_text()


async def test_a_long_row_of_refusals_is_not_kept_in_memory(bench: Bench) -> None:
    checkout(bench)
    async with bench.client() as tb:
        handle = tb.experiment("checkout")
        for _ in range(1000):
            handle.log("C")
        with pytest.raises(Invalid):
            await handle.flush()
        for _ in range(600):
            handle.log("C")
        await tb.sync()
        assert len(tb.recorder.variants_of("checkout").refusals) == MAX_TOLD
    assert sum(len(_lines(file)) for file in files(bench, "rejected")) == 1600


def test_a_gateway_that_takes_less_gets_smaller_batches(bench: Bench) -> None:
    checkout(bench)
    inner = bench.weather.inner

    async def narrow(request: httpx.Request) -> httpx.Response:
        if len(request.content) > 20_000:
            error = {"code": "too_large", "message": "too large"}
            return httpx.Response(413, json={"error": error})
        return await inner.handle_async_request(request)

    bench.weather.inner = httpx.MockTransport(narrow)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        ids = [handle.log("A", output={"text": "x" * 1000}) for _ in range(100)]
        handle.log("B", output={"text": "x" * 30_000})
        with pytest.raises(TooLarge):
            handle.flush()
    assert sorted(logged(bench)) == sorted(ids)
