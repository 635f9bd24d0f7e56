"""Merging a run's chunks of points, so that reading them needs few requests.

A chunk that was logged is merged once it is older than the time in which its batch is recognized
when it comes again (`logging.DEDUPLICATION_MS`). Merged items that add up go to a blob. Each merge
is one transaction, and the level it writes to sorts after the one it takes from: a reader going
upwards sees each point before, during and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chalicelib.core.errors import ConditionFailed, Contended
from chalicelib.core.ids import RunId, TenantId
from chalicelib.domain.history import merged
from chalicelib.domain.logging import DEDUPLICATION_MS
from chalicelib.storage import keys
from chalicelib.storage.packing import Series
from chalicelib.storage.points import ARCHIVED, LOGGED, MERGED, Chunk, PointStore
from chalicelib.storage.table import MAX_TRANSACTION_WRITES, Query

MERGED_BYTES = 200 * 1024
"""A merged item is made of chunks of this size together: well below an item's limit."""
ARCHIVED_BYTES = 8 * 1024 * 1024
ARCHIVE_FROM = 16
"""So many merged items together are worth a blob."""
MAX_DUE_AT_ONCE = 100


def compact_due(points: PointStore, now_ms: int) -> int:
    """Compact the runs whose time has come; returns how many. One query, and per run a query and a
    transaction per merge. What stops half-way is taken up again the next time."""
    page = points.table.query(Query(keys.COMPACTION_DUE, limit=MAX_DUE_AT_ONCE))
    done = 0
    for item in page.items:
        due_ms, tenant, run_id = keys.parse_compaction_due(str(item["sk"]))
        if due_ms > now_ms:
            break
        compact_run(points, tenant, run_id, now_ms)
        points.table.delete(keys.compaction_due(due_ms, tenant, run_id))
        done += 1
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
    if len(segments) >= ARCHIVE_FROM:
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
    pieces: dict[str, list[tuple[int, Series]]] = {}
    for chunk in chunks:
        for series in points.unpack(chunk):
            pieces.setdefault(series.key, []).append((chunk.order, series))
    put = points.chunk(
        tenant,
        run_id,
        [_joined(merged(found)) for found in pieces.values()],
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


def _joined(pieces: Sequence[Series]) -> Series:
    """Consecutive pieces as one series."""
    first, *others = pieces
    if not others:
        return first
    steps, timestamps, values = first.steps[:], first.timestamps[:], first.values[:]
    flags = first.flags
    for piece in others:
        steps.extend(piece.steps)
        timestamps.extend(piece.timestamps)
        values.extend(piece.values)
        flags &= piece.flags
    return Series(first.key, steps, timestamps, values, flags)
