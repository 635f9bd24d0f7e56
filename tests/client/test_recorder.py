"""Runs that are logged to in the background."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from tests.client.harness import Bench
from trialbook import Conflict, Forbidden, NotFound, Run, TrialbookError

pytestmark = pytest.mark.anyio


def found(bench: Bench, run_id: str) -> Run:
    return Run.model_validate(bench.service.get_run(run_id))


def batches(bench: Bench) -> list[Any]:
    """The bodies of the batches so far."""
    return [json.loads(r.content) for r in bench.weather.sent("POST", "/log-batch")]


def test_leaving_the_block_sends_everything_and_ends_the_run(bench: Bench) -> None:
    with bench.sync_client() as tb:
        with tb.start_run(
            "digits", name="r", params={"lr": 0.1}, tags={"t": 1}, description="d"
        ) as run:
            for step in range(10):
                run.log({"loss": 1 / (step + 1)}, step=step)
            run.log_params({"depth": 3})
            run.set_tags({"t": "2"})
        seen = found(bench, run.id)
        assert (seen.name, seen.status, seen.description) == ("r", "finished", "d")
        assert seen.params == {"lr": "0.1", "depth": "3"}
        assert seen.tags == {"t": "2"}
        assert seen.metric_summary["loss"].count == 10
        assert seen.experiment_id == run.experiment
    assert not list(bench.spool_dir.rglob("*.*l"))


async def test_an_asynchronous_run_logs_without_await(bench: Bench) -> None:
    async with bench.client() as tb:
        async with tb.start_run("digits") as run:
            run.log({"loss": 0.5})
            assert await run.flush()
            assert found(bench, run.id).metrics == {"loss": 0.5}
        assert found(bench, run.id).status == "finished"
        waited = await tb.experiment("digits").start_run(name="second")
        await waited.end("failed")
        await waited.end("failed")
        assert found(bench, waited.id).status == "failed"


@pytest.mark.parametrize(
    "error, status",
    [(ValueError("bad"), "failed"), (KeyboardInterrupt(), "killed"), (SystemExit(1), "killed")],
)
def test_an_exception_in_the_block_says_how_the_run_ended(
    bench: Bench, error: BaseException, status: str
) -> None:
    with bench.sync_client() as tb:
        with pytest.raises(type(error)), tb.start_run("digits") as run:  # noqa: PT012  # the block is the point
            run.log({"loss": 1.0})
            raise error
        assert found(bench, run.id).status == status
        assert found(bench, run.id).metrics == {"loss": 1.0}


async def test_a_cancelled_task_ends_its_run_as_killed(bench: Bench) -> None:
    async with bench.client() as tb:
        started: list[str] = []
        ready = asyncio.Event()

        async def train() -> None:
            async with tb.start_run("digits") as run:
                started.append(run.id)
                run.log({"loss": 1.0})
                ready.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(train())
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert found(bench, started[0]).status == "killed"


def test_closing_the_client_ends_the_runs_that_are_open(bench: Bench) -> None:
    tb = bench.sync_client()
    run = tb.start_run("digits")
    run.log({"loss": 1.0})
    tb.close()
    tb.close()
    assert found(bench, run.id).status == "finished"
    with pytest.raises(TrialbookError, match="has ended"):
        run.log({"loss": 1.0})
    with pytest.raises(TrialbookError, match="closed"):
        tb.start_run("digits")
    run.end()


def test_a_missing_experiment_is_made_unless_that_is_unwanted(bench: Bench) -> None:
    with bench.sync_client() as tb:
        with tb.start_run("My Experiment") as one, tb.start_run("my-experiment") as two:
            assert one.experiment == two.experiment
        with pytest.raises(NotFound):
            tb.start_run("another", create_experiment=False)
        with pytest.raises(NotFound):
            tb.experiment("another").start_run()


def test_steps_count_up_from_the_last_one_and_timestamps_are_kept(bench: Bench) -> None:
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        run.log({"a": 1.0})
        run.log({"a": 2.0}, timestamp=5)
        run.log({"a": 3.0}, step=10)
        run.log({"a": 4.0})
        run.flush()
        points = tb.runs.history(run.id, "a")
        assert [(p.step, p.value) for p in points] == [(0, 1.0), (1, 2.0), (10, 3.0), (11, 4.0)]
        assert points[1].timestamp == 5
        assert points[0].timestamp > 1_700_000_000_000


def test_batches_hold_at_most_what_the_service_takes(bench: Bench) -> None:
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        run.log({f"m{number}": float(number) for number in range(2500)})
        run.log_params({f"p{number}": "x" * 7000 for number in range(250)})
        run.set_tags({f"t{number}": "\N{GRINNING FACE}" * 8000 for number in range(150)})
        run.flush()
        seen = found(bench, run.id)
        assert (len(seen.metrics), len(seen.params), len(seen.tags)) == (2500, 250, 150)
    sent = batches(bench)
    assert max(len(b["metrics"]) for b in sent) == 1000
    assert max(len(b["params"]) for b in sent) <= 100
    assert max(len(b["tags"]) for b in sent) <= 100


def test_what_the_service_refuses_is_told_and_loses_nothing_else(
    bench: Bench, said: pytest.LogCaptureFixture
) -> None:
    with bench.sync_client() as tb, tb.start_run("digits", params={"lr": "0.1"}) as run:
        run.flush()
        run.log({"loss": 1.0})
        run.log_params({"lr": "0.2", "depth": "3"})
        run.set_tags({"t": "u"})
        with pytest.raises(Conflict, match="keeps its first value"):
            run.flush()
        seen = found(bench, run.id)
        assert (seen.params, seen.metrics, seen.tags) == (
            {"lr": "0.1", "depth": "3"},
            {"loss": 1.0},
            {"t": "u"},
        )
        assert run.flush()
        [kept] = list(bench.spool_dir.rglob("*.rejected"))
        entry = json.loads(kept.read_text())
        assert entry["body"] == {"params": [{"key": "lr", "value": "0.2"}]}
        assert "keeps its first value" in entry["reason"]
        assert "keeps its first value" in said.text


def test_a_lost_answer_of_a_batch_is_not_counted_twice(bench: Bench) -> None:
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        run.flush()
        bench.weather.next += ["lost", "busy", "lost", "fair"]
        run.log({"loss": 1.0})
        assert not run.flush()
        assert run.flush()
        assert found(bench, run.id).metric_summary["loss"].count == 1


def test_many_threads_log_to_many_runs(bench: Bench) -> None:
    with bench.sync_client() as tb:
        runs = [tb.start_run("digits") for _ in range(3)]

        def train(number: int) -> None:
            for step in range(400):
                runs[number % 3].log({f"m{number}": float(step)}, step=step)

        threads = [threading.Thread(target=train, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for run in runs:
            run.end()
        for number in range(6):
            points = tb.runs.history(runs[number % 3].id, f"m{number}")
            assert [p.value for p in points] == [float(step) for step in range(400)]


def test_a_key_that_may_not_write_cannot_start_a_run(bench: Bench) -> None:
    reader = bench.service.read.headers["x-api-key"]
    with bench.sync_client(reader) as tb, pytest.raises(Forbidden):
        tb.start_run("digits")


def test_a_folder_that_cannot_be_made_does_not_stop_logging(
    bench: Bench, said: pytest.LogCaptureFixture
) -> None:
    bench.spool_dir.write_text("a file is in the way")
    with bench.sync_client() as tb:
        with tb.start_run("digits") as run:
            for step in range(5000):
                run.log({"a": float(step)}, step=step)
        assert found(bench, run.id).metric_summary["a"].count == 5000
        assert found(bench, run.id).status == "finished"
    assert said.text.count("cannot keep what is logged") == 1


def test_a_run_that_was_started_elsewhere_is_logged_to_and_left_running(bench: Bench) -> None:
    run_id = bench.service.run()["run_id"]
    bench.service.log_values(run_id, "loss", [3.0, 2.0])
    with bench.sync_client() as tb:
        tb.attach(run_id).log({"loss": 1.0})
        with pytest.raises(NotFound):
            tb.attach("0" * 32)
    assert found(bench, run_id).status == "running"
    assert found(bench, run_id).metric_summary["loss"].step == 2
