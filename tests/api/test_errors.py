"""Errors: one shape for every status, and nothing in them that is nobody's business."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.errors import Throttled, Unavailable
from tests.api.answers import found, made, refused
from tests.api.harness import EXPERIMENTS, RUNS, Service


def test_a_method_that_a_path_does_not_have_is_told(laptop: Service) -> None:
    for method, path in (
        ("PUT", EXPERIMENTS),
        ("DELETE", EXPERIMENTS),
        ("POST", "/health"),
        ("GET", f"{RUNS}/search"),
    ):
        refused(laptop.write.request(method, path), 405)


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/api/v1/experiments/runs/a/b", "/api/v1/experiments/a/b/c/d", "/api/v2/runs"],
)
def test_an_unknown_path_is_told(laptop: Service, path: str) -> None:
    refused(laptop.write.get(path), 404)


@pytest.mark.parametrize("path", [f"{EXPERIMENTS}/%FF", f"{RUNS}/{'0' * 32}/metrics/%C3%28"])
def test_a_path_that_is_not_utf_8_is_no_server_error(laptop: Service, path: str) -> None:
    answer = laptop.read.get(path)
    refused(answer, 400)


@pytest.mark.parametrize(
    "error, status",
    [
        (Throttled("the table asks to slow down; send it again"), 429),
        (Throttled("later", 7), 429),
        (Unavailable("the table did not answer; send it again"), 503),
    ],
)
@pytest.mark.parametrize("operation", ["get", "get_many", "query", "changed_since", "transact"])
def test_a_store_in_trouble_is_told_with_retry_after(
    laptop: Service,
    monkeypatch: pytest.MonkeyPatch,
    error: Throttled | Unavailable,
    status: int,
    operation: str,
) -> None:
    run = laptop.run()
    found(laptop.read.get(EXPERIMENTS))

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(laptop.services.table, operation, fail)
    asked = {
        "get": lambda: laptop.read.get(f"{RUNS}/{run['run_id']}"),
        "get_many": lambda: laptop.read.get(f"{EXPERIMENTS}/{run['experiment_id']}"),
        "query": lambda: laptop.read.get(RUNS, params={"experiment_id": run["experiment_id"]}),
        "changed_since": lambda: laptop.read.get(EXPERIMENTS),
        "transact": lambda: laptop.write.post(EXPERIMENTS, json={"name": "x"}),
    }
    answer = asked[operation]()
    refused(answer, status)
    assert answer.headers["retry-after"] == str(error.retry_after_s)


def test_a_defect_is_a_500_that_tells_nothing(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(laptop.read.get(EXPERIMENTS))

    def fail(*_: Any) -> None:
        raise RuntimeError("arn:aws:dynamodb:us-east-1:1:table/secret-name")

    monkeypatch.setattr(laptop.services.table, "changed_since", fail)
    answer = laptop.read.get(EXPERIMENTS)
    error = refused(answer, 500)
    assert error["details"] == {}
    for secret in ("arn", "secret-name", "Traceback", "RuntimeError", ".py"):
        assert secret not in answer.text


def test_a_store_that_throttles_while_a_key_is_looked_up_is_no_401(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = laptop.read

    def fail(*_: Any) -> None:
        raise Throttled("the table asks to slow down; send it again")

    monkeypatch.setattr(laptop.services.table, "get", fail)
    refused(client.get(EXPERIMENTS), 429)


def test_health_tells_which_store_cannot_be_reached(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = found(laptop.anybody.get("/health"))
    assert healthy["status"] == "ok"
    assert healthy["stores"] == {"table": "ok", "blobs": "ok"}

    def fail(*_: Any) -> None:
        raise Unavailable("gone")

    for store, operation in (("table", "get"), ("blobs", "head")):
        with monkeypatch.context() as patched:
            patched.setattr(getattr(laptop.services, store), operation, fail)
            answer = laptop.anybody.get("/health")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        body = answer.json()
        assert body["status"] == "degraded"
        assert body["stores"] == healthy["stores"] | {store: "unreachable"}


def test_health_is_well_on_every_engine(service: Service) -> None:
    assert found(service.anybody.get("/health"))["stores"] == {"table": "ok", "blobs": "ok"}


def test_the_api_describes_itself(laptop: Service) -> None:
    document = found(laptop.anybody.get("/openapi.json"))
    assert document["openapi"].startswith("3.1")
    assert EXPERIMENTS in document["paths"]


def test_a_head_has_the_headers_of_a_get(laptop: Service) -> None:
    made(laptop.write.post(EXPERIMENTS, json={"name": "x"}))
    answer = laptop.read.head(EXPERIMENTS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


def test_request_ids_differ(laptop: Service) -> None:
    ids = {laptop.anybody.get("/nothing").json()["request_id"] for _ in range(3)}
    assert len(ids) == 3
