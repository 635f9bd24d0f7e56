"""Logging while the service is away: kept on disk, and sent once and in order when it is back."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import httpx
import pytest

from tests.client.harness import Bench
from trialbook import Run, SyncReport, TrialbookError
from trialbook.runs import BASE
from trialbook.spool import spool_folder

pytestmark = pytest.mark.anyio


def found(bench: Bench, run_id: str) -> Run:
    return Run.model_validate(bench.service.get_run(run_id))


def files(bench: Bench, ending: str = "jsonl") -> list[Path]:
    return sorted(bench.spool_dir.rglob(f"*.{ending}"))


def logged_offline(bench: Bench, steps: int = 3) -> str:
    """What a run is called that began and ended while the service was away."""
    bench.weather.away = True
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        for step in range(steps):
            run.log({"loss": float(step)}, step=step)
    bench.weather.away = False
    return run.id


def only_run(bench: Bench) -> Run:
    [run] = bench.service.read.get(BASE, params={"experiment_id": "digits"}).json()["runs"]
    return Run.model_validate(run)


def test_a_run_of_a_service_that_is_away_is_created_by_sync(
    bench: Bench, said: pytest.LogCaptureFixture
) -> None:
    bench.weather.away = True
    with bench.sync_client() as tb:
        with tb.start_run("My digits", name="r", params={"lr": 0.1}, tags={"a": "b"}) as run:
            assert run.id.startswith("offline-")
            run.log({"loss": 1.0}, step=1)
            run.log({"loss": 0.5}, step=2)
            assert not run.flush()
        assert not run.end()
    assert "did not answer" in said.text
    [kept] = files(bench)
    assert kept.name.startswith("offline-")

    bench.weather.away = False
    seen: list[int] = []
    with bench.sync_client() as tb:
        report = tb.sync(lambda now: seen.append(now.points))
        again = tb.sync()
    assert report == SyncReport(sent=1, batches=1, points=2)
    assert seen == [0, 2, 2]
    assert again == SyncReport()
    assert not files(bench)
    assert not files(bench, "sent")
    experiment = bench.service.read.get("/api/v1/experiments/my-digits").json()
    [made] = bench.service.read.get(BASE, params={"experiment_id": experiment["id"]}).json()["runs"]
    seen_run = Run.model_validate(made)
    assert (seen_run.name, seen_run.status) == ("r", "finished")
    assert (seen_run.params, seen_run.tags) == ({"lr": "0.1"}, {"a": "b"})
    assert seen_run.metric_summary["loss"].count == 2
    assert seen_run.metrics == {"loss": 0.5}


def test_a_service_that_comes_back_gets_it_all_from_the_same_process(bench: Bench) -> None:
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        run.log({"loss": 1.0}, step=1)
        assert run.flush()
        bench.weather.away = True
        run.log({"loss": 2.0}, step=2)
        assert not run.flush()
        run.log({"loss": 3.0}, step=3)
        assert not run.flush()
        assert found(bench, run.id).metrics == {"loss": 1.0}
        bench.weather.away = False
        run.log({"loss": 4.0}, step=4)
        assert run.flush()
        assert [p.value for p in tb.runs.history(run.id, "loss")] == [1.0, 2.0, 3.0, 4.0]
    assert not files(bench)


def test_a_run_begun_offline_gets_its_id_when_the_service_is_back(bench: Bench) -> None:
    bench.weather.away = True
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        run.log({"loss": 1.0})
        assert not run.flush()
        with pytest.raises(TrialbookError, match="was away when this run began"):
            run.files()
        bench.weather.away = False
        assert run.flush()
        assert found(bench, run.id).metrics == {"loss": 1.0}
        assert run.files() == []


def test_the_next_process_that_logs_sends_what_is_left(bench: Bench) -> None:
    logged_offline(bench)
    with bench.sync_client() as tb, tb.start_run("another") as run:
        # taking over waits for what is being sent in the background
        assert tb.sync().left == 0
        run.log({"loss": 1.0})
    assert only_run(bench).metric_summary["loss"].count == 3


def test_a_run_whose_creation_was_answered_to_nobody_is_created_once(bench: Bench) -> None:
    bench.service.experiment("digits")
    # the experiment is found; then the run is created, but the answers do not arrive
    bench.weather.next += ["fair", *["lost"] * 6]
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        run.log({"loss": 1.0})
        run.flush()
        run.flush()
    assert only_run(bench).run_id == run.id
    assert only_run(bench).metrics == {"loss": 1.0}


@pytest.mark.parametrize("stops_after", range(8))
def test_a_sender_that_dies_anywhere_leaves_it_to_the_next(bench: Bench, stops_after: int) -> None:
    """By an exception that nothing expects, before or after the service did its work."""
    logged_offline(bench, steps=2500)

    class Killed(BaseException):
        pass

    for what in ("before", "after"):
        left = [stops_after]

        def stop(request: httpx.Request, left: list[int] = left, what: str = what) -> None:
            left[0] -= 1
            if left[0] == -1:
                if what == "after":
                    answer = bench.service.write.send(request)
                    assert answer.is_success or answer.status_code == 404
                raise Killed

        bench.weather.before = stop
        client = bench.sync_client()
        with contextlib.suppress(Killed):
            client.sync()
        bench.weather.before = None
        client.close()
    with bench.sync_client() as tb:
        tb.sync()
    run = only_run(bench)
    assert (run.status, run.metric_summary["loss"].count) == ("finished", 2500)
    assert not files(bench)


def test_what_the_service_refuses_for_good_is_put_aside_and_stops_nothing_else(
    bench: Bench,
) -> None:
    with bench.sync_client() as tb:
        good, gone = tb.start_run("digits"), tb.start_run("digits")
        good.flush()
        gone.flush()
        bench.weather.away = True
        gone.log({"loss": 1.0})
        good.log({"loss": 1.0})
        good.log_params({"ok": 1})
        good.log_params({"a\ud800": "half a character"})
        gone.end()
        good.end()
    bench.weather.away = False
    assert bench.service.write.delete(f"{BASE}/{gone.id}").status_code == 204
    with bench.sync_client() as tb:
        report = tb.sync()
    assert (report.sent, report.left, report.points) == (2, 0, 1)
    assert report.rejected == 3  # a batch and an end of the deleted run, and a param
    assert found(bench, good.id).metrics == {"loss": 1.0}
    assert found(bench, good.id).params == {"ok": "1"}
    kept = [json.loads(line) for file in report.rejected_files for line in _lines(file)]
    assert sum("the run is deleted" in entry["reason"] for entry in kept) == 2
    assert sum("half a character" in json.dumps(entry["body"]) for entry in kept) == 1


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_a_proxy_that_says_404_refuses_nothing_for_good(bench: Bench) -> None:
    logged_offline(bench)

    async def page(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, text="<html>no such site</html>", request=request)

    inner = bench.weather.inner
    bench.weather.inner = httpx.MockTransport(page)
    with bench.sync_client() as tb:
        report = tb.sync()
    assert (report.left, report.rejected) == (1, 0)
    assert report.problems
    bench.weather.inner = inner
    with bench.sync_client() as tb:
        assert tb.sync().points == 3


def test_a_revoked_key_keeps_everything(bench: Bench) -> None:
    logged_offline(bench)
    key_id = bench.key.split("_")[1]
    bench.service.admin.delete(f"/api/v1/keys/{key_id}")
    with bench.sync_client() as tb:
        report = tb.sync()
    assert (report.left, report.rejected, len(files(bench))) == (1, 0, 1)


def test_files_go_to_no_other_service_and_with_no_other_key(bench: Bench) -> None:
    logged_offline(bench)
    with bench.sync_client(bench.service.other.headers["x-api-key"]) as stranger:
        assert stranger.sync() == SyncReport()
    assert len(files(bench)) == 1
    assert spool_folder("https://a.test", "k") != spool_folder("https://b.test", "k")
    assert spool_folder("https://a.test", "k") != spool_folder("https://a.test", "l")


def test_a_key_is_in_no_file(bench: Bench) -> None:
    logged_offline(bench)
    [kept] = files(bench)
    assert bench.key.split("_", 2)[2] not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert kept.parent.stat().st_mode & 0o077 == 0


def test_a_service_that_is_away_again_stops_a_sync_and_says_so(bench: Bench) -> None:
    logged_offline(bench)
    logged_offline(bench)
    bench.weather.away = True
    with bench.sync_client() as tb:
        report = tb.sync()
    assert (report.sent, report.left, len(report.problems)) == (0, 2, 1)
    assert "did not answer" in report.problems[0]


def test_a_file_that_is_being_logged_to_is_left_alone(bench: Bench) -> None:
    bench.weather.away = True
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        run.log({"loss": 1.0})
        run.flush()
        bench.weather.away = False
        with bench.sync_client() as other:
            assert other.sync() == SyncReport(busy=1)
        assert run.flush()
    assert only_run(bench).metric_summary["loss"].count == 1
