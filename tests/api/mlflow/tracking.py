"""MLflow's tracking calls in tests, raw, and what they answer."""

from __future__ import annotations

from typing import Any, Final

import httpx

from tests.api.answers import Json, found
from tests.api.harness import Service

TRACKING: Final = "/api/2.0/mlflow"
UNKNOWN: Final = "0" * 32


def post(client: httpx.Client, path: str, **body: Any) -> httpx.Response:
    return client.post(f"{TRACKING}/{path}", json=body)


def get(client: httpx.Client, path: str, **query: Any) -> httpx.Response:
    return client.get(f"{TRACKING}/{path}", params=query)


def said(answer: httpx.Response, status: int = 400, code: str = "INVALID_PARAMETER_VALUE") -> str:
    """The message of a refusal, which has MLflow's shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"error_code", "message"}
    assert body["error_code"] == code, body
    return body["message"]


def not_found(answer: httpx.Response) -> str:
    return said(answer, 404, "RESOURCE_DOES_NOT_EXIST")


def new_experiment(service: Service, name: str = "an experiment", **more: Any) -> str:
    return found(post(service.write, "experiments/create", name=name, **more))["experiment_id"]


def new_run(service: Service, experiment_id: str | None = None, **more: Any) -> Json:
    """In the default experiment when none is named."""
    return found(post(service.write, "runs/create", experiment_id=experiment_id or "0", **more))[
        "run"
    ]


def run_of(service: Service, run_id: str) -> Json:
    return found(get(service.read, "runs/get", run_id=run_id))["run"]


def texts(run: Json, kind: str) -> dict[str, Any]:
    """Params, tags, or the last values of metrics, by key."""
    return {one["key"]: one["value"] for one in run["data"][kind]}


def tags(**values: str) -> list[Json]:
    return [{"key": key, "value": value} for key, value in values.items()]


def point(key: str, value: Any, step: int = 0, timestamp: int = 1_700_000_000_000) -> Json:
    return {"key": key, "value": value, "step": step, "timestamp": timestamp}


def searched(service: Service, ids: list[str], **more: Any) -> Json:
    return found(post(service.read, "runs/search", experiment_ids=ids, **more))


def names(answer: Json) -> list[str]:
    return [run["info"]["run_name"] for run in answer["runs"]]
