"""What logs add up to: each log once, whoever delivers it, how often, and wherever it stops."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chalicelib.core.log_ids import LogId
from chalicelib.core.model.variant_sums import CellPlace
from chalicelib.domain import feed, variant_units
from chalicelib.storage.table import Change
from tests.folders import quick_folder
from tests.unit.stores import START_MS, Stopped, Stores, WatchedTable, close, open_stores, stopping
from tests.unit.variants_given import DAY_MS, Variants

DAY = variant_units.day_of(START_MS)


@pytest.fixture
def ab(stores: Stores) -> Variants:
    return Variants(stores, dimensions=("country",))


def cell_of(ab: Variants, variant: str) -> Any:
    """The one variant's part of the only day."""
    ((_, cell),) = ab.cells()
    return cell[variant]


def test_units_are_counted_and_not_logs(ab: Variants) -> None:
    for value in (1, 2, 6):
        ab.log("A", "ada", {"score": value})
    ab.log("A", "bob", {"score": 4})
    ab.pull()
    found = cell_of(ab, "A")
    assert (found.units, found.logs, found.own, found.crossed) == (2, 4, 0, 0)
    sums = found.metrics["score"].sums
    assert (sums.units, sums.logs, sums.total, sums.squares) == (2, 4, 13, 1 + 4 + 36 + 16)
    assert (sums.logs_logs, sums.total_total, sums.logs_total) == (9 + 1, 81 + 16, 27 + 4)
    assert ab.differences() == []


def test_a_log_without_a_unit_is_one_of_its_own(ab: Variants) -> None:
    ab.log("A", None, {"score": 1})
    ab.log("A", None, {"score": 2}, context={"user": "ada"})
    ab.pull()
    found = cell_of(ab, "A")
    assert (found.units, found.own) == (2, 1)
    assert ab.differences() == []


def test_a_unit_seen_in_two_variants_counts_in_neither(ab: Variants) -> None:
    ab.log("A", "ada", {"score": 1}, context={"country": "DE"})
    ab.log("B", "bob", {"score": 2}, context={"country": "DE"})
    ab.pull()
    ab.stores.clock.sleep_s(1)
    ab.log("B", "ada", {"score": 3}, context={"country": "DE"})
    ab.pull()
    ((_, cell),) = ab.cells()
    assert (cell["A"].units, cell["A"].logs, cell["A"].crossed) == (0, 0, 1)
    assert cell["A"].metrics == {}
    assert cell["A"].assigned == {0: 1}
    assert cell["B"].units == 1
    ((place, of_country),) = ab.cells("country")
    assert place == CellPlace(DAY, "country", "DE")
    assert list(of_country) == ["B"]
    assert ab.differences() == []


def test_a_unit_counts_on_the_day_of_its_first_log_whichever_came_first(ab: Variants) -> None:
    ab.log("A", "ada", {"score": 1}, context={"country": "FR"})
    ab.pull()
    ab.log("A", "ada", {"score": 2}, timestamp_ms=START_MS - 3 * DAY_MS, context={"country": "DE"})
    ab.pull()
    found = {place.day: cell for place, cell in ab.cells()}
    assert found[variant_units.day_of(START_MS - 3 * DAY_MS)]["A"].logs == 2
    assert found[DAY] == {}
    assert [(p.value, list(c)) for p, c in ab.cells("country") if c] == [("DE", ["A"])]
    assert ab.differences() == []


def test_a_late_metric_takes_the_place_of_the_earlier_one(ab: Variants) -> None:
    log_id = ab.log("A", "ada", {"score": 1, "cost": 2})
    own = ab.log("B", None, {"score": 1})
    ab.pull()
    for one in (log_id, own):
        ab.late(one, {"score": 7, "rating": 5})
        ab.late(one, {"score": 7})
    ab.pull()
    ((_, cell),) = ab.cells()
    for variant in ("A", "B"):
        sums = cell[variant].metrics["score"].sums
        assert (sums.units, sums.logs, sums.total, sums.squares) == (1, 1, 7, 49)
        assert cell[variant].metrics["rating"].sums.total == 5
    assert ab.differences() == []


def test_numbers_that_are_none_are_counted_apart(ab: Variants) -> None:
    log_id = ab.log("A", "ada", {"score": "NaN", "cost": 1})
    ab.log("A", "ada", {"score": "-Infinity"})
    ab.pull()
    assert cell_of(ab, "A").metrics["score"].sums.not_finite == 2
    assert cell_of(ab, "A").metrics["score"].sums.units == 0
    ab.late(log_id, {"score": 3})
    ab.pull()
    assert cell_of(ab, "A").metrics["score"].sums.not_finite == 1
    assert ab.differences() == []


def test_the_covariate_of_a_unit_is_that_of_its_earliest_log(ab: Variants) -> None:
    ab.log("A", "ada", {"score": 1}, covariates={"score": 5}, timestamp_ms=START_MS - 10)
    ab.log("A", "ada", {"score": 2}, covariates={"score": 9}, timestamp_ms=START_MS - 20)
    ab.log("A", "ada", {"score": 2}, covariates={"score": 7}, timestamp_ms=START_MS - 5)
    ab.pull()
    sums = cell_of(ab, "A").metrics["score"].sums
    assert (sums.covariates, sums.covariate, sums.covariate_total, sums.covariate_logs) == (
        1, 9, 45, 27,
    )  # fmt: skip
    assert ab.differences() == []


def test_sums_do_not_cancel(ab: Variants) -> None:
    """NIST's NumAcc4: 1,001 numbers whose standard deviation is exactly 0.1."""
    numbers = [10_000_000.2] + [10_000_000.1, 10_000_000.3] * 500
    for number in numbers:
        ab.log("A", None, {"y": number})
    ab.pull()
    sums = cell_of(ab, "A").metrics["y"].sums
    with variant_units.exact():
        spread = sums.squares * 1001 - sums.total * sums.total
    assert float(spread) / 1001 / 1000 == pytest.approx(0.01, rel=1e-15)
    assert statistics.fmean(numbers) == pytest.approx(float(sums.total) / 1001)


@pytest.mark.parametrize("value", [1.7976931348623157e308, 5e-324, -0.0, 0, 2**62, -1e-300])
def test_any_number_is_added_up(ab: Variants, value: float) -> None:
    ab.log("A", "ada", {"y": value})
    ab.log("A", "bob", {"y": 1e-300})
    ab.pull()
    assert cell_of(ab, "A").metrics["y"].sums.logs == 2
    assert ab.differences() == []


def test_more_values_of_a_dimension_than_are_told_apart_are_added_up_as_others(
    ab: Variants,
) -> None:
    for number in range(55):
        ab.log("A", f"u{number}", {"score": 1}, context={"country": f"c{number:02d}"})
    ab.pull()
    found = {place.value: cell["A"].units for place, cell in ab.cells("country")}
    assert len(found) == 51
    assert found["(other)"] == 5
    assert ab.differences() == []


# -- exactly once ------------------------------------------------------------------------------


def busy(ab: Variants) -> int:
    """Logs of every kind; how many."""
    ids = [
        ab.log(
            "AB"[number % 7 % 2],
            None if number % 5 == 0 else f"user-{number % 17}",
            {"score": number / 8, "cost": -1.5 * number},
            context={"country": "DE" if number % 3 else "FR"},
            covariates={"score": number},
            timestamp_ms=START_MS - (number * 7 % 4) * DAY_MS,
        )
        for number in range(60)
    ]
    for number in range(0, 60, 4):
        ab.late(ids[number], {"rating": number % 6, "score": number})
    return len(ids)


def changes_of(ab: Variants) -> list[Change]:
    return ab.stores.table.changes(None, 10_000).changes


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_pulling_in_pages_adds_each_log_once(ab: Variants, limit: int) -> None:
    logs = busy(ab)
    while feed.pull(ab.stores.projections, limit):
        pass
    assert ab.differences() == []
    (counts,) = ab.experiments.counts(ab.stores.tenant, [ab.experiment])
    assert counts.logs == logs


def test_a_page_of_many_units_takes_more_than_one_transaction(ab: Variants) -> None:
    for number in range(250):
        ab.log("A", f"u{number}", {"score": number})
    assert feed.pull(ab.stores.projections) == 250
    assert ab.differences() == []


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_pushed_changes_may_come_in_any_order_and_in_batches_that_overlap(
    stores: Stores, chance: random.Random, size: int
) -> None:
    with quick_folder() as folder:
        fresh = open_stores(Path(folder))
        ab = Variants(fresh, dimensions=("country",))
        logs = busy(ab)
        changes = changes_of(ab) * 2
        chance.shuffle(changes)
        for start in range(0, len(changes), size):
            feed.dispatch(fresh.projections, changes[start : start + size])
        assert ab.differences() == []
        (counts,) = ab.experiments.counts(fresh.tenant, [ab.experiment])
        assert counts.logs == logs
        close(fresh)


def test_workers_beside_each_other_add_each_log_once(ab: Variants) -> None:
    busy(ab)
    changes = changes_of(ab)

    def work(number: int) -> None:
        mine = changes[number::3] + changes[(number + 1) % 3 :: 3]
        for start in range(0, len(mine), 9):
            feed.dispatch(ab.stores.projections, mine[start : start + 9])

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(work, range(3)))
    assert ab.differences() == []


@pytest.mark.parametrize("way", ["pull", "push"])
def test_a_worker_that_dies_between_any_two_writes_loses_and_doubles_nothing(
    ab: Variants, way: str
) -> None:
    busy(ab)
    writes = 0
    while True:
        dying = ab.stores.on(stopping(ab.stores.table, writes))
        try:
            if way == "pull":
                while feed.pull(dying.projections, 20):
                    pass
            else:
                feed.dispatch(dying.projections, changes_of(ab))
        except Stopped:
            writes = writes % 3 + 1
        else:
            break
        if way == "push":
            # what was delivered before the death comes again, from anywhere on
            feed.dispatch(ab.stores.projections, changes_of(ab)[:5])
    assert ab.differences() == []


def test_two_pullers_add_each_log_once(ab: Variants) -> None:
    busy(ab)
    other: list[Callable[[], object]] = [lambda: feed.pull(ab.stores.projections, 9)] * 3

    def before(operation: str) -> None:
        if operation == "transact" and other:
            other.pop()()

    slow = ab.stores.on(WatchedTable(ab.stores.table, before))
    for _ in range(30):  # who loses the race pulls nothing
        feed.pull(slow.projections, 13)
    assert feed.pull(ab.stores.projections) == 0
    assert ab.differences() == []


class Aggregating(RuleBasedStateMachine):
    """Anything may be logged at any time, and the feed delivered in any way; once all is delivered,
    the aggregates are what the logs add up to."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = quick_folder()
        self.stores = open_stores(Path(self.folder.name))
        self.ab = Variants(self.stores, dimensions=("country",))
        self.logs: list[LogId] = []
        self.delivered = 0

    def teardown(self) -> None:
        self.deliver_rest()
        assert self.ab.differences() == []
        close(self.stores)
        self.folder.cleanup()

    @rule(
        variant=st.sampled_from("AB"),
        unit=st.sampled_from([None, "ada", "bob", "eve"]),
        value=st.one_of(
            st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False), st.just("NaN")
        ),
        day=st.integers(0, 2),
        country=st.sampled_from(["DE", "FR", None]),
        covariate=st.one_of(st.none(), st.integers(0, 9)),
    )
    def log(self, variant: str, unit: Any, value: Any, day: int, country: Any, covariate: Any):
        self.logs.append(
            self.ab.log(
                variant,
                unit,
                {"y": value},
                timestamp_ms=START_MS - day * DAY_MS,
                context={} if country is None else {"country": country},
                covariates={} if covariate is None else {"y": covariate},
            )
        )

    @precondition(lambda self: self.logs)
    @rule(data=st.data(), metric=st.sampled_from("yz"), value=st.integers(-5, 5))
    def late(self, data: st.DataObject, metric: str, value: int) -> None:
        self.ab.late(data.draw(st.sampled_from(self.logs)), {metric: value})

    @rule(size=st.integers(1, 8), overlap=st.integers(0, 4), dies_after=st.integers(0, 6))
    def push(self, size: int, overlap: int, dies_after: int) -> None:
        """A batch that begins anywhere before what was not delivered yet; the worker may die."""
        changes = changes_of(self.ab)
        start = max(0, self.delivered - overlap)
        batch = changes[start : self.delivered + size]
        dying = self.stores.on(stopping(self.stores.table, dies_after))
        try:
            feed.dispatch(dying.projections, batch)
        except Stopped:
            return
        self.delivered = max(self.delivered, start + len(batch))

    @rule()
    def deliver_rest(self) -> None:
        feed.dispatch(self.stores.projections, changes_of(self.ab))
        self.delivered = len(changes_of(self.ab))

    @invariant()
    def agrees_when_all_is_delivered(self) -> None:
        if self.delivered == len(changes_of(self.ab)):
            assert self.ab.differences() == []


Aggregating.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestAggregating = pytest.mark.slow(Aggregating.TestCase)
