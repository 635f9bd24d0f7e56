"""Comparing runs: the best by each metric, the best in most, and where params differ."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, bad_fields, found, gone, refused
from tests.api.harness import EXPERIMENTS, RUNS, Service

URL = f"{RUNS}/compare"


def run_with(service: Service, experiment_id: str | None = None, **metrics: Any) -> str:
    run_id = service.run(experiment_id)["run_id"]
    if metrics:
        body = {"metrics": metrics, "timestamp": 1}
        found(service.write.post(f"{RUNS}/{run_id}/log-metrics", json=body))
    return run_id


def compare(service: Service, *run_ids: str, **fields: Any) -> Json:
    answer = service.read.post(URL, json={"run_ids": list(run_ids), **fields})
    return found(answer)["comparison"]


def test_the_whole_answer(service: Service) -> None:
    first = run_with(service, loss=0.5, acc=0.9)
    second = run_with(service, loss=0.25, acc=0.8, f1=1)
    found(service.log(first, [], {"lr": "0.1", "seed": "1"}))
    found(service.log(second, [], {"lr": "0.2", "seed": "1", "only": "x"}))
    found(service.write.post(f"{RUNS}/{second}/end", json={}))
    answer = found(service.read.post(URL, json={"run_ids": [second, first]}))
    shown = [service.get_run(run_id) for run_id in (second, first)]
    fields = ("run_id", "name", "status", "params", "metrics")
    assert answer["runs"] == [{name: run[name] for name in fields} for run in shown]
    assert answer["comparison"] == {
        "best_run": second,
        "metric_comparison": {
            "acc": {
                "goal": "max", "goal_source": "name", "best_run_id": first, "best_value": 0.9,
                "all_values": {second: 0.8, first: 0.9},
            },
            "f1": {
                "goal": "max", "goal_source": "name", "best_run_id": second, "best_value": 1.0,
                "all_values": {second: 1.0},
            },
            "loss": {
                "goal": "min", "goal_source": "name", "best_run_id": second, "best_value": 0.25,
                "all_values": {second: 0.25, first: 0.5},
            },
        },
        "param_differences": {"lr": {second: "0.2", first: "0.1"}, "only": {second: "x"}},
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["loss", "val_loss", "error", "latency_ms", "rmse", "MAE", "perplexity", "cost", "duration_s"],
)
def test_less_is_better_by_name(laptop: Service, name: str) -> None:
    first, second = (run_with(laptop, None, **{name: value}) for value in (1, 2))
    one = compare(laptop, first, second)["metric_comparison"][name]
    assert (one["goal"], one["goal_source"], one["best_run_id"]) == ("min", "name", first)


def test_a_goal_of_the_experiment_beats_the_name_and_one_of_the_request_both(
    service: Service,
) -> None:
    experiment_id = service.experiment(metric_goals={"loss": "max", "acc": "min"})["id"]
    low = run_with(service, experiment_id, loss=1, acc=1, f1=1)
    high = run_with(service, experiment_id, loss=2, acc=2, f1=2)
    compared = compare(service, low, high, goals={"acc": "max"})["metric_comparison"]
    chosen = {key: (o["goal"], o["goal_source"], o["best_run_id"]) for key, o in compared.items()}
    assert chosen == {
        "loss": ("max", "experiment", high),
        "acc": ("max", "request", high),
        "f1": ("max", "name", high),
    }


def test_goals_of_several_experiments_count_where_they_agree(laptop: Service) -> None:
    one = laptop.experiment("one", metric_goals={"a": "min", "b": "min", "c": "min"})["id"]
    two = laptop.experiment("two", metric_goals={"a": "min", "b": "max"})["id"]
    runs = [run_with(laptop, one, a=1, b=1, c=1), run_with(laptop, two, a=2, b=2, c=2)]
    compared = compare(laptop, *runs)["metric_comparison"]
    goals = {key: (one["goal"], one["goal_source"]) for key, one in compared.items()}
    assert goals == {"a": ("min", "experiment"), "b": ("max", "name"), "c": ("min", "experiment")}


def test_the_named_metrics_only_are_compared(laptop: Service) -> None:
    first, second = run_with(laptop, a=1, b=2), run_with(laptop, a=2, b=1)
    compared = compare(laptop, first, second, metrics=["b", "nobody_has"])
    assert list(compared["metric_comparison"]) == ["b", "nobody_has"]
    nobody = compared["metric_comparison"]["nobody_has"]
    assert (nobody["best_run_id"], nobody["best_value"], nobody["all_values"]) == (None, None, {})
    assert compared["best_run"] == first
    assert compare(laptop, first, second, metrics=[])["best_run"] is None


def test_no_run_is_best_on_a_tie(laptop: Service) -> None:
    first, second = run_with(laptop, a=1, b=2), run_with(laptop, a=2, b=1)
    assert compare(laptop, first, second)["best_run"] is None
    bare = run_with(laptop)
    assert compare(laptop, bare, run_with(laptop))["best_run"] is None


def test_the_run_that_is_best_in_most_metrics_is_best(laptop: Service) -> None:
    first = run_with(laptop, a=9, b=1, c=1)
    second = run_with(laptop, a=1, b=2, c=2)
    third = run_with(laptop, a=0, b=0, c=0)
    assert compare(laptop, first, second, third)["best_run"] == second


def test_nan_is_never_best(service: Service) -> None:
    nan, number = run_with(service, a="NaN", loss="NaN"), run_with(service, a=-5, loss=5)
    compared = compare(service, nan, number)
    assert compared["best_run"] == number
    assert compared["metric_comparison"]["a"]["all_values"] == {nan: "NaN", number: -5.0}
    one = compare(service, nan, run_with(service, a="NaN"))["metric_comparison"]["a"]
    assert (one["best_run_id"], one["best_value"]) == (None, None)


def test_infinity_may_be_best(service: Service) -> None:
    infinite, number = run_with(service, a="Infinity"), run_with(service, a=5)
    one = compare(service, infinite, number)["metric_comparison"]["a"]
    assert (one["best_run_id"], one["best_value"]) == (infinite, "Infinity")


def test_runs_with_an_equal_value_are_both_best_in_it(laptop: Service) -> None:
    first, second = run_with(laptop, a=1, b=1), run_with(laptop, a=1, b=1)
    for runs in ((first, second), (second, first)):
        compared = compare(laptop, *runs)
        assert compared["best_run"] is None
        assert compared["metric_comparison"]["a"]["best_run_id"] == runs[0]
    third = run_with(laptop, a=1, b=2)
    assert compare(laptop, first, second, third)["best_run"] == third


def test_two_to_ten_distinct_runs_are_compared(laptop: Service) -> None:
    runs = [run_with(laptop, a=number) for number in range(10)]
    assert compare(laptop, *runs)["best_run"] == runs[-1]
    for some in ([], runs[:1], [*runs, "0" * 32]):
        assert bad_fields(laptop.read.post(URL, json={"run_ids": some})) == ["run_ids"]
    twice = [runs[0], runs[0]]
    error = refused(laptop.read.post(URL, json={"run_ids": twice}), 400)
    assert "distinct" in error["message"]


def test_deleted_runs_are_compared_too(service: Service) -> None:
    first, second = run_with(service, a=1), run_with(service, a=2)
    gone(service.write.delete(f"{RUNS}/{second}"))
    gone(service.write.delete(f"{EXPERIMENTS}/{service.get_run(first)['experiment_id']}"))
    assert compare(service, first, second)["best_run"] == second


def test_an_unknown_run_is_not_found(service: Service) -> None:
    body = {"run_ids": [run_with(service), "0" * 32]}
    refused(service.read.post(URL, json=body), 404)


@pytest.mark.parametrize(
    "body, paths",
    [
        ({}, ["run_ids"]),
        ({"run_ids": "0" * 32}, ["run_ids"]),
        ({"run_ids": ["a", "b"]}, ["run_ids.0", "run_ids.1"]),
        ({"run_ids": ["0" * 32, "1" * 32], "metrics": "a"}, ["metrics"]),
        ({"run_ids": ["0" * 32, "1" * 32], "metrics": ["", 1]}, ["metrics.0", "metrics.1"]),
        ({"run_ids": ["0" * 32, "1" * 32], "goals": {"a": "up"}}, ["goals.a"]),
        ({"run_ids": ["0" * 32, "1" * 32], "goals": ["a"], "x": 1}, ["goals", "x"]),
    ],
)
def test_every_bad_field_is_named(laptop: Service, body: Json, paths: list[str]) -> None:
    assert bad_fields(laptop.read.post(URL, json=body)) == paths
