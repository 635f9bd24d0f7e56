"""Comparing runs: which is best by which metric, and in what params they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from chalicelib.core.context import Context
from chalicelib.core.ids import RunId
from chalicelib.core.model.experiment import Goal
from chalicelib.core.model.run import Run
from chalicelib.domain import metric_goals
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.runs import RunStore

GoalSource: TypeAlias = Literal["request", "experiment", "name"]


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """`all_values` leaves out runs without the metric; NaN is never best."""

    goal: Goal
    goal_source: GoalSource
    best_run_id: RunId | None
    best_value: float | None
    all_values: Mapping[RunId, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`best_run` is best in most of the compared metrics, None on a tie."""

    runs: Sequence[Run]
    metrics: Mapping[str, MetricComparison]
    param_differences: Mapping[str, Mapping[RunId, str]]
    best_run: RunId | None


def compare(
    runs: RunStore,
    experiment_store: ExperimentStore,
    context: Context,
    run_ids: Sequence[RunId],
    metrics: Sequence[str] | None,
    goals: Mapping[str, Goal],
) -> Comparison:
    """One batch read for the runs, and a read an experiment when a goal is not in the request."""
    found = runs.get_many(context.tenant, run_ids)
    compared = (
        list(metrics) if metrics is not None else sorted({m for r in found for m in r.metrics})
    )
    declared = (
        _declared_goals(experiment_store, context, found) if set(compared) - goals.keys() else {}
    )
    comparisons = {key: _compare(found, key, goals, declared) for key in compared}
    # Runs that share the best value are all best in it.
    winners = [
        run_id
        for one in comparisons.values()
        for run_id, value in one.all_values.items()
        if value == one.best_value
    ]
    return Comparison(
        runs=found,
        metrics=comparisons,
        param_differences=_param_differences(found),
        best_run=metric_goals.best_run(winners),
    )


def _declared_goals(
    store: ExperimentStore, context: Context, runs: Sequence[Run]
) -> dict[str, Goal]:
    """Goals on which all the experiments that declare one agree."""
    goals: dict[str, set[Goal]] = {}
    for experiment_id in dict.fromkeys(run.experiment_id for run in runs):
        for key, goal in store.get(context.tenant, experiment_id).metric_goals.items():
            goals.setdefault(key, set()).add(goal)
    return {key: next(iter(found)) for key, found in goals.items() if len(found) == 1}


def _compare(
    runs: Sequence[Run], key: str, requested: Mapping[str, Goal], declared: Mapping[str, Goal]
) -> MetricComparison:
    source: GoalSource = (
        "request" if key in requested else "experiment" if key in declared else "name"
    )
    goal = requested.get(key) or declared.get(key) or metric_goals.goal_from_name(key)
    values = {run.run_id: run.metrics[key].last for run in runs if key in run.metrics}
    best = metric_goals.best_of(values, goal)
    return MetricComparison(goal, source, best, None if best is None else values[best], values)


def _param_differences(runs: Sequence[Run]) -> dict[str, dict[RunId, str]]:
    """Params that are not the same in every run; a run that has none of the name is left out."""
    differences: dict[str, dict[RunId, str]] = {}
    for name in sorted({name for run in runs for name in run.params}):
        values = {run.run_id: run.params[name] for run in runs if name in run.params}
        if len(values) < len(runs) or len(set(values.values())) > 1:
            differences[name] = values
    return differences
