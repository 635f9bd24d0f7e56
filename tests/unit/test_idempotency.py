"""One idempotency key, one run of the request, whoever dies meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.core.context import Clock, Context, Principal, Role
from chalicelib.core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Throttled,
    TrialbookError,
    Unavailable,
)
from chalicelib.core.ids import TenantId, UserId
from chalicelib.domain import idempotency
from chalicelib.domain.idempotency import IN_FLIGHT_S, KEEP_S, Remembered
from chalicelib.storage import answers
from chalicelib.storage.answers import AnswerStore, Entry
from tests.unit.stores import HandClock, Stores, WatchedTable, close, open_stores

PATH = "POST /api/v1/experiments/runs"


class Work:
    """A request that counts how often it ran."""

    def __init__(self, body: str = '{"ok":1}', during: Callable[[], object] | None = None) -> None:
        self.runs = 0
        self.body = body
        self.during = during

    def __call__(self) -> Remembered:
        self.runs += 1
        if self.during is not None:
            self.during()
        return Remembered(201, self.body, {"location": f"/{self.runs}"})


def once(
    stores: Stores,
    work: Callable[[], Remembered],
    *,
    key: str = "a key",
    body: str = "body",
    path: str = PATH,
    context: Context | None = None,
) -> Remembered:
    store = AnswerStore(stores.table, stores.blobs)
    return idempotency.once(store, context or stores.context, path, key, body, lambda _: work())


def advance(stores: Stores, seconds: float) -> None:
    assert isinstance(stores.clock, HandClock)
    stores.clock.advance(round(seconds * 1000))


@pytest.mark.parametrize("size", [2, answers.MAX_INLINE_CHARACTERS, 300_000])
def test_the_first_answer_is_given_again(stores: Stores, size: int) -> None:
    work = Work("ä" * size)
    first = once(stores, work)
    again = once(stores, work)
    assert (first.is_replay, again.is_replay, work.runs) == (False, True, 1)
    assert replace(again, is_replay=False) == first


def test_another_body_is_refused(stores: Stores) -> None:
    work = Work()
    once(stores, work)
    with pytest.raises(Conflict) as caught:
        once(stores, work, body="other")
    assert caught.value.retry_after_s is None
    assert work.runs == 1


def test_another_user_tenant_path_or_key_is_another_request(stores: Stores) -> None:
    work = Work()
    once(stores, work)
    other_user = Principal(stores.tenant, UserId("eve"), Role.WRITE)
    other_tenant = Principal(TenantId("other"), stores.context.user, Role.WRITE)
    for principal in (other_user, other_tenant):
        once(stores, work, context=replace(stores.context, principal=principal))
    once(stores, work, path=PATH + "?a=b")
    once(stores, work, key="another key")
    assert work.runs == 5


def test_while_the_first_is_in_flight_the_second_is_told_to_wait(stores: Stores) -> None:
    second = Work()

    def during() -> None:
        with pytest.raises(Conflict) as caught:
            once(stores, second)
        assert caught.value.retry_after_s == 1

    once(stores, Work(during=during))
    assert second.runs == 0


@pytest.mark.parametrize("is_repeat", [False, True])
def test_of_many_at_once_one_runs(tmp_path: Path, is_repeat: bool) -> None:
    stores = open_stores(tmp_path, Clock())
    if is_repeat:
        attempt(stores, Unavailable("no answer"))
    everybody = threading.Barrier(8)
    work = Work()

    def send(_number: int) -> bool:
        everybody.wait()
        try:
            once(stores, work)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(send, range(8)))
    assert work.runs == 1
    assert any(answered)
    close(stores)


def test_a_request_that_failed_may_be_sent_again(stores: Stores) -> None:
    def refused() -> Remembered:
        raise Forbidden("no")

    for _ in range(2):
        with pytest.raises(Forbidden):
            once(stores, refused)
    work = Work()
    assert not once(stores, work, body="another body, for nothing was remembered").is_replay


def test_a_request_whose_process_died_may_be_sent_again_after_the_lease(stores: Stores) -> None:
    dies(stores)
    work = Work()
    with pytest.raises(Conflict):
        once(stores, work)
    advance(stores, IN_FLIGHT_S)
    once(stores, work)
    assert work.runs == 1
    assert once(stores, work).is_replay


def attempt(
    stores: Stores, error: BaseException | None = None, body: str = "body"
) -> tuple[str, bool]:
    """The id that an attempt makes, and whether it knew of one before it. Ends with the error."""
    made: list[tuple[str, bool]] = []

    def run(context: Context) -> Remembered:
        made.append((context.new_id(), context.is_repeat))
        if error is not None:
            raise error
        return Remembered(201, "{}")

    store = AnswerStore(stores.table, stores.blobs)
    with pytest.raises(type(error)) if error is not None else nullcontext():
        idempotency.once(store, stores.context, PATH, "a key", body, run)
    return made[0]


def dies(stores: Stores, body: str = "body") -> tuple[str, bool]:
    """An attempt that neither ends its claim nor is answered."""

    def before(operation: str) -> None:
        if operation == "add":
            raise Unavailable("the process is gone and releases nothing")

    return attempt(stores.on(WatchedTable(stores.table, before)), KeyboardInterrupt(), body)


@pytest.mark.parametrize(
    "error", [Unavailable("no answer"), Throttled("slower"), KeyError("a bug"), KeyboardInterrupt()]
)
def test_what_may_have_written_something_is_repeated_with_its_ids(
    stores: Stores, error: BaseException
) -> None:
    made, is_repeat = attempt(stores, error)
    assert not is_repeat
    assert attempt(stores) == (made, True)


def test_whoever_takes_over_from_the_dead_makes_their_ids(stores: Stores) -> None:
    made, _ = dies(stores)
    advance(stores, IN_FLIGHT_S)
    assert dies(stores) == (made, True)
    advance(stores, IN_FLIGHT_S)
    assert attempt(stores) == (made, True)


def test_what_was_refused_wrote_nothing_and_is_no_repeat(stores: Stores) -> None:
    made, _ = attempt(stores, Forbidden("no"))
    again, is_repeat = attempt(stores, body="corrected")
    assert (again != made, is_repeat) == (True, False)


def test_a_repeat_that_is_refused_keeps_the_ids(stores: Stores) -> None:
    """For what was written before it."""
    made, _ = attempt(stores, Unavailable("no answer"))
    assert attempt(stores, Forbidden("meanwhile")) == (made, True)
    assert attempt(stores) == (made, True)


@pytest.mark.parametrize("is_dead", [False, True])
def test_another_body_is_no_repeat(stores: Stores, is_dead: bool) -> None:
    made, _ = dies(stores) if is_dead else attempt(stores, Unavailable("no answer"))
    if is_dead:
        advance(stores, IN_FLIGHT_S)
    work = Work()
    with pytest.raises(Conflict) as caught:
        once(stores, work, body="other")
    assert (caught.value.retry_after_s, work.runs) == (None, 0)
    assert attempt(stores) == (made, True)


def test_ids_are_kept_for_a_day_from_the_first_attempt_on(stores: Stores) -> None:
    made, _ = attempt(stores, Unavailable("no answer"))
    advance(stores, KEEP_S - 10)
    assert attempt(stores, Unavailable("no answer")) == (made, True)
    advance(stores, 10)
    again, is_repeat = attempt(stores)
    assert (again != made, is_repeat) == (True, False)


def test_an_answer_is_forgotten_after_a_day(stores: Stores) -> None:
    work = Work()
    once(stores, work)
    advance(stores, KEEP_S - 1)
    assert once(stores, work).is_replay
    advance(stores, 1)
    assert not once(stores, work).is_replay


def test_who_was_too_slow_does_not_forget_the_answer_of_another(stores: Stores) -> None:
    second = Work()

    def fail_late() -> Remembered:
        advance(stores, IN_FLIGHT_S)
        once(stores, second)
        raise Forbidden("too late")

    with pytest.raises(Forbidden):
        once(stores, fail_late)
    assert once(stores, second).is_replay


def test_who_was_too_slow_does_not_forget_the_claim_of_another(stores: Stores) -> None:
    store = AnswerStore(stores.table, stores.blobs)
    digest, first, second = "d" * 64, "0" * 32, "1" * 32
    for token in (first, second):
        claim, expires_at = Entry("body", None, seed=token), stores.clock.now_ms() // 1000 + 60
        store.claim(stores.tenant, digest, token, claim, expires_at)
        if token == first:
            advance(stores, 60)
    store.forget(stores.tenant, digest, first)
    assert store.get(stores.tenant, digest) is not None
    store.forget(stores.tenant, digest, second)
    assert store.get(stores.tenant, digest) is None


@pytest.mark.parametrize("size", [2, 100_000])
def test_who_was_too_slow_does_not_replace_the_answer_of_another(stores: Stores, size: int) -> None:
    second = Work("second " * size)

    def slow() -> None:
        advance(stores, IN_FLIGHT_S)
        once(stores, second)

    late = once(stores, Work("first " * size, during=slow))
    assert late.body == "first " * size
    assert once(stores, second).body == "second " * size
    assert second.runs == 1


def test_who_was_slow_and_alone_is_remembered(stores: Stores) -> None:
    work = Work(during=lambda: advance(stores, IN_FLIGHT_S + 10))
    once(stores, work)
    assert once(stores, work).is_replay


def test_work_that_is_done_is_answered_even_if_it_cannot_be_remembered(stores: Stores) -> None:
    puts = 0

    def before(operation: str) -> None:
        nonlocal puts
        puts += operation == "put"
        if puts == 2:
            raise Unavailable("gone for a moment")

    work = Work()
    answer = once(stores.on(WatchedTable(stores.table, before)), work)
    assert (answer.status, work.runs) == (201, 1)


@pytest.mark.parametrize("key", ["", " ", " a", "a ", "a\n", "ä", "x" * 256])
def test_a_malformed_key_is_refused(stores: Stores, key: str) -> None:
    with pytest.raises(Invalid):
        once(stores, Work(), key=key)


@pytest.mark.parametrize("key", ["a", "a b", "x" * 255, "~!@#"])
def test_printable_keys_are_taken(stores: Stores, key: str) -> None:
    assert once(stores, Work(), key=key).status == 201


def test_the_error_of_the_request_is_told_and_not_that_of_forgetting(stores: Stores) -> None:
    def before(operation: str) -> None:
        if operation == "delete":
            raise Unavailable("gone for a moment")

    def refused() -> Remembered:
        raise Forbidden("no")

    with pytest.raises(TrialbookError) as caught:
        once(stores.on(WatchedTable(stores.table, before)), refused)
    assert isinstance(caught.value, Forbidden)
