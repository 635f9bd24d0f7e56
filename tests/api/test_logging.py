"""Logging metrics, params and batches: what is kept, and a batch whole or not at all."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from tests.api.answers import Json, found, gone, made, refused
from tests.api.engines import START_MS
from tests.api.harness import RUNS, Service


def summary(service: Service, run_id: str, key: str) -> Json:
    return service.get_run(run_id)["metric_summary"][key]


def points(service: Service, run_id: str, key: str) -> list[Json]:
    return found(service.read.get(f"{RUNS}/{run_id}/metrics/{key}"))["points"]


def point(value: Any, step: int = 0, timestamp: int = START_MS, key: str = "loss") -> Json:
    return {"key": key, "value": value, "step": step, "timestamp": timestamp}


def test_metrics_are_logged_at_one_step_and_now(service: Service) -> None:
    run_id = service.run()["run_id"]
    answer = service.write.post(
        f"{RUNS}/{run_id}/log-metrics", json={"metrics": {"a": 1, "b": 2.5}}
    )
    now_ms = service.clock.now_ms()
    assert found(answer) == {"metrics_logged": 2}
    run = service.get_run(run_id)
    assert run["metrics"] == {"a": 1.0, "b": 2.5}
    assert run["metric_summary"]["a"] == {
        "last": 1.0, "step": 0, "timestamp": now_ms, "min": 1.0, "max": 1.0, "count": 1
    }  # fmt: skip


def test_step_and_timestamp_are_kept(service: Service) -> None:
    run_id = service.run()["run_id"]
    body = {"metrics": {"loss": 0.5}, "step": 7, "timestamp": 123}
    found(service.write.post(f"{RUNS}/{run_id}/log-metrics", json=body))
    assert points(service, run_id, "loss") == [{"step": 7, "timestamp": 123, "value": 0.5}]


def test_a_batch_logs_metrics_params_and_tags(service: Service) -> None:
    run_id = service.run(tags={"kept": "yes"})["run_id"]
    answer = service.log(run_id, [point(1.0), point(2.0, 1)], {"lr": "0.1"}, {"a": "b", "c": ""})
    assert found(answer) == {"metrics_logged": 2, "params_logged": 1, "tags_logged": 2}
    run = service.get_run(run_id)
    assert run["metrics"] == {"loss": 2.0}
    assert run["params"] == {"lr": "0.1"}
    assert run["tags"] == {"kept": "yes", "a": "b", "c": ""}


def test_an_empty_batch_is_fine(service: Service) -> None:
    run = service.run()
    bodies: list[Json] = [{}, {"metrics": [], "params": [], "tags": []}]
    for body in bodies:
        answer = service.write.post(f"{RUNS}/{run['run_id']}/log-batch", json=body)
        assert found(answer) == {"metrics_logged": 0, "params_logged": 0, "tags_logged": 0}
    assert service.get_run(run["run_id"]) == run


@pytest.mark.parametrize(
    "logged, last",
    [
        ([(1.0, 0, 5), (2.0, 1, 4)], 2.0),
        ([(1.0, 1, 4), (2.0, 0, 5)], 1.0),
        ([(1.0, 1, 4), (2.0, 1, 5)], 2.0),
        ([(1.0, 1, 5), (2.0, 1, 4)], 1.0),
        ([(1.0, 1, 5), (2.0, 1, 5)], 2.0),
        ([(2.0, 1, 5), (1.0, 1, 5)], 1.0),
        ([(1.0, -5, 5), (2.0, -6, 9)], 1.0),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_the_last_value_has_the_highest_step_and_time_and_of_equals_was_written_later(
    laptop: Service, logged: list[tuple[float, int, int]], last: float, together: bool
) -> None:
    run_id = laptop.run()["run_id"]
    all_points = [point(*one) for one in logged]
    for batch in [all_points] if together else [[one] for one in all_points]:
        found(laptop.log(run_id, batch))
    assert laptop.get_run(run_id)["metrics"]["loss"] == last


def test_min_max_and_count_cover_all_that_was_logged(service: Service) -> None:
    run_id = service.run()["run_id"]
    service.log_values(run_id, "loss", [3.0, -1.5, 2.0])
    service.log_values(run_id, "loss", [9.0, 4.0], first_step=3)
    assert summary(service, run_id, "loss") == {
        "last": 4.0, "step": 4, "timestamp": START_MS + 4000, "min": -1.5, "max": 9.0, "count": 5
    }  # fmt: skip


@pytest.mark.parametrize("spelled", ["NaN", "Infinity", "-Infinity"])
def test_what_json_cannot_spell_goes_both_ways_as_a_string(service: Service, spelled: str) -> None:
    run_id = service.run()["run_id"]
    body = {"metrics": {"loss": spelled}, "timestamp": 1}
    found(service.write.post(f"{RUNS}/{run_id}/log-metrics", json=body))
    found(service.log(run_id, [point(spelled, 1, 2)]))
    assert [one["value"] for one in points(service, run_id, "loss")] == [spelled, spelled]
    run = service.get_run(run_id)
    assert run["metrics"]["loss"] == spelled
    assert run["metric_summary"]["loss"]["min"] == spelled
    assert run["metric_summary"]["loss"]["max"] == spelled


def test_nan_is_no_extreme_and_infinities_are(service: Service) -> None:
    run_id = service.run()["run_id"]
    service.log_values(run_id, "loss", ["NaN", 2.0, "NaN", 1.0, "NaN"])
    one = summary(service, run_id, "loss")
    assert (one["last"], one["min"], one["max"], one["count"]) == ("NaN", 1.0, 2.0, 5)
    service.log_values(run_id, "loss", ["Infinity", "-Infinity", 0.0], first_step=5)
    one = summary(service, run_id, "loss")
    assert (one["last"], one["min"], one["max"]) == (0.0, "-Infinity", "Infinity")


DOUBLES = [
    0.1, 1 / 3, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e-7, 1e22,
    9007199254740993.0, math.pi, 123456789012345680.0, 1e16, 1e-5,
]  # fmt: skip


def test_doubles_come_back_bit_for_bit(service: Service) -> None:
    run_id = service.run()["run_id"]
    service.log_values(run_id, "few", DOUBLES[:3])
    service.log_values(run_id, "many", DOUBLES)
    for key, sent in (("few", DOUBLES[:3]), ("many", DOUBLES)):
        returned = [one["value"] for one in points(service, run_id, key)]
        assert [struct.pack("<d", v) for v in returned] == [struct.pack("<d", v) for v in sent]
    low = summary(service, run_id, "many")
    assert (low["min"], low["max"]) == (min(DOUBLES), max(DOUBLES))


def test_integers_are_taken_as_doubles(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(service.write.post(f"{RUNS}/{run_id}/log-metrics", json={"metrics": {"big": 2**60 + 1}}))
    assert service.get_run(run_id)["metrics"]["big"] == float(2**60 + 1)


PARAMS: list[tuple[Any, str]] = [
    ("text", "text"), ("", ""), ("  spaces ", "  spaces "), ("ü✓", "ü✓"), ("true", "true"),
    (True, "true"), (False, "false"), (1, "1"), (-0, "0"), (1.5, "1.5"), (1e-7, "1e-07"),
    (1e22, "1e+22"), (1.0, "1.0"), (2**70, str(2**70)), (0.1, "0.1"), ("x" * 8000, "x" * 8000),
]  # fmt: skip


def test_params_are_kept_in_jsons_spelling(service: Service) -> None:
    run_id = service.run()["run_id"]
    params = {f"p{number}": sent for number, (sent, _) in enumerate(PARAMS)}
    answer = service.write.post(f"{RUNS}/{run_id}/log-params", json={"params": params})
    assert found(answer) == {"params_logged": len(PARAMS)}
    kept = {f"p{number}": spelled for number, (_, spelled) in enumerate(PARAMS)}
    assert service.get_run(run_id)["params"] == kept


def test_a_param_keeps_its_first_value(service: Service) -> None:
    run_id = service.run()["run_id"]
    url = f"{RUNS}/{run_id}/log-params"
    for value in ("0.1", 0.1, "0.1"):
        found(service.write.post(url, json={"params": {"lr": value}}))
    for value in ("0.10", 0.2, True, ""):
        error = refused(service.write.post(url, json={"params": {"lr": value, "new": "x"}}), 409)
        assert error["details"]["param"] == "lr"
        assert error["details"]["logged"] == "0.1"
    assert service.get_run(run_id)["params"] == {"lr": "0.1"}


def test_a_batch_with_a_param_that_changes_leaves_nothing_behind(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(service.log(run_id, [point(1.0)], {"lr": "0.1"}))
    before = service.get_run(run_id)
    batch = [point(float(step), step) for step in range(1, 200)]
    refused(service.log(run_id, batch, {"new": "1", "lr": "0.2"}, {"tag": "x"}), 409)
    assert service.get_run(run_id) == before
    assert len(points(service, run_id, "loss")) == 1


def test_a_batch_with_one_bad_metric_leaves_nothing_behind(service: Service) -> None:
    run = service.run()
    batch = [point(1.0), point("nonsense", 1)]
    refused(service.log(run["run_id"], batch, {"lr": "0.1"}, {"tag": "x"}), 400)
    assert service.get_run(run["run_id"]) == run


def test_a_param_twice_in_a_batch_must_be_the_same(service: Service) -> None:
    url = f"{RUNS}/{service.run()['run_id']}/log-batch"
    same = [{"key": "lr", "value": "0.1"}] * 2
    assert found(service.write.post(url, json={"params": same}))["params_logged"] == 2
    differing = [{"key": "k", "value": "1"}, {"key": "j", "value": "2"}, {"key": "k", "value": "3"}]
    error = refused(service.write.post(url, json={"params": differing}), 400)
    assert [field["path"] for field in error["details"]["fields"]] == ["params.2"]


def test_of_equal_tags_in_a_batch_the_last_one_wins(service: Service) -> None:
    run_id = service.run(tags={"a": "old"})["run_id"]
    tags = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    found(service.write.post(f"{RUNS}/{run_id}/log-batch", json={"tags": tags}))
    assert service.get_run(run_id)["tags"] == {"a": "2"}


def test_an_identical_batch_counts_once(service: Service) -> None:
    run_id = service.run()["run_id"]
    batch = [point(float(step), step) for step in range(20)]
    for wanted in (batch, batch, batch[::-1]):
        assert found(service.log(run_id, wanted, {"lr": "1"}))["metrics_logged"] == 20
        service.clock.advance(14 * 60 / 3)
    assert summary(service, run_id, "loss")["count"] == 20
    assert len(points(service, run_id, "loss")) == 20


def test_an_identical_batch_still_logs_new_params_and_tags(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(service.log(run_id, [point(1.0)]))
    found(service.log(run_id, [point(1.0)], {"lr": "1"}, {"t": "x"}))
    run = service.get_run(run_id)
    assert (run["params"], run["tags"]) == ({"lr": "1"}, {"t": "x"})
    assert run["metric_summary"]["loss"]["count"] == 1


def test_ended_runs_still_take_logs(service: Service) -> None:
    run_id = service.run()["run_id"]
    ended = found(service.write.post(f"{RUNS}/{run_id}/end", json={}))
    found(service.log(run_id, [point(1.0)], {"late": "yes"}, {"late": "yes"}))
    found(service.write.post(f"{RUNS}/{run_id}/log-metrics", json={"metrics": {"late": 1}}))
    found(service.write.post(f"{RUNS}/{run_id}/log-params", json={"params": {"later": 1}}))
    run = service.get_run(run_id)
    assert run["metrics"] == {"loss": 1.0, "late": 1.0}
    assert run["end_time"] == ended["end_time"]


def test_deleted_runs_take_none(service: Service) -> None:
    run = service.run()
    run_id = run["run_id"]
    gone(service.write.delete(f"{RUNS}/{run_id}"))
    refused(service.log(run_id, [point(1.0)]), 409)
    refused(service.log(run_id), 409)
    refused(service.write.post(f"{RUNS}/{run_id}/log-metrics", json={"metrics": {"a": 1}}), 409)
    refused(service.write.post(f"{RUNS}/{run_id}/log-params", json={"params": {"a": 1}}), 409)
    assert found(service.write.post(f"{RUNS}/{run_id}/restore")) == run


def test_metric_names_of_any_script_are_kept_apart(service: Service) -> None:
    run_id = service.run()["run_id"]
    names = ["loss", "Loss", "train/loss", "train loss", "損失", "a#b", "%2F", "~", "k" * 250]
    found(service.log(run_id, [point(float(n), key=name) for n, name in enumerate(names)]))
    assert service.get_run(run_id)["metrics"] == {name: float(n) for n, name in enumerate(names)}


def test_a_run_of_another_experiment_is_untouched(service: Service) -> None:
    first, second = service.run(), service.run()
    found(service.log(first["run_id"], [point(1.0)], {"a": "b"}))
    assert service.get_run(second["run_id"]) == second
    assert made(service.write.post(RUNS, json={"experiment_id": first["experiment_id"]}))
