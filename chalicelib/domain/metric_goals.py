"""Which way a metric is better, and who is best by it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

from chalicelib.core.model.experiment import Goal

K = TypeVar("K", bound=str)

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LESS_IS_BETTER = (
    "loss",
    "error",
    "latency",
    "mse",
    "rmse",
    "rmsle",
    "mae",
    "mape",
    "perplexity",
    "cost",
    "duration",
)
_ENDINGS = (*_LESS_IS_BETTER, "losses", "errors", "latencies", "costs", "durations")


def goal_from_name(name: str) -> Goal:
    """`min` when a word of the name is loss, error, latency, rmse, mae, perplexity, cost or
    duration, in the plural too, or ends in one (`logloss`, `nrmse`); else `max`.

    Words end at anything that is not an ASCII letter, and where camelCase begins a new one.
    """
    words = (word.lower() for word in _TOKEN.findall(name))
    return "min" if any(word.endswith(_ENDINGS) for word in words) else "max"


def best_of(values: Mapping[K, float], goal: Goal) -> K | None:
    """The run with the best value, the first in order among equals; NaN is never best."""
    numbers = [run_id for run_id, value in values.items() if not math.isnan(value)]
    if not numbers:
        return None
    return (min if goal == "min" else max)(numbers, key=values.__getitem__)


def best_run(winners: Iterable[K]) -> K | None:
    """The run that won most of the metrics, given the winners of each; None on a tie or without."""
    ranked = Counter(winners).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]
