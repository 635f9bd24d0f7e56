"""Logging to a run: points, params and tags, all of a batch or none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import ConditionFailed, Conflict, Repeated
from chalicelib.core.ids import RunId
from chalicelib.core.model.run import MetricSummary
from chalicelib.storage import keys
from chalicelib.storage.packing import Series
from chalicelib.storage.points import PointStore
from chalicelib.storage.run_document import RunDocument
from chalicelib.storage.runs import RunStore
from chalicelib.storage.table import Put, Write

COMPACT_EVERY_CHUNKS = 256
"""A run asks to be compacted each time it has written this many chunks."""
COMPACT_ENDED_CHUNKS = 16
"""A run that ends with so many or more does too: nothing would ask for the rest of it."""
DEDUPLICATION_MS = 15 * 60 * 1000
"""For this long a batch is recognized when it comes again: its chunk is not merged before."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request logs. `series` has one entry a metric; params and tags are strings; `fields`
    are of name and description, as new values of the run's own."""

    series: Sequence[Series] = ()
    params: Mapping[str, str] | None = None
    tags: Mapping[str, str] | None = None
    fields: Mapping[str, str] | None = None

    def names(self) -> set[str]:
        """Names of all it touches."""
        return {s.key for s in self.series} | set(self.params or ()) | set(self.tags or ())


def log(
    runs: RunStore,
    points: PointStore,
    context: Context,
    run_id: RunId,
    batch: Batch,
    *,
    once: Put | None = None,
) -> None:
    """Add the batch to the run: one read and one transaction (two reads when the run spilled).

    Points are a set: a batch that is there already adds nothing. `once` is written with it, or
    nothing is. Raises Conflict when the run is deleted or a param would change its value, NotFound,
    Forbidden, TooLarge; Repeated when the condition of `once` fails.
    """
    names = batch.names()
    retry_races(context, lambda: _attempt(runs, points, context, run_id, batch, names, once))


def _attempt(
    runs: RunStore,
    points: PointStore,
    context: Context,
    run_id: RunId,
    batch: Batch,
    names: set[str],
    once: Put | None,
    *,
    points_are_there: bool = False,
) -> None:
    document = writable(runs.open(context.tenant, run_id, names))
    changed = _set_params(document, batch.params or {}) | _set_tags(document, batch.tags or {})
    changed |= _set_fields(document, batch.fields or {})
    also: list[Write] = []
    if batch.series and not points_are_there:
        also = _add_points(document, points, context, batch.series)
    if not also and not changed:
        put_once(runs, once)
        return
    try:
        runs.save(document, [*also, *([] if once is None else [once])])
    except ConditionFailed as error:
        if once is not None and len(also) in error.failed:
            raise Repeated from None
        if also and 0 in error.failed:  # the chunk: this very batch was logged before
            if batch.params or batch.tags or batch.fields or once is not None:
                _attempt(runs, points, context, run_id, batch, names, once, points_are_there=True)
            return
        raise


def put_once(runs: RunStore, once: Put | None) -> None:
    """Write the mark of work that changes nothing. Raises Repeated."""
    if once is None:
        return
    try:
        runs.table.put(once.item, once.when)
    except ConditionFailed:
        raise Repeated from None


def writable(document: RunDocument) -> RunDocument:
    """The document itself. Raises Conflict when its run is deleted."""
    if document.stage != "active":
        raise Conflict("the run is deleted; restore it first", run_id=document.run_id)
    return document


def _set_params(document: RunDocument, params: Mapping[str, str]) -> bool:
    changed = False
    for name, value in params.items():
        known = document.param(name)
        if known is None:
            document.set_param(name, value)
            changed = True
        elif known != value:
            raise Conflict(
                "a param keeps its first value; log it under another name",
                param=name, logged=known[:200], sent=value[:200],
            )  # fmt: skip
    return changed


def _set_tags(document: RunDocument, tags: Mapping[str, str]) -> bool:
    changed = False
    for name, value in tags.items():
        if document.tag(name) != value:
            document.set_tag(name, value)
            changed = True
    return changed


def _set_fields(document: RunDocument, fields: Mapping[str, str]) -> bool:
    changed = any(document.root[name] != value for name, value in fields.items())
    document.set_fields(fields)
    return changed


def _add_points(
    document: RunDocument, points: PointStore, context: Context, series: Sequence[Series]
) -> list[Write]:
    now_ms = context.now_ms()
    for one in series:
        document.set_metric(one.key, summarized(document.metric(one.key), one))
    chunk = points.chunk(
        document.tenant, document.run_id, series, at_ms=now_ms, order=document.version + 1
    )
    also: list[Write] = [chunk]
    if document.count_chunk() % COMPACT_EVERY_CHUNKS == 0:
        also.append(compaction_due(document, now_ms))
    return also


def compaction_due(document: RunDocument, now_ms: int) -> Put:
    """Put the run on the queue of those to be compacted, once its last batch cannot come again."""
    key = keys.compaction_due(now_ms + DEDUPLICATION_MS, document.tenant, document.run_id)
    return Put({"pk": key.pk, "sk": key.sk})


def summarized(known: MetricSummary | None, series: Series) -> MetricSummary:
    """The summary after these points came in.

    Last value: the highest (step, timestamp), and of equal pairs the later write.
    """
    values = series.values
    finite = values if series.finite else [v for v in values if not isnan(v)]
    low, high = (min(finite), max(finite)) if finite else (nan, nan)
    step, timestamp, last = series.steps[-1], series.timestamps[-1], values[-1]
    count = len(values)
    if known is not None:
        if (known.step, known.timestamp) > (step, timestamp):
            step, timestamp, last = known.step, known.timestamp, known.last
        low = _lower(known.min, low)
        high = -_lower(-known.max, -high)
        count += known.count
    return MetricSummary(last, step, timestamp, low, high, count)


def _lower(one: float, other: float) -> float:
    """The smaller number; NaN only when both are."""
    return other if isnan(one) or other < one else one
