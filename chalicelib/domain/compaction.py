"""Merging a run's chunks of points, so that reading them needs few requests.

A chunk that was logged is merged once it is older than the time in which its batch is recognized
when it comes again (`logging.DEDUPLICATION_MS`). Merged items that add up go to a blob. Each merge
is one transaction, and the level it writes to sorts after the one it takes from: a reader going
upwards sees each point before, during and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chalicelib.core.errors import ConditionFailed, Contended, TrialbookError
from chalicelib.core.ids import RunId, TenantId
from chalicelib.domain.history import merged
from chalicelib.domain.logging import DEDUPLICATION_MS
from chalicelib.storage import keys, packing
from chalicelib.storage.packing import Series
from chalicelib.storage.points import ARCHIVED, LOGGED, MERGED, Chunk, PointStore
from chalicelib.storage.table import MAX_TRANSACTION_WRITES, Query

MERGED_BYTES = 200 * 1024
"""A merged item is made of chunks of this size together: well below an item's limit."""
ARCHIVE_FROM_BYTES = 3 * 1024 * 1024
"""So much in merged items is worth a blob: less is read by a query or three."""
ARCHIVED_BYTES = 8 * 1024 * 1024
MAX_DUE_AT_ONCE = 100


def compact_due(points: PointStore, now_ms: int) -> int:
    """Compact the runs whose time has come; returns how many. One query, and per run a query and a
    transaction per merge. What stops half-way is taken up again the next time; a run that fails
    does not keep the others from their turn, its error is raised after them."""
    page = points.table.query(Query(keys.COMPACTION_DUE, limit=MAX_DUE_AT_ONCE))
    done = 0
    failed: TrialbookError | None = None
    for item in page.items:
        due_ms, tenant, run_id = keys.parse_compaction_due(str(item["sk"]))
        if due_ms > now_ms:
            break
        try:
            compact_run(points, tenant, run_id, now_ms)
            points.table.delete(keys.compaction_due(due_ms, tenant, run_id))
        except TrialbookError as error:
            failed = error
        else:
            done += 1
    if failed is not None:
        raise failed
    return done


def compact_run(points: PointStore, tenant: TenantId, run_id: RunId, now_ms: int) -> None:
    """Merge what may be merged of a run; somebody else at it is no harm."""
    old = (
        chunk
        for chunk in points.chunks(tenant, run_id, LOGGED)
        if chunk.at_ms <= now_ms - DEDUPLICATION_MS
    )
    for some in _groups(old, MERGED_BYTES):
        _merge(points, tenant, run_id, some, MERGED)
    segments = list(points.chunks(tenant, run_id, MERGED))
    if sum(len(segment.body) for segment in segments) >= ARCHIVE_FROM_BYTES:
        for some in _groups(segments, ARCHIVED_BYTES):
            _merge(points, tenant, run_id, some, ARCHIVED)


def _groups(chunks: Iterable[Chunk], max_bytes: int) -> Iterator[list[Chunk]]:
    """Consecutive chunks, each group worth and small enough for one transaction."""
    some: list[Chunk] = []
    size = 0
    for chunk in chunks:
        full = size + len(chunk.body) > max_bytes or len(some) == MAX_TRANSACTION_WRITES - 1
        if some and full:
            if len(some) > 1:
                yield some
            some, size = [], 0
        some.append(chunk)
        size += len(chunk.body)
    if len(some) > 1:
        yield some


def _merge(
    points: PointStore, tenant: TenantId, run_id: RunId, chunks: Sequence[Chunk], level: int
) -> None:
    pieces: dict[str, list[Series]] = {}
    for chunk in chunks:
        for series in points.unpack(chunk):
            pieces.setdefault(series.key, []).append(series)
    put = points.chunk(
        tenant,
        run_id,
        [packing.joined_series(merged(found)) for found in pieces.values()],
        at_ms=max(chunk.at_ms for chunk in chunks),
        order=max(chunk.order for chunk in chunks),
        level=level,
    )
    if level == ARCHIVED:
        put = points.as_blob(tenant, run_id, put)
    try:
        points.merge(chunks, put)
    except (ConditionFailed, Contended):
        return  # another compactor was faster
