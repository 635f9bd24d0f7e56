"""How a process ends decides how its run ends, and whatever was logged gets there."""

from __future__ import annotations

import json
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.api.process import Serving, serving
from tests.client.processes import Programs
from tests.client.programs import STEPS
from trialbook import Run

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def programs(server: Serving, tmp_path: Path) -> Programs:
    return Programs(server, tmp_path / "state" / "spool")


def complete(run: Run, status: str) -> None:
    assert run.status == status
    assert run.metric_summary["loss"].count == STEPS


def test_a_program_that_ends_has_its_run_finished(programs: Programs) -> None:
    status, [run_id], err = programs.ran("ends")
    assert (status, err) == (0, "")
    complete(programs.run(run_id), "finished")
    assert not list(programs.spool_dir.rglob("*.jsonl"))


def test_a_program_that_fails_has_its_run_failed(programs: Programs) -> None:
    status, [run_id], err = programs.ran("fails")
    assert status == 1
    assert err.endswith("ValueError: a bug in the program\n")
    complete(programs.run(run_id), "failed")


def test_a_program_that_is_interrupted_has_its_run_killed(programs: Programs) -> None:
    status, [run_id], err = programs.ran("is_interrupted")
    assert status == -signal.SIGINT, err
    complete(programs.run(run_id), "killed")


@pytest.mark.parametrize("name", ["waits", "waits_asynchronously"])
def test_a_program_that_is_terminated_has_its_run_killed(programs: Programs, name: str) -> None:
    with programs.start(name) as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        assert process.stdout.readline() == "logged\n"
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-signal.SIGTERM, "")
    complete(programs.run(run_id), "killed")


def test_a_handler_of_the_programs_own_is_left_to_it(programs: Programs) -> None:
    with programs.start("has_its_own_handler") as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        assert process.stdout.readline() == "logged\n"
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "handled\n")
    complete(programs.run(run_id), "finished")


def test_a_killed_program_loses_nothing_that_was_on_disk(programs: Programs) -> None:
    with programs.start("waits") as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        assert process.stdout.readline() == "logged\n"
        process.kill()
        process.communicate(timeout=60)
    status, lines, err = programs.ran("syncs")
    assert (status, err) == (0, "")
    assert lines[-1].endswith("left=0 busy=0 rejected=0")
    run = programs.run(run_id)
    # all but what was logged in the second before the end, and nothing out of order
    summary = run.metric_summary.get("loss")
    if summary is not None:
        assert summary.count == summary.last + 1


def test_a_forked_child_sends_what_it_logged_and_nothing_of_its_parent(programs: Programs) -> None:
    status, [run_id, status_after_child], err = programs.ran("forks")
    assert (status, err) == (0, "")
    assert status_after_child == "running"
    run = programs.run(run_id)
    complete(run, "finished")
    assert run.metric_summary["child"].count == 1
    assert run.metric_summary["parent"].count == 1


def test_terminated_children_do_not_touch_their_parents_run(programs: Programs) -> None:
    status, [run_id, status_after_child], err = programs.ran("forks_workers")
    assert (status, err) == (0, "")
    assert status_after_child == "running"
    complete(programs.run(run_id), "finished")


def test_a_program_that_is_terminated_while_the_service_is_away_keeps_everything(
    programs: Programs,
) -> None:
    with programs.start("waits", TRIALBOOK_URL="http://127.0.0.1:1") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("offline-")
        assert process.stdout.readline() == "logged\n"
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    [kept] = programs.spool_dir.rglob("*.jsonl")
    header, *records = [json.loads(line) for line in kept.read_text().splitlines()]
    assert header["url"] == "http://127.0.0.1:1"
    assert [record["do"] for record in (records[0], records[-1])] == ["create", "end"]
    assert records[-1]["body"]["status"] == "killed"
    points = [p for record in records[1:-1] for p in record["body"]["metrics"]]
    assert [p["step"] for p in points] == list(range(STEPS))
