"""A change that cannot be projected does not stop the others, and is projected once it can be."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Contended, NotFound, Throttled, Unavailable
from chalicelib.core.ids import ExperimentId, RunId
from chalicelib.core.model.experiment import ExperimentCounts
from chalicelib.domain import feed, projections, runs, verification
from chalicelib.storage import keys, queue_keys
from chalicelib.storage import runs as run_store
from chalicelib.storage.parked_changes import Parked, ParkedChanges, parked_of
from chalicelib.storage.queue import Message
from chalicelib.storage.table import Change, Item, Key, Value
from tests.unit.stores import HandClock, Stopped, Stores, WatchedTable, stopping
from tests.unit.test_feed import (
    BUSY,
    DIGEST,
    all_changes,
    busy_experiment,
    completed_upload,
    counts,
    is_verified,
    new_run,
    pull_all,
)

Delivery = Callable[[Stores], None]


def push_all(stores: Stores) -> None:
    feed.dispatch(stores.projections, all_changes(stores))


BOTH = pytest.mark.parametrize("deliver", [push_all, pull_all])


class Bug(Exception):
    """What nobody thought of."""


@contextmanager
def failing(is_bad: Callable[[Change], bool]) -> Generator[None]:
    """Code that cannot project such changes."""
    with pytest.MonkeyPatch.context() as patched:
        amount_of = projections.amount_of

        def fails(change: Change) -> object:
            if is_bad(change):
                raise Bug("nobody thought of that")
            return amount_of(change)

        patched.setattr(projections, "amount_of", fails)
        yield


def messages(stores: Stores) -> list[Message]:
    """Everything in the queue, whether hidden or not."""
    assert isinstance(stores.clock, HandClock)
    stores.clock.advance(feed.SETTLED_MS + 1000)
    found: list[Message] = []
    while some := stores.undelivered.receive():
        found += some
    return found


def told(message: Message) -> Parked:
    parked = parked_of(json.loads(message.body))
    assert parked is not None
    return parked


def give_all_back(stores: Stores) -> None:
    for message in messages(stores):
        feed.give_back(stores.projections, told(message))
        stores.undelivered.delete(message)


def broken_run(stores: Stores) -> Key:
    """A run that nothing can make sense of."""
    key = keys.run(stores.tenant, RunId(stores.clock.new_id()))
    stores.table.put({"pk": key.pk, "sk": key.sk, "feed": run_store.FEED, "doc": "no JSON"})
    return key


@BOTH
def test_a_change_that_cannot_be_projected_does_not_stop_the_others(
    stores: Stores, deliver: Delivery
) -> None:
    experiment_id = stores.new_experiment_id()
    new_run(stores, experiment_id)
    broken = broken_run(stores)
    new_run(stores, experiment_id)
    deliver(stores)
    assert counts(stores, experiment_id).runs == 2
    new_run(stores, experiment_id)
    deliver(stores)
    assert counts(stores, experiment_id).runs == 3

    (message,) = messages(stores)
    assert message.reason is not None
    assert message.reason.startswith("JSONDecodeError: ")
    change = stores.projections.parked.read(told(message))
    assert change == next(one for one in all_changes(stores) if one.key == broken)


@BOTH
def test_what_was_parked_is_counted_once_when_it_is_given_back(
    stores: Stores, deliver: Delivery
) -> None:
    experiment_id = busy_experiment(stores)
    with failing(lambda change: int(change.id) % 3 == 0):
        deliver(stores)
        deliver(stores)
    assert counts(stores, experiment_id) != BUSY
    parked = messages(stores)
    for message in [*parked, *parked]:
        feed.give_back(stores.projections, told(message))
    assert counts(stores, experiment_id) == BUSY
    assert not stores.blobs.list("undelivered/").blobs
    deliver(stores)
    assert counts(stores, experiment_id) == BUSY


@BOTH
def test_every_change_may_fail(stores: Stores, deliver: Delivery) -> None:
    experiment_id = busy_experiment(stores)
    with failing(lambda _: True):
        deliver(stores)
    assert counts(stores, experiment_id) == ExperimentCounts()
    give_all_back(stores)
    assert counts(stores, experiment_id) == BUSY


def test_what_still_cannot_be_projected_stays_parked(stores: Stores) -> None:
    broken_run(stores)
    push_all(stores)
    (message,) = messages(stores)
    for _ in range(2):
        with pytest.raises(json.JSONDecodeError):
            feed.give_back(stores.projections, told(message))
    assert stores.projections.parked.read(told(message)) is not None


def test_a_parked_change_is_given_back_however_long_that_takes(stores: Stores) -> None:
    experiment_id = busy_experiment(stores)
    with failing(lambda _: True):
        push_all(stores)
    assert isinstance(stores.clock, HandClock)
    stores.clock.advance(400 * 24 * 3600 * 1000)
    give_all_back(stores)
    assert counts(stores, experiment_id) == BUSY


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 2**32))
def test_changes_that_fail_and_are_given_back_at_any_time_count_once(
    stores: Stores, seed: int
) -> None:
    chance = random.Random(seed)
    before = len(all_changes(stores))
    experiment_id = busy_experiment(stores)
    changes = all_changes(stores)[before:]
    for _ in range(chance.randint(1, 5)):
        bad = {change.id for change in changes if chance.random() < 0.5}
        with failing(lambda change, bad=bad: change.id in bad):
            feed.dispatch(stores.projections, changes[chance.randrange(len(changes)) :])
            for message in messages(stores) if chance.random() < 0.5 else ():
                with suppress(Bug):
                    feed.give_back(stores.projections, told(message))
                    if chance.random() < 0.5:
                        stores.undelivered.delete(message)
    feed.dispatch(stores.projections, changes)
    give_all_back(stores)
    assert counts(stores, experiment_id) == BUSY


@pytest.mark.parametrize("writes", range(12))
def test_whoever_dies_while_parking_loses_nothing_and_counts_nothing_twice(
    stores: Stores, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CHANGES_AT_ONCE", 3)
    experiment_id = busy_experiment(stores)
    dying = stores.on(stopping(stores.table, writes))
    with failing(lambda change: int(change.id) % 2 == 0), suppress(Stopped):
        push_all(dying)
    push_all(stores)
    give_all_back(stores)
    assert counts(stores, experiment_id) == BUSY


@pytest.mark.parametrize("writes", range(12))
def test_a_puller_that_dies_while_parking_loses_nothing_and_counts_nothing_twice(
    stores: Stores, writes: int
) -> None:
    experiment_id = busy_experiment(stores)
    dying = stores.on(stopping(stores.table, writes))
    with failing(lambda change: int(change.id) % 2 == 0), suppress(Stopped):
        pull_all(dying)
    pull_all(stores)
    give_all_back(stores)
    assert counts(stores, experiment_id) == BUSY


@pytest.mark.parametrize("writes", range(4))
def test_whoever_dies_while_giving_back_counts_nothing_twice(stores: Stores, writes: int) -> None:
    experiment_id = busy_experiment(stores)
    with failing(lambda change: int(change.id) % 2 == 0):
        push_all(stores)
    found = messages(stores)
    dying = stores.on(stopping(stores.table, writes))
    with suppress(Stopped):
        for message in found:
            feed.give_back(dying.projections, told(message))
    for message in found:
        feed.give_back(stores.projections, told(message))
    assert counts(stores, experiment_id) == BUSY


def test_a_change_is_not_given_back_while_it_is_being_parked(stores: Stores) -> None:
    experiment_id = stores.new_experiment_id()
    new_run(stores, experiment_id)
    dying = stores.on(stopping(stores.table, 1))  # the message is there, the mark is not
    with failing(lambda _: True), suppress(Stopped):
        push_all(dying)
    (message,) = stores.undelivered.receive()
    with pytest.raises(Conflict, match="being parked"):
        feed.give_back(stores.projections, told(message))
    with failing(lambda _: True):
        push_all(stores)
    feed.give_back(stores.projections, told(message))
    assert counts(stores, experiment_id).runs == 1


def test_a_parked_change_whose_blob_is_gone_cannot_be_given_back(stores: Stores) -> None:
    broken_run(stores)
    push_all(stores)
    (message,) = messages(stores)
    stores.blobs.delete(told(message).blob)
    with pytest.raises(NotFound, match="gone"):
        feed.give_back(stores.projections, told(message))


@BOTH
def test_what_a_change_asks_for_is_parked_apart_from_what_it_adds(
    stores: Stores, deliver: Delivery
) -> None:
    experiment_id = stores.new_experiment_id()
    run_id = new_run(stores, experiment_id)
    completed_upload(stores, run_id, "a.bin", DIGEST)

    def breaks(*_: object) -> None:
        raise Bug("nobody thought of that")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(verification, "verify", breaks)
        deliver(stores)
    assert counts(stores, experiment_id) == ExperimentCounts(runs=1, artifacts=1)
    assert not is_verified(stores, run_id, "a.bin")
    (message,) = messages(stores)
    assert message.reason == "Bug: nobody thought of that"
    for _ in range(2):
        feed.give_back(stores.projections, told(message))
    assert is_verified(stores, run_id, "a.bin")
    assert counts(stores, experiment_id) == ExperimentCounts(runs=1, artifacts=1)


# -- what may pass --------------------------------------------------------------------------------


def many_runs(stores: Stores, count: int) -> ExperimentId:
    experiment_id = stores.new_experiment_id()
    for _ in range(count):
        new_run(stores, experiment_id)
    return experiment_id


@pytest.mark.parametrize(
    "error", [Throttled("slow down"), Unavailable("away"), Contended("busy")], ids=type
)
@pytest.mark.parametrize("served", range(3))
def test_a_store_that_does_not_serve_interrupts_the_feed_where_it_was(
    stores: Stores, error: Exception, served: int
) -> None:
    experiment_id = many_runs(stores, 3 * feed.CHANGES_AT_ONCE)
    left = served

    def before(operation: str) -> None:
        nonlocal left
        if operation == "transact":
            if left == 0:
                raise error
            left -= 1

    changes = all_changes(stores)
    to = stores.on(WatchedTable(stores.table, before)).projections
    with pytest.raises(feed.Interrupted) as interrupted:
        feed.dispatch(to, changes)
    first = [change.id for change in changes].index(interrupted.value.change.id)
    assert counts(stores, experiment_id).runs == first == served * feed.CHANGES_AT_ONCE
    assert stores.undelivered.depth() == 0
    feed.dispatch(stores.projections, changes[first:])
    assert counts(stores, experiment_id).runs == len(changes)


def test_an_interrupted_follow_up_is_where_the_feed_goes_on(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = new_run(stores, stores.new_experiment_id())
    uploads = [completed_upload(stores, run_id, f"{name}.bin", DIGEST) for name in "abc"]
    verify, asked = verification.verify, list[str]()

    def away(of: verification.Verification, *upload: str) -> None:
        asked.append(upload[1])
        if upload[1] == uploads[1]:
            raise Unavailable("the store is away")
        verify(of, *upload)  # pyright: ignore[reportArgumentType] (ids are strings)

    monkeypatch.setattr(verification, "verify", away)
    with pytest.raises(feed.Interrupted) as interrupted:
        feed.dispatch(stores.projections, all_changes(stores))
    assert keys.parse_upload(interrupted.value.change.key.pk)[1] == uploads[1]
    assert asked == uploads[:2]
    assert is_verified(stores, run_id, "a.bin")


def test_a_pull_that_is_interrupted_goes_on_where_it_was(stores: Stores) -> None:
    experiment_id = busy_experiment(stores)

    def away(operation: str) -> None:
        if operation == "transact":
            raise Unavailable("the store is away")

    with pytest.raises(Unavailable):
        feed.pull(stores.on(WatchedTable(stores.table, away)).projections)
    assert stores.undelivered.depth() == 0
    pull_all(stores)
    assert counts(stores, experiment_id) == BUSY


def test_a_change_that_cannot_be_parked_is_not_taken_for_done(stores: Stores) -> None:
    experiment_id = many_runs(stores, 2)
    away = stores.on(WatchedTable(stores.table, _refusing_puts))
    with failing(lambda _: True), pytest.raises(feed.Interrupted):
        push_all(away)
    push_all(stores)
    assert counts(stores, experiment_id).runs == 2


def _refusing_puts(operation: str) -> None:
    if operation == "put":
        raise Unavailable("the store is away")


# -- the blob -------------------------------------------------------------------------------------

SCALARS: st.SearchStrategy[Value] = (
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    | st.decimals(-(10**9), 10**9, places=3).filter(lambda number: number != int(number))
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=20)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.from_regex("[a-zé]{1,5}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, VALUES | st.just(None))
def test_a_parked_change_is_read_as_it_was(stores: Stores, new: Value, old: Value) -> None:
    key = Key("t#acme", "ä/\0")
    after: Item = {"pk": key.pk, "sk": key.sk, "value": new}
    before: Item | None = None if old is None else {**after, "value": old}
    change = Change("id", key, before, after)
    parked = ParkedChanges(stores.blobs, stores.undelivered, stores.clock)
    parked.park(change, "amounts", "because")
    blob = queue_keys.undelivered("id", "amounts")
    assert repr(parked.read(Parked("id", "amounts", blob, 0))) == repr(change)


def test_numbers_keep_their_kind(stores: Stores) -> None:
    values: list[Value] = [1, 1.0, Decimal("1.10"), -0.0, True, b"\xff", 10**37]
    key = Key("t#acme", "x")
    change = Change("id", key, None, {"pk": key.pk, "sk": key.sk, "value": values})
    parked = stores.projections.parked
    parked.park(change, "follow-up", "because")
    read = parked.read(Parked("id", "follow-up", queue_keys.undelivered("id", "follow-up"), 0))
    assert read is not None
    expected = [1, 1.0, Decimal("1.10"), -0.0, True, b"\xff", 10**37]
    assert [(type(one), str(one)) for one in _list(read.new["value"])] == [
        (type(one), str(one)) for one in expected
    ]


def _list(value: Value) -> list[Value]:
    assert isinstance(value, list)
    return value


def test_deleting_a_run_while_its_creation_is_parked_comes_out_even(stores: Stores) -> None:
    experiment_id = stores.new_experiment_id()
    run_id = new_run(stores, experiment_id)
    with failing(lambda _: True):
        push_all(stores)
    runs.set_stage(stores.runs, stores.context, run_id, "deleted")
    push_all(stores)
    assert counts(stores, experiment_id).runs == -1
    give_all_back(stores)
    assert counts(stores, experiment_id).runs == 0
