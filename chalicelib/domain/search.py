"""Searching and listing runs of one or several experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar, cast

from chalicelib.core.context import Context
from chalicelib.core.ids import ExperimentId, is_hex_id
from chalicelib.core.model.experiment import Experiment, Stage
from chalicelib.core.model.run import RunStatus
from chalicelib.core.paging import JsonInput, JsonValue
from chalicelib.domain import experiments
from chalicelib.domain.filter_parser import Clause, Field
from chalicelib.domain.filters import Filter, Row, comparison, parse_filter
from chalicelib.domain.ordering import Ordering, parse_order_by
from chalicelib.storage import keys
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.run_rows import RunRow, RunRows


@dataclass(frozen=True, slots=True)
class RunQuery:
    """`after` is the position that the page before ended with."""

    experiment_ids: Sequence[str]
    filter: str | None = None
    order_by: Sequence[str] = field(default_factory=list[str])
    status: RunStatus | None = None
    stage: Stage | None = "active"
    """None is any."""
    limit: int = 100
    offset: int = 0
    after: JsonValue = None
    skip_missing: bool = False
    """Leave out experiments that are not here, and take the runs of deleted ones for deleted."""
    artifact_uri: Callable[[RunRow], str] | None = None
    """How who asks knows the place of a run's artifacts, for the clauses about it."""


R = TypeVar("R")
_ARTIFACT_URI: Final = Field("attribute", "artifact_uri")


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """Rows in the order asked for; `more` tells that some come after them."""

    rows: Sequence[R]
    ordering: Ordering
    more: bool

    def position(self, at: int) -> JsonInput:
        """The place of a row, for a cursor."""
        return self.ordering.position(cast("Row", self.rows[at]))


def search(
    store: ExperimentStore, rows: RunRows, context: Context, query: RunQuery
) -> Found[RunRow]:
    """One read for the experiments; per experiment one small request for what changed, or, the
    first time, a query per MB. Raises Invalid with the position of a mistake in the filter,
    NotFound, Forbidden."""
    wanted = parse_filter(query.filter)
    ordering = parse_order_by(query.order_by)
    found: list[RunRow] = []
    for experiment in _experiments(store, context, query):
        stage = query.stage
        if query.skip_missing and experiment.lifecycle_stage == "deleted":
            if stage == "active":
                continue
            stage = None
        some = rows.rows(keys.runs_changed(context.tenant, experiment.id))
        if stage is not None:
            some = [row for row in some if row.stage == stage]
        if query.status is not None:
            some = [row for row in some if row.status == query.status]
        found.extend(some)
    top = ordering.top(_select(wanted, found, query), query.offset + query.limit + 1, query.after)
    page = top[query.offset : query.offset + query.limit]
    return Found(page, ordering, more=len(top) > query.offset + query.limit)


def _select(wanted: Filter, rows: list[RunRow], query: RunQuery) -> list[RunRow]:
    uri_of = query.artifact_uri
    if uri_of is None:
        return wanted.select(rows)
    kept = Filter(tuple(c for c in wanted.clauses if c.field != _ARTIFACT_URI)).select(rows)
    for clause in wanted.clauses:
        if clause.field == _ARTIFACT_URI:
            kept = [row for row in kept if _fits(clause, uri_of(row))]
    return kept


def _fits(clause: Clause, value: str) -> object:
    """For its truth."""
    if clause.operator in ("IS NULL", "IS NOT NULL"):
        return clause.operator == "IS NOT NULL"
    return comparison(clause)(value)


def _experiments(store: ExperimentStore, context: Context, query: RunQuery) -> list[Experiment]:
    ids = dict.fromkeys(query.experiment_ids)
    if query.skip_missing:
        return store.present(context.tenant, [ExperimentId(one) for one in ids if is_hex_id(one)])
    resolved = [experiments.resolve(store, context, one) for one in ids]
    return store.get_many(context.tenant, list(dict.fromkeys(resolved)))
