"""What is SQLite's own: a file shared by processes, its failures, what is swept, and a model."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chalicelib.core.errors import ConditionFailed, Throttled, Unavailable
from chalicelib.storage.table import (
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
    query_all,
)
from local.sqlite_table import SqliteTable
from tests.contract.table_engines import SteppedClock
from tests.folders import quick_folder

KEY = Key("p", "s")


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def table(tmp_path: Path, clock: SteppedClock) -> Iterator[SqliteTable]:
    with closing(SqliteTable(tmp_path / "table.db", clock)) as fresh:
        yield fresh


def rows(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as file:
        return file.execute(f"SELECT count(*) FROM {name}").fetchone()[0]


def test_what_was_written_is_there_when_the_file_is_opened_again(
    tmp_path: Path, clock: SteppedClock
) -> None:
    for n in range(3):
        with closing(SqliteTable(str(tmp_path / "table.db"), clock)) as opened:
            assert opened.add(Add(KEY, {"n": 1}))["n"] == n + 1


def test_two_programs_may_write_to_one_file(table: SqliteTable, tmp_path: Path) -> None:
    with closing(SqliteTable(tmp_path / "table.db", SteppedClock())) as other:

        def count(each: SqliteTable) -> None:
            for _ in range(50):
                each.transact([Add(KEY, {"n": 1}, {"feed": "x", "cpk": "c"})])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count, [table, other, table, other]))
        assert other.get(KEY) == table.get(KEY)
    assert [change.new["n"] for change in table.changes(None).changes] == list(range(1, 201))


def test_a_file_that_another_program_holds_is_throttled(table: SqliteTable, tmp_path: Path) -> None:
    connection = table._connection()  # pyright: ignore[reportPrivateUsage] - or it waits 10 s
    connection.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "table.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Throttled):
            table.put({"pk": "p", "sk": "s"})
        assert table.get(KEY) is None
    table.put({"pk": "p", "sk": "s"})


@pytest.mark.parametrize("content", [None, b"this is no database" * 1000])
def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "table.db"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(Unavailable):
        SqliteTable(path, SteppedClock())


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")
    with pytest.raises(Unavailable, match="later version"):
        SqliteTable(path, SteppedClock())


def test_what_nobody_can_see_is_swept(
    table: SqliteTable, clock: SteppedClock, tmp_path: Path
) -> None:
    for n in range(10):
        table.put({"pk": "p", "sk": f"{n}", "feed": "x", "expires_at": clock.now_s + 60})
        table.transact([Check(KEY, When.ABSENT)], f"token{n}")
    clock.advance(24 * 3600)
    for n in range(300):
        table.put({"pk": "q", "sk": f"{n}"})
    path = tmp_path / "table.db"
    assert rows(path, "items") == 300
    assert rows(path, "tokens") == 0
    assert len(table.changes(None).changes) == 10
    clock.advance(48 * 3600)
    for n in range(300):
        table.put({"pk": "q", "sk": f"{n}"})
    assert table.changes(None).changes == []


def test_a_token_is_forgotten_after_ten_minutes(table: SqliteTable, clock: SteppedClock) -> None:
    table.transact([Add(KEY, {"n": 1})], "token")
    clock.advance(600)
    table.transact([Add(KEY, {"n": 2})], "token")
    assert table.get(KEY) == {"pk": "p", "sk": "s", "n": 3}


keys = st.builds(Key, st.sampled_from(["p", "q"]), st.sampled_from(["a", "ab", "b"]))
conditions = st.sampled_from([None, None, When.ABSENT, When.PRESENT, 1, 2])
lifetimes = st.sampled_from([None, None, None, 1, 5])
versions = st.sampled_from([None, 1, 2])


class TableModel(RuleBasedStateMachine):
    """SqliteTable against a dict that does the same without SQL."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SteppedClock()
        self.directory = quick_folder()
        self.table = SqliteTable(Path(self.directory.name) / "table.db", self.clock)
        self.model: dict[Key, Item] = {}
        self.fed: list[tuple[Item | None, Item]] = []

    def teardown(self) -> None:
        self.table.close()
        self.directory.cleanup()

    def holds(self, key: Key, when: Condition) -> bool:
        item = self.model.get(key)
        if isinstance(when, When):
            return (item is None) == (when is When.ABSENT)
        return when is None or (item is not None and item.get("version") == when)

    def apply(self, write: Write) -> None:
        match write:
            case Put(item, _):
                self.store(item)
            case Delete(key, _):
                self.model.pop(key, None)
            case Add(key, amounts, also):
                new = copy.deepcopy(self.model.get(key, {"pk": key.pk, "sk": key.sk}))
                for name, amount in amounts.items():
                    old = new.get(name, 0)
                    assert isinstance(old, int)
                    new[name] = old + int(amount)
                self.store({**new, **also})
            case Check():
                pass

    def store(self, item: Item) -> None:
        key = Key(str(item["pk"]), str(item["sk"]))
        old = self.model.get(key)
        self.model[key] = item
        if "feed" in item and old != item:
            self.fed.append((old, item))

    def make_item(self, key: Key, version: int | None, lives_s: int | None, fed: bool) -> Item:
        item: Item = {"pk": key.pk, "sk": key.sk, "lpk": "all", "lsk": key.sk}
        optional: dict[str, Any] = {
            "version": version,
            "expires_at": None if lives_s is None else self.clock.now_s + lives_s,
            "feed": "x" if fed else None,
        }
        return item | {name: value for name, value in optional.items() if value is not None}

    @rule(key=keys, version=versions, lives_s=lifetimes, fed=st.booleans(), when=conditions)
    def put(
        self, key: Key, version: int | None, lives_s: int | None, fed: bool, when: Condition
    ) -> None:
        item = self.make_item(key, version, lives_s, fed)
        if self.holds(key, when):
            self.table.put(item, when)
            self.apply(Put(item))
        else:
            with pytest.raises(ConditionFailed):
                self.table.put(item, when)

    @rule(key=keys, amount=st.integers(-3, 3), fed=st.booleans())
    def add(self, key: Key, amount: int, fed: bool) -> None:
        write = Add(key, {"n": amount}, {"feed": "x"} if fed else {})
        answer = self.table.add(write)
        self.apply(write)
        assert answer == self.model[key]

    @rule(key=keys, when=conditions)
    def delete(self, key: Key, when: Condition) -> None:
        if self.holds(key, when):
            self.table.delete(key, when)
            self.apply(Delete(key))
        else:
            with pytest.raises(ConditionFailed):
                self.table.delete(key, when)

    @rule(
        parts=st.lists(
            st.tuples(keys, conditions, st.sampled_from(["put", "delete", "add", "check"])),
            min_size=1,
            max_size=4,
            unique_by=lambda part: part[0],
        )
    )
    def transact(self, parts: list[tuple[Key, Condition, str]]) -> None:
        writes: list[Write] = []
        for key, when, kind in parts:
            match kind:
                case "put":
                    writes.append(Put(self.make_item(key, 1, None, fed=True), when))
                case "delete":
                    writes.append(Delete(key, when))
                case "add":
                    writes.append(Add(key, {"n": 1}))
                case _:
                    writes.append(Check(key, when))
        failed = tuple(
            position
            for position, (key, when, kind) in enumerate(parts)
            if kind != "add" and not self.holds(key, when)
        )
        if failed:
            with pytest.raises(ConditionFailed) as failure:
                self.table.transact(writes)
            assert failure.value.failed == failed
        else:
            self.table.transact(writes)
            for write in writes:
                self.apply(write)

    @rule(seconds=st.integers(1, 3))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        for key, item in list(self.model.items()):
            expires_at = item.get("expires_at")
            if isinstance(expires_at, int) and expires_at <= self.clock.now_s:
                del self.model[key]

    @invariant()
    def the_partitions_are_equal(self) -> None:
        for pk in ("p", "q"):
            found = list(query_all(self.table, Query(pk)))
            assert found == [self.model[key] for key in sorted(self.model) if key.pk == pk]

    @invariant()
    def the_feed_is_equal(self) -> None:
        assert [(change.old, change.new) for change in self.table.changes(None).changes] == self.fed


TestTableModel = TableModel.TestCase
TestTableModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
