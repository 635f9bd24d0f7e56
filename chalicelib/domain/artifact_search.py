"""Lists, searches and the best of indexed artifacts: rows by time, then the items behind them.

A row tells ids and kind, so those cost nothing more than their query; tags, labels, pins and
metrics can change and are looked up, a hundred artifacts a read. A list does a bounded amount of
that and goes on from a cursor; a search has to see everything that matches, so it refuses what
would take longer than a request may (docs/adr/0010-artifact-index.md).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Final, Literal, NamedTuple, TypeAlias

from chalicelib.core.context import Context
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.artifact import Artifact
from chalicelib.domain.artifact_filters import ArtifactFilters
from chalicelib.storage.artifacts import ArtifactRow, ArtifactStore
from chalicelib.storage.table import MAX_GET_MANY

MetricMode: TypeAlias = Literal["max", "min"]
LISTED_REQUESTS: Final = 24
"""What a list may spend on a page: more than 2,000 artifacts looked up, or 24,000 rows."""
SEARCHED_REQUESTS: Final = 300
"""What a search may spend: more than 25,000 artifacts looked up."""
LISTED_ROWS: Final = 1000
"""Rows a query when some may be left out: enough for ten reads of items."""


class Position(NamedTuple):
    """Of an artifact in the order of time."""

    created_at_ms: int
    artifact_id: ArtifactId


class ArtifactPage(NamedTuple):
    """Artifacts, newest first, and the last one that was looked at when there may be more."""

    artifacts: list[Artifact]
    next: Position | None


class Hit(NamedTuple):
    """`score` is the value of the metric that was asked for."""

    artifact: Artifact
    score: float | None


@dataclass(frozen=True, slots=True)
class MetricOrder:
    """Order by a metric: the highest or the lowest value first."""

    metric: str
    mode: MetricMode

    def value_of(self, artifact: Artifact) -> float | None:
        """None when it does not compete: no number, or no finite one. A boolean is no number."""
        value = artifact.metrics.get(self.metric)
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            return value
        return None

    def rank(self, hit: Hit) -> tuple[float, Position]:
        """Higher is better; the newer of equals."""
        assert hit.score is not None
        better = hit.score if self.mode == "max" else -hit.score
        return better, position_of(hit.artifact)


class _Step(NamedTuple):
    """Artifacts that match among some rows, and the last of these rows when there are more."""

    found: list[Artifact]
    last: Position | None


def page(
    store: ArtifactStore,
    context: Context,
    filters: ArtifactFilters,
    limit: int,
    after: Position | None,
) -> ArtifactPage:
    """Up to `limit` artifacts behind `after`, newest first. One query and one read per 100 when the
    rows of one field tell all; never more than `LISTED_REQUESTS`, so a page may be short, or empty,
    and still have a next."""
    rows = LISTED_ROWS if filters.asks_more_than_the_partition else limit + 1
    found: list[Artifact] = []
    last: Position | None = None
    for step in _steps(store, context.tenant, filters, LISTED_REQUESTS, rows, after=after):
        found += step.found
        last = step.last
        if len(found) >= limit:
            break
    if len(found) > limit:
        found = found[:limit]
        last = position_of(found[-1])
    return ArtifactPage(found, last)


def search(
    store: ArtifactStore,
    context: Context,
    filters: ArtifactFilters,
    limit: int,
    order: MetricOrder | None,
    window_ms: int | None = None,
) -> list[Hit]:
    """The first `limit` in the order asked for, the newest first among equals and without an order;
    with a window only those made in the last so many milliseconds. At most `SEARCHED_REQUESTS`.
    Raises Invalid when that does not suffice."""
    from_ms = None if window_ms is None else max(0, context.now_ms() - window_ms)
    if order is None:
        newest = _every(store, context, filters, from_ms, LISTED_ROWS)
        return [Hit(artifact, None) for artifact in islice(newest, limit)]
    competing = (
        Hit(artifact, value)
        for artifact in _every(store, context, filters, from_ms, None)
        if (value := order.value_of(artifact)) is not None
    )
    return heapq.nlargest(limit, competing, key=order.rank)


def best(
    store: ArtifactStore, context: Context, filters: ArtifactFilters, order: MetricOrder
) -> Artifact:
    """The first of `search`. Raises NotFound when none competes."""
    hits = search(store, context, filters, 1, order)
    if not hits:
        raise NotFound("no artifact that matches has a finite number as this metric")
    return hits[0].artifact


def position_of(artifact: Artifact) -> Position:
    """Its place in a list."""
    return Position(artifact.created_at_ms, artifact.artifact_id)


def _every(
    store: ArtifactStore,
    context: Context,
    filters: ArtifactFilters,
    from_ms: int | None,
    rows_at_once: int | None,
) -> Iterator[Artifact]:
    """All that match, newest first. Raises Invalid when there is too much to look at."""
    last: Position | None = None
    for step in _steps(
        store, context.tenant, filters, SEARCHED_REQUESTS, rows_at_once, from_ms=from_ms
    ):
        yield from step.found
        last = step.last
        if context.clock.monotonic_s() > context.deadline_s:
            break
    if last is not None:
        raise Invalid("too many artifacts to look at in one request; narrow the filters")


def _steps(
    store: ArtifactStore,
    tenant: TenantId,
    filters: ArtifactFilters,
    requests: int,
    rows_at_once: int | None,
    *,
    after: Position | None = None,
    from_ms: int | None = None,
) -> Iterator[_Step]:
    """What matches, a read at a time; ends when all rows were looked at, or so many requests were
    made. Rows whose item is gone are left out."""
    after_page: tuple[str, ...] | None = None
    while requests:
        rows = store.rows(
            tenant, filters.partition, before=after, from_ms=from_ms, limit=rows_at_once,
            after=after_page,
        )  # fmt: skip
        requests -= 1
        after_page = rows.next
        end = _row_position(rows.rows[-1]) if rows.next is not None and rows.rows else None
        kept = [row for row in rows.rows if filters.keep_row(row)]
        for start in range(0, len(kept), MAX_GET_MANY):
            if not requests:
                return
            some = kept[start : start + MAX_GET_MANY]
            artifacts = store.get_many(tenant, [row.artifact_id for row in some])
            requests -= 1
            is_last = start + MAX_GET_MANY >= len(kept)
            last = end if is_last else _row_position(some[-1])
            yield _Step([one for one in artifacts if filters.keep(one)], last)
        if not kept and (rows.rows or rows.next is None):
            yield _Step([], end)
        if rows.next is None:
            return


def _row_position(row: ArtifactRow) -> Position:
    return Position(row.created_at_ms, row.artifact_id)
