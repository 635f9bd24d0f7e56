"""Batches are logged whole, once, and by many writers at a time."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed, Conflict, Throttled
from chalicelib.core.ids import RunId
from chalicelib.core.model.run import MetricSummary, Point
from chalicelib.domain import runs
from chalicelib.domain.logging import DEDUPLICATION_MS
from tests.unit.histories import BATCHES, new_story, row
from tests.unit.stores import Stopped, Stores, WatchedTable, close, open_stores, stopping


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stores]:
    """One pair of stores for all examples: each has a run of its own."""
    stores = open_stores(tmp_path_factory.mktemp("stores"))
    yield stores
    close(stores)


def summaries(stores: Stores, run_id: RunId) -> dict[str, MetricSummary]:
    return dict(stores.runs.get(stores.tenant, run_id).metrics)


def expected_summary(batches: Sequence[Sequence[Point]], key: str) -> MetricSummary | None:
    """By the rules of the contract, one point at a time; a repeated batch is left out before."""
    written = [point for batch in batches for point in batch if point.key == key]
    if not written:
        return None
    last = written[0]
    for point in written[1:]:
        if (point.step, point.timestamp) >= (last.step, last.timestamp):
            last = point
    numbers = [point.value for point in written if not math.isnan(point.value)]
    count = sum(
        len(
            {
                (point.step, point.timestamp, repr(point.value))
                for point in batch
                if point.key == key
            }
        )
        for batch in batches
    )
    return MetricSummary(
        last.value,
        last.step,
        last.timestamp,
        min(numbers, default=math.nan),
        max(numbers, default=math.nan),
        count,
    )


def spelled(summary: MetricSummary | None) -> str:
    """NaN equal to NaN; the sign of a zero that is least or greatest is nobody's business."""
    if summary is None:
        return "None"
    return repr(summary._replace(min=summary.min + 0.0, max=summary.max + 0.0))


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(BATCHES, min_size=1, max_size=8))
def test_the_summary_follows_the_rules(shared: Stores, batches: list[list[Point]]) -> None:
    story = new_story(shared)
    distinct: list[list[Point]] = []
    names: set[frozenset[tuple[str, tuple[tuple[int, int, str], ...]]]] = set()
    for batch in batches:
        story.log(batch)
        name = frozenset((key, contents(batch, key)) for key in {point.key for point in batch})
        if name not in names:
            distinct.append(batch)
        names.add(name)
    found = summaries(shared, story.run_id)
    for key in ("loss", "acc"):
        assert spelled(found.get(key)) == spelled(expected_summary(distinct, key))


def contents(batch: Sequence[Point], key: str) -> tuple[tuple[int, int, str], ...]:
    written = [(p.step, p.timestamp, repr(p.value)) for p in batch if p.key == key]
    distinct = [one for at, one in enumerate(written) if one not in written[at + 1 :]]
    return tuple(sorted(distinct, key=lambda one: one[:2]))


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(BATCHES, min_size=1, max_size=6))
def test_the_last_value_is_the_last_of_the_history(
    shared: Stores, batches: list[list[Point]]
) -> None:
    story = new_story(shared)
    seen: set[Point] = set()
    for batch in batches:
        # a point that is logged again keeps its first place in the history
        fresh = [point for point in batch if repr(point) not in set(map(repr, seen))]
        if fresh:
            story.log(fresh)
        seen.update(fresh)
    for key, summary in summaries(shared, story.run_id).items():
        last = Point(key, summary.last, summary.step, summary.timestamp)
        assert story.whole(key)[-1] == row(last)


def test_a_batch_that_comes_again_adds_nothing(stores: Stores) -> None:
    story = new_story(stores)
    batch = [Point("loss", 1.0, step, 5) for step in range(3)]
    for _ in range(3):
        story.log(batch)
        stores.clock.sleep_s(DEDUPLICATION_MS / 1000 - 1)
    assert summaries(stores, story.run_id)["loss"].count == 3
    assert story.chunk_counts() == [1, 0, 0]


def test_a_batch_that_comes_again_in_another_order_adds_nothing(stores: Stores) -> None:
    story = new_story(stores)
    batch = [Point(key, 1.0, step, 5) for step in range(3) for key in ("loss", "acc")]
    story.log(batch)
    story.log(batch[::-1])
    assert summaries(stores, story.run_id)["loss"].count == 3


def test_a_batch_that_comes_again_with_other_params_logs_those(stores: Stores) -> None:
    run_id = new_story(stores).run_id
    point = Point("loss", 1.0, 0, 0)
    stores.log(run_id, point, params={"lr": "0.1"})
    stores.log(run_id, point, params={"lr": "0.1", "depth": "3"}, tags={"team": "a"})
    run = stores.runs.get(stores.tenant, run_id)
    assert (run.params, run.tags) == ({"lr": "0.1", "depth": "3"}, {"team": "a"})
    assert run.metrics["loss"].count == 1


def test_a_conflicting_param_keeps_the_whole_batch_out(stores: Stores) -> None:
    run_id = new_story(stores).run_id
    stores.log(run_id, params={"lr": "0.1"})
    with pytest.raises(Conflict):
        stores.log(
            run_id, Point("loss", 1.0, 0, 0), params={"new": "1", "lr": "0.2"}, tags={"a": "b"}
        )
    run = stores.runs.get(stores.tenant, run_id)
    assert (run.params, run.tags, run.metrics) == ({"lr": "0.1"}, {}, {})


def test_what_changes_nothing_writes_nothing(stores: Stores) -> None:
    run_id = new_story(stores).run_id
    stores.log(run_id, params={"lr": "0.1"}, tags={"a": "b"})
    dying = stores.on(stopping(stores.table, 0))
    dying.log(run_id, params={"lr": "0.1"}, tags={"a": "b"})
    dying.log(run_id)
    assert stores.runs.get(stores.tenant, run_id).version == 2


def test_a_batch_that_stops_is_not_there_and_may_be_sent_again(stores: Stores) -> None:
    story = new_story(stores)
    dying = stores.on(stopping(stores.table, 0))
    with pytest.raises(Stopped):
        dying.log(story.run_id, Point("loss", 1.0, 0, 0), tags={"a": "b"})
    assert summaries(stores, story.run_id) == {}
    assert story.chunk_counts() == [0, 0, 0]
    stores.log(story.run_id, Point("loss", 1.0, 0, 0), tags={"a": "b"})
    assert summaries(stores, story.run_id)["loss"].count == 1


def test_a_deleted_run_takes_nothing_and_an_ended_one_does(stores: Stores) -> None:
    run_id = new_story(stores).run_id
    runs.end(stores.runs, stores.context, run_id, "finished", None)
    stores.log(run_id, Point("loss", 1.0, 0, 0))
    runs.set_stage(stores.runs, stores.context, run_id, "deleted")
    for points in ([], [Point("loss", 2.0, 1, 0)]):
        with pytest.raises(Conflict):
            stores.log(run_id, *points)
    runs.set_stage(stores.runs, stores.context, run_id, "active")
    assert summaries(stores, run_id)["loss"].count == 1


def test_eight_writers_on_one_run_lose_nothing(tmp_path: Path) -> None:
    stores = open_stores(tmp_path, Clock())
    story = new_story(stores)
    rounds = 20

    def write(writer: int) -> None:
        for number in range(rounds):
            step = writer * rounds + number
            stores.log(
                story.run_id,
                Point("loss", float(step), step, 0),
                Point(f"own {writer}", 1.0, number, 0),
                params={f"param {step}": str(step)},
                tags={f"tag {writer}": str(number)},
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    run = stores.runs.get(stores.tenant, story.run_id)
    everything = 8 * rounds
    assert run.version == 1 + everything
    assert run.params == {f"param {step}": str(step) for step in range(everything)}
    assert run.tags == {f"tag {writer}": str(rounds - 1) for writer in range(8)}
    assert run.metrics["loss"] == MetricSummary(
        everything - 1.0, everything - 1, 0, 0.0, everything - 1.0, everything
    )
    assert [step for step, _, _ in story.whole("loss")] == list(range(everything))
    close(stores)


def test_eight_writers_on_one_spilling_run_lose_nothing(tmp_path: Path) -> None:
    stores = open_stores(tmp_path, Clock())
    run_id = new_story(stores).run_id

    def write(writer: int) -> None:
        for number in range(6):
            stores.log(run_id, params={f"{writer} {number}": "x" * 700})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(stores.runs.get(stores.tenant, run_id).params) == 48
    close(stores)


def test_a_writer_that_never_wins_is_told_to_slow_down(stores: Stores) -> None:
    run_id = new_story(stores).run_id

    def before(operation: str) -> None:
        if operation == "transact":
            raise ConditionFailed([1])

    losing = stores.on(WatchedTable(stores.table, before))
    with pytest.raises(Throttled):
        losing.log(run_id, Point("loss", 1.0, 0, 0))
    assert summaries(stores, run_id) == {}
