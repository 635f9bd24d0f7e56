"""Variants through the client: assigned, logged in the background, listed, exported."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.engines import START_MS
from tests.client.checkout import VARIANTS, batches, checkout
from tests.client.harness import Bench
from trialbook import (
    Assignment,
    Conflict,
    ConnectionFailed,
    Invalid,
    NotFound,
    TrialbookError,
)
from trialbook._http import Api
from trialbook.export import below

pytestmark = pytest.mark.anyio


async def test_an_experiment_is_defined_changed_and_started(bench: Bench) -> None:
    async with bench.client() as tb:
        made = await tb.experiments.create(
            "Checkout",
            variants=VARIANTS,
            metric_goals={"revenue": "max"},
            unit_key="user_id",
            dimensions=["country"],
            guardrails={"latency_ms": {"margin": 0.05}},
            planned_units=1000,
        )
        assert (made.status, made.started_at) == ("draft", None)
        assert (made.unit_key, made.dimensions, made.planned_units) == (
            "user_id",
            ["country"],
            1000,
        )
        assert made.guardrails["latency_ms"].margin == 0.05
        assert made.guardrails["latency_ms"].kind == "relative"
        started = await tb.experiments.update("checkout", status="active", unit_key="")
        assert (started.status, started.unit_key) == ("active", None)
        assert started.started_at is not None
        with pytest.raises(Conflict):
            await tb.experiments.update("checkout", planned_units=2000)
        moved = await tb.experiments.update(
            "checkout",
            variants=[{**VARIANTS[0], "weight": 10}, {**VARIANTS[1], "weight": 90}],
            dimensions=[],
        )
        assert [c.weights for c in moved.weight_changes] == [
            {"A": 50.0, "B": 50.0},
            {"A": 10.0, "B": 90.0},
        ]
        assert moved.dimensions == []
        with pytest.raises(Conflict):
            await tb.experiments.update("checkout", status="draft")


def test_a_user_gets_the_same_variant_each_time_with_its_payload(bench: Bench) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        found = {user: handle.assign(user, {"country": "DE"}) for user in map(str, range(20))}
        assert {a.variant for a in found.values()} == {"A", "B"}
        assert {user: handle.assign(user) for user in found} == found
        assert Assignment(variant="A", payload={"color": "blue"}) in found.values()
        tb.experiments.update("checkout", status="paused")
        with pytest.raises(NotFound):
            tb.experiment("nothing").assign("ada")
        with pytest.raises(Invalid):
            handle.assign("")
        bench.weather.away = True
        before = len(bench.weather.requests)
        with pytest.raises(ConnectionFailed):
            handle.assign("ada")
        assert len(bench.weather.requests) == before + 3


async def test_logs_are_sent_in_the_background_and_come_back_as_they_were(bench: Bench) -> None:
    checkout(bench)
    async with bench.client() as tb:
        handle = tb.experiment("checkout")
        assert await handle.flush()
        assert not bench.weather.requests
        log_id = handle.log(
            "B",
            input={"query": "shoes"},
            output={"items": [1, 2]},
            metrics={"latency_ms": 212, "score": float("nan")},
            context={"country": "DE"},
            unit="ada",
            covariates={"latency_ms": 250},
            timestamp=START_MS,
        )
        assert await handle.flush()
        [log] = [log async for log in handle.logs()]
        assert (log.log_id, log.variant, log.unit, log.timestamp) == (log_id, "B", "ada", START_MS)
        assert (log.input, log.output) == ({"query": "shoes"}, {"items": [1, 2]})
        assert log.metrics["latency_ms"] == 212
        assert log.metrics["score"] != log.metrics["score"]
        assert (log.context, log.covariates) == ({"country": "DE"}, {"latency_ms": 250.0})
        assert log.logged_at is not None
        await handle.outcome(log_id, {"user_rating": 5, "latency_ms": 210})
        [late] = [log async for log in handle.logs()]
        assert (late.metrics["user_rating"], late.metrics["latency_ms"]) == (5.0, 210.0)
        with pytest.raises(NotFound):
            await handle.outcome("log_" + "0" * 26, {"user_rating": 5})
        with pytest.raises(Invalid):
            await handle.outcome("ada", {"user_rating": 5})
        assert (await handle.get()).slug == "checkout"


def test_a_batch_holds_at_most_what_the_service_takes(bench: Bench) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        ids = [handle.log("A", metrics={"n": n}) for n in range(1100)]
        ids += [handle.log("B", output={"text": "x" * 1_000_000}) for _ in range(3)]
        ids.append(handle.log("B", output={"text": "x" * 3_900_000}))
        assert handle.flush()
        sizes = [len(batch) for batch in batches(bench)]
        assert max(sizes) == 500
        assert len(sizes) == len([n for n in sizes if n]) >= 6
        assert [log["logId"] for batch in batches(bench) for log in batch] == ids
        assert {log.log_id for log in handle.logs(variant="A")} == set(ids[:1100])
    assert not list(bench.spool_dir.rglob("*.*l"))


def test_closing_the_client_sends_what_was_logged(bench: Bench) -> None:
    checkout(bench)
    tb = bench.sync_client()
    handle = tb.experiment("checkout")
    log_id = handle.log("A")
    tb.close()
    assert [[log["logId"] for log in batch] for batch in batches(bench)] == [[log_id]]
    with pytest.raises(TrialbookError, match="the client is closed"):
        handle.log("A")
    assert handle.flush()


def test_what_cannot_be_logged_is_said_at_once_and_nothing_begins(bench: Bench) -> None:
    with bench.sync_client() as tb:
        for slug, variant, kind in (("checkout", "", Invalid), ("../x", "A", NotFound)):
            with pytest.raises(kind):
                tb.experiment(slug).log(variant)
        with pytest.raises(Invalid):
            tb.experiment("checkout").log("A", metrics={"a": "low"})
    assert not bench.weather.requests
    assert not bench.spool_dir.exists()


def test_logs_are_filtered_by_variant_time_and_metrics(bench: Bench) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        for n in range(10):
            handle.log("AB"[n % 2], metrics={"latency_ms": 100 * n}, timestamp=START_MS + 1000 * n)
        handle.flush()

        def found(**asked: Any) -> list[float]:
            return [log.metrics["latency_ms"] / 100 for log in handle.logs(**asked)]

        assert found() == [*range(9, -1, -1)]
        assert found(limit=3) == [9, 8, 7]
        assert found(variant="B") == [9, 7, 5, 3, 1]
        assert found(where="latency_ms>700") == [9, 8]
        assert found(where=["latency_ms>=200", "latency_ms<400"]) == [3, 2]
        moment = datetime.fromtimestamp(START_MS / 1000 + 5, UTC)
        assert found(since=moment, until=START_MS + 7000) == [7, 6, 5]
        assert found(since=moment.isoformat(), variant="A") == [8, 6]
        assert found(since=moment.date()) == found()
        assert found(until=date(2026, 1, 1)) == []
        with pytest.raises(Invalid):
            found(where="latency_ms")
        with pytest.raises(NotFound):
            list(tb.experiment("nothing").logs())


def test_logs_are_listed_page_by_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trialbook._pages._PAGE", 3)
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        ids = [handle.log("A", timestamp=START_MS + n) for n in range(10)]
        handle.flush()
        assert [log.log_id for log in handle.logs()] == ids[::-1]
        assert [log.log_id for log in handle.logs(limit=4)] == ids[:-5:-1]


def test_an_export_is_written_whole_or_not_at_all(bench: Bench, tmp_path: Path) -> None:
    checkout(bench)
    path = tmp_path / "logs.jsonl"
    path.write_text("older")
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        ids = [
            handle.log("AB"[n % 2], metrics={"n": n}, timestamp=START_MS - 1000 + n)
            for n in range(20)
        ]
        handle.flush()
        with pytest.raises(NotFound):
            tb.experiment("nothing").export(path)
        assert path.read_text() == "older"
        assert handle.export(path) == path
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line["logId"] for line in lines] == ids[::-1]
        handle.export(str(path), variant="B", where=["n>15"], since=START_MS - 1000)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line["metrics"]["n"] for line in lines] == [19, 17]
        with pytest.raises(OSError, match="missing"):
            handle.export(tmp_path / "missing" / "logs.jsonl")
    assert [found.name for found in tmp_path.glob("*logs*")] == ["logs.jsonl"]
    assert not list(tmp_path.glob(".*.part"))


def test_an_export_that_is_being_made_is_asked_for_again(bench: Bench, tmp_path: Path) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        handle.log("A", timestamp=START_MS - 1)
        handle.flush()
        inner = bench.weather.inner
        unfinished = 2

        async def slow(request: httpx.Request) -> httpx.Response:
            nonlocal unfinished
            answer = await inner.handle_async_request(request)
            if "/logs/export" not in request.url.path or not unfinished:
                return answer
            unfinished -= 1
            return httpx.Response(202, json={**answer.json(), "url": None, "expires_at": None})

        bench.weather.inner = httpx.MockTransport(slow)
        handle.export(tmp_path / "logs.jsonl")
    assert len((tmp_path / "logs.jsonl").read_text().splitlines()) == 1
    assert len([r for r in bench.weather.requests if "/logs/export/" in r.url.path]) == 2


def test_a_place_to_ask_is_below_the_address_with_its_stage() -> None:
    ask = "/dev/experiment/checkout/logs/export/1"
    assert below(Api("https://a.test/dev", "tb_k_s"), ask) == ask.removeprefix("/dev")
    assert below(Api("https://a.test", "tb_k_s"), ask) == ask


def test_many_threads_log_to_many_experiments(bench: Bench) -> None:
    definition: dict[str, Any] = {"variants": VARIANTS, "status": "active"}
    slugs = [bench.service.experiment(f"e{n}", **definition)["slug"] for n in range(3)]
    with bench.sync_client() as tb:

        def serve(number: int) -> None:
            for _ in range(200):
                tb.experiment(slugs[number % 3]).log("A", unit=f"u{number}")

        run_in_threads(serve, 6)
        for slug in slugs:
            assert tb.experiment(slug).flush()
            assert len(list(tb.experiment(slug).logs())) == 400


def run_in_threads(work: Callable[[int], object], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
