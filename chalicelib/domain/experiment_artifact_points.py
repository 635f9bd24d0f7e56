"""Pages of the points that a name reads as.

Where points were logged, those of all entries ordered by (x, entry, place in the entry); else each
entry's number at its time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias, cast

from chalicelib.core.model.experiment_artifact import Entry, Number, Point, Series
from chalicelib.core.paging import JsonValue
from chalicelib.domain import artifact_values
from chalicelib.domain.experiment_artifacts import ExperimentArtifacts
from chalicelib.storage.experiment_artifacts import entry_sort

MAX_POINTS: Final = 10_000
MAX_POINT_BYTES: Final = 4_000_000
POINT_FRAME: Final = len('{"x":,"y":},')

LoggedPlace: TypeAlias = tuple[Number, str, int]
"""Where a logged point stands: its x, its entry, its place in that."""
Place: TypeAlias = tuple[str] | LoggedPlace
"""The same of a point that is an entry: the entry alone."""


class Placed(NamedTuple):
    """A point and where it stands."""

    place: Place
    point: Point


class PointsPage(NamedTuple):
    """Points in their order, and what `after` of the next page is."""

    points: list[Point]
    next: Place | None


def points(
    stores: ExperimentArtifacts, series: Series, after: JsonValue, limit: int = MAX_POINTS
) -> PointsPage:
    """At most `limit` points of a series that has an axis, after `after` (`next` of the page
    before, as JSON has it).

    One query per MB of entries: at their own times of those on the page, where points were logged
    of all entries, and besides a blob for each of over 32 KiB whose x are near the page's.
    """
    if series.axis == "time":
        found = _timed(stores, series, after, limit)
    else:
        found = _logged(stores, series, after, limit)
    shown = _fitting(found[:limit])
    following = shown[-1].place if len(shown) < len(found) else None
    return PointsPage([placed.point for placed in shown], following)


def _timed(
    stores: ExperimentArtifacts, series: Series, after: JsonValue, limit: int
) -> list[Placed]:
    """A page and one more, if there are."""
    position = None if after is None else tuple(cast("list[str]", after))
    entries: list[Entry] = []
    while len(entries) <= limit:
        page = stores.artifacts.entries(series.place, limit + 1 - len(entries), position)
        entries += (entry for entry in page.entries if entry.form == "number")
        if page.next is None:
            break
        position = page.next
    numbers = artifact_values.read_numbers([entry.text or "" for entry in entries])
    return [
        Placed((entry_sort(entry),), Point(entry.at_ms, number))
        for entry, number in zip(entries, numbers, strict=True)
    ]


def _logged(
    stores: ExperimentArtifacts, series: Series, after: JsonValue, limit: int
) -> list[Placed]:
    """A page and one more, if there are. Entries are unpacked by their lowest x until all that
    follow lie behind the page, and of each no more is looked at than a page and one more."""
    start = None if after is None else cast(LoggedPlace, tuple(cast("list[JsonValue]", after)))
    waiting = [entry for entry in _all_entries(stores, series) if entry.span is not None]
    waiting.sort(key=_lowest_x)
    found: list[tuple[LoggedPlace, Number]] = []
    reach: Number = 0
    for entry in waiting:
        if len(found) > limit and _lowest_x(entry) > reach:
            break
        if start is not None and _highest_x(entry) < start[0]:
            continue
        xs, ys = _unpacked(stores, entry)
        sort = entry_sort(entry)
        first = 0 if start is None else _first_after(start, xs, sort)
        last = min(len(xs), first + limit + 1)
        if first == last:
            continue
        reach = max(reach, xs[last - 1]) if found else xs[last - 1]
        found += (((xs[number], sort, number), ys[number]) for number in range(first, last))
        if len(found) > 4 * limit:  # now and then, for sorting takes its time
            found = sorted(found)[: limit + 1]
            reach = found[-1][0][0]
    found.sort()
    return [Placed(place, Point(place[0], y)) for place, y in found[: limit + 1]]


def _first_after(start: LoggedPlace, xs: list[Number], sort: str) -> int:
    """The first of an entry's points, which ascend, that comes after `start`."""
    x, start_sort, number = start
    if sort == start_sort:
        return number + 1
    return bisect_right(xs, x) if sort < start_sort else bisect_left(xs, x)


def _all_entries(stores: ExperimentArtifacts, series: Series) -> Iterator[Entry]:
    position: tuple[str, ...] | None = None
    while True:
        page = stores.artifacts.entries(series.place, after=position)
        yield from page.entries
        if page.next is None:
            return
        position = page.next


def _unpacked(stores: ExperimentArtifacts, entry: Entry) -> tuple[list[Number], list[Number]]:
    body = entry.packed
    if body is None:
        assert entry.blob_key is not None
        body = stores.bytes.blobs.get(entry.blob_key)
    return artifact_values.unpacked(body)


def _fitting(found: list[Placed]) -> list[Placed]:
    """A page of them, cut where the answer would be over 4 MB: an int has up to 309 digits."""
    size_bytes = 0
    for number, (_, point) in enumerate(found):
        size_bytes += POINT_FRAME + len(repr(point.x)) + len(repr(point.y))
        if number and size_bytes > MAX_POINT_BYTES:
            return found[:number]
    return found


def _lowest_x(entry: Entry) -> Number:
    assert entry.span is not None
    return entry.span[0]


def _highest_x(entry: Entry) -> Number:
    assert entry.span is not None
    return entry.span[1]
