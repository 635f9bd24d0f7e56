"""What the logging routes refuse, at their limits and in their types."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, bad_fields, found, refused
from tests.api.harness import RUNS, Service

JSON = {"content-type": "application/json"}


def url(service: Service, route: str) -> str:
    return f"{RUNS}/{service.run()['run_id']}/{route}"


@pytest.mark.parametrize(
    "body, paths",
    [
        ({}, ["metrics"]),
        ({"metrics": {}}, ["metrics"]),
        ({"metrics": []}, ["metrics"]),
        ({"metrics": None}, ["metrics"]),
        ({"metrics": {"a": True}}, ["metrics.a"]),
        ({"metrics": {"a": "1.5"}}, ["metrics.a"]),
        ({"metrics": {"a": "nan"}}, ["metrics.a"]),
        ({"metrics": {"a": "inf"}}, ["metrics.a"]),
        ({"metrics": {"a": "+Infinity"}}, ["metrics.a"]),
        ({"metrics": {"a": None}}, ["metrics.a"]),
        ({"metrics": {"a": [1]}}, ["metrics.a"]),
        ({"metrics": {"a": {}, "b": False, "c": 1}}, ["metrics.a", "metrics.b"]),
        ({"metrics": {"": 1}}, ["metrics..[key]"]),
        ({"metrics": {"k" * 251: 1}}, [f"metrics.{'k' * 251}.[key]"]),
        ({"metrics": {"a\x00": 1}}, ["metrics.a\x00.[key]"]),
        ({"metrics": {f"m{n}": n for n in range(1001)}}, ["metrics"]),
        ({"metrics": {"a": 1}, "step": 1.5}, ["step"]),
        ({"metrics": {"a": 1}, "step": "1"}, ["step"]),
        ({"metrics": {"a": 1}, "step": True}, ["step"]),
        ({"metrics": {"a": 1}, "step": None}, ["step"]),
        ({"metrics": {"a": 1}, "step": 2**63}, ["step"]),
        ({"metrics": {"a": 1}, "step": -(2**63) - 1}, ["step"]),
        ({"metrics": {"a": 1}, "step": 10**40}, ["step"]),
        ({"metrics": {"a": 1}, "timestamp": -1}, ["timestamp"]),
        ({"metrics": {"a": 1}, "timestamp": 1.5}, ["timestamp"]),
        ({"metrics": {"a": 1}, "timestamp": "2027-01-15T08:00:00Z"}, ["timestamp"]),
        ({"metrics": {"a": 1}, "timestamp": 253_402_300_800_000}, ["timestamp"]),
        ({"metrics": {"a": 1}, "steps": 1, "when": 2}, ["steps", "when"]),
        ({"metrics": {"a": "x"}, "step": "x", "more": 1}, ["metrics.a", "more", "step"]),
    ],
)
def test_every_bad_field_of_metrics_is_named(laptop: Service, body: Json, paths: list[str]) -> None:
    assert bad_fields(laptop.write.post(url(laptop, "log-metrics"), json=body)) == paths


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400])
def test_a_number_that_is_no_finite_double_is_refused(laptop: Service, number: str) -> None:
    body = f'{{"metrics": {{"a": {number}}}}}'
    answer = laptop.write.post(url(laptop, "log-metrics"), content=body, headers=JSON)
    assert bad_fields(answer) == ["metrics.a"]
    body = f'{{"metrics": [{{"key": "a", "value": {number}}}]}}'
    answer = laptop.write.post(url(laptop, "log-batch"), content=body, headers=JSON)
    assert bad_fields(answer) == ["metrics.0.value"]


def test_metrics_at_their_limits_are_taken(service: Service) -> None:
    metrics = {f"{n:04d}" + "ü" * 246: n for n in range(1000)}
    answer = service.write.post(url(service, "log-metrics"), json={"metrics": metrics})
    assert found(answer) == {"metrics_logged": 1000}


@pytest.mark.parametrize("step", [2**63 - 1, -(2**63)])
@pytest.mark.parametrize("timestamp", [0, 253_402_300_799_999])
def test_steps_and_times_at_their_limits_come_back(
    service: Service, step: int, timestamp: int
) -> None:
    run_id = service.run()["run_id"]
    body = {"metrics": {"a": 1}, "step": step, "timestamp": timestamp}
    found(service.write.post(f"{RUNS}/{run_id}/log-metrics", json=body))
    point = {"step": step, "timestamp": timestamp, "value": 1.0}
    history = f"{RUNS}/{run_id}/metrics/a"
    for query in ("", f"?start_step={step}", f"?end_step={step}", "?max_points=1"):
        assert found(service.read.get(history + query))["points"] == [point]


@pytest.mark.parametrize(
    "body, paths",
    [
        ({}, ["params"]),
        ({"params": {}}, ["params"]),
        ({"params": []}, ["params"]),
        ({"params": {"a": None}}, ["params.a"]),
        ({"params": {"a": []}}, ["params.a"]),
        ({"params": {"a": {"b": 1}}}, ["params.a"]),
        ({"params": {"a": "x" * 8001}}, ["params.a"]),
        ({"params": {"": "x"}}, ["params..[key]"]),
        ({"params": {"k" * 251: "x"}}, [f"params.{'k' * 251}.[key]"]),
        ({"params": {f"p{n}": n for n in range(101)}}, ["params"]),
        ({"params": {"a": 1, "b": None}, "extra": 1}, ["extra", "params.b"]),
    ],
)
def test_every_bad_field_of_params_is_named(laptop: Service, body: Json, paths: list[str]) -> None:
    assert bad_fields(laptop.write.post(url(laptop, "log-params"), json=body)) == paths


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_param_that_is_no_finite_number_is_refused(laptop: Service, number: str) -> None:
    body = f'{{"params": {{"a": {number}}}}}'
    answer = laptop.write.post(url(laptop, "log-params"), content=body, headers=JSON)
    assert bad_fields(answer) == ["params.a"]


@pytest.mark.parametrize("digits", [4300, 4301, 8001])
def test_an_integer_of_thousands_of_digits_is_kept_or_refused(laptop: Service, digits: int) -> None:
    run_id = laptop.run()["run_id"]
    body = f'{{"params": {{"a": {"9" * digits}}}}}'
    answer = laptop.write.post(f"{RUNS}/{run_id}/log-params", content=body, headers=JSON)
    if digits == 4300:
        found(answer)
        assert laptop.get_run(run_id)["params"] == {"a": "9" * digits}
    else:
        refused(answer, 400)


BAD_BATCHES: list[tuple[Json, list[str]]] = [
    ({"metrics": {}}, ["metrics"]),
    ({"metrics": [1]}, ["metrics.0"]),
    ({"metrics": [{}]}, ["metrics.0.key", "metrics.0.value"]),
    ({"metrics": [{"key": "a", "value": True}]}, ["metrics.0.value"]),
    ({"metrics": [{"key": "a", "value": "1"}]}, ["metrics.0.value"]),
    ({"metrics": [{"key": "", "value": 1}]}, ["metrics.0.key"]),
    ({"metrics": [{"key": 1, "value": 1}]}, ["metrics.0.key"]),
    ({"metrics": [{"key": "k" * 251, "value": 1}]}, ["metrics.0.key"]),
    ({"metrics": [{"key": "a", "value": 1, "step": 0.5}]}, ["metrics.0.step"]),
    ({"metrics": [{"key": "a", "value": 1, "timestamp": -1}]}, ["metrics.0.timestamp"]),
    ({"metrics": [{"key": "a", "value": 1, "unit": "s"}]}, ["metrics.0.unit"]),
    ({"metrics": [{"key": "a", "value": n} for n in range(1001)]}, ["metrics"]),
    ({"params": [{"key": "a"}]}, ["params.0.value"]),
    ({"params": [{"key": "a", "value": 1}]}, ["params.0.value"]),
    ({"params": [{"key": "a", "value": "x" * 8001}]}, ["params.0.value"]),
    ({"params": [{"key": f"p{n}", "value": ""} for n in range(101)]}, ["params"]),
    ({"tags": [{"key": "a", "value": None}]}, ["tags.0.value"]),
    ({"tags": [{"key": "a", "value": "x" * 8001}]}, ["tags.0.value"]),
    ({"tags": [{"key": "k" * 251, "value": ""}]}, ["tags.0.key"]),
    ({"tags": [{"key": f"t{n}", "value": ""} for n in range(101)]}, ["tags"]),
    ({"tags": {"a": "b"}, "run_id": "x"}, ["run_id", "tags"]),
]


@pytest.mark.parametrize("body, paths", BAD_BATCHES)
def test_every_bad_field_of_a_batch_is_named(laptop: Service, body: Json, paths: list[str]) -> None:
    assert bad_fields(laptop.write.post(url(laptop, "log-batch"), json=body)) == paths


def test_a_batch_at_all_of_its_limits_is_taken(service: Service) -> None:
    run_id = service.run()["run_id"]
    body: dict[str, list[Any]] = {
        "metrics": [{"key": f"m{n % 10}", "value": n, "step": n} for n in range(1000)],
        "params": [{"key": f"{n:03d}" + "p" * 247, "value": "v" * 8000} for n in range(100)],
        "tags": [{"key": f"{n:03d}" + "t" * 247, "value": "v" * 8000} for n in range(100)],
    }
    answer = service.write.post(f"{RUNS}/{run_id}/log-batch", json=body)
    assert found(answer) == {"metrics_logged": 1000, "params_logged": 100, "tags_logged": 100}
    run = service.get_run(run_id)
    assert len(run["params"]) == len(run["tags"]) == 100
    assert set(run["params"].values()) == {"v" * 8000}


def test_a_body_over_4_mib_is_refused_and_the_upload_route_named(service: Service) -> None:
    body = b'{"metrics": {"a": 1}}' + b" " * (4 * 1024 * 1024)
    answer = service.write.post(url(service, "log-metrics"), content=body, headers=JSON)
    error = refused(answer, 413)
    assert "/artifacts/uploads" in error["message"]
    assert error["details"]["max_bytes"] == 4 * 1024 * 1024
    fits = body[: 4 * 1024 * 1024]
    found(service.write.post(url(service, "log-metrics"), content=fits, headers=JSON))
