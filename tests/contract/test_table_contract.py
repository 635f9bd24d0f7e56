"""The Table's contract: conditions, transactions and limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.core.errors import ConditionFailed, TooLarge
from chalicelib.storage.table import (
    MAX_ITEM_BYTES,
    Add,
    Check,
    Condition,
    Delete,
    Item,
    Key,
    Put,
    Query,
    When,
    Write,
)
from tests.contract.table_engines import TableEngine

KEY = Key("t#acme", "run")
ITEM: Item = {"pk": KEY.pk, "sk": KEY.sk, "version": 3, "name": "calm-otter"}


def key(sk: str) -> Key:
    return Key("t#acme", sk)


def item(sk: str, **attributes: Any) -> Item:
    return {"pk": "t#acme", "sk": sk, **attributes}


def test_nothing_is_there_before_the_first_write(engine: TableEngine) -> None:
    assert engine.table.get(KEY) is None


def test_a_put_replaces_the_whole_item(engine: TableEngine) -> None:
    engine.table.put(ITEM)
    engine.table.put(item("run", other=1))
    assert engine.table.get(KEY) == item("run", other=1)


def test_get_many_answers_in_the_order_of_the_keys(engine: TableEngine) -> None:
    for n in range(3):
        engine.table.put(item(f"{n}", n=n))
    wanted = [key("2"), key("missing"), key("0")]
    assert engine.table.get_many(wanted) == [item("2", n=2), None, item("0", n=0)]
    assert engine.table.get_many([]) == []


def test_get_many_refuses_more_than_a_hundred_keys_and_equal_ones(engine: TableEngine) -> None:
    with pytest.raises(ValueError, match="at most 100"):
        engine.table.get_many([key(f"{n}") for n in range(101)])
    with pytest.raises(ValueError, match="differ"):
        engine.table.get_many([KEY, KEY])


CONDITIONS: list[tuple[Condition, bool, bool]] = [
    # condition, holds on ITEM, holds on nothing
    (None, True, True),
    (When.ABSENT, False, True),
    (When.PRESENT, True, False),
    (3, True, False),
    (2, False, False),
]
WRITERS: dict[str, Callable[[TableEngine, Condition], None]] = {
    "put": lambda engine, when: engine.table.put(item("run", new=1), when),
    "delete": lambda engine, when: engine.table.delete(KEY, when),
    "transact put": lambda engine, when: engine.table.transact([Put(item("run", new=1), when)]),
    "transact delete": lambda engine, when: engine.table.transact([Delete(KEY, when)]),
    "transact check": lambda engine, when: engine.table.transact([Check(KEY, when)]),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("when, on_item, on_nothing", CONDITIONS)
@pytest.mark.parametrize("state", ["stored", "absent", "expired"])
def test_a_write_happens_exactly_when_its_condition_holds(
    engine: TableEngine, writer: str, when: Condition, on_item: bool, on_nothing: bool, state: str
) -> None:
    before = None if state == "absent" else ITEM
    if state == "expired":
        before = {**ITEM, "expires_at": engine.clock.now_s}
    if before is not None:
        engine.table.put(before)
    if on_item if state == "stored" else on_nothing:
        WRITERS[writer](engine, when)
        new = {"put": item("run", new=1), "delete": None}.get(writer.rsplit(maxsplit=1)[-1])
        if not writer.endswith("check"):
            assert engine.table.get(KEY) == new
    else:
        with pytest.raises(ConditionFailed) as failure:
            WRITERS[writer](engine, when)
        assert failure.value.failed == (0,)
        assert engine.table.get(KEY) == (ITEM if state == "stored" else None)


def test_an_item_without_a_version_is_at_no_version(engine: TableEngine) -> None:
    engine.table.put(item("run"))
    with pytest.raises(ConditionFailed):
        engine.table.put(item("run", version=1), 0)


def test_a_transaction_makes_all_its_writes(engine: TableEngine) -> None:
    engine.table.put(ITEM)
    engine.table.put(item("old"))
    engine.table.transact(
        [
            Put({**ITEM, "version": 4}, 3),
            Put(item("new"), When.ABSENT),
            Delete(key("old"), When.PRESENT),
            Add(key("count"), {"n": 2}),
            Check(key("other"), When.ABSENT),
        ]
    )
    stored = engine.table.get_many([KEY, key("new"), key("old"), key("count"), key("other")])
    assert stored == [{**ITEM, "version": 4}, item("new"), None, item("count", n=2), None]


def test_a_failed_transaction_writes_nothing_and_names_every_failure(engine: TableEngine) -> None:
    engine.table.put(ITEM)
    with pytest.raises(ConditionFailed) as failure:
        engine.table.transact(
            [
                Put(item("a")),
                Put({**ITEM, "version": 9}, 8),
                Add(key("count"), {"n": 1}),
                Check(key("gone"), When.PRESENT),
                Delete(key("b")),
            ]
        )
    assert failure.value.failed == (1, 3)
    assert engine.table.get_many([key("a"), KEY, key("count")]) == [None, ITEM, None]


def test_a_transaction_repeated_with_its_token_is_applied_once(engine: TableEngine) -> None:
    writes: list[Write] = [Add(key("count"), {"n": 1}), Put(item("log", text="x"))]
    engine.table.transact(writes, "token-1")
    if engine.applies_tokens:
        engine.table.transact(writes, "token-1")
        with pytest.raises(ValueError, match="token"):
            engine.table.transact([Put(item("log", text="y")), writes[0]], "token-1")
    engine.table.transact([Add(key("count"), {"n": 10})], "token-2")
    assert engine.table.get(key("count")) == item("count", n=11)


def test_a_transaction_that_failed_may_use_its_token_again(engine: TableEngine) -> None:
    writes = [Check(KEY, When.PRESENT), Put(item("log"))]
    with pytest.raises(ConditionFailed):
        engine.table.transact(writes, "token")
    engine.table.put(ITEM)
    engine.table.transact(writes, "token")
    assert engine.table.get(key("log")) == item("log")


def test_a_transaction_has_at_most_a_hundred_writes(engine: TableEngine) -> None:
    engine.table.transact([Put(item(f"{n:03}")) for n in range(100)])
    assert len(engine.table.query(Query("t#acme")).items) == 100
    with pytest.raises(ValueError, match="1 to 100"):
        engine.table.transact([Put(item(f"{n:03}")) for n in range(101)])
    with pytest.raises(ValueError, match="1 to 100"):
        engine.table.transact([])


def test_a_transaction_writes_an_item_once(engine: TableEngine) -> None:
    with pytest.raises(ValueError, match="once"):
        engine.table.transact([Put(ITEM), Check(KEY, When.ABSENT)])
    assert engine.table.get(KEY) is None


@pytest.mark.parametrize("token", ["", "x" * 37])
def test_a_token_has_1_to_36_characters(engine: TableEngine, token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        engine.table.transact([Put(ITEM)], token)


def test_a_transaction_is_at_most_4_mb(engine: TableEngine) -> None:
    body = b"x" * (380 * 1024)
    engine.table.transact([Put(item(f"{n}", body=body)) for n in range(10)])
    with pytest.raises(TooLarge):
        engine.table.transact([Put(item(f"new{n}", body=body)) for n in range(12)])
    assert engine.table.get(key("new0")) is None


@pytest.mark.parametrize("letter", ["x", "é"])
def test_an_item_is_at_most_400_kb_with_its_names(engine: TableEngine, letter: str) -> None:
    def filled(size_bytes: int) -> Item:
        room = size_bytes - len("pkt#acmeskrunbody")
        return item("run", body=letter * (room // len(letter.encode())))

    fits, too_large = filled(engine.largest_item_bytes), filled(MAX_ITEM_BYTES + 2)
    engine.table.put(fits)
    assert engine.table.get(KEY) == fits
    with pytest.raises(TooLarge):
        engine.table.put(too_large)
    with pytest.raises(TooLarge):
        engine.table.transact([Put(too_large)])


BAD_ITEMS: dict[str, dict[str, Any]] = {
    "no sort key": {"pk": "a"},
    "empty partition key": {"pk": "", "sk": "b"},
    "empty sort key": {"pk": "a", "sk": ""},
    "long partition key": {"pk": "é" * 1025, "sk": "b"},
    "long sort key": {"pk": "a", "sk": "x" * 1025},
    "key that is no string": {"pk": "a", "sk": 1},
    "empty index key": item("run", lpk="x", lsk=""),
    "half an index key": item("run", lpk="x"),
    "index key that is no string": item("run", cpk=1),
    "version that is no int": item("run", version="1"),
    "version that is a bool": item("run", version=True),
    "time to live that is no int": item("run", expires_at=1.5),
    "reserved name": item("run", csk="x"),
    "reserved name inside": item("run", value={"~double": b"x"}),
    "empty name": item("run", value={"": 1}),
    "name that is no string": item("run", value={1: 1}),
    "a tuple": item("run", value=(1, 2)),
    "a set": item("run", value={1, 2}),
    "a subclass": item("run", value=When.ABSENT),
    "half a character": item("run", value="\ud800"),
}


@pytest.mark.parametrize("bad", BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
def test_a_bad_item_is_refused(engine: TableEngine, bad: Item) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every case has its own words
        engine.table.put(bad)
    with pytest.raises(ValueError):  # noqa: PT011
        engine.table.transact([Put(item("good")), Put(bad)])
    assert engine.table.get(key("good")) is None


@pytest.mark.parametrize("bad", [Key("", "x"), Key("x", ""), Key("x", "y" * 1025)])
def test_a_bad_key_is_refused_everywhere(engine: TableEngine, bad: Key) -> None:
    calls: list[Callable[[], object]] = [
        lambda: engine.table.get(bad),
        lambda: engine.table.get_many([bad]),
        lambda: engine.table.delete(bad),
        lambda: engine.table.add(Add(bad, {"n": 1})),
        lambda: engine.table.transact([Delete(bad)]),
        lambda: engine.table.transact([Check(bad, When.ABSENT)]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="must"):
            call()


def test_keys_may_be_as_long_as_dynamodb_lets_them(engine: TableEngine) -> None:
    longest = Key("é" * 1024, "x" * 1024)
    engine.table.put({"pk": longest.pk, "sk": longest.sk})
    assert engine.table.get(longest) == {"pk": longest.pk, "sk": longest.sk}


def test_of_eight_writers_at_one_version_one_wins(engine: TableEngine) -> None:
    engine.table.put(ITEM)
    together = threading.Barrier(8)

    def write(thread: int) -> int | None:
        together.wait()
        try:
            engine.table.put({**ITEM, "version": 4, "by": thread}, 3)
        except ConditionFailed:
            return None
        return thread

    with ThreadPoolExecutor(8) as pool:
        winners = [thread for thread in pool.map(write, range(8)) if thread is not None]
    assert len(winners) == 1
    assert engine.table.get(KEY) == {**ITEM, "version": 4, "by": winners[0]}
