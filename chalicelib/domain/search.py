"""Searching and listing runs of one or several experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chalicelib.core.context import Context
from chalicelib.core.ids import ExperimentId
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.run import RunStatus
from chalicelib.core.paging import JsonInput, JsonValue
from chalicelib.domain import experiments
from chalicelib.domain.filters import parse_filter
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
    stage: Stage = "active"
    limit: int = 100
    offset: int = 0
    after: JsonValue = None


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in the order asked for; `more` tells that some come after them."""

    rows: Sequence[RunRow]
    ordering: Ordering
    more: bool

    def position(self, at: int) -> JsonInput:
        """The place of a row, for a cursor."""
        return self.ordering.position(self.rows[at])


def search(store: ExperimentStore, rows: RunRows, context: Context, query: RunQuery) -> Found:
    """One read for the experiments; per experiment one small request for what changed, or, the
    first time, a query per MB. Raises Invalid with the position of a mistake in the filter,
    NotFound, Forbidden."""
    wanted = parse_filter(query.filter)
    ordering = parse_order_by(query.order_by)
    found: list[RunRow] = []
    for experiment_id in _experiments(store, context, query.experiment_ids):
        partition = rows.rows(keys.runs_changed(context.tenant, experiment_id))
        found.extend(
            row
            for row in partition
            if row.stage == query.stage and (query.status is None or row.status == query.status)
        )
    top = ordering.top(wanted.select(found), query.offset + query.limit + 1, query.after)
    page = top[query.offset : query.offset + query.limit]
    return Found(page, ordering, more=len(top) > query.offset + query.limit)


def _experiments(
    store: ExperimentStore, context: Context, ids: Sequence[str]
) -> list[ExperimentId]:
    resolved = [experiments.resolve(store, context, one) for one in dict.fromkeys(ids)]
    return [one.id for one in store.get_many(context.tenant, list(dict.fromkeys(resolved)))]
