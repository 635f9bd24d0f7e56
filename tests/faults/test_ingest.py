"""A file of lines under faults: every line counts once, whatever befalls the worker, and when."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
import pytest

from chalicelib import wiring
from chalicelib.api.v1 import ingest_lines
from chalicelib.core.errors import Repeated
from chalicelib.domain import arrivals, ingestion
from chalicelib.domain.arrivals import Arrived
from tests.api.answers import Json, found, made
from tests.api.harness import EXPERIMENTS, RUNS
from tests.faults.faults import Faults
from tests.faults.world import World

T = TypeVar("T")
RUN, CHILD, STRANGER = "a1" * 16, "b2" * 16, "c3" * 16
WINDOW: Final = 9
ATTEMPTS: Final = 2000
SEEDS: Final = int(os.environ.get("TRIALBOOK_FAULT_SEEDS", "20"))


def the_lines(experiment: str, sha256: str) -> list[Json | str]:
    """A little of everything, in windows of a few lines; some of them are refused."""
    steps = [
        {"type": "metrics", "run_id": RUN, "metrics": {"loss": step / 8, "acc": 1}, "step": step}
        for step in range(12)
    ]
    return [
        {"type": "run", "run_id": RUN, "experiment_id": experiment, "name": "first"},
        *steps[:5],
        {"type": "params", "run_id": RUN, "params": {"lr": 0.1}},
        {"type": "run", "run_id": CHILD, "experiment_id": experiment, "parent_run_id": RUN},
        {"type": "run", "experiment_id": experiment, "name": "nameless"},
        {"type": "metrics", "run_id": CHILD, "metrics": {"loss": 7}},
        "not json",
        {"type": "params", "run_id": RUN, "params": {"lr": 0.2, "other": 1}},
        *steps[5:],
        {"type": "tags", "run_id": RUN, "tags": {"stage": "late"}},
        {"type": "metrics", "run_id": STRANGER, "metrics": {"loss": 7}},
        {"type": "variant_log", "slug": "ab", "variantKey": "a", "metrics": {"clicks": 1}},
        {"type": "variant_log", "slug": "ab", "variantKey": "b", "unitId": "u1"},
        {"type": "variant_log", "slug": "ab", "variantKey": "z"},
        {"type": "artifact", "kind": "model", "sha256": sha256},
        {"type": "artifact", "kind": "model", "sha256": "0" * 64},
        {"type": "run", "run_id": RUN, "tags": {"x": "y"}, "status": "finished"},
        steps[0] | {"metrics": {"loss": 99}, "step": 100},
    ]


APPLIED: Final = 23
REFUSED: Final = {11, 12, 21, 24, 26}


class Told:
    """A world with an experiment of each kind, and a file of lines that arrived."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        self.world = World(folder, faults)
        with self.world.quiet():
            self.message = self._put()

    def _put(self) -> str:
        world = self.world
        self.experiment = made(world.client.post(EXPERIMENTS, json={"name": "plain"}))["id"]
        variants = [{"key": "a", "weight": 50}, {"key": "b", "weight": 50}]
        ab = made(world.client.post(EXPERIMENTS, json={"name": "ab", "variants": variants}))
        path = f"{EXPERIMENTS}/{ab['id']}"
        self.ab = found(world.client.patch(path, json={"status": "active"}))["id"]
        run = made(world.client.post(RUNS, json={"experiment_id": self.experiment}))["run_id"]
        form = {"file": ("m.bin", b"weights"), "path": (None, "m.bin")}
        saved = found(world.client.post(f"{RUNS}/{run}/log-artifact", files=form))
        lines = the_lines(self.experiment, saved["sha256"])
        body = b"\n".join(
            one.encode() if isinstance(one, str) else orjson.dumps(one) for one in lines
        )
        info = world.blobs.put("ingest/acme/dropped.jsonl", body, mime="application/x-ndjson")
        assert info.version is not None
        return arrivals.told(Arrived(info.key, info.version, len(body), info.modified_ms))

    def deliver(self) -> bool:
        """One delivery, as of a queue that gives up never; whether the worker is done with it."""
        services = self.world.services
        to = wiring.arrivals(services, ingest_lines.parse)
        late_s = services.clock.monotonic_s() + 600
        return self.world.work(lambda: arrivals.handle(to, self.message, 1, deadline_s=late_s))

    def until_done(self) -> None:
        for _ in range(ATTEMPTS):
            if self.deliver() and self.file()["state"] == "done":
                return
            self.world.clock.advance(30)
        raise AssertionError("the file is never done")

    def file(self) -> Json:
        with self.world.quiet():
            files = found(self.world.client.get("/api/v1/ingest"))["files"]
            if not files:
                return {"state": "unknown"}
            return found(self.world.client.get(f"/api/v1/ingest/{files[0]['ingest_id']}"))

    def state(self) -> Any:
        """All that the file can have changed, but for ids that are made up."""
        with self.world.quiet():
            client = self.world.client
            listed = found(client.get(RUNS, params={"experiment_id": self.experiment}))["runs"]
            runs = sorted(listed, key=lambda run: str(run["name"]))
            history = {
                run["run_id"]: found(client.get(f"{RUNS}/{run['run_id']}/metrics/loss"))
                for run in runs
                if "loss" in run["metrics"]
            }
            logs = found(client.get("/experiment/ab/logs"))["logs"]
            artifacts = found(client.post("/api/v1/artifacts/search", json={}))
        for run in runs:
            for name in ("start_time", "end_time", "duration_ms"):
                run.pop(name)
        file = self.file()
        return {
            "runs": runs,
            "history": history,
            "logs": [(log["logId"], log["variantKey"], log["metrics"]) for log in logs],
            "artifacts": [hit["artifact"]["artifact_id"] for hit in artifacts["hits"]],
            "counts": (file["state"], file["lines"], file["applied"], file["refused"]),
            "refused": {error["line"] for error in file["errors"]},
        }


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "WINDOW_LINES", WINDOW)


def ended(folder: Path, faults: Faults, act: Callable[[Told], object] = Told.until_done) -> Any:
    folder.mkdir()
    told = Told(folder, faults)
    try:
        act(told)
        return told.state()
    finally:
        told.world.close()
        shutil.rmtree(folder)


def test_undisturbed_every_line_is_applied_or_refused_with_its_reason(tmp_path: Path) -> None:
    state = ended(tmp_path / "calm", Faults(0))
    assert state["counts"] == ("done", 28, APPLIED, len(REFUSED))
    assert state["refused"] == REFUSED
    first = next(run for run in state["runs"] if run["run_id"] == RUN)
    assert first["metric_summary"]["loss"]["count"] == 13
    assert first["params"] == {"lr": "0.1"}
    assert first["tags"] == {"stage": "late", "x": "y"}
    assert first["status"] == "finished"
    assert len(state["runs"]) == 4
    assert len(state["logs"]) == 2
    assert len(state["artifacts"]) == 1


def requests_of(folder: Path) -> int:
    faults = Faults(0)
    ended(folder, faults)
    return faults.made


@pytest.mark.slow
def test_a_worker_may_be_killed_between_any_two_requests(tmp_path: Path) -> None:
    calm = ended(tmp_path / "calm", Faults(0))
    for after in range(requests_of(tmp_path / "counted")):
        faults = Faults(0, stop_after=after)
        assert ended(tmp_path / "killed", faults) == calm, f"stopped after {after} requests"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_faults_lose_and_repeat_no_line(tmp_path: Path, seed: int) -> None:
    calm = ended(tmp_path / "calm", Faults(seed))
    assert ended(tmp_path / "faulty", Faults(seed, rate=0.15)) == calm


@dataclass
class Meeting(Faults):
    """Before its n-th request another worker does all of its work."""

    at: int = -1
    other: Callable[[], object] = field(default=lambda: None)

    def request(self, name: str, call: Callable[[], T], among: tuple[str, ...]) -> T:
        if self.made == self.at:
            self.at = -1
            self.other()
        return super().request(name, call, among)


@pytest.mark.slow
def test_two_workers_at_one_file_apply_each_line_once(tmp_path: Path) -> None:
    """Whatever point the slower one is at when the other takes the whole file."""
    calm = ended(tmp_path / "calm", Faults(0))
    for at in range(requests_of(tmp_path / "counted")):
        faults = Meeting(0, at=at)

        def both(told: Told, faults: Meeting = faults) -> None:
            def other() -> None:
                with told.world.quiet():
                    told.until_done()

            faults.other = other
            with suppress(Repeated):  # it finds that it is not alone, and is told again later
                told.deliver()
            told.until_done()

        assert ended(tmp_path / "met", faults, both) == calm, f"met before request {at}"


def test_delivered_again_when_it_is_done_it_costs_one_read(tmp_path: Path) -> None:
    faults = Faults(0)

    def twice(told: Told) -> None:
        told.until_done()
        before = faults.made
        assert told.deliver()
        assert faults.made - before == 1

    ended(tmp_path / "twice", faults, twice)
