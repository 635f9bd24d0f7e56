"""Writes of one turn that share a commit (SQLite only: the cloud has no such thing)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed, Unavailable
from chalicelib.storage.table import Key, Put, When
from local.sqlite_table import SqliteTable


@pytest.fixture
def table(tmp_path: Path) -> Iterator[SqliteTable]:
    opened = SqliteTable(tmp_path / "table.db", Clock())
    yield opened
    opened.close()


def put(sk: str, **more: int) -> Put:
    return Put({"pk": "p", "sk": sk, **more}, When.ABSENT)


def seen_elsewhere(table: SqliteTable, sk: str) -> bool:
    """Whether another thread, and so another connection, finds the item."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(table.get(Key("p", sk)) is not None))
    thread.start()
    thread.join()
    return found[0]


def test_writes_are_seen_by_others_only_at_the_end_of_the_block(table: SqliteTable) -> None:
    with table.together():
        table.transact([put("a"), put("b")])
        table.put({"pk": "p", "sk": "c"})
        assert table.get(Key("p", "a")) is not None
        assert not seen_elsewhere(table, "a")
    assert all(seen_elsewhere(table, sk) for sk in "abc")


def test_a_write_that_fails_takes_no_other_with_it(table: SqliteTable) -> None:
    table.put({"pk": "p", "sk": "there"})
    with table.together():
        table.transact([put("before")])
        with pytest.raises(ConditionFailed):
            table.transact([put("half"), put("there")])
        table.transact([put("after")])
    assert [seen_elsewhere(table, sk) for sk in ("before", "half", "after")] == [True, False, True]


def test_an_exception_undoes_the_whole_block(table: SqliteTable) -> None:
    def write_and_fail() -> None:
        with table.together():
            table.transact([put("a")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert not seen_elsewhere(table, "a")
    table.put({"pk": "p", "sk": "a"}, When.ABSENT)
    assert seen_elsewhere(table, "a")


def test_a_block_without_writes_holds_nobody_up(table: SqliteTable) -> None:
    with table.together():
        assert table.get(Key("p", "a")) is None
        writer = threading.Thread(target=lambda: table.put({"pk": "p", "sk": "a"}))
        writer.start()
        writer.join()
        assert seen_elsewhere(table, "a")


def test_other_threads_wait_for_the_end_of_the_block(table: SqliteTable) -> None:
    done: list[str] = []
    writer = threading.Thread(target=lambda: (table.put({"pk": "p", "sk": "b"}), done.append("b")))
    with table.together():
        table.put({"pk": "p", "sk": "a"})
        writer.start()
        assert done == []
    writer.join()
    assert done == ["b"]
    assert seen_elsewhere(table, "a")


def test_a_full_disk_never_leaves_a_write_behind_that_seemed_to_succeed(
    table: SqliteTable,
) -> None:
    connection = table._connection()  # pyright: ignore[reportPrivateUsage] # to make its disk small
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    kept: list[str] = []

    def write_past_the_end() -> None:
        with table.together():
            for number in range(20):
                sk = f"{number:02}"
                try:
                    table.put({"pk": "p", "sk": sk, "body": b"x" * 9_000})
                except Unavailable:
                    continue
                kept.append(sk)

    try:
        write_past_the_end()
    except Unavailable:
        kept.clear()
    assert len(kept) < 20
    found = [f"{n:02}" for n in range(20) if seen_elsewhere(table, f"{n:02}")]
    assert found == kept


def test_after_the_store_undid_the_transaction_nothing_is_committed(table: SqliteTable) -> None:
    connection = table._connection()  # pyright: ignore[reportPrivateUsage] # plays the failing store

    def write_around_a_failure() -> None:
        with table.together():
            table.put({"pk": "p", "sk": "a"})
            connection.execute("ROLLBACK")
            with pytest.raises(Unavailable):
                table.put({"pk": "p", "sk": "b"})

    with pytest.raises(Unavailable):
        write_around_a_failure()
    assert not seen_elsewhere(table, "a")
    assert not seen_elsewhere(table, "b")
    table.put({"pk": "p", "sk": "c"})
    assert seen_elsewhere(table, "c")
