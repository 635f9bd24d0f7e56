"""Experiment artifacts: entries of many writers, their order, and what deletions leave."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.context import Context, Principal, Role
from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import ExperimentId, TenantId, UserId
from chalicelib.core.model.experiment_artifact import (
    MediaContent,
    Number,
    Point,
    PointsContent,
    SeriesPlace,
)
from chalicelib.domain import (
    collection,
    experiment_artifact_points,
    experiment_artifacts,
    experiments,
)
from chalicelib.domain.experiment_artifact_removal import LEAVE_MS, remove_deleted
from chalicelib.domain.experiments import NewExperiment
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.storage import artifact_keys
from chalicelib.storage.table import Query, query_all
from tests.unit.named_values import (
    BYTES,
    all_entries,
    delete,
    find,
    log,
    number,
    of,
    points_of,
    text,
)
from tests.unit.stores import HandClock, Stopped, Stores, WatchedTable, stopping


@pytest.fixture
def digits(stores: Stores) -> ExperimentId:
    return experiments.create(stores.experiments, stores.context, NewExperiment("Digits")).id


@pytest.mark.usefixtures("digits")
def test_one_writer_within_a_millisecond_keeps_its_order(stores: Stores) -> None:
    log(stores, *map(number, range(100)))
    assert [point.y for point in points_of(stores)] == list(range(100))
    assert len({point.x for point in points_of(stores)}) == 1


@pytest.mark.usefixtures("digits")
def test_two_writers_in_one_millisecond_keep_every_entry(stores: Stores) -> None:
    def write(first: int) -> None:
        principal = Principal(stores.tenant, UserId("ada"), Role.WRITE)
        context = Context(principal, stores.clock, float("inf"))
        for value in range(first, first + 25):
            experiment_artifacts.log(of(stores), context, "digits", "it", number(value))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, (0, 1000)))
    shown = [int(point.y) for point in points_of(stores)]
    assert sorted(shown) == [*range(25), *range(1000, 1025)]
    for first in (0, 1000):
        assert [y for y in shown if first <= y < first + 25] == list(range(first, first + 25))
    assert find(stores).entries == 50


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**10 - 1), st.uuids())
def test_keys_are_read_back_and_in_order(at_ms: int, order: int, any_id: UUID) -> None:
    place = SeriesPlace(TenantId("acme"), ExperimentId(any_id.hex), any_id.hex)
    entry = artifact_keys.entry(at_ms, order, any_id.hex)
    assert artifact_keys.parse_entry(entry) == (at_ms, order, any_id.hex)
    assert artifact_keys.entry(0, 0, "0") <= entry <= artifact_keys.ENTRY_PREFIX + "~"
    assert artifact_keys.parse_series(artifact_keys.series(place)) == place
    due = artifact_keys.series_due(at_ms, place)
    assert artifact_keys.parse_series_due(due.sk) == (at_ms, place)


@given(st.tuples(st.integers(0, 10**15 - 1), st.integers(0, 10**10 - 2)), st.integers(0, 1000))
def test_a_later_entry_sorts_after(place: tuple[int, int], later: int) -> None:
    at_ms, order = place
    entry = artifact_keys.entry(at_ms, order, "f")
    assert entry < artifact_keys.entry(min(at_ms + later, 10**15 - 1), order + 1, "0")


X = st.one_of(st.integers(-3, 3), st.integers(-(2**70), 2**70), st.floats(-3, 3))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writes=st.lists(st.lists(st.tuples(X, st.integers(0, 9)), min_size=1, max_size=8), max_size=9),
    page=st.integers(1, 5),
    inline=st.booleans(),
)
def test_pages_of_points_are_ordered_by_x_and_writing(
    stores: Stores,
    digits: ExperimentId,
    monkeypatch: pytest.MonkeyPatch,
    writes: list[list[tuple[Number, int]]],
    page: int,
    inline: bool,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(experiment_artifacts, "INLINE_BYTES", 10_000 if inline else 0)
        log(stores, number(1))  # is left out
        for points in [[(0, 0)], *writes]:
            log(stores, PointsContent([Point(*point) for point in points]))
        written = [Point(0, 0), *(Point(*point) for points in writes for point in points)]
        in_order = sorted(written, key=lambda point: point.x)
        assert repr(points_of(stores, page)) == repr(in_order)
        delete(stores)


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("count", [4, 5, 6])
def test_pages_of_entries_end_where_the_entries_do(stores: Stores, count: int) -> None:
    log(stores, *map(number, range(count)))
    first = experiment_artifact_points.points(of(stores), find(stores), None, 5)
    assert [point.y for point in first.points] == list(range(min(count, 5)))
    assert (first.next is None) is (count <= 5)
    assert [point.y for point in points_of(stores, 5)] == list(range(count))


@pytest.mark.usefixtures("digits")
def test_pages_of_very_long_numbers_are_cut_by_their_size(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment_artifact_points, "MAX_POINT_BYTES", 1000)
    log(stores, *(number(10**300 + n) for n in range(7)))
    first = experiment_artifact_points.points(of(stores), find(stores), None)
    assert len(first.points) == 3
    assert [point.y for point in points_of(stores)] == [10**300 + n for n in range(7)]


@pytest.mark.usefixtures("digits")
def test_a_deletion_takes_the_bytes_along(stores: Stores) -> None:
    log(stores, BYTES, BYTES, MediaContent(b"others", "text/plain"), text("x" * 40_000), number(1))
    log(stores, BYTES, name="another")
    delete(stores)
    assert len(all_entries(stores)) == 1
    assert not list(query_all(stores.table, Query(artifact_keys.SERIES_DUE)))
    clock = stores.clock
    assert isinstance(clock, HandClock)
    clock.advance(2 * GRACE_MS)
    collection.collect(stores.bytes, clock, deadline_s=float("inf"))
    (left,) = stores.blobs.list("cas/").blobs
    assert stores.blobs.get(left.key) == BYTES.body


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("writes", range(1, 7))
def test_a_deletion_that_stops_anywhere_is_finished_later(stores: Stores, writes: int) -> None:
    for turn in range(150):
        log(stores, number(turn))
    log(stores, *(MediaContent(bytes([turn]), "text/plain") for turn in range(60)))
    dying = stores.on(stopping(stores.table, writes))
    try:
        delete(dying)
    except Stopped:
        log(stores, number(7))  # the name is free at once, and another series
        assert find(stores).entries == 1
        clock = stores.clock
        assert isinstance(clock, HandClock)
        assert remove_deleted(of(stores), clock, deadline_s=float("inf")) == 0
        clock.advance(LEAVE_MS + 1)
        assert remove_deleted(of(stores), clock, deadline_s=float("inf")) == 1
        assert [entry.text for entry in all_entries(stores)] == ["7"]
    assert not list(query_all(stores.table, Query(artifact_keys.SERIES_DUE)))


@pytest.mark.usefixtures("digits")
def test_removal_stops_when_its_time_is_up(stores: Stores) -> None:
    log(stores, *map(number, range(150)))
    with pytest.raises(Stopped):
        delete(stores.on(stopping(stores.table, 1)))
    clock = stores.clock
    assert isinstance(clock, HandClock)
    clock.advance(LEAVE_MS + 1)
    assert remove_deleted(of(stores), clock, deadline_s=clock.monotonic_s() - 1) == 0
    assert len(all_entries(stores)) == 150
    assert remove_deleted(of(stores), clock, deadline_s=clock.monotonic_s() + 1) == 1


@pytest.mark.usefixtures("digits")
def test_a_name_that_cannot_be_removed_yet_does_not_hold_up_the_others(stores: Stores) -> None:
    for _ in range(2):
        log(stores, number(1))
        with pytest.raises(Stopped):
            delete(stores.on(stopping(stores.table, 1)))
    clock = stores.clock
    assert isinstance(clock, HandClock)
    clock.advance(LEAVE_MS + 1)
    left = 1

    def fail_once(operation: str) -> None:
        nonlocal left
        if operation == "transact" and left:
            left -= 1
            raise Unavailable("the store does not answer")

    watched = stores.on(WatchedTable(stores.table, fail_once))
    with pytest.raises(Unavailable):
        remove_deleted(of(watched), clock, deadline_s=float("inf"))
    assert len(all_entries(stores)) == 1
    assert remove_deleted(of(watched), clock, deadline_s=float("inf")) == 1
    assert all_entries(stores) == []
