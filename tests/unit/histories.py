"""What a history must be, found the slow way, and walks through it page by page."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

import pytest
from hypothesis import strategies as st

from chalicelib.core.ids import RunId
from chalicelib.core.model.run import Point, Run
from chalicelib.domain import compaction, history
from chalicelib.domain.history import ALL_STEPS, Position, Steps
from chalicelib.domain.logging import DEDUPLICATION_MS
from chalicelib.storage.packing import Series
from chalicelib.storage.points import LEVELS
from tests.unit.stores import HandClock, Stores

Row = tuple[int, int, bytes]
"""Step, timestamp and the bits of the value."""

POINTS = st.builds(
    Point,
    st.sampled_from(["loss", "acc"]),
    st.sampled_from([0.0, -0.0, float("nan"), 1.0, 2.0, float("inf")]),
    st.one_of(st.integers(0, 3), st.integers(0, 40), st.sampled_from([-(2**63), 2**63 - 1])),
    st.integers(0, 2),
)
AT_STEP_0 = st.builds(
    Point, st.just("loss"), st.floats(0, 50).map(round).map(float), st.just(0), st.integers(0, 2)
)
BATCHES = st.one_of(
    st.lists(POINTS, min_size=1, max_size=12), st.lists(AT_STEP_0, min_size=1, max_size=12)
)


def row(point: Point) -> Row:
    return point.step, point.timestamp, struct.pack("<d", point.value)


def rows(pieces: Iterable[Series]) -> list[Row]:
    return [
        (step, timestamp, struct.pack("<d", value))
        for piece in pieces
        for step, timestamp, value in zip(piece.steps, piece.timestamps, piece.values, strict=True)
    ]


def expected_history(
    batches: Sequence[Sequence[Point]], key: str, steps: Steps = ALL_STEPS
) -> list[Row]:
    """Every point once, at the place of the first batch it was in, by (step, timestamp)."""
    found: list[Row] = []
    for batch in batches:
        written = [row(point) for point in batch if point.key == key]
        distinct = [one for at, one in enumerate(written) if one not in written[at + 1 :]]
        found += [one for one in distinct if one not in found]
    start = -(2**63) if steps.start is None else steps.start
    end = 2**63 if steps.end is None else steps.end
    return sorted((one for one in found if start <= one[0] <= end), key=lambda one: one[:2])


@dataclass
class Story:
    """A run and what was logged to it."""

    stores: Stores
    run_id: RunId
    batches: list[list[Point]] = field(default_factory=list[list[Point]])

    def log(self, batch: list[Point]) -> None:
        self.stores.log(self.run_id, *batch)
        self.batches.append(batch)

    def compact(self, stores: Stores | None = None) -> None:
        """Merge all that is there, once it is old enough."""
        clock = self.stores.clock
        assert isinstance(clock, HandClock)
        clock.advance(DEDUPLICATION_MS)
        seen = stores or self.stores
        compaction.compact_run(seen.points, seen.tenant, self.run_id, clock.now_ms())

    def whole(self, key: str, steps: Steps = ALL_STEPS, stores: Stores | None = None) -> list[Row]:
        seen = stores or self.stores
        return rows(
            history.whole(seen.points, seen.tenant, self.run_id, frozenset([key]), steps)[key]
        )

    def pages(
        self,
        key: str,
        sizes: Iterator[int],
        between: Callable[[], None] = lambda: None,
        steps: Steps = ALL_STEPS,
        stores: Stores | None = None,
    ) -> list[Row]:
        """The whole history, page by page; `between` runs after each page."""
        seen = stores or self.stores
        found: list[Row] = []
        after: Position | None = None
        for _ in range(2000):
            size = next(sizes)
            page = history.page(seen.points, seen.tenant, self.run_id, key, steps, after, size)
            shown = rows(page.pieces)
            assert len(shown) <= size
            assert page.next is None or len(shown) == size
            found += shown
            if page.next is None:
                return found
            after = page.next
            between()
        raise AssertionError("the walk does not end")

    def expected(self, key: str, steps: Steps = ALL_STEPS) -> list[Row]:
        return expected_history(self.batches, key, steps)

    def chunk_counts(self) -> list[int]:
        """How many chunks there are at each level."""
        points = self.stores.points
        return [
            sum(1 for _ in points.chunks(self.stores.tenant, self.run_id, level))
            for level in LEVELS
        ]


def new_story(stores: Stores) -> Story:
    """A run that nothing was logged to."""
    run = Run(
        RunId(stores.clock.new_id()),
        stores.new_experiment_id(),
        "a-run",
        stores.clock.now_ms(),
        stores.context.user,
    )
    stores.runs.create(stores.tenant, run)
    return Story(stores, run.run_id)


def small_thresholds(patch: pytest.MonkeyPatch) -> None:
    """Merge and archive a handful of chunks as if they were many."""
    patch.setattr(compaction, "MERGED_BYTES", 400)
    patch.setattr(compaction, "ARCHIVE_FROM_BYTES", 900)
    patch.setattr(compaction, "ARCHIVED_BYTES", 1200)


def forever(sizes: Sequence[int]) -> Iterator[int]:
    """The sizes, and then the last one again and again."""
    yield from sizes
    while True:
        yield sizes[-1]


def is_ordered(found: Sequence[Row]) -> bool:
    return all(one[:2] <= other[:2] for one, other in pairwise(found))


def points_of(batches: Iterable[Iterable[Point]]) -> list[Point]:
    return list(chain.from_iterable(batches))
