"""`trialbook ingest` as a program before a real server, which ingests while it runs."""

from __future__ import annotations

import gzip
import json
import os
import pty
import select
import signal
import subprocess
import time
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.api.answers import found, made
from tests.api.harness import EXPERIMENTS, RUNS
from tests.api.process import KEY, Serving, serving
from tests.client.ingesting import INGEST, packed, points
from tests.client.terminal import TRIALBOOK, command

pytestmark = [pytest.mark.slow, pytest.mark.integration]
PATIENCE_S: Final = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def env(server: Serving) -> dict[str, str]:
    return {"TRIALBOOK_URL": server.url, "TRIALBOOK_API_KEY": KEY}


def run_lines(client: httpx.Client, run_id: str, count: int) -> list[dict[str, Any]]:
    """A run of its own experiment, and points of it."""
    experiment = made(client.post(EXPERIMENTS, json={"name": f"of {run_id}"}))["id"]
    return [
        {"type": "run", "run_id": run_id, "experiment_id": experiment},
        *points(run_id, count),
    ]


def test_files_of_all_kinds_are_ingested(server: Serving, env: dict[str, str]) -> None:
    run_id = uuid.uuid4().hex
    with server.client() as client:
        lines = run_lines(client, run_id, 1000)
        Path("Läufe 🌙.jsonl").write_bytes(packed(lines[:501]))
        Path("rest.jsonl.gz").write_bytes(gzip.compress(packed([*lines[501:], "bad"])))
        done = command("ingest", "Läufe 🌙.jsonl", "rest.jsonl.gz", env=env)
        assert done.returncode == 1
        first, second, bad = done.stdout.splitlines()
        assert first == "Läufe 🌙.jsonl  applied 501, refused 0"
        assert second == "rest.jsonl.gz  applied 500, refused 1"
        assert bad.startswith("  line 501: ")
        assert done.stderr == "trialbook: lines refused: 1; files failed: 0\n"
        run = found(client.get(f"{RUNS}/{run_id}"))
    assert run["metric_summary"]["loss"]["count"] == 1000
    piped = command("ingest", "-", "--json", env=env, stdin=packed(points(run_id)).decode())
    assert piped.returncode == 0
    assert [each["applied"] for each in json.loads(piped.stdout)] == [3]


def test_an_interrupted_wait_says_where_to_look_and_the_service_goes_on(
    server: Serving, env: dict[str, str]
) -> None:
    """On a terminal it is seen how far the service is."""
    run_id = uuid.uuid4().hex
    with server.client() as client:
        Path("many.jsonl").write_bytes(packed(run_lines(client, run_id, 100_000)))
        shown, code = interrupted_at("many.jsonl: reading", "ingest", "many.jsonl", env=env)
        assert code == 130, shown
        _, _, rest = " ".join(shown.split()).partition("`trialbook ingestions show ")
        ingest_id = rest[:32]
        end_s = time.monotonic() + PATIENCE_S
        while (file := found(client.get(f"{INGEST}/{ingest_id}")))["state"] != "done":
            assert time.monotonic() < end_s
            time.sleep(0.1)
    assert (file["applied"], file["refused"]) == (100_001, 0)


def interrupted_at(text: str, *words: str, env: dict[str, str]) -> tuple[str, int]:
    """What a terminal shows of a command that is interrupted once it shows this text, and the exit
    code."""
    ours, theirs = pty.openpty()
    shown = ""
    with subprocess.Popen(
        [TRIALBOOK, *words],
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            end_s = time.monotonic() + PATIENCE_S
            is_told = False
            while time.monotonic() < end_s:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    part = os.read(ours, 65536)
                except OSError:  # Linux's way to say that nobody has the other end
                    break
                if not part:
                    break
                shown += part.decode(errors="replace")
                if text in shown and not is_told:
                    is_told = True
                    process.send_signal(signal.SIGINT)
            else:
                process.kill()
            return shown, process.wait(PATIENCE_S)
        finally:
            os.close(ours)
