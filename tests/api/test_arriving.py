"""The laptop's server: files in the drop zone and behind URLs are ingested while it runs."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.api.answers import Json, found, made
from tests.api.harness import EXPERIMENTS, RUNS
from tests.api.process import serving

pytestmark = [pytest.mark.integration, pytest.mark.slow]

INGEST: Final = "/api/v1/ingest"
RUN: Final = "ab" * 16
WAIT_S: Final = 60
"""A test that waits longer has failed."""


def until(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def lines(client: httpx.Client, steps: int) -> bytes:
    experiment = made(client.post(EXPERIMENTS, json={"name": "arriving"}))["id"]
    wanted: list[Json] = [{"type": "run", "run_id": RUN, "experiment_id": experiment}]
    wanted += [
        {"type": "metrics", "run_id": RUN, "metrics": {"loss": 1 / (step + 1)}, "step": step}
        for step in range(steps)
    ]
    return b"\n".join(json.dumps(one).encode() for one in wanted)


def states(client: httpx.Client) -> list[str]:
    return [file["state"] for file in found(client.get(INGEST))["files"]]


def test_files_come_by_folder_and_by_url(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as client:
        zone = tmp_path / "home/ingest/default"
        body = lines(client, 10)
        (zone / "dropped.jsonl").write_bytes(body)
        until(lambda: states(client) == ["done"])
        assert list(zone.iterdir()) == []
        packed = gzip.compress(body)
        wanted = {"filename": "by-url.gz", "size_bytes": len(packed)}
        announced = made(client.post(INGEST, json=wanted))
        put = httpx.put(announced["url"], headers=announced["headers"], content=packed)
        assert put.status_code == 200
        until(lambda: states(client) == ["done", "done"])
        assert found(client.get(f"{RUNS}/{RUN}"))["metric_summary"]["loss"]["count"] == 20


def test_a_client_that_dies_after_its_put_has_uploaded_all_the_same(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as client:
        experiment = made(client.post(EXPERIMENTS, json={"name": "x"}))["id"]
        run_id = made(client.post(RUNS, json={"experiment_id": experiment}))["run_id"]
        digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        wanted = {"path": "a.txt", "size_bytes": 3, "sha256": digest}
        upload = made(client.post(f"{RUNS}/{run_id}/artifacts/uploads", json=wanted))
        (part,) = upload["parts"]
        assert httpx.put(part["url"], headers=part["headers"], content=b"abc").status_code == 200
        files = f"{RUNS}/{run_id}/artifacts"
        until(lambda: found(client.get(files))["artifacts"] != [])


def test_a_killed_server_goes_on_where_it_was(tmp_path: Path) -> None:
    """Every line counts once, wherever the kills fall."""
    steps = 60_000
    with serving(tmp_path) as server:
        with server.client() as client:
            body = lines(client, steps)
        (tmp_path / "home/ingest/default/long.jsonl").write_bytes(body)
        with server.client() as client:
            until(lambda: any(file["lines"] for file in found(client.get(INGEST))["files"]))
        server.kill()
    with serving(tmp_path) as server:
        time.sleep(0.3)
        server.kill()
    with serving(tmp_path) as server, server.client() as client:
        until(lambda: states(client) == ["done"])
        (file,) = found(client.get(INGEST))["files"]
        assert (file["lines"], file["applied"], file["refused"]) == (steps + 1, steps + 1, 0)
        assert found(client.get(f"{RUNS}/{RUN}"))["metric_summary"]["loss"]["count"] == steps
        query = {"max_points": 10_000}
        history = found(client.get(f"{RUNS}/{RUN}/metrics/loss", params=query))
        assert history["total"] == steps
