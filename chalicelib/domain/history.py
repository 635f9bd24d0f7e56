"""The history of a metric: every point once, ascending by (step, timestamp)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from chalicelib.core.ids import RunId, TenantId
from chalicelib.storage import keys, packing
from chalicelib.storage.packing import Series
from chalicelib.storage.points import LEVELS, Chunk, PointStore

PAGE_POINTS = 25_000


class Position(NamedTuple):
    """Where a page ended: at a point's (step, timestamp), with `sent` points of that pair out.

    `from_sk` is the sort key of the first level-0 chunk that may hold a later point. Higher levels
    are always looked through from their start, for a merge may move points to an earlier key there.
    """

    step: int
    timestamp: int
    sent: int
    from_sk: str


@dataclass(frozen=True, slots=True)
class Steps:
    """Inclusive bounds of the steps asked for; None is unbounded."""

    start: int | None = None
    end: int | None = None

    def cut(self, series: Series) -> Series:
        """The part of the series within the bounds, which may be empty."""
        first = 0 if self.start is None else bisect_left(series.steps, self.start)
        last = len(series.steps) if self.end is None else bisect_right(series.steps, self.end)
        return series.slice(first, max(first, last))


ALL_STEPS = Steps()


class HistoryPage(NamedTuple):
    """Consecutive pieces of one series, and where the next page begins (None at the end)."""

    pieces: list[Series]
    next: Position | None


def whole(
    points: PointStore,
    tenant: TenantId,
    run_id: RunId,
    metric_keys: frozenset[str],
    steps: Steps = ALL_STEPS,
) -> dict[str, list[Series]]:
    """All points of these metrics, as consecutive pieces a key. One query per MB of chunks."""
    found: dict[str, list[tuple[int, Series]]] = {key: [] for key in metric_keys}
    for level in LEVELS:
        for chunk in points.chunks(tenant, run_id, level, end_step=steps.end):
            if steps.start is not None and chunk.max_step < steps.start:
                continue
            for series in points.unpack(chunk, metric_keys):
                found[series.key].append((chunk.order, series))
    return {
        key: [piece for piece in map(steps.cut, merged(pieces)) if piece.steps]
        for key, pieces in found.items()
    }


def page(
    points: PointStore,
    tenant: TenantId,
    run_id: RunId,
    key: str,
    steps: Steps = ALL_STEPS,
    after: Position | None = None,
    size: int = PAGE_POINTS,
) -> HistoryPage:
    """At most `size` points of one metric. It reads the chunks that the page overlaps, and no more
    of what was logged in the order of its steps."""
    target = size + 1
    while True:
        gathered = _gather(points, tenant, run_id, key, steps, after, target)
        pieces, last = _take(merged(gathered.pieces), after, size)
        taken = sum(len(piece.steps) for piece in pieces)
        if gathered.exhausted and last is None:
            return HistoryPage(pieces, None)
        if taken == size:
            step, timestamp, sent = last or _end(pieces, after)
            return HistoryPage(pieces, Position(step, timestamp, sent, gathered.resume_at(step)))
        target *= 2  # many of the points found were equal ones


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What was read: pieces with the order of their writing, the first ones from `chunks`, which
    are of level 0; `exhausted` when nothing was left unread."""

    pieces: list[tuple[int, Series]]
    chunks: list[Chunk]
    exhausted: bool

    def resume_at(self, step: int) -> str:
        """Sort key of the first level-0 chunk with a point at `step` or later."""
        reaching = (
            chunk.key.sk
            for chunk, (_, series) in zip(self.chunks, self.pieces, strict=False)
            if series.max_step >= step
        )
        last = self.chunks[-1].key.sk if self.chunks else keys.points_level(0)
        return min(reaching, default=last)


def _gather(
    points: PointStore,
    tenant: TenantId,
    run_id: RunId,
    key: str,
    steps: Steps,
    after: Position | None,
    target: int,
) -> _Gathered:
    """Read chunks until `target` points were found and no unread one can belong before them."""
    found: list[tuple[int, Series]] = []
    chunks: list[Chunk] = []
    wanted = frozenset([key])
    count, bound, exhausted = 0, None, True
    first_step = after.step if after else steps.start
    for level in LEVELS:
        from_sk = after.from_sk if after and level == 0 else None
        for chunk in points.chunks(tenant, run_id, level, from_sk=from_sk, end_step=steps.end):
            if bound is not None and chunk.min_step > bound:
                exhausted = False
                break
            if first_step is not None and chunk.max_step < first_step:
                continue
            for series in points.unpack(chunk, wanted):
                part = _not_before(steps.cut(series), after)
                if part.steps:
                    found.append((chunk.order, part))
                    count += len(part.steps)
                    if level == 0:
                        chunks.append(chunk)
            if bound is None and count >= target + (after.sent if after else 0):
                bound = max(series.max_step for _, series in found)
    return _Gathered(found, chunks, exhausted)


def _not_before(series: Series, after: Position | None) -> Series:
    """The points at `after` or later; those at exactly its pair may be out already."""
    if after is None or not series.steps or series.min_step > after.step:
        return series
    first = bisect_left(series.steps, after.step)
    last = bisect_right(series.steps, after.step)
    first = bisect_left(series.timestamps, after.timestamp, first, last)
    return series.slice(first, len(series.steps))


def merged(pieces: Iterable[tuple[int, Series]]) -> list[Series]:
    """Pieces of one metric, each with the order of its writing, as consecutive pieces.

    Pieces that do not overlap, as they come from a run that logs forwards, are only put in order;
    the others are merged, equal points becoming one and equal (step, timestamp) pairs staying in
    the order of writing.
    """
    queue = sorted(pieces, key=lambda piece: piece[1].min_step)
    result: list[Series] = []
    cluster: list[tuple[int, Series]] = []
    cluster_max = 0
    for order, series in queue:
        if cluster and series.min_step > cluster_max:
            result.append(_fused(cluster))
            cluster = []
        cluster_max = max(cluster_max, series.max_step) if cluster else series.max_step
        cluster.append((order, series))
    if cluster:
        result.append(_fused(cluster))
    return result


def _fused(cluster: list[tuple[int, Series]]) -> Series:
    if len(cluster) == 1:
        return cluster[0][1]
    cluster.sort(key=itemgetter(0))
    steps: list[int] = []
    timestamps: list[int] = []
    values: list[float] = []
    for _, series in cluster:
        steps.extend(series.steps)
        timestamps.extend(series.timestamps)
        values.extend(series.values)
    return packing.series_of(cluster[0][1].key, steps, timestamps, values)


def _take(
    pieces: Sequence[Series], after: Position | None, size: int
) -> tuple[list[Series], tuple[int, int, int] | None]:
    """The next `size` points, and (step, timestamp, sent) of the last when more are left."""
    taken: list[Series] = []
    left = size
    for number, series in enumerate(pieces):
        first = _first_after(series, after) if number == 0 and after else 0
        part = series.slice(first, first + left)
        if part.steps:
            taken.append(part)
            left -= len(part.steps)
        if left == 0:
            more = first + len(part.steps) < len(series.steps) or number + 1 < len(pieces)
            return taken, _end(taken, after) if more else None
    return taken, None


def _first_after(series: Series, after: Position) -> int:
    """Position of the first point that is not out yet, in a series cut by `_not_before`."""
    at = 0
    while at < min(after.sent, len(series.steps)) and (series.steps[at], series.timestamps[at]) == (
        after.step,
        after.timestamp,
    ):
        at += 1
    return at


def _end(taken: Sequence[Series], after: Position | None) -> tuple[int, int, int]:
    step, timestamp = taken[-1].steps[-1], taken[-1].timestamps[-1]
    sent = 0
    for series in reversed(taken):
        for at in range(len(series.steps) - 1, -1, -1):
            if (series.steps[at], series.timestamps[at]) != (step, timestamp):
                return step, timestamp, sent
            sent += 1
    if after is not None and (after.step, after.timestamp) == (step, timestamp):
        sent += after.sent  # the whole page is of one pair, begun on the page before
    return step, timestamp, sent
