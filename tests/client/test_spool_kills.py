"""A million points that were logged offline arrive once and in order, whatever kills the sender."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.api.process import KEY, serving
from tests.client.harness import Weather
from tests.client.processes import Programs
from trialbook import Client
from trialbook._http import Api

LOGS = 200_000
METRICS = ("loss", "acc", "lr", "norm", "time")


@pytest.mark.slow
@pytest.mark.integration
def test_a_million_points_arrive_once_and_in_order(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving(tmp_path) as server:
        away = Weather(httpx.AsyncHTTPTransport(), away=True)
        offline = Api(server.url, KEY, transport=away, attempts=1)
        with (
            Client(api=offline, spool_dir=state / "spool") as tb,
            tb.start_run("digits") as run,
        ):
            for step in range(LOGS):
                run.log(dict.fromkeys(METRICS, step / 7), step)
        programs = Programs(server, state / "spool")

        with programs.start("syncs") as sender:
            assert sender.stdout is not None
            for line in sender.stdout:
                if int(line) >= LOGS * len(METRICS) // 3:
                    break
            sender.kill()
        [left] = (state / "spool").rglob("*.jsonl")

        with programs.start("syncs") as one, programs.start("syncs") as other:
            said = [process.communicate(timeout=120) for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), said
        assert not left.exists()

        with Client(server.url, api_key=KEY) as tb:
            [found] = tb.runs.list("digits")
            assert found.status == "finished"
            assert {key: s.count for key, s in found.metric_summary.items()} == dict.fromkeys(
                METRICS, LOGS
            )
            points = tb.runs.history(found.run_id, "time")
            assert [p.step for p in points] == list(range(LOGS))
            assert [p.value for p in points] == [step / 7 for step in range(LOGS)]
