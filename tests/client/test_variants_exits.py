"""Logs of variants get there and count once, however the processes end that log and send them."""

from __future__ import annotations

import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.api.process import KEY, Serving, serving
from tests.client.checkout import VARIANTS
from tests.client.processes import Programs
from tests.client.programs import LOGS
from trialbook import Client
from trialbook.spool import spool_folder

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        with Client(server.url, api_key=KEY) as tb:
            tb.experiments.create("checkout", variants=VARIANTS, status="active")
        yield server


@pytest.fixture
def programs(server: Serving, tmp_path: Path) -> Programs:
    return Programs(server, tmp_path / "state" / "spool")


def units(server: Serving, prefix: str) -> list[str]:
    """Of the logs whose unit begins so, as often as each is there."""
    with Client(server.url, api_key=KEY) as tb:
        found = [log.unit or "" for log in tb.experiment("checkout").logs()]
    return [unit for unit in found if unit.startswith(prefix)]


def test_a_program_that_ends_or_is_terminated_sends_what_it_logged(
    server: Serving, programs: Programs
) -> None:
    status, _, err = programs.ran("logs_variants")
    assert (status, err) == (0, "")
    assert len(units(server, "ends-")) == LOGS
    with programs.start("logs_variants_and_waits") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "logged\n"
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-signal.SIGTERM, "")
    assert len(units(server, "waits-")) == LOGS
    assert not list(programs.spool_dir.rglob("*.jsonl"))


def test_a_forked_child_sends_its_own_logs_and_nothing_of_its_parent(
    server: Serving, programs: Programs
) -> None:
    status, _, err = programs.ran("forks_and_logs_variants")
    assert (status, err) == (0, "")
    assert sorted(units(server, "child-")) == sorted(f"child-{n}" for n in range(LOGS))
    assert sorted(units(server, "parent-")) == sorted(f"parent-{n}" for n in range(2 * LOGS))
    assert not list(programs.spool_dir.rglob("*.jsonl"))


def test_logs_of_an_offline_program_arrive_once_through_a_sender_that_is_killed_and_two_that_race(
    server: Serving, programs: Programs
) -> None:
    with Client(server.url, api_key=KEY) as tb:
        tb.experiments.create("racing", variants=VARIANTS, status="active")
    offline = Client("http://127.0.0.1:1", api_key=KEY, spool_dir=programs.spool_dir)
    ids = [offline.experiment("racing").log("AB"[n % 2], metrics={"n": n}) for n in range(20_000)]
    offline.close()
    [away] = programs.spool_dir.rglob("*.jsonl")
    folder = spool_folder(server.url, KEY.split("_")[1], programs.spool_dir)
    folder.mkdir(parents=True, exist_ok=True)
    away.rename(folder / away.name)

    with programs.start("syncs_logs") as sender:
        assert sender.stdout is not None
        for line in sender.stdout:
            if int(line) >= 5000:
                break
        sender.kill()
    with programs.start("syncs_logs") as one, programs.start("syncs_logs") as other:
        said = [process.communicate(timeout=120) for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), said
    assert not list(programs.spool_dir.rglob("*.jsonl"))
    with Client(server.url, api_key=KEY) as tb:
        assert sorted(log.log_id for log in tb.experiment("racing").logs()) == sorted(ids)
