"""What must be true when all is over: what was answered is there, and it is there once."""

from __future__ import annotations

import hashlib
from typing import Any

from chalicelib import wiring
from chalicelib.core.ids import ExperimentId
from chalicelib.domain import variant_verification
from tests.api.answers import Json, found
from tests.api.harness import EXPERIMENTS, RUNS
from tests.faults.client import ToldExperiment, ToldRun
from tests.faults.story import Story


def check(story: Story) -> None:
    """Everything, where nothing fails any more and everything was delivered."""
    for run in story.runs:
        _check_run(story, run)
    for experiment in story.experiments:
        _check_experiment(story, experiment)


def _get(story: Story, path: str, **query: str | int) -> Any:
    return found(story.world.send("GET", path, params=query))


def _check_run(story: Story, told: ToldRun) -> None:
    run = _get(story, f"{RUNS}/{told.run_id}")
    assert run["status"] == told.status
    assert run["params"] == told.params
    assert run["tags"] == told.tags
    assert run["metric_summary"].keys() == told.points.keys()
    for key, points in told.points.items():
        assert story.history(told, key) == sorted(points)
        assert run["metric_summary"][key]["count"] == len(points)
        assert run["metrics"][key] == max(points)[2]
    assert {one["path"] for one in _files(story, told.run_id)} == told.files.keys()
    for file in _files(story, told.run_id):
        content = _get_bytes(story, told.run_id, file["path"])
        assert content == told.files[file["path"]]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]


def _files(story: Story, run_id: str) -> list[Json]:
    return _get(story, f"{RUNS}/{run_id}/artifacts")["artifacts"]


def _get_bytes(story: Story, run_id: str, path: str) -> bytes:
    answer = story.world.send("GET", f"{RUNS}/{run_id}/artifacts/content", params={"path": path})
    assert answer.status_code == 307, answer.text
    answer = story.world.files.get(answer.headers["location"])
    assert answer.status_code == 200, answer.text
    return answer.content


def _check_experiment(story: Story, told: ToldExperiment) -> None:
    listed = _get(story, RUNS, experiment_id=told.id, limit=1000)["runs"]
    run_ids = {run["run_id"] for run in listed}
    assert len(run_ids) == len(listed)
    assert run_ids == told.runs
    names = _get(story, f"{EXPERIMENTS}/{told.id}/artifacts", limit=100)["artifacts"]
    assert {one["name"] for one in names} == told.values.keys() | told.points.keys()
    for name, value in told.values.items():
        assert _get(story, f"{EXPERIMENTS}/{told.id}/artifacts/{name}")["value"] == value
    for name, points in told.points.items():
        shown = _get(story, f"{EXPERIMENTS}/{told.id}/artifacts/{name}")["points"]
        assert {(one["x"], one["y"]) for one in shown} == points
    files = sum(len(_files(story, run["run_id"])) for run in listed)
    assert _get(story, f"{EXPERIMENTS}/{told.id}")["counts"] == {
        "runs": len(listed),
        "artifacts": files + len(names),
        "logs": len(told.logs),
    }
    _check_logs(story, told)


def _check_logs(story: Story, told: ToldExperiment) -> None:
    of = story.world.services
    logs = of.variants.logs.all(story.world.tenant, ExperimentId(told.id))
    assert {log.facts.log_id: dict(log.facts.metrics) for log in logs} == told.logs
    verified = variant_verification.verify(
        wiring.verification(of), story.world.tenant, ExperimentId(told.id), len(told.logs)
    )
    assert verified.differences == []
