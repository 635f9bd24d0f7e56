"""Which way a metric is better, and who is best."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.model.experiment import Goal
from chalicelib.domain.metric_goals import best_of, best_run, goal_from_name


@pytest.mark.parametrize(
    "name",
    [
        "loss", "val_loss", "train/loss", "valLoss", "LOSS", "Loss2", "mean_absolute_error",
        "errorRate", "p99.latency", "latency_ms", "RMSE", "valRMSE", "mae", "perplexity",
        "duration", "cost-usd", "closs", "mlogloss", "nrmse", "losses", "top5error", "Errors",
        "latencies",
    ],
)  # fmt: skip
def test_less_is_better(name: str) -> None:
    assert goal_from_name(name) == "min"


@pytest.mark.parametrize(
    "name", ["accuracy", "f1", "lossless_ratio", "costume", "maestro", "glossary", "auc", "", "学"]
)
def test_else_more_is_better(name: str) -> None:
    assert goal_from_name(name) == "max"


@pytest.mark.parametrize("goal, best", [("max", "c"), ("min", "b")])
def test_the_best_by_goal(goal: Goal, best: str) -> None:
    assert best_of({"a": 2.0, "b": 1.0, "c": 3.0, "d": math.nan}, goal) == best


def test_nan_is_never_best() -> None:
    assert best_of({"a": math.nan, "b": -math.inf}, "max") == "b"
    assert best_of({"a": math.nan}, "min") is None
    assert best_of({}, "min") is None


def test_the_first_of_equals_is_best() -> None:
    assert best_of({"b": 1.0, "a": 1.0}, "max") == "b"
    assert best_of({"b": 0.0, "a": -0.0}, "min") == "b"


@given(st.dictionaries(st.text(), st.floats()), st.sampled_from(["max", "min"]))
def test_nobody_is_better_than_the_best(values: dict[str, float], goal: Goal) -> None:
    best = best_of(values, goal)
    if best is None:
        assert all(map(math.isnan, values.values()))
    elif goal == "max":
        assert not any(value > values[best] for value in values.values())
    else:
        assert not any(value < values[best] for value in values.values())


@pytest.mark.parametrize(
    "winners, best",
    [([], None), (["a"], "a"), (["a", "b"], None), (["a", "b", "b"], "b"), (["a", "b", "c"], None)],
)
def test_the_best_run_wins_most_metrics(winners: list[str], best: str | None) -> None:
    assert best_run(winners) == best
