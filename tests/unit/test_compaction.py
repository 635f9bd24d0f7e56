"""Merging chunks changes what is stored and nothing that is seen, wherever it stops."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chalicelib.core.errors import Unavailable
from chalicelib.core.model.run import Point
from chalicelib.domain import compaction, logging, runs
from chalicelib.domain.logging import DEDUPLICATION_MS
from chalicelib.storage import keys
from chalicelib.storage.points import LEVELS
from chalicelib.storage.table import MAX_ITEM_BYTES, Query
from tests.folders import quick_folder
from tests.unit.histories import BATCHES, Story, new_story, small_thresholds
from tests.unit.stores import (
    HandClock,
    Stopped,
    Stores,
    WatchedTable,
    close,
    open_stores,
    stopping,
)

SLOW = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stores]:
    """One pair of stores for all examples: each has a run of its own."""
    stores = open_stores(tmp_path_factory.mktemp("stores"))
    yield stores
    close(stores)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_thresholds(monkeypatch)


def seen_all(story: Story) -> None:
    for key in ("loss", "acc"):
        assert story.whole(key) == story.expected(key)


def logged(stores: Stores, chunks: int, points: int = 3) -> Story:
    story = new_story(stores)
    for number in range(chunks):
        story.log([Point("loss", float(number), number * points + at, 0) for at in range(points)])
    return story


@pytest.mark.usefixtures("small")
@SLOW
@given(st.lists(BATCHES, min_size=2, max_size=12), st.integers(0, 10))
def test_stopping_after_any_write_loses_and_doubles_nothing(
    shared: Stores, batches: list[list[Point]], writes: int
) -> None:
    story = new_story(shared)
    for batch in batches:
        story.log(batch)
    try:
        story.compact(shared.on(stopping(shared.table, writes)))
    except Stopped:
        seen_all(story)
    story.compact()
    seen_all(story)


@pytest.mark.usefixtures("small")
@SLOW
@given(st.lists(BATCHES, min_size=2, max_size=12), st.integers(0, 10))
def test_two_compactors_at_once_lose_and_double_nothing(
    shared: Stores, batches: list[list[Point]], request_number: int
) -> None:
    story = new_story(shared)
    for batch in batches:
        story.log(batch)
    left = request_number

    def before(_operation: str) -> None:
        nonlocal left
        if left == 0:
            story.compact()
        left -= 1

    story.compact(shared.on(WatchedTable(shared.table, before)))
    seen_all(story)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("request_number", range(12))
def test_two_compactors_at_once_store_each_point_once(stores: Stores, request_number: int) -> None:
    story = logged(stores, 12)
    left = request_number

    def before(_operation: str) -> None:
        nonlocal left
        if left == 0:
            story.compact()
        left -= 1

    story.compact(stores.on(WatchedTable(stores.table, before)))
    points = stores.points
    chunks = [
        chunk for level in LEVELS for chunk in points.chunks(stores.tenant, story.run_id, level)
    ]
    stored = [step for chunk in chunks for one in points.unpack(chunk) for step in one.steps]
    assert sorted(stored) == list(range(36))


@pytest.mark.usefixtures("small")
@SLOW
@given(st.lists(BATCHES, min_size=2, max_size=6), st.integers(1, 3))
def test_batches_that_come_again_after_compaction_show_nothing_twice(
    shared: Stores, batches: list[list[Point]], times: int
) -> None:
    story = new_story(shared)
    for _ in range(times):
        for batch in batches:
            story.log(batch)
        story.compact()
    seen_all(story)
    assert story.pages("loss", repeat(3)) == story.expected("loss")


@pytest.mark.usefixtures("small")
def test_the_same_chunks_merged_twice_are_merged_both_times(stores: Stores) -> None:
    story = logged(stores, 2)
    story.compact()
    assert story.chunk_counts() == [0, 1, 0]
    for batch in story.batches[:]:
        story.log(batch)
    story.compact()
    assert story.chunk_counts()[0] == 0
    seen_all(story)


def test_a_batch_is_recognized_until_its_chunk_may_be_merged(stores: Stores) -> None:
    clock = stores.clock
    assert isinstance(clock, HandClock)
    story = logged(stores, 3)
    clock.advance(DEDUPLICATION_MS - 1)
    compaction.compact_run(stores.points, stores.tenant, story.run_id, clock.now_ms())
    assert story.chunk_counts() == [3, 0, 0]
    story.log(story.batches[0])
    assert stores.runs.get(stores.tenant, story.run_id).metrics["loss"].count == 9
    clock.advance(1)
    compaction.compact_run(stores.points, stores.tenant, story.run_id, clock.now_ms())
    assert story.chunk_counts() == [0, 1, 0]


def test_chunks_become_items_and_items_become_blobs(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = logged(stores, 250)
    story.compact()
    assert story.chunk_counts() == [0, 3, 0]
    merged = stores.points.chunks(stores.tenant, story.run_id, 1)
    monkeypatch.setattr(compaction, "ARCHIVE_FROM_BYTES", sum(len(c.body) for c in merged) + 1)
    story.compact()
    assert story.chunk_counts() == [0, 3, 0]
    story.log([Point("loss", 1.0, step, 0) for step in range(800, 1500)])
    story.log([Point("loss", 2.0, step, 0) for step in range(1500, 1510)])
    story.compact()
    assert story.chunk_counts() == [0, 0, 1]
    seen_all(story)


def test_a_merge_fits_into_an_item_and_a_transaction(stores: Stores) -> None:
    story = new_story(stores)
    for number in range(30):
        first = number * 1000
        story.log([Point(f"metric {at % 50}", at * 0.1, first + at, at) for at in range(1000)])
    for number in range(150):
        story.log([Point("loss", 0.1, 100_000 + number, 0)])
    story.compact()
    sizes = [len(chunk.body) for chunk in stores.points.chunks(stores.tenant, story.run_id, 1)]
    assert max(sizes) < MAX_ITEM_BYTES
    assert story.chunk_counts()[0] <= 1
    assert story.whole("loss") == story.expected("loss")


def test_points_beyond_the_int64_edges_of_a_run_are_merged_too(stores: Stores) -> None:
    story = new_story(stores)
    story.log([Point("loss", 1.0, -(2**63), -(2**63)), Point("loss", 2.0, 2**63 - 1, 2**63 - 1)])
    story.log([Point("loss", 3.0, 0, 0)])
    story.compact()
    assert story.chunk_counts() == [0, 1, 0]
    seen_all(story)


# -- the queue ------------------------------------------------------------------------------------


def due(stores: Stores) -> int:
    return len(stores.table.query(Query(keys.COMPACTION_DUE)).items)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "COMPACT_EVERY_CHUNKS", 4)


@pytest.mark.usefixtures("often")
def test_runs_with_many_chunks_are_compacted_when_their_time_has_come(stores: Stores) -> None:
    clock = stores.clock
    assert isinstance(clock, HandClock)
    story, few = logged(stores, 9), logged(stores, 3)
    assert due(stores) >= 1
    assert compaction.compact_due(stores.points, clock.now_ms()) == 0
    assert story.chunk_counts() == [9, 0, 0]
    clock.advance(DEDUPLICATION_MS)
    assert compaction.compact_due(stores.points, clock.now_ms()) >= 1
    assert (story.chunk_counts()[0], few.chunk_counts()) == (0, [3, 0, 0])
    assert due(stores) == 0
    assert compaction.compact_due(stores.points, clock.now_ms()) == 0
    seen_all(story)


def test_a_run_that_ended_is_compacted_when_its_last_batch_cannot_come_again(
    stores: Stores,
) -> None:
    clock = stores.clock
    assert isinstance(clock, HandClock)
    story, few = logged(stores, 20), logged(stores, 3)
    before = due(stores)
    for one in (story, few):
        runs.end(stores.runs, stores.context, one.run_id, "finished", None)
        runs.end(stores.runs, stores.context, one.run_id, "finished", None)
    assert due(stores) == before + 1
    assert compaction.compact_due(stores.points, clock.now_ms()) == 0
    clock.advance(DEDUPLICATION_MS)
    assert compaction.compact_due(stores.points, clock.now_ms()) == 1
    assert (story.chunk_counts()[0], few.chunk_counts()) == (0, [3, 0, 0])
    seen_all(story)


class Compacting(RuleBasedStateMachine):
    """Logging, late batches, batches that come again, ends and compactors that die anywhere: a
    reader sees every point once, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = quick_folder()
        self.stores = open_stores(Path(self.folder.name))
        self.patch = pytest.MonkeyPatch()
        small_thresholds(self.patch)
        self.story = new_story(self.stores)

    def teardown(self) -> None:
        self.patch.undo()
        close(self.stores)
        self.folder.cleanup()

    @rule(batch=BATCHES)
    def log(self, batch: list[Point]) -> None:
        self.story.log(batch)

    @precondition(lambda self: self.story.batches)
    @rule(data=st.data())
    def log_again(self, data: st.DataObject) -> None:
        self.story.log(data.draw(st.sampled_from(self.story.batches)))

    @rule(ms=st.sampled_from([1, DEDUPLICATION_MS]))
    def time_passes(self, ms: int) -> None:
        clock = self.stores.clock
        assert isinstance(clock, HandClock)
        clock.advance(ms)

    @rule(writes=st.integers(0, 6))
    def compact(self, writes: int) -> None:
        with suppress(Stopped):
            self.story.compact(self.stores.on(stopping(self.stores.table, writes)))

    @rule()
    def end(self) -> None:
        runs.end(self.stores.runs, self.stores.context, self.story.run_id, "finished", None)

    @rule()
    def compact_due(self) -> None:
        compaction.compact_due(self.stores.points, self.stores.clock.now_ms())

    @invariant()
    def every_point_is_seen_once(self) -> None:
        seen_all(self.story)


Compacting.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestCompacting = pytest.mark.slow(Compacting.TestCase)


@pytest.mark.usefixtures("often")
def test_a_batch_that_came_again_does_not_count_as_a_chunk(stores: Stores) -> None:
    story = logged(stores, 3)
    for _ in range(5):
        story.log(story.batches[0])
    assert due(stores) == 0


@pytest.mark.usefixtures("often")
def test_what_stopped_half_way_is_taken_up_again(stores: Stores) -> None:
    clock = stores.clock
    assert isinstance(clock, HandClock)
    story = logged(stores, 8)
    clock.advance(DEDUPLICATION_MS)
    dying = stores.on(stopping(stores.table, 1))
    with pytest.raises(Stopped):
        compaction.compact_due(dying.points, clock.now_ms())
    assert due(stores) >= 1
    assert compaction.compact_due(stores.points, clock.now_ms()) >= 1
    assert due(stores) == 0
    seen_all(story)


@pytest.mark.usefixtures("often")
def test_a_run_that_cannot_be_compacted_does_not_stop_the_others(stores: Stores) -> None:
    clock = stores.clock
    assert isinstance(clock, HandClock)
    broken = logged(stores, 4)
    clock.advance(10)
    story = logged(stores, 4)
    clock.advance(DEDUPLICATION_MS)
    transactions = 0

    def before(operation: str) -> None:
        nonlocal transactions
        if operation == "transact":
            transactions += 1
            if transactions == 1:
                raise Unavailable("this item cannot be read")

    seen = stores.on(WatchedTable(stores.table, before))
    with pytest.raises(Unavailable):
        compaction.compact_due(seen.points, clock.now_ms())
    assert (broken.chunk_counts()[0], story.chunk_counts()[0]) == (4, 0)
    assert due(stores) == 1
    assert compaction.compact_due(stores.points, clock.now_ms()) == 1
    seen_all(broken)
