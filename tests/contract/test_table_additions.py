"""The Table's contract: additions, and what has expired."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.core.errors import ConditionFailed, TooLarge
from chalicelib.storage.table import Add, Check, Item, Key, Put, Query, When, Write
from tests.contract.table_engines import TableEngine

KEY = Key("t#acme", "run")
ITEM: Item = {"pk": KEY.pk, "sk": KEY.sk, "version": 3, "name": "calm-otter"}


def key(sk: str) -> Key:
    return Key("t#acme", sk)


def item(sk: str, **attributes: Any) -> Item:
    return {"pk": "t#acme", "sk": sk, **attributes}


def test_adding_starts_from_zero_and_answers_the_new_item(engine: TableEngine) -> None:
    assert engine.table.add(Add(KEY, {"n": 2}, {"kind": "unit"})) == item("run", n=2, kind="unit")
    sums = engine.table.add(Add(KEY, {"n": -5, "total": Decimal("0.5")}))
    assert sums == item("run", n=-3, total=Decimal("0.5"), kind="unit")
    assert engine.table.get(KEY) == sums


def test_sums_are_exact_to_38_digits(engine: TableEngine) -> None:
    large, small = 12345678901234567890123456789012345678, Decimal("1E-19")
    engine.table.add(Add(KEY, {"large": large, "small": small}))
    sums = engine.table.add(Add(KEY, {"large": 1, "small": Decimal(1234567890123456789)}))
    assert sums["large"] == large + 1
    assert sums["small"] == Decimal("1234567890123456789.0000000000000000001")


@pytest.mark.slow
def test_adding_under_eight_threads_loses_nothing(engine: TableEngine) -> None:
    together = threading.Barrier(8)

    def count(thread: int) -> None:
        together.wait()
        for n in range(25):
            if n % 2:
                engine.table.add(Add(KEY, {"n": 1, f"thread{thread}": 1}))
            else:
                engine.table.transact([Add(KEY, {"n": 1, f"thread{thread}": 1})])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    threads = {f"thread{n}": 25 for n in range(8)}
    assert engine.table.get(KEY) == item("run", n=200, **threads)


BAD_ADDS: dict[str, Add] = {
    "a float": Add(KEY, {"n": 0.5}),  # pyright: ignore[reportArgumentType] - the point of the case
    "a bool": Add(KEY, {"n": True}),
    "a key": Add(KEY, {"pk": 1}),
    "a key to set": Add(KEY, {"n": 1}, {"sk": "x"}),
    "added and set": Add(KEY, {"n": 1}, {"n": 1}),
    "to a string": Add(KEY, {"name": 1}),
    "to a float": Add(KEY, {"score": 1}),
    "not finite": Add(KEY, {"n": Decimal("Infinity")}),
    "39 digits": Add(KEY, {"n": 10**38 + 1}),
    "too many attributes": Add(KEY, {f"n{n}": 1 for n in range(201)}),
}


@pytest.mark.parametrize("bad", BAD_ADDS.values(), ids=BAD_ADDS.keys())
def test_a_bad_addition_is_refused(engine: TableEngine, bad: Add) -> None:
    engine.table.put({**ITEM, "score": 0.5})
    with pytest.raises(ValueError):  # noqa: PT011 - every case has its own words
        engine.table.add(bad)
    assert engine.table.get(KEY) == {**ITEM, "score": 0.5}


def test_an_addition_may_change_two_hundred_attributes(engine: TableEngine) -> None:
    amounts = {f"n{n}": n for n in range(200)}
    assert engine.table.add(Add(KEY, amounts)) == item("run", **amounts)


def test_an_addition_cannot_grow_an_item_past_400_kb(engine: TableEngine) -> None:
    engine.table.put(item("run", body="x" * (engine.largest_item_bytes - 100)))
    with pytest.raises(TooLarge):
        engine.table.add(Add(KEY, {"n": 1}, {"text": "x" * 200}))
    stored = engine.table.get(KEY)
    assert stored is not None
    assert "n" not in stored


def test_a_sum_past_38_digits_is_refused(engine: TableEngine) -> None:
    engine.table.add(Add(KEY, {"n": 9 * 10**37}))
    for amount in (Decimal("0.1"), 10**37 + 1):
        with pytest.raises(ValueError):  # noqa: PT011 - one adapter cannot know which attribute
            engine.table.add(Add(KEY, {"n": amount, "other": 1}))
    assert engine.table.get(KEY) == item("run", n=9 * 10**37)


def test_an_expired_item_is_absent_to_every_reader(engine: TableEngine) -> None:
    expires_at = engine.clock.now_s + 60
    stored = item("run", expires_at=expires_at, lpk="all", lsk="1")
    engine.table.put(stored)
    assert engine.table.get(KEY) == stored
    engine.clock.advance(60)
    assert engine.table.get(KEY) is None
    assert engine.table.get_many([KEY]) == [None]
    assert engine.table.query(Query(KEY.pk)).items == []


@pytest.mark.parametrize("how", ["add", "transact"])
def test_adding_to_an_expired_item_starts_from_zero(engine: TableEngine, how: str) -> None:
    engine.table.put(item("run", n=41, note="old", expires_at=engine.clock.now_s))
    engine.table.put(item("other", n=41, expires_at=engine.clock.now_s + 1))
    write = Add(KEY, {"n": 1}, {"expires_at": engine.clock.now_s + 60})
    if how == "add":
        engine.table.add(write)
    else:
        others: list[Write] = [Add(key("other"), {"n": 1}), Put(item("log"))]
        engine.table.transact([write, *others], "token-of-an-addition")
        assert engine.table.get(key("other")) == item(
            "other", n=42, expires_at=engine.clock.now_s + 1
        )
    assert engine.table.get(KEY) == item("run", n=1, expires_at=engine.clock.now_s + 60)


def test_a_failed_condition_outranks_an_expired_addition(engine: TableEngine) -> None:
    engine.table.put(item("run", n=41, expires_at=engine.clock.now_s))
    with pytest.raises(ConditionFailed) as failure:
        engine.table.transact([Add(KEY, {"n": 1}), Check(key("gone"), When.PRESENT)])
    assert failure.value.failed == (1,)


@pytest.mark.parametrize("how", ["add", "transact"])
def test_an_addition_to_what_must_be_there_makes_nothing(engine: TableEngine, how: str) -> None:
    write = Add(KEY, {"n": 1}, {"kind": "unit"}, when=When.PRESENT)
    with pytest.raises(ConditionFailed):
        apply(engine, write, how)
    assert engine.table.get(KEY) is None
    engine.table.put(ITEM)
    apply(engine, write, how)
    assert engine.table.get(KEY) == {**ITEM, "n": 1, "kind": "unit"}


@pytest.mark.parametrize("how", ["add", "transact"])
def test_an_addition_at_a_version_is_made_at_that_version_only(
    engine: TableEngine, how: str
) -> None:
    write = Add(KEY, {"version": 1, "n": 5}, when=3)
    with pytest.raises(ConditionFailed):
        apply(engine, write, how)
    engine.table.put(ITEM)
    apply(engine, write, how)
    with pytest.raises(ConditionFailed):
        apply(engine, write, how)
    assert engine.table.get(KEY) == {**ITEM, "version": 4, "n": 5}


@pytest.mark.parametrize("how", ["add", "transact"])
@pytest.mark.parametrize("when", [When.PRESENT, 3])
def test_an_expired_item_is_not_there_to_be_added_to(
    engine: TableEngine, when: When | int, how: str
) -> None:
    engine.table.put({**ITEM, "expires_at": engine.clock.now_s})
    with pytest.raises(ConditionFailed):
        apply(engine, Add(KEY, {"n": 1}, when=when), how)
    assert engine.table.get(KEY) is None


def test_an_addition_that_fails_undoes_its_transaction(engine: TableEngine) -> None:
    with pytest.raises(ConditionFailed) as failure:
        engine.table.transact([Put(item("log")), Add(KEY, {"n": 1}, when=When.PRESENT)])
    assert failure.value.failed == (1,)
    assert engine.table.get(key("log")) is None


def apply(engine: TableEngine, write: Add, how: str) -> None:
    """Make the addition, alone or in a transaction."""
    if how == "add":
        engine.table.add(write)
    else:
        engine.table.transact([write])
