"""MLflow's calls of tracking and the registry in tests: what its client sends, what it is told."""

from __future__ import annotations

from typing import Any, Final

import httpx

from tests.api.answers import Json, found
from tests.api.harness import Service

TRACKING: Final = "/api/2.0/mlflow"
UNKNOWN: Final = "0" * 32
DATASET: Final[Json] = {
    "name": "iris",
    "digest": "5a5c68bf",
    "source_type": "local",
    "source": "{}",
    "schema": '{"columns": []}',
    "profile": '{"rows": 150}',
}


def send(client: httpx.Client, call: str, **fields: Any) -> httpx.Response:
    """`POST runs/log-inputs`, say; fields go where the client puts them."""
    method, _, path = call.partition(" ")
    return get(client, path, **fields) if method == "GET" else _sent(client, method, path, fields)


def post(client: httpx.Client, path: str, **body: Any) -> httpx.Response:
    return _sent(client, "POST", path, body)


def get(client: httpx.Client, path: str, **query: Any) -> httpx.Response:
    return client.get(f"{TRACKING}/{path}", params=query)


def _sent(client: httpx.Client, method: str, path: str, body: Json) -> httpx.Response:
    return client.request(method, f"{TRACKING}/{path}", json=body)


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


# -- by somebody who may write --------------------------------------------------------------------


def ask(service: Service, call: str, **fields: Any) -> Json:
    return found(send(service.write, call, **fields))


def refused(
    service: Service, call: str, code: str = "INVALID_PARAMETER_VALUE", **fields: Any
) -> str:
    """The message of a 400."""
    return said(send(service.write, call, **fields), 400, code)


def missing(service: Service, call: str, **fields: Any) -> str:
    """The message of a 404."""
    return not_found(send(service.write, call, **fields))


# -- what most tests begin with -------------------------------------------------------------------


def new_experiment(service: Service, name: str = "an experiment", **more: Any) -> str:
    return ask(service, "POST experiments/create", name=name, **more)["experiment_id"]


def new_run(service: Service, experiment_id: str | None = None, **more: Any) -> Json:
    """In the default experiment when none is named."""
    return ask(service, "POST runs/create", experiment_id=experiment_id or "0", **more)["run"]


def logged_model(service: Service, **fields: Any) -> Json:
    """A new logged model, of a new experiment when none is named."""
    if "experiment_id" not in fields:
        number = service.clock.now_ms()
        fields["experiment_id"] = service.experiment(f"models {number}")["id"]
    return ask(service, "POST logged-models", **fields)["model"]


def registered(service: Service, name: str, versions: int = 0, **fields: Any) -> Json:
    """A new registered model."""
    model = ask(service, "POST registered-models/create", name=name, **fields)["registered_model"]
    for _ in range(versions):
        version(service, name)
    return model


def version(service: Service, name: str, **fields: Any) -> Json:
    """A new version of a registered model that is there."""
    fields.setdefault("source", "s3://bucket/model")
    return ask(service, "POST model-versions/create", name=name, **fields)["model_version"]


def pairs(**values: str) -> list[Json]:
    """Tags or params as MLflow spells them."""
    return [{"key": key, "value": value} for key, value in values.items()]


def point(key: str, value: Any, step: int = 0, timestamp: int = 1_700_000_000_000) -> Json:
    return {"key": key, "value": value, "step": step, "timestamp": timestamp}


# -- what is read ---------------------------------------------------------------------------------


def run_of(service: Service, run_id: str) -> Json:
    return found(get(service.read, "runs/get", run_id=run_id))["run"]


def got(service: Service, model: Json) -> Json:
    """A logged model as it is now."""
    return ask(service, f"GET logged-models/{model['info']['model_id']}")["model"]


def texts(run: Json, kind: str) -> dict[str, Any]:
    """Params, tags, or the last values of metrics, by key."""
    return {one["key"]: one["value"] for one in run["data"][kind]}


def searched(service: Service, ids: list[str], **more: Any) -> Json:
    return found(post(service.read, "runs/search", experiment_ids=ids, **more))


def names(answer: Json) -> list[str]:
    return [run["info"]["run_name"] for run in answer["runs"]]
