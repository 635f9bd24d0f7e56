"""MLflow's calls in tests: what its client sends, with the answer's JSON."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.answers import Json, found
from tests.api.harness import Service
from tests.api.mlflow.proxied import TRACKING, failure

DATASET: Json = {
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
    url = f"{TRACKING}/{path}"
    if method == "GET":
        return client.get(url, params=fields)
    return client.request(method, url, json=fields)


def ask(service: Service, call: str, **fields: Any) -> Json:
    """The answer to somebody who may write."""
    return found(send(service.write, call, **fields))


def refused(
    service: Service, call: str, code: str = "INVALID_PARAMETER_VALUE", **fields: Any
) -> str:
    """The message of a refusal: a 404 of what is not there, else a 400."""
    status = 404 if code in ("RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND") else 400
    return failure(send(service.write, call, **fields), status, code)


def missing(service: Service, call: str, **fields: Any) -> str:
    return refused(service, call, "RESOURCE_DOES_NOT_EXIST", **fields)


def pairs(**values: str) -> list[Json]:
    """Tags or params as MLflow spells them."""
    return [{"key": key, "value": value} for key, value in values.items()]


def logged_model(service: Service, **fields: Any) -> Json:
    """A new logged model, of a new experiment when none is named."""
    if "experiment_id" not in fields:
        number = service.clock.now_ms()
        fields["experiment_id"] = service.experiment(f"models {number}")["id"]
    return ask(service, "POST logged-models", **fields)["model"]


def got(service: Service, model: Json) -> Json:
    return ask(service, f"GET logged-models/{model['info']['model_id']}")["model"]


def version(service: Service, name: str, **fields: Any) -> Json:
    """A new version of a registered model that is there."""
    fields.setdefault("source", "s3://bucket/model")
    return ask(service, "POST model-versions/create", name=name, **fields)["model_version"]


def registered(service: Service, name: str, versions: int = 0, **fields: Any) -> Json:
    """A new registered model."""
    model = ask(service, "POST registered-models/create", name=name, **fields)["registered_model"]
    for _ in range(versions):
        version(service, name)
    return model
