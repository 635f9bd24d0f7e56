"""The local server is killed in the middle of writes: what it had answered is there afterwards."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from tests.api.harness import RUNS
from tests.api.process import Serving, serving

pytestmark = pytest.mark.slow

WRITERS = 8
ANSWERS = 1000


def _new_run(client: httpx.Client) -> str:
    experiment = client.post("/api/v1/experiments", json={"name": "crash"}).json()
    return client.post(RUNS, json={"experiment_id": experiment["id"]}).json()["run_id"]


def _log_until_killed(server: Serving, run_id: str) -> dict[int, list[int]]:
    """The steps that were answered, by writer."""
    answered: dict[int, list[int]] = {writer: [] for writer in range(WRITERS)}
    enough = threading.Event()

    def log(writer: int) -> None:
        with server.client() as client:
            for step in range(10 * ANSWERS):
                body = {"metrics": {f"m{writer}": step / 3}, "step": step, "timestamp": step}
                try:
                    answer = client.post(f"{RUNS}/{run_id}/log-metrics", json=body)
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200, answer.text
                answered[writer].append(step)
                if sum(map(len, answered.values())) >= ANSWERS:
                    enough.set()

    writers = [threading.Thread(target=log, args=(writer,)) for writer in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert enough.wait(60)
    server.kill()
    for writer in writers:
        writer.join()
    return answered


def test_every_answered_write_survives_a_kill(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with server.client() as client:
            run_id = _new_run(client)
        answered = _log_until_killed(server, run_id)
    assert sum(map(len, answered.values())) >= ANSWERS

    with serving(tmp_path) as server, server.client() as client:
        run = client.get(f"{RUNS}/{run_id}").json()
        for writer, steps in answered.items():
            history = client.get(f"{RUNS}/{run_id}/metrics/m{writer}").json()
            found = [point["step"] for point in history["points"]]
            assert found[: len(steps)] == steps
            # one more may have been written and not answered
            assert len(found) - len(steps) <= 1
            assert run["metric_summary"][f"m{writer}"]["count"] == len(found)
