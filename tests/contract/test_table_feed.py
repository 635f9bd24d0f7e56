"""The Table's contract: the change-ordered index and the feed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.core.errors import ConditionFailed
from chalicelib.storage.table import Add, Change, Check, Delete, Item, Key, Put, Table, When
from tests.contract.table_engines import TableEngine
from tests.real_engines import Deviation

PK = "t#acme"
RUNS = "t#acme#runs"


def item(sk: str, **attributes: Any) -> Item:
    return {"pk": PK, "sk": sk, **attributes}


def changed(table: Table, mark: str | None) -> tuple[set[str], str]:
    keys, after = table.changed_since(RUNS, mark)
    return {key.sk for key in keys}, after


def feed(table: Table, limit: int = 500, after: str | None = None) -> list[Change]:
    """Everything that the feed delivers from there on."""
    delivered: list[Change] = []
    while True:
        page = table.changes(after, limit)
        assert len(page.changes) <= limit
        if not page.changes:
            return delivered
        delivered += page.changes
        after = page.next


def test_the_first_answer_reports_every_item_of_the_partition(engine: TableEngine) -> None:
    engine.table.transact([Put(item(f"{n}", cpk=RUNS)) for n in range(3)])
    engine.table.put(item("other", cpk="elsewhere"))
    engine.table.put(item("plain"))
    engine.clock.advance(3600)
    assert changed(engine.table, None)[0] == {"0", "1", "2"}
    assert engine.table.changed_since("nobody", None).keys == []


def test_a_write_is_reported_after_the_mark_before_it(engine: TableEngine) -> None:
    engine.table.put(item("put", cpk=RUNS, version=1))
    engine.table.put(item("added", cpk=RUNS, n=1))
    engine.table.put(item("transacted", cpk=RUNS))
    engine.table.put(item("still", cpk=RUNS))
    _, mark = changed(engine.table, None)
    engine.clock.advance(3600)
    _, mark = changed(engine.table, mark)
    engine.table.put(item("put", cpk=RUNS, version=2), 1)
    engine.table.add(Add(Key(PK, "added"), {"n": 1}))
    engine.table.transact([Put(item("transacted", cpk=RUNS, n=1)), Put(item("new", cpk=RUNS))])
    found, mark = changed(engine.table, mark)
    assert found == {"put", "added", "transacted", "new"}
    engine.clock.advance(3600)
    _, mark = changed(engine.table, mark)
    assert changed(engine.table, mark)[0] == set()


def test_no_mark_ever_skips_a_write(engine: TableEngine) -> None:
    mark = None
    for n in range(30):
        engine.table.put(item(f"{n:02}", cpk=RUNS))
        found, mark = changed(engine.table, mark)
        assert f"{n:02}" in found
        engine.clock.advance(0.7)


@pytest.mark.slow
def test_many_changes_are_reported_across_pages(engine: TableEngine) -> None:
    for start in range(0, 300, 100):
        engine.table.transact(
            [Put(item(f"{n}", cpk=RUNS, body="x" * 8_000)) for n in range(start, start + 100)]
        )
    assert changed(engine.table, None)[0] == {f"{n}" for n in range(300)}


def test_nobody_sees_how_changes_are_stamped(engine: TableEngine) -> None:
    stored = item("run", cpk=RUNS, lpk="all", lsk="1", feed="runs")
    engine.table.put(stored)
    assert engine.table.get(Key(PK, "run")) == stored
    assert engine.table.add(Add(Key(PK, "run"), {"n": 1})) == {**stored, "n": 1}
    assert [change.new for change in feed(engine.table)] == [stored, {**stored, "n": 1}]


def test_the_feed_delivers_old_and_new_images_in_order(engine: TableEngine) -> None:
    first = item("a", feed="runs", n=1, body=b"\x00\xff", score=0.1)
    second = item("a", feed="runs", n=2)
    engine.table.put(first, When.ABSENT)
    engine.table.transact([Put(second), Put(item("b", feed="runs"))])
    third = engine.table.add(Add(Key(PK, "a"), {"n": 1}))
    changes = feed(engine.table)
    assert [(c.old, c.new) for c in changes if c.key.sk == "a"] == [
        (None, first),
        (first, second),
        (second, third),
    ]
    assert [(c.key, c.old) for c in changes if c.key.sk == "b"] == [(Key(PK, "b"), None)]
    assert len({change.id for change in changes}) == 4


def test_the_feed_delivers_the_same_again_from_the_same_place(engine: TableEngine) -> None:
    for n in range(7):
        engine.table.put(item(f"{n}", feed="runs"))
    whole = feed(engine.table)
    assert feed(engine.table, limit=2) == whole
    page = engine.table.changes(None, 3)
    assert page.changes == whole[:3]
    assert feed(engine.table, after=page.next) == whole[3:]


def test_a_feed_that_was_read_to_its_end_goes_on(engine: TableEngine) -> None:
    empty = engine.table.changes(None)
    assert empty.changes == []
    engine.table.put(item("a", feed="runs"))
    page = engine.table.changes(empty.next)
    assert [change.key.sk for change in page.changes] == ["a"]
    end = engine.table.changes(page.next)
    engine.table.put(item("b", feed="runs"))
    assert [change.key.sk for change in engine.table.changes(end.next).changes] == ["b"]


def test_only_writes_of_items_that_carry_feed_are_delivered(engine: TableEngine) -> None:
    engine.table.put(item("silent"))
    engine.table.put(item("heard", feed="runs"))
    engine.table.put(item("left", feed="runs"))
    engine.table.put(item("left"))
    engine.table.delete(Key(PK, "heard"))
    engine.table.transact([Delete(Key(PK, "left")), Put(item("late", feed="runs"))])
    assert [change.key.sk for change in feed(engine.table)] == ["heard", "left", "late"]


def test_an_item_that_gains_feed_is_delivered_with_its_old_image(engine: TableEngine) -> None:
    engine.table.put(item("a", n=1))
    engine.table.add(Add(Key(PK, "a"), {"n": 1}, {"feed": "units"}))
    (change,) = feed(engine.table)
    assert (change.old, change.new) == (item("a", n=1), item("a", n=2, feed="units"))


def test_a_write_that_failed_is_not_delivered(engine: TableEngine) -> None:
    with pytest.raises(ConditionFailed):
        engine.table.put(item("a", feed="runs"), When.PRESENT)
    with pytest.raises(ConditionFailed):
        engine.table.transact([Put(item("b", feed="runs")), Put(item("c"), When.PRESENT)])
    assert feed(engine.table) == []


def test_what_a_failed_transaction_would_have_changed_is_as_it_was(engine: TableEngine) -> None:
    stored = [item(sk, feed="runs", n=n) for n, sk in enumerate(("added", "put", "deleted"))]
    engine.table.transact([Put(one) for one in stored])
    keys = [Key(PK, sk) for sk in ("added", "put", "deleted", "new")]
    before = feed(engine.table)
    with pytest.raises(ConditionFailed):
        engine.table.transact(
            [
                Add(keys[0], {"n": 1}),
                Put(item("put", feed="runs", n=9)),
                Delete(keys[2]),
                Put(item("new", feed="runs")),
                Check(Key(PK, "gone"), When.PRESENT),
            ]
        )
    assert engine.table.get_many(keys) == [*stored, None]
    assert feed(engine.table) == before
    engine.table.put(item("new", feed="runs"))
    assert [change.key.sk for change in feed(engine.table)[len(before) :]] == ["new"]


@pytest.mark.parametrize("how", ["put", "add"])
def test_the_old_image_of_an_expired_item_is_none(engine: TableEngine, how: str) -> None:
    # an emulator's stream may tell the time of a write in whole minutes
    ago_s = 70 if Deviation.MINUTES_IN_STREAM in engine.deviations else 10
    engine.table.put(item("a", n=7, expires_at=engine.clock.now_s - ago_s))
    if how == "put":
        engine.table.put(item("a", n=1, feed="runs"))
    else:
        engine.table.add(
            Add(Key(PK, "a"), {"n": 1}, {"feed": "runs", "expires_at": engine.clock.now_s + 60})
        )
    (change,) = feed(engine.table)
    assert change.old is None
    assert change.new["n"] == 1


@pytest.mark.slow
def test_four_writers_lose_no_change_and_keep_each_items_order(engine: TableEngine) -> None:
    def write(thread: int) -> None:
        for n in range(25):
            own, shared = Key(PK, f"own{thread}"), Key(PK, "shared")
            if n % 2:
                engine.table.put(item(own.sk, feed="runs", n=n))
                engine.table.add(Add(shared, {"n": 1}, {"feed": "units"}))
            else:
                engine.table.transact(
                    [Put(item(own.sk, feed="runs", n=n)), Add(shared, {"n": 1}, {"feed": "units"})]
                )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    changes = feed(engine.table, limit=30)
    assert [c.new["n"] for c in changes if c.key.sk == "shared"] == list(range(1, 101))
    for thread in range(4):
        assert [c.new["n"] for c in changes if c.key.sk == f"own{thread}"] == list(range(25))
    last: dict[Key, Item] = {}
    for change in changes:
        assert change.old == last.get(change.key)
        last[change.key] = change.new
