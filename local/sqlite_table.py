"""The Table seam on SQLite: what the laptop's server keeps its metadata in.

WAL with synchronous=NORMAL: a write that was answered survives the death of the process, not of the
machine. One connection a thread; one writer at a time in the process, others may open the file too.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed
from chalicelib.storage.item_size import (
    check_add,
    check_key,
    check_keys,
    check_query,
    check_transaction,
    check_transaction_bytes,
)
from chalicelib.storage.table import (
    MAX_TRANSACTION_BYTES,
    PAGE_BYTES,
    Add,
    Change,
    Changed,
    Changes,
    Condition,
    Item,
    Key,
    Page,
    Put,
    Query,
    Write,
)
from local.sqlite_errors import core_error, undone
from local.sqlite_items import decode, encode, packed_write
from local.sqlite_schema import SCAN_CHANGED, SCAN_CHANGES, open_database, range_of, sweep
from local.sqlite_writes import WriteSet

T = TypeVar("T")

_GET = "SELECT body, expires_at FROM items WHERE pk = ? AND sk = ?"
_SWEEP_EVERY = 256


@dataclass(slots=True)
class _Group:
    """Writes that share a commit. `stack` gives the writer's turn back."""

    stack: ExitStack
    is_locked: bool = False
    has_begun: bool = False


class SqliteTable:
    """Implements `storage.table.Table`. Makes the file and its schema when they are missing."""

    def __init__(self, path: Path | str, clock: Clock) -> None:
        self._path = str(path)
        self._clock = clock
        self._mine = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._writer = threading.Lock()
        self._writes = 0
        self._connection()

    def close(self) -> None:
        """Close the connections of every thread; no other thread may be in a call."""
        with self._writer:
            for connection in self._all:
                connection.close()
            self._all.clear()
            self._mine = threading.local()

    def get(self, key: Key) -> Item | None:
        check_key(key)
        return self._get(self._connection(), key)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        check_keys(keys)
        connection = self._connection()
        return [self._get(connection, key) for key in keys]

    def put(self, item: Item, when: Condition = None) -> None:
        body = encode(item)
        if not self._write(lambda writes: writes.put(item, body, when)):
            raise ConditionFailed

    def delete(self, key: Key, when: Condition = None) -> None:
        check_key(key)
        if not self._write(lambda writes: writes.delete(key, when)):
            raise ConditionFailed

    def add(self, write: Add) -> Item:
        check_add(write)
        item = self._write(lambda writes: writes.add(write))
        if item is None:
            raise ConditionFailed
        return item

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        check_transaction(writes, token)
        bodies = [_checked_body(write) for write in writes]
        if sum(map(len, bodies)) > MAX_TRANSACTION_BYTES // 4:
            check_transaction_bytes(writes)
        digest = b""
        if token is not None:
            packed = map(packed_write, writes, bodies)
            digest = hashlib.sha256(b"".join(packed)).digest()

        def apply(target: WriteSet) -> None:
            if token is not None and target.seen(token, digest):
                return
            failed = [
                position
                for position, write in enumerate(writes)
                if not target.apply(write, bodies[position])
            ]
            if failed:
                raise ConditionFailed(failed)

        self._write(apply)

    def query(self, query: Query) -> Page:
        check_query(query)
        sql, arguments = range_of(query, self._clock.now_ms() // 1000)
        items: list[Item] = []
        size_bytes = 0
        last: tuple[str, ...] = ()
        try:
            for body, *place in self._connection().execute(sql, arguments):
                size_bytes += len(body)
                if len(items) == query.limit or (items and size_bytes > PAGE_BYTES):
                    return Page(items, last)
                items.append(decode(body))
                last = tuple(place)
        except sqlite3.Error as error:
            raise core_error(error) from error
        return Page(items, None)

    def changed_since(self, partition: str, mark: str | None) -> Changed:
        rows = self._read(SCAN_CHANGED, (partition, int(mark or 0)))
        newest = str(rows[-1][2]) if rows else mark or "0"
        return Changed([Key(pk, sk) for pk, sk, _ in rows], newest)

    def changes(self, after: str | None, limit: int = 500) -> Changes:
        position = int(after or 0)
        changes: list[Change] = []
        size_bytes = 0
        try:
            rows = self._connection().execute(SCAN_CHANGES, (position, limit))
            for seq, pk, sk, old, new in rows:
                size_bytes += len(new) + len(old or b"")
                if changes and size_bytes > PAGE_BYTES:
                    break
                image = None if old is None else decode(old)
                changes.append(Change(str(seq), Key(pk, sk), image, decode(new)))
                position = seq
        except sqlite3.Error as error:
            raise core_error(error) from error
        return Changes(changes, str(position))

    def checkpoint(self) -> None:
        """Write the log back into the file, beside readers and writers. Done often, it keeps the
        log short and its blocks in use again, and no request has to wait for the disk."""
        self._read("PRAGMA wal_checkpoint(PASSIVE)", ())

    def _get(self, connection: sqlite3.Connection, key: Key) -> Item | None:
        try:
            row = connection.execute(_GET, key).fetchone()
        except sqlite3.Error as error:
            raise core_error(error) from error
        if row is None:
            return None
        body, expires_at = row
        if expires_at is not None and expires_at * 1000 <= self._clock.now_ms():
            return None
        return decode(body)

    def _read(self, sql: str, arguments: tuple[object, ...]) -> list[tuple[str, str, int]]:
        try:
            return self._connection().execute(sql, arguments).fetchall()
        except sqlite3.Error as error:
            raise core_error(error) from error

    def _write(self, work: Callable[[WriteSet], T]) -> T:
        """Run `work` in a transaction, which an exception rolls back."""
        connection = self._connection()
        now_ms = self._clock.now_ms()
        group = getattr(self._mine, "group", None)
        if group is not None:
            return self._write_in(group, connection, WriteSet(connection, now_ms), work)
        with self._writer:
            try:
                connection.execute("BEGIN IMMEDIATE")
                result = work(WriteSet(connection, now_ms))
                self._writes += 1
                if self._writes % _SWEEP_EVERY == 0:
                    sweep(connection, now_ms)
                connection.execute("COMMIT")
                return result
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise core_error(error) from error
                raise

    @contextmanager
    def together(self) -> Generator[None]:
        """Commit this thread's writes within the block at its end, all at once: two system calls
        and some pages of the log for many writes and not for each.

        Each of them succeeds or fails for itself, but none is durable before the block has ended:
        what is answered has to wait for that. Raises Throttled, Unavailable, with all undone.
        """
        connection = self._connection()
        with ExitStack() as stack:
            group = self._mine.group = _Group(stack)
            try:
                yield
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._mine.group = None
            try:
                if group.has_begun and not connection.in_transaction:
                    raise undone()
                if connection.in_transaction:
                    connection.execute("COMMIT")
            except sqlite3.Error as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise core_error(error) from error

    def _write_in(
        self,
        group: _Group,
        connection: sqlite3.Connection,
        writes: WriteSet,
        work: Callable[[WriteSet], T],
    ) -> T:
        """Run `work` as a part of the group's transaction, which the first one begins."""
        try:
            if not group.has_begun:
                if not group.is_locked:
                    group.stack.enter_context(self._writer)
                    group.is_locked = True
                connection.execute("BEGIN IMMEDIATE")
                group.has_begun = True
            elif not connection.in_transaction:
                # A full disk, say, undid it all: what comes now must not be committed alone.
                raise undone()
            connection.execute("SAVEPOINT one")
            try:
                result = work(writes)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK TO one")
                    connection.execute("RELEASE one")
                raise
            connection.execute("RELEASE one")
            return result
        except sqlite3.Error as error:
            raise core_error(error) from error

    def _connection(self) -> sqlite3.Connection:
        try:
            return self._mine.connection
        except AttributeError:
            pass
        try:
            connection = open_database(self._path)
        except sqlite3.Error as error:
            raise core_error(error) from error
        self._all.append(connection)
        self._mine.connection = connection
        return connection


def _checked_body(write: Write) -> bytes:
    if isinstance(write, Put):
        return encode(write.item)
    if isinstance(write, Add):
        check_add(write)
        return encode({"pk": write.key.pk, "sk": write.key.sk, **write.amounts, **write.also})
    check_key(write.key)
    return b""
