"""Histories of several metrics of several runs in one call."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.api.answers import Json, bad_fields, found, refused
from tests.api.harness import RUNS, Service

URL = f"{RUNS}/metrics/history"
A_RUN = "0" * 32


def points(series: Json) -> list[Json]:
    """The columns of a series as the history of one metric shows them."""
    columns = zip(series["steps"], series["timestamps"], series["values"], strict=True)
    return [{"step": s, "timestamp": t, "value": v} for s, t, v in columns]


def test_one_call_draws_a_whole_chart_in_the_order_asked_for(service: Service) -> None:
    runs = [service.run()["run_id"] for _ in range(3)]
    for number, run_id in enumerate(runs):
        service.log_values(run_id, "loss", [float(number), 1.0])
        service.log_values(run_id, "acc", [0.5] * (number + 1))
    service.log_values(runs[1], "other", [9.0])
    body = {"run_ids": runs[::-1], "keys": ["acc", "loss"]}
    series = found(service.read.post(URL, json=body))["series"]
    assert [(one["run_id"], one["key"]) for one in series] == [
        (run_id, key) for run_id in runs[::-1] for key in ("acc", "loss")
    ]
    assert [one["total"] for one in series] == [3, 2, 2, 2, 1, 2]
    for one in series:
        alone = found(service.read.get(f"{RUNS}/{one['run_id']}/metrics/{one['key']}"))
        assert points(one) == alone["points"]


def test_runs_without_a_metric_are_left_out(service: Service) -> None:
    with_it, without = service.run()["run_id"], service.run()["run_id"]
    service.log_values(with_it, "loss", ["NaN"])
    body = {"run_ids": [without, with_it], "keys": ["loss", "nothing"]}
    series = found(service.read.post(URL, json=body))["series"]
    assert [(one["run_id"], one["key"]) for one in series] == [(with_it, "loss")]
    assert series[0]["values"][0] == "NaN"


def test_each_series_is_downsampled_and_cut_to_its_steps(service: Service) -> None:
    run_id = service.run()["run_id"]
    service.log_values(run_id, "a", [float(n % 9) for n in range(300)])
    service.log_values(run_id, "b", [1.0] * 10)
    body = {"run_ids": [run_id], "keys": ["a", "b"], "max_points": 20, "start_step": 5}
    body["end_step"] = 204
    a, b = found(service.read.post(URL, json=body))["series"]
    assert a["total"] == 200
    assert 17 < len(a["steps"]) <= 20
    assert (a["steps"][0], a["steps"][-1]) == (5, 204)
    assert b["steps"] == [5, 6, 7, 8, 9]


def test_a_band_tells_what_lies_between_the_points_of_a_thinned_series(service: Service) -> None:
    run_id = service.run()["run_id"]
    values: list[float | str] = [float(n * 37 % 101) for n in range(300)]
    values[150:200] = ["NaN"] * 50
    service.log_values(run_id, "thinned", values)
    service.log_values(run_id, "whole", [1.0, 2.0])
    body: Json = {"run_ids": [run_id], "keys": ["thinned", "whole"], "max_points": 20}
    for series in found(service.read.post(URL, json=body))["series"]:
        assert series["lows"] is series["highs"] is None
    thinned, whole = found(service.read.post(URL, json=body | {"band": True}))["series"]
    assert whole["lows"] is whole["highs"] is None
    steps = thinned["steps"]
    assert len(thinned["lows"]) == len(thinned["highs"]) == len(steps)
    for at, (start, end) in enumerate(pairwise([*steps, steps[-1] + 1])):
        finite = [value for value in values[start:end] if value != "NaN"] or ["NaN"]
        assert (thinned["lows"][at], thinned["highs"][at]) == (min(finite), max(finite))
    assert "NaN" in thinned["lows"]


def test_a_thousand_points_a_series_unless_told_otherwise(service: Service) -> None:
    run_id = service.run()["run_id"]
    service.log_values(run_id, "a", [float(n % 7) for n in range(999)])
    service.log_values(run_id, "a", [0.0, 1.0, 2.0], first_step=999)
    (one,) = found(service.read.post(URL, json={"run_ids": [run_id], "keys": ["a"]}))["series"]
    assert one["total"] == 1002
    assert 990 < len(one["steps"]) <= 1000


def test_more_than_100_000_points_in_all_are_refused(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    keys = [f"k{number:02d}" for number in range(11)]
    for first in range(0, 10_000, 90):
        last = min(10_000, first + 90)
        batch: list[Json] = [
            {"key": key, "value": step, "step": step, "timestamp": step}
            for key in keys
            for step in range(first, last)
        ]
        found(laptop.log(run_id, batch))
    body = {"run_ids": [run_id], "keys": keys[:10], "max_points": 10_000}
    series = found(laptop.read.post(URL, json=body))["series"]
    assert sum(len(one["steps"]) for one in series) == 100_000
    body["keys"] = keys
    error = refused(laptop.read.post(URL, json=body), 400)
    assert error["details"] == {"points": 110_000, "max_points": 100_000}
    body["max_points"] = 1000
    assert len(found(laptop.read.post(URL, json=body))["series"]) == 11
    body |= {"keys": keys[:6], "max_points": 9000, "band": True}
    error = refused(laptop.read.post(URL, json=body), 400)
    assert error["details"] == {"points": 54_000, "max_points": 50_000}


def test_an_unknown_run_is_not_found(service: Service) -> None:
    run_id = service.run()["run_id"]
    refused(service.read.post(URL, json={"run_ids": [run_id, A_RUN], "keys": ["a"]}), 404)


@pytest.mark.parametrize(
    "body, paths",
    [
        ({}, ["keys", "run_ids"]),
        ({"run_ids": [], "keys": []}, ["keys", "run_ids"]),
        ({"run_ids": ["x"], "keys": ["a"]}, ["run_ids.0"]),
        ({"run_ids": A_RUN, "keys": "a"}, ["keys", "run_ids"]),
        ({"run_ids": [f"{n:032x}" for n in range(101)], "keys": ["a"]}, ["run_ids"]),
        ({"run_ids": [A_RUN], "keys": [f"k{n}" for n in range(51)]}, ["keys"]),
        ({"run_ids": [A_RUN], "keys": ["", "k" * 251, 5]}, ["keys.0", "keys.1", "keys.2"]),
        ({"run_ids": [A_RUN], "keys": ["a"], "max_points": 0}, ["max_points"]),
        ({"run_ids": [A_RUN], "keys": ["a"], "max_points": 10_001}, ["max_points"]),
        ({"run_ids": [A_RUN], "keys": ["a"], "max_points": True}, ["max_points"]),
        ({"run_ids": [A_RUN], "keys": ["a"], "start_step": "0"}, ["start_step"]),
        ({"run_ids": [A_RUN], "keys": ["a"], "band": 1}, ["band"]),
        ({"run_ids": [A_RUN], "keys": ["a"], "cursor": "x"}, ["cursor"]),
    ],
)
def test_every_bad_field_is_named(laptop: Service, body: Json, paths: list[str]) -> None:
    assert bad_fields(laptop.read.post(URL, json=body)) == paths


@pytest.mark.parametrize(
    "body", [{"run_ids": [A_RUN] * 2, "keys": ["a"]}, {"run_ids": [A_RUN], "keys": ["a", "a"]}]
)
def test_runs_and_keys_are_distinct(laptop: Service, body: Json) -> None:
    assert "distinct" in refused(laptop.read.post(URL, json=body), 400)["message"]
