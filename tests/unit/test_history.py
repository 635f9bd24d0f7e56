"""Histories show every point once and in order, whatever happens to its chunks meanwhile."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable, Generator
from itertools import count, repeat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.ids import RunId
from chalicelib.core.model.run import Point
from chalicelib.domain import history, metric_history
from chalicelib.domain.history import ALL_STEPS, Steps
from chalicelib.domain.metric_history import Asked
from tests.unit.histories import (
    BATCHES,
    POINTS,
    forever,
    is_ordered,
    new_story,
    row,
    small_thresholds,
)
from tests.unit.stores import Stores, WatchedTable, close, open_stores

pytestmark = pytest.mark.slow

SLOW = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HISTORIES = st.lists(BATCHES, min_size=1, max_size=12)
SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stores]:
    """One pair of stores for all examples: each has a run of its own."""
    folder: Path = tmp_path_factory.mktemp("stores")
    stores = open_stores(folder)
    yield stores
    close(stores)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_thresholds(monkeypatch)


def steps_between(one: int | None, other: int | None) -> Steps:
    if one is None or other is None:
        return Steps(one, other)
    return Steps(min(one, other), max(one, other))


STEPS = st.one_of(
    st.just(ALL_STEPS),
    st.builds(steps_between, st.none() | st.integers(-1, 41), st.none() | st.integers(-1, 41)),
    st.sampled_from([Steps(2**63 - 1, None), Steps(None, -(2**63)), Steps(5, 3)]),
)


@pytest.mark.usefixtures("small")
@SLOW
@given(HISTORIES, SIZES, STEPS, st.sets(st.integers(0, 11)))
def test_all_pages_are_the_whole_and_the_whole_is_what_was_logged(
    shared: Stores,
    batches: list[list[Point]],
    sizes: list[int],
    steps: Steps,
    compactions: set[int],
) -> None:
    story = new_story(shared)
    for number, batch in enumerate(batches):
        story.log(batch)
        if number in compactions:
            story.compact()
    for key in ("loss", "acc"):
        expected = story.expected(key, steps)
        assert story.whole(key, steps) == expected
        assert story.pages(key, forever(sizes), steps=steps) == expected


@pytest.mark.usefixtures("small")
@SLOW
@given(HISTORIES, SIZES, st.sets(st.integers(0, 8)), st.sets(st.integers(0, 11)))
def test_compaction_between_two_pages_changes_nothing(
    shared: Stores,
    batches: list[list[Point]],
    sizes: list[int],
    pages: set[int],
    before: set[int],
) -> None:
    story = new_story(shared)
    for number, batch in enumerate(batches):
        story.log(batch)
        if number in before:
            story.compact()
    numbers = count()

    def between() -> None:
        if next(numbers) in pages:
            story.compact()

    assert story.pages("loss", forever(sizes), between) == story.expected("loss")


@pytest.mark.usefixtures("small")
@SLOW
@given(HISTORIES, SIZES, st.sets(st.integers(0, 20), max_size=4))
def test_compaction_during_a_read_changes_nothing(
    shared: Stores, batches: list[list[Point]], sizes: list[int], requests: set[int]
) -> None:
    story = new_story(shared)
    for batch in batches:
        story.log(batch)
    numbers = count()

    def before(_operation: str) -> None:
        if next(numbers) in requests:
            story.compact()

    seen = shared.on(WatchedTable(shared.table, before))
    assert story.pages("loss", forever(sizes), stores=seen) == story.expected("loss")
    assert story.whole("loss", stores=seen) == story.expected("loss")


@pytest.mark.usefixtures("small")
@SLOW
@given(HISTORIES, st.lists(BATCHES, max_size=6), SIZES, st.sets(st.integers(0, 8)))
def test_points_logged_during_a_walk_hide_and_double_none_that_were_there(
    shared: Stores,
    batches: list[list[Point]],
    late: list[list[Point]],
    sizes: list[int],
    compactions: set[int],
) -> None:
    story = new_story(shared)
    for batch in batches:
        story.log(batch)
    there = story.expected("loss")
    numbers = count()
    coming = iter(late)

    def between() -> None:
        batch = next(coming, None)
        if batch is not None:
            story.log(batch)
        if next(numbers) in compactions:
            story.compact()

    walked = story.pages("loss", forever(sizes), between)
    assert [one for one in walked if one in there] == there
    assert is_ordered(walked)
    assert len(set(walked)) == len(walked)
    assert set(walked) <= set(story.expected("loss"))


def test_a_page_holds_back_what_an_unread_chunk_may_come_before(stores: Stores) -> None:
    story = new_story(stores)
    for timestamp in range(3):
        story.log([Point("loss", 0.0, 0, timestamp), Point("loss", 0.0, 2, 0)])
    story.log([Point("loss", 1.0, 1, 0), Point("loss", 1.0, 9, 1)])
    story.log([Point("loss", 1.0, 9, 0), Point("loss", 1.0, 10, 0)])
    for size in range(1, 6):
        assert story.pages("loss", repeat(size)) == story.expected("loss")


def test_equal_pairs_of_many_chunks_stay_in_the_order_of_writing(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_thresholds(monkeypatch)
    story = new_story(stores)
    chance = random.Random(3)
    for number in range(60):
        # other steps beside it: its chunks are merged with different neighbours
        other = Point("loss", -1.0, chance.randrange(-50, 0), 5)
        story.log([Point("loss", float(number), 0, 5), other])
        if number % 17 == 16:
            story.compact()
    found = [value for step, _, value in story.whole("loss") if step == 0]
    assert found == [struct.pack("<d", float(number)) for number in range(60)]
    assert story.pages("loss", repeat(7), story.compact) == story.whole("loss")


def test_a_walk_over_a_run_in_order_reads_each_chunk_about_once(stores: Stores) -> None:
    story = new_story(stores)
    for number in range(40):
        story.log([Point("loss", 0.5, number * 10 + at, 0) for at in range(10)])
    unpacked = 0
    points = stores.points
    whole_unpack = points.unpack

    def unpack(*arguments: object) -> object:
        nonlocal unpacked
        unpacked += 1
        return whole_unpack(*arguments)  # pyright: ignore[reportArgumentType] # handed on as it came

    points.unpack = unpack  # pyright: ignore[reportAttributeAccessIssue] # counted here only
    after = None
    while True:
        page = history.page(points, stores.tenant, story.run_id, "loss", after=after, size=100)
        after = page.next
        if after is None:
            break
    assert unpacked <= 40 + 4 * 3


# -- what is asked of histories -------------------------------------------------------------------


def asked(stores: Stores, run_id: RunId, wanted: Asked) -> metric_history.History:
    return metric_history.of_metric(stores.runs, stores.points, stores.context, run_id, wanted)


def test_total_counts_the_range_or_all_that_was_logged(stores: Stores) -> None:
    story = new_story(stores)
    story.log([Point("loss", 0.5, step, 0) for step in range(100)])
    found = asked(stores, story.run_id, Asked("loss", Steps(10, 19)))
    assert (found.total, found.next) == (10, None)
    assert asked(stores, story.run_id, Asked("loss", Steps(10, 49), max_points=5)).total == 40


def test_an_unknown_metric_is_not_found(stores: Stores) -> None:
    story = new_story(stores)
    with pytest.raises(NotFound):
        asked(stores, story.run_id, Asked("loss"))


def test_a_range_without_points_is_empty(stores: Stores) -> None:
    story = new_story(stores)
    story.log([Point("loss", 0.5, 5, 0)])
    for max_points in (None, 10):
        found = asked(stores, story.run_id, Asked("loss", Steps(6, 9), max_points))
        assert (found.pieces, found.total, found.next) == ([], 0, None)


def test_downsampling_keeps_least_and_greatest(stores: Stores) -> None:
    story = new_story(stores)
    values = [math.sin(step / 10) for step in range(1000)]
    values[500], values[700], values[800] = 9.0, -9.0, math.nan
    story.log([Point("loss", value, step, 0) for step, value in enumerate(values)])
    found = asked(stores, story.run_id, Asked("loss", max_points=50))
    (piece,) = found.pieces
    assert len(piece.steps) <= 50
    assert {0, 500, 700, 999} <= set(piece.steps)
    assert found.total == 1000


@pytest.mark.parametrize("spilled", [False, True])
def test_histories_of_runs_come_in_the_order_asked_for(stores: Stores, spilled: bool) -> None:
    stories = [new_story(stores) for _ in range(3)]
    for number, story in enumerate(stories):
        if spilled:
            story.stores.log(story.run_id, params={"long": "x" * 20_000})
        story.log([Point("loss", float(number), 1, 0), Point("acc", 0.5, 1, 0)])
    stories[1].log([Point("only here", 1.0, 1, 0)])
    found = metric_history.of_runs(
        stores.runs,
        stores.points,
        stores.context,
        [story.run_id for story in reversed(stories)],
        ["only here", "loss"],
        ALL_STEPS,
        1000,
    )
    assert [(one.run_id, one.key) for one in found] == [
        (stories[2].run_id, "loss"),
        (stories[1].run_id, "only here"),
        (stories[1].run_id, "loss"),
        (stories[0].run_id, "loss"),
    ]
    assert [one.pieces[0].values[0] for one in found] == [2.0, 1.0, 1.0, 0.0]


def test_too_many_points_for_one_answer_are_refused(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_history, "MAX_POINTS_IN_ALL", 10)
    story = new_story(stores)
    story.log([Point(key, 0.5, step, 0) for key in ("a", "b") for step in range(6)])
    ask: Callable[[int], object] = lambda max_points: metric_history.of_runs(  # noqa: E731
        stores.runs,
        stores.points,
        stores.context,
        [story.run_id],
        ["a", "b"],
        ALL_STEPS,
        max_points,
    )
    ask(5)
    with pytest.raises(Invalid):
        ask(6)


@given(st.lists(POINTS, max_size=3))
def test_the_reference_itself_is_a_set(points: list[Point]) -> None:
    from tests.unit.histories import expected_history

    found = expected_history([points, points], "loss")
    assert len(found) == len({row(point) for point in points if point.key == "loss"})
