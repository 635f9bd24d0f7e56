"""Searching experiments in MLflow's filter language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from chalicelib.core.context import Context
from chalicelib.core.model.experiment import Experiment, Stage
from chalicelib.core.paging import JsonValue
from chalicelib.domain import default_experiment
from chalicelib.domain.experiments import ExperimentRows
from chalicelib.domain.filter_parser import Clause, Field, Language
from chalicelib.domain.filters import Filter, parse_filter
from chalicelib.domain.ordering import parse_order_by
from chalicelib.domain.search import Found
from chalicelib.storage import keys
from chalicelib.storage.experiments import ExperimentStore

EXPERIMENTS: Final = Language(
    ("tag", "attribute"), ("name", "experiment_id", "creation_time", "last_update_time"), {}
)
_ID: Final = Field("attribute", "experiment_id")
_NEWEST_FIRST: Final = ((Field("attribute", "creation_time"), True), (_ID, False))
_TIES: Final = ((_ID, True),)


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """`stage` None is any; `after` is the position that the page before ended with."""

    filter: str | None = None
    order_by: Sequence[str] = field(default_factory=list[str])
    stage: Stage | None = "active"
    limit: int = 1000
    after: JsonValue = None


def search(
    store: ExperimentStore, rows: ExperimentRows, context: Context, query: ExperimentQuery
) -> Found[Experiment]:
    """One small request for what changed, or, the first time, a query per MB; the default
    experiment is there after it. Raises Invalid with the position of a mistake in the filter."""
    wanted = _translated(context, parse_filter(query.filter, EXPERIMENTS))
    ties = _TIES if query.order_by else _NEWEST_FIRST
    ordering = parse_order_by(query.order_by, EXPERIMENTS, ties)
    # A column reads the attributes that the language names, which an experiment has.
    found: list[Any] = [
        one for one in _rows(store, rows, context) if query.stage in (None, one.lifecycle_stage)
    ]
    top = cast("list[Experiment]", ordering.top(wanted.select(found), query.limit + 1, query.after))
    return Found(top[: query.limit], ordering, more=len(top) > query.limit)


def _rows(store: ExperimentStore, rows: ExperimentRows, context: Context) -> Sequence[Experiment]:
    partition = keys.experiments_changed(context.tenant)
    found = rows.rows(partition)
    default = default_experiment.id_of(context.tenant)
    if any(one.id == default for one in found):
        return found
    made = default_experiment.get(store, context)
    found = rows.rows(partition)
    return found if any(one.id == default for one in found) else [*found, made]


def _translated(context: Context, wanted: Filter) -> Filter:
    """With ids in place of the default experiment's alias."""

    def id_of(value: object) -> str:
        return default_experiment.meant(context.tenant, str(value))

    def translated(clause: Clause) -> Clause:
        value = clause.value
        if clause.field != _ID or value is None:
            return clause
        ids = tuple(map(id_of, value)) if isinstance(value, tuple) else id_of(value)
        return replace(clause, value=ids)

    return Filter(tuple(map(translated, wanted.clauses)))
