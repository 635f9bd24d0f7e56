"""Logs of variants count once and get there, whoever is away, refuses, or is killed."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import httpx
import pytest

from tests.client.checkout import batches, checkout, files, logged
from tests.client.harness import Bench
from trialbook import Conflict, SyncReport

pytestmark = pytest.mark.anyio


def logged_offline(bench: Bench, count: int = 3) -> list[str]:
    bench.weather.away = True
    with bench.sync_client() as tb:
        ids = [tb.experiment("checkout").log("A", metrics={"n": n}) for n in range(count)]
        assert not tb.experiment("checkout").flush()
    bench.weather.away = False
    return ids


def test_what_was_logged_offline_is_sent_once_by_sync(bench: Bench) -> None:
    checkout(bench)
    ids = logged_offline(bench, 1200)
    [kept] = files(bench)
    assert kept.name.startswith("variants-checkout.")
    assert bench.key.split("_", 2)[2] not in kept.read_text()
    seen: list[int] = []
    with bench.sync_client() as tb:
        report = tb.sync(lambda now: seen.append(now.logs))
        assert tb.sync() == SyncReport()
    assert report == SyncReport(sent=1, batches=3, logs=1200)
    assert seen == [500, 1000, 1200]
    assert sorted(logged(bench)) == sorted(ids)
    assert not files(bench)


def test_a_service_that_comes_back_gets_it_all_from_the_same_process(bench: Bench) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        ids = [handle.log("A")]
        assert handle.flush()
        bench.weather.away = True
        for _ in range(2):
            ids.append(handle.log("B"))
            assert not handle.flush()
        bench.weather.away = False
        assert handle.flush()
    assert sorted(logged(bench)) == sorted(ids)


def test_a_lost_answer_counts_nothing_twice(bench: Bench) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        log_id = handle.log("A", metrics={"n": 1})
        bench.weather.next += ["lost", "busy", "lost", "lost"]
        assert not handle.flush()
        assert handle.flush()
    sent = bench.weather.sent("POST", "/log/batch")
    assert len(sent) >= 4
    assert len({request.content for request in sent}) == 1
    assert logged(bench) == [log_id]


def test_a_log_with_an_id_of_the_callers_counts_once(bench: Bench) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        log_id = handle.log("A", metrics={"n": 1})
        assert handle.flush()
        assert handle.log("A", metrics={"n": 1}, log_id=log_id) == log_id
        assert handle.flush()
        handle.log("A", metrics={"n": 2}, log_id=log_id)
        with pytest.raises(Conflict):
            handle.flush()
    assert logged(bench) == [log_id]


@pytest.mark.parametrize("stops_after", range(4))
def test_a_sender_that_dies_anywhere_leaves_it_to_the_next(bench: Bench, stops_after: int) -> None:
    """By an exception that nothing expects, before or after the service did its work."""
    checkout(bench)
    ids = logged_offline(bench, 1200)

    class Killed(BaseException):
        pass

    for what in ("before", "after"):
        left = [stops_after]

        def stop(request: httpx.Request, left: list[int] = left, what: str = what) -> None:
            left[0] -= 1
            if left[0] == -1:
                if what == "after":
                    assert bench.service.write.send(request).is_success
                raise Killed

        bench.weather.before = stop
        client = bench.sync_client()
        with contextlib.suppress(Killed):
            client.sync()
        bench.weather.before = None
        client.close()
    with bench.sync_client() as tb:
        tb.sync()
    assert sorted(logged(bench)) == sorted(ids)
    assert not files(bench)


def test_an_entry_that_may_pass_later_is_sent_again_and_the_others_count_once(
    bench: Bench,
) -> None:
    checkout(bench)
    inner = bench.weather.inner
    busy = [True]

    async def half(request: httpx.Request) -> httpx.Response:
        """As while results are rebuilt between two parts of a batch."""
        if not request.url.path.endswith("/log/batch") or not busy:
            return await inner.handle_async_request(request)
        busy.clear()
        logs = json.loads(request.content)["logs"]
        some = httpx.Request(
            "POST", request.url, headers={"x-api-key": bench.key}, json={"logs": logs[:2]}
        )
        answer = (await inner.handle_async_request(some)).json()
        later: Any = {"code": "unavailable", "message": "rebuilding", "details": {}}
        answer["results"].append({"success": False, "logId": None, "error": later})
        return httpx.Response(200, json=answer)

    bench.weather.inner = httpx.MockTransport(half)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        ids = [handle.log("A") for _ in range(3)]
        assert not handle.flush()
        assert handle.flush()
    assert sorted(logged(bench)) == sorted(ids)
    assert [len(batch) for batch in batches(bench)] == [3, 3]


def test_a_proxy_that_says_404_refuses_nothing_for_good(bench: Bench) -> None:
    checkout(bench)
    ids = logged_offline(bench)
    inner = bench.weather.inner

    async def page(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, text="<html>no such site</html>", request=request)

    bench.weather.inner = httpx.MockTransport(page)
    with bench.sync_client() as tb:
        report = tb.sync()
    assert (report.left, report.rejected) == (1, 0)
    bench.weather.inner = inner
    with bench.sync_client() as tb:
        assert tb.sync().logs == 3
    assert sorted(logged(bench)) == sorted(ids)


def test_a_file_that_grew_large_makes_way_for_a_new_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trialbook.outbox.NEW_FILE_BYTES", 20_000)
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        ids: list[str] = []
        sizes: list[int] = []
        for _ in range(30):
            ids += [handle.log("A", output={"text": "x" * 100}) for _ in range(10)]
            assert handle.flush()
            sizes.append(sum(file.stat().st_size for file in files(bench)))
        assert max(sizes) < 20_000
        assert min(sizes) == 0
    assert sorted(logged(bench)) == sorted(ids)


def test_a_service_that_logs_for_weeks_goes_on_after_an_error_that_nobody_expected(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    checkout(bench)

    def broken(slug: str) -> str:
        raise ZeroDivisionError(slug)

    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        with monkeypatch.context() as patched:
            patched.setattr("trialbook.delivery.variants_path", broken)
            ids = [handle.log("A")]
            assert not handle.flush()
        assert "logging stopped" in said.text
        ids.append(handle.log("A"))
        assert handle.flush()
        assert logged(bench) == ids[1:]
        assert tb.sync().logs == 1
    assert sorted(logged(bench)) == sorted(ids)


def test_runs_and_variants_are_sent_by_the_same_client(bench: Bench) -> None:
    checkout(bench)
    bench.weather.away = True
    with bench.sync_client() as tb, tb.start_run("checkout") as run:
        run.log({"loss": 1.0})
        log_id = tb.experiment("checkout").log("A")
    bench.weather.away = False
    with bench.sync_client() as tb:
        report = tb.sync()
    assert (report.sent, report.points, report.logs) == (2, 1, 1)
    assert logged(bench) == [log_id]
