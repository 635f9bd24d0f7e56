"""The history of a metric: every point once, ascending by (step, timestamp)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from chalicelib.core.ids import RunId, TenantId
from chalicelib.storage import keys, packing
from chalicelib.storage.packing import Series
from chalicelib.storage.points import LEVELS, Chunk, PointStore

PAGE_POINTS = 25_000


class Position(NamedTuple):
    """Where a page ended: at a point's (step, timestamp, order), with `sent` points of that place
    out. Points that are logged later never come before it: their order is higher.

    `from_sk` is the sort key of the first level-0 chunk that may hold a later point. Higher levels
    are always looked through from their start, for a merge may move points to an earlier key there.
    """

    step: int
    timestamp: int
    order: int
    sent: int
    from_sk: str


@dataclass(frozen=True, slots=True)
class Steps:
    """Inclusive bounds of the steps asked for; None is unbounded."""

    start: int | None = None
    end: int | None = None

    def overlaps(self, first: int, last: int) -> bool:
        """Whether any of the steps `first` to `last` (inclusive) is within the bounds."""
        return (self.start is None or last >= self.start) and (
            self.end is None or first <= self.end
        )

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
    found: dict[str, list[Series]] = {key: [] for key in metric_keys}
    for chunk in points.all_chunks(tenant, run_id):
        if steps.overlaps(chunk.min_step, chunk.max_step):
            for series in points.unpack(chunk, metric_keys):
                found[series.key].append(series)
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
        pieces, last = _take(merged(gathered.certain()), after, size)
        taken = sum(len(piece.steps) for piece in pieces)
        if gathered.bound is None and last is None:
            return HistoryPage(pieces, None)
        if taken == size:
            place = last or _end(pieces, after)
            return HistoryPage(pieces, Position(*place, gathered.resume_at(place[0])))
        target *= 2  # many of the points found were equal ones


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What was read: pieces, the first ones from `chunks`, which are of level 0. What was left
    unread lies past the step `bound`; None when nothing was."""

    pieces: list[Series]
    chunks: list[Chunk]
    bound: int | None

    def certain(self) -> list[Series]:
        """The points that no unread one can belong before."""
        cut = (Steps(end=self.bound).cut(series) for series in self.pieces)
        return [series for series in cut if series.steps]

    def resume_at(self, step: int) -> str:
        """Sort key of the first level-0 chunk with a point at `step` or later."""
        reaching = (
            chunk.key.sk
            for chunk, series in zip(self.chunks, self.pieces, strict=False)
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
    found: list[Series] = []
    chunks: list[Chunk] = []
    wanted = frozenset([key])
    count, bound, is_bounded = 0, None, False
    first_step = after.step if after else steps.start
    for level in LEVELS:
        from_sk = after.from_sk if after and level == 0 else None
        for chunk in points.chunks(tenant, run_id, level, from_sk=from_sk, end_step=steps.end):
            if bound is not None and chunk.min_step > bound:
                is_bounded = True
                break
            if first_step is not None and chunk.max_step < first_step:
                continue
            for series in points.unpack(chunk, wanted):
                part = _not_before(steps.cut(series), after)
                if part.steps:
                    found.append(part)
                    count += len(part.steps)
                    if level == 0:
                        chunks.append(chunk)
            if bound is None and count >= target + (after.sent if after else 0):
                bound = max(series.max_step for series in found)
    return _Gathered(found, chunks, bound if is_bounded else None)


def _not_before(series: Series, after: Position | None) -> Series:
    """The points at `after` or later; those at exactly its pair may be out already."""
    if after is None or not series.steps or series.min_step > after.step:
        return series
    first = bisect_left(series.steps, after.step)
    last = bisect_right(series.steps, after.step)
    first = bisect_left(series.timestamps, after.timestamp, first, last)
    return series.slice(first, len(series.steps))


def merged(pieces: Iterable[Series]) -> list[Series]:
    """Pieces of one metric as consecutive pieces, of which none overlaps the next.

    Pieces that do not overlap, as they come from a run that logs forwards, are only put in order;
    the others are merged, equal points becoming one and equal (step, timestamp) pairs staying in
    the order of writing.
    """
    result: list[Series] = []
    cluster: list[Series] = []
    cluster_max = 0
    for series in sorted(pieces, key=attrgetter("min_step")):
        if cluster and series.min_step > cluster_max:
            result.append(_fused(cluster))
            cluster = []
        cluster_max = max(cluster_max, series.max_step) if cluster else series.max_step
        cluster.append(series)
    if cluster:
        result.append(_fused(cluster))
    return result


def _fused(cluster: list[Series]) -> Series:
    return cluster[0] if len(cluster) == 1 else packing.merged_series(cluster)


_Place = tuple[int, int, int, int]
"""(step, timestamp, order, sent) of a `Position`."""


def _take(
    pieces: Sequence[Series], after: Position | None, size: int
) -> tuple[list[Series], _Place | None]:
    """The next `size` points, and the place of the last when more are left."""
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
    place = (after.step, after.timestamp, after.order)
    at, sent = 0, 0
    while at < len(series.steps) and _place(series, at) < place:
        at += 1
    while sent < after.sent and at < len(series.steps) and _place(series, at) == place:
        at += 1
        sent += 1
    return at


def _end(taken: Sequence[Series], after: Position | None) -> _Place:
    """Where these pieces, the first ones after `after`, end."""
    # Pieces share no step, so all points of the place are in the last one.
    series = taken[-1]
    at = len(series.steps) - 1
    place = _place(series, at)
    sent = 0
    while at >= 0 and _place(series, at) == place:
        at -= 1
        sent += 1
    if after is not None and after[:3] == place:
        sent += after.sent  # the whole page is of one place, begun on the page before
    return *place, sent


def _place(series: Series, at: int) -> tuple[int, int, int]:
    return series.steps[at], series.timestamps[at], series.orders[at]
