"""Every route with a valid request to it, so that a test can be made for each.

The path variables, the query and the bodies name things by the ids of a `Target`. A route that is
missing from `BODIES` or `QUERIES` though it needs one answers 400, which fails the tests over all
routes.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from chalicelib.api.contract import Endpoint
from chalicelib.api.endpoint import ENDPOINTS
from tests.api.answers import Json, found, made
from tests.api.harness import RUNS, Service

importlib.import_module("app")  # routes are registered when their modules are imported

UNKNOWN: Final = "0" * 32
_targets = itertools.count(1)
_VARIABLE = re.compile(r"\{(\w+)\+?\}")


@dataclass(frozen=True, slots=True)
class Target:
    """Ids that a request names. `other_run_id` stands beside `run_id` where a list is wanted."""

    experiment_id: str = UNKNOWN
    run_id: str = UNKNOWN
    other_run_id: str = "1" * 32
    upload_id: str = UNKNOWN
    key: str = "loss"
    key_id: str = "unknown0"
    artifact_upload_id: str = UNKNOWN
    """Of bytes to be indexed, where `upload_id` is that of a run's file."""
    artifact_id: str = UNKNOWN
    """Of an indexed directory that holds the file `a`."""
    artifact_name: str = "note"
    """Of a value under the experiment."""
    slug: str = UNKNOWN
    """Of the experiment, which is an active A/B experiment besides."""
    log_id: str = UNKNOWN
    export_id: str = UNKNOWN
    ingest_id: str = UNKNOWN


@dataclass(frozen=True)
class Neighbours:
    """What a tenant has, and what the other one has."""

    service: Service
    mine: Target
    theirs: Target


def _bodies(of: Target) -> Mapping[str, Json]:
    return {
        "POST /api/v1/keys": {"role": "read"},
        "POST /api/v1/experiments": {"name": "x"},
        "POST /api/v1/ingest": {"filename": "lines.jsonl", "size_bytes": 2},
        "PATCH /api/v1/experiments/{experiment_id}": {"description": "x"},
        "POST /api/v1/experiments/runs": {"experiment_id": of.experiment_id},
        "POST /api/v1/experiments/runs/search": {"experiment_ids": [of.experiment_id]},
        "POST /api/v1/experiments/runs/compare": {"run_ids": [of.other_run_id, of.run_id]},
        "POST /api/v1/experiments/runs/metrics/history": {
            "run_ids": [of.other_run_id, of.run_id],
            "keys": ["loss"],
        },
        "PATCH /api/v1/experiments/runs/{run_id}": {"name": "x"},
        "POST /api/v1/experiments/runs/{run_id}/end": {},
        "POST /api/v1/experiments/runs/{run_id}/log-metrics": {"metrics": {"loss": 1}},
        "POST /api/v1/experiments/runs/{run_id}/log-params": {"params": {"lr": 1}},
        "POST /api/v1/experiments/runs/{run_id}/log-batch": {"tags": [{"key": "a", "value": "b"}]},
        "POST /api/v1/experiments/runs/{run_id}/artifacts/uploads": {
            "path": "a",
            "size_bytes": 1,
            "sha256": "0" * 64,
        },
        "POST /api/v1/experiments/runs/{run_id}/artifacts/uploads/{upload_id}/parts": {
            "part_numbers": [1]
        },
        "POST /api/v1/experiments/runs/{run_id}/artifacts/uploads/{upload_id}/complete": {},
        "POST /api/v1/experiments/{experiment_id}/artifacts": {
            "name": "note",
            "kind": "file",
            "value": "data:text/plain;base64,eA==",
        },
        "POST /api/v1/artifacts/uploads": {"size_bytes": 1, "sha256": "0" * 64},
        "POST /api/v1/artifacts/uploads/batch": {"files": [{"size_bytes": 1, "sha256": "0" * 64}]},
        "POST /api/v1/artifacts/uploads/{upload_id}/parts": {"part_numbers": [1]},
        "POST /api/v1/artifacts/uploads/{upload_id}/complete": {},
        "POST /api/v1/artifacts/uploads/batch/complete": {"upload_ids": [of.artifact_upload_id]},
        "POST /api/v1/artifacts": {"kind": "x", "sha256": "0" * 64},
        "PATCH /api/v1/artifacts/{artifact_id}": {"tags": ["x"]},
        "PUT /api/v1/artifacts/{artifact_id}/pin": {"pinned": True},
        "POST /api/v1/artifacts/{artifact_id}/content": {"paths": ["a"]},
        "POST /api/v1/artifacts/search": {"kind": "x"},
        "POST /experiment/{slug}/assign": {"userId": "u"},
        "POST /experiment/{slug}/log": {"variantKey": "A"},
        "POST /experiment/{slug}/log/batch": {"logs": [{"variantKey": "A"}]},
        "POST /experiment/{slug}/log/{log_id}/metrics": {"rating": 5},
        "POST /experiment/{slug}/logs/export": {},
        "POST /api/v1/artifacts/best": {"kind": "x", "metric": "f1", "metric_mode": "max"},
    }


def _queries(of: Target) -> Mapping[str, dict[str, str]]:
    return {
        "GET /api/v1/experiments/runs": {"experiment_id": of.experiment_id},
        "GET /api/v1/experiments/runs/{run_id}/artifacts/content": {"path": "a"},
        "GET /api/v1/experiments/runs/{run_id}/artifacts/preview": {"path": "a"},
    }


def name_of(endpoint: Endpoint) -> str:
    """`POST /api/v1/experiments`."""
    return f"{endpoint.method} {endpoint.path}"


def variables_of(endpoint: Endpoint) -> set[str]:
    """Names in the path."""
    return set(_VARIABLE.findall(endpoint.path))


IDS: Final = (
    "experiment_id",
    "run_id",
    "artifact_upload_id",
    "artifact_id",
    "slug",
    "log_id",
    "export_id",
    "ingest_id",
)
"""Fields of a target that a tenant may know of and another may not."""


def names_ids(endpoint: Endpoint) -> set[str]:
    """Which of a target's ids a valid request to the route names, wherever it does."""
    marks = replace(Target(), **{name: f"<{name}>" for name in IDS})
    sent = f"{_path(endpoint, marks)} {_bodies(marks).get(name_of(endpoint))} "
    sent += str(_queries(marks).get(name_of(endpoint)))
    return {name for name in IDS if getattr(marks, name) in sent}


def status_of_anothers(endpoint: Endpoint) -> int:
    """What the route answers for another tenant's ids: on those of experiments and runs 403, on the
    others the same as for what does not exist."""
    path = endpoint.path
    of_runs = path.startswith("/api/v1/experiments") and "{experiment_id}/artifacts" not in path
    return 403 if of_runs else 404


def _path(endpoint: Endpoint, of: Target) -> str:
    def value(variable: re.Match[str]) -> str:
        name = variable[1]
        if name == "upload_id" and endpoint.path.startswith("/api/v1/artifacts"):
            name = "artifact_upload_id"
        return getattr(of, name)

    return _VARIABLE.sub(value, endpoint.path)


def call(client: httpx.Client, endpoint: Endpoint, of: Target) -> httpx.Response:
    """A valid request to the route, about the target."""
    url = _path(endpoint, of)
    content: dict[str, Any] = {}
    if endpoint.media_type == "multipart/form-data":
        content["files"] = {"file": ("a", b"x")}
    elif endpoint.body is not None:
        content["json"] = _bodies(of).get(name_of(endpoint))
    query = _queries(of).get(name_of(endpoint))
    return client.request(endpoint.method, url, params=query, **content)


ROUTES: Final = {name_of(endpoint): endpoint for endpoint in ENDPOINTS}
PROTECTED: Final = {name: one for name, one in ROUTES.items() if one.role is not None}


_neighbours: list[Neighbours] = []
"""Those of the engine that was asked for last."""


def neighbours(service: Service) -> Neighbours:
    """For requests that change nothing, or nothing that a test of the file looks at: made once for
    the tests of a file, where they share their stores."""
    if not _neighbours or _neighbours[0].service.services is not service.services:
        mine, theirs = target_of(service.write), target_of(service.other)
        _neighbours[:] = [Neighbours(service, mine, theirs)]
    return _neighbours[0]


def target_of(client: httpx.Client) -> Target:
    """Things that exist in the client's tenant: a run with a metric, a file and an open upload, an
    indexed directory of that file, a log of a variant, an export, and a file to be ingested."""
    wanted = {
        "name": f"target {next(_targets)}",
        "variants": [{"key": "A", "weight": 100}],
        "status": "active",
    }
    experiment = made(client.post("/api/v1/experiments", json=wanted))
    slug = experiment["slug"]
    ids = [
        made(client.post(RUNS, json={"experiment_id": experiment["id"]}))["run_id"]
        for _ in range(2)
    ]
    target = Target(experiment["id"], ids[0], ids[1])
    assert client.post(f"{RUNS}/{ids[0]}/log-metrics", json={"metrics": {"loss": 1}}).is_success
    files = {"file": ("a", b"x")}
    assert client.post(f"{RUNS}/{ids[0]}/log-artifact", files=files).is_success
    note = _bodies(target)["POST /api/v1/experiments/{experiment_id}/artifacts"]
    named = f"/api/v1/experiments/{experiment['id']}/artifacts"
    assert client.post(named, json=note).is_success
    body = {"path": "b", "size_bytes": 1, "sha256": "0" * 64}
    upload = made(client.post(f"{RUNS}/{ids[0]}/artifacts/uploads", json=body))
    body = {"size_bytes": 1, "sha256": "0" * 64}
    bytes_upload = found(client.post("/api/v1/artifacts/uploads", json=body))["upload"]
    file = {"path": "a", "size_bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    body = {"kind": "dataset", "manifest": [file]}
    logged = found(client.post(f"/experiment/{slug}/log", json={"variantKey": "A"}))
    answer = client.post(f"/experiment/{slug}/logs/export", json={})
    while answer.status_code == 202:  # where stores fail, whoever was at it may have died
        answer = client.get(answer.json()["ask"])
    export = found(answer)
    lines = _bodies(target)["POST /api/v1/ingest"]
    return replace(
        target,
        slug=slug,
        log_id=logged["logId"],
        export_id=export["export_id"],
        ingest_id=made(client.post("/api/v1/ingest", json=lines))["ingest_id"],
        upload_id=upload["upload_id"],
        artifact_upload_id=bytes_upload["upload_id"],
        artifact_id=made(client.post("/api/v1/artifacts", json=body))["artifact_id"],
    )
