"""Files through MLflow's artifact proxy in tests, sent as its client sends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import httpx

from tests.api.answers import Json, found
from tests.api.harness import Service
from tests.api.mlflow import tracking

PROXY: Final = "/api/2.0/mlflow-artifacts"
PART: Final = 5 * 1024 * 1024


def root(run: Json) -> str:
    """Where a run's files are, below the proxy."""
    return f"{run['experiment_id']}/{run['run_id']}/artifacts"


def model(service: Service, experiment_id: str) -> str:
    """Where the files of a new logged model are, below the proxy."""
    made = tracking.logged_model(service, experiment_id=experiment_id, name="a model")
    uri: str = made["info"]["artifact_uri"]
    return uri.removeprefix("mlflow-artifacts:/")


def url(path: str, call: str = "artifacts") -> str:
    return f"{PROXY}/{call}/{quote(path)}"


def put(service: Service, path: str, body: bytes, mime: str = "text/plain") -> httpx.Response:
    return service.write.put(url(path), content=body, headers={"content-type": mime})


def create(service: Service, folder: str, name: str, num_parts: int = 1) -> Json:
    body = {"path": name, "num_parts": num_parts}
    return found(service.write.post(url(folder, "mpu/create"), json=body))


def send(service: Service, created: Json, bodies: Sequence[bytes]) -> list[Json]:
    """The parts as they are told when the upload is completed."""
    parts: list[Json] = []
    for one, body in zip(created["credentials"], bodies, strict=True):
        answer = service.files.put(one["url"], content=body, headers=one["headers"])
        assert answer.status_code == 200, answer.text
        told = {"part_number": one["part_number"], "etag": answer.headers["etag"]}
        parts.append(told | {"url": one["url"]})
    return parts


def end(service: Service, call: str, folder: str, created: Json, **body: Any) -> httpx.Response:
    """Complete or abort an upload."""
    wanted = {"path": "ignored", "upload_id": created["upload_id"], **body}
    return service.write.post(url(folder, f"mpu/{call}"), json=wanted)


def upload(service: Service, folder: str, name: str, bodies: Sequence[bytes]) -> None:
    created = create(service, folder, name, len(bodies))
    parts = send(service, created, bodies)
    assert found(end(service, "complete", folder, created, path=name, parts=parts)) == {}


def listed(service: Service, path: str) -> list[Json]:
    return found(service.read.get(f"{PROXY}/artifacts", params={"path": path}))["files"]


def download(service: Service, path: str) -> bytes:
    """The bytes as both ways of asking for them answer."""
    redirect = service.read.get(url(path))
    assert redirect.status_code == 307, redirect.text
    body = service.files.get(redirect.headers["location"]).content
    told = found(service.read.get(url(path, "presigned")))
    assert told["file_size"] == len(body)
    assert service.files.get(told["url"], headers=told["headers"]).content == body
    return body
