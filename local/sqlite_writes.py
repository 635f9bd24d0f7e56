"""Conditional writes inside one SQLite transaction."""

from __future__ import annotations

import sqlite3
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from typing import Final

from chalicelib.storage.item_size import read_number
from chalicelib.storage.table import (
    Add,
    Check,
    Condition,
    Delete,
    Item,
    Key,
    Put,
    Value,
    When,
    Write,
)
from local.sqlite_items import decode, encode

_TOKEN_KEPT_MS: Final = 10 * 60 * 1000
_EXACT: Final = Context(prec=38, traps=[Inexact, Overflow, InvalidOperation])

# ?1 pk, ?2 sk, ?3 version, ?4 expires_at, ?5 lpk, ?6 lsk, ?7 cpk, ?8 cseq, ?9 body,
# ?10 now in seconds, ?11 the version that the condition names
_SET: Final = (
    "SET version = ?3, expires_at = ?4, lpk = ?5, lsk = ?6, cpk = ?7, cseq = ?8, body = ?9"
)
_LIVE: Final = "(expires_at IS NULL OR expires_at > ?10)"
_PUT: Final = (
    "INSERT INTO items (pk, sk, version, expires_at, lpk, lsk, cpk, cseq, body)"
    f" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (pk, sk) DO UPDATE {_SET}"
)
_PUT_ABSENT: Final = f"{_PUT} WHERE items.expires_at <= ?10"
_PUT_PRESENT: Final = f"UPDATE items {_SET} WHERE pk = ?1 AND sk = ?2 AND {_LIVE}"
_PUT_AT: Final = f"{_PUT_PRESENT} AND version = ?11"
_STATE: Final = (
    "SELECT version, body FROM items"
    " WHERE pk = ? AND sk = ? AND (expires_at IS NULL OR expires_at > ?)"
)
_DELETE: Final = "DELETE FROM items WHERE pk = ? AND sk = ?"
# The usual rewrite of a document: its place in the lists stays, so that index is left alone. A page
# less to write to the log is worth more than the statement that is tried in vain now and then.
_PUT_AT_IN_PLACE: Final = (
    "UPDATE items SET version = ?3, cpk = ?7, cseq = ?8, body = ?9"
    " WHERE pk = ?1 AND sk = ?2 AND version = ?11 AND lpk IS ?5 AND lsk IS ?6"
    " AND expires_at IS NULL AND ?4 IS NULL"
)
_LAST_CHANGE: Final = "SELECT max(cseq) FROM items WHERE cpk = ?"
_FEED: Final = "INSERT INTO changes (written_ms, pk, sk, old, new) VALUES (?, ?, ?, ?, ?)"
_TOKEN: Final = (
    "INSERT INTO tokens (token, digest, expires_ms) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (token) DO UPDATE SET digest = ?2, expires_ms = ?3 WHERE expires_ms <= ?4"
)


class WriteSet:
    """The writes of one transaction, on a connection that has begun it."""

    __slots__ = ("_connection", "_now_ms", "_now_s")

    def __init__(self, connection: sqlite3.Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._now_s = now_ms // 1000

    def seen(self, token: str, digest: bytes) -> bool:
        """True when the token's transaction was made already; ValueError when it was another."""
        arguments = (token, digest, self._now_ms + _TOKEN_KEPT_MS, self._now_ms)
        if self._connection.execute(_TOKEN, arguments).rowcount:
            return False
        sql = "SELECT digest FROM tokens WHERE token = ?"
        if self._connection.execute(sql, (token,)).fetchone()[0] != digest:
            raise ValueError("that token was used for another transaction")
        return True

    def apply(self, write: Write, body: bytes) -> bool:
        """False when the write's condition failed. `body` is the encoded item of a Put."""
        match write:
            case Put(item, when):
                return self.put(item, body, when)
            case Delete(key, when):
                return self.delete(key, when)
            case Check(key, when):
                return self._holds(key, when)
            case Add():
                return self.add(write) is not None

    def put(self, item: Item, body: bytes, when: Condition) -> bool:
        """False when the condition failed."""
        feed = "feed" in item
        old = self._body(item) if feed and when is not When.ABSENT else None
        row = (
            item["pk"],
            item["sk"],
            item.get("version"),
            item.get("expires_at"),
            item.get("lpk"),
            item.get("lsk"),
            item.get("cpk"),
            self._change_seq(item["cpk"]) if "cpk" in item else None,
            body,
        )
        done = False
        match when:
            case None:
                sql, arguments = _PUT, row
            case When.ABSENT:
                sql, arguments = _PUT_ABSENT, (*row, self._now_s)
            case When.PRESENT:
                sql, arguments = _PUT_PRESENT, (*row, self._now_s)
            case version:
                sql, arguments = _PUT_AT, (*row, self._now_s, version)
                done = self._connection.execute(_PUT_AT_IN_PLACE, arguments).rowcount == 1
        done = done or self._connection.execute(sql, arguments).rowcount == 1
        if (
            done and feed and old != body
        ):  # DynamoDB's stream has no record of a write without effect
            change = (self._now_ms, item["pk"], item["sk"], old, body)
            self._connection.execute(_FEED, change)
        return done

    def delete(self, key: Key, when: Condition) -> bool:
        """False when the condition failed."""
        if not self._holds(key, when):
            return False
        self._connection.execute(_DELETE, key)
        return True

    def add(self, write: Add) -> Item | None:
        """The item as it is afterwards, None when the condition failed. Raises ValueError when the
        sum cannot be kept exactly."""
        if not self._holds(write.key, write.when):
            return None
        state = self._state(write.key)
        item: Item = {"pk": write.key.pk, "sk": write.key.sk} if state is None else decode(state[1])
        for name, amount in write.amounts.items():
            item[name] = _sum(name, item.get(name, 0), amount)
        item.update(write.also)
        self.put(item, encode(item), None)
        return item

    def _holds(self, key: Key, when: Condition) -> bool:
        if when is None:
            return True
        state = self._state(key)
        if isinstance(when, When):
            return (state is None) == (when is When.ABSENT)
        return state is not None and state[0] == when

    def _state(self, key: Key) -> tuple[int | None, bytes] | None:
        return self._connection.execute(_STATE, (*key, self._now_s)).fetchone()

    def _body(self, item: Item) -> bytes | None:
        row = self._connection.execute(_STATE, (item["pk"], item["sk"], self._now_s)).fetchone()
        return None if row is None else row[1]

    def _change_seq(self, partition: Value) -> int:
        """Higher than all in the partition, and than those of items that were deleted from it: time
        in microseconds, or one more than the last. Transactions come one after another."""
        last = self._connection.execute(_LAST_CHANGE, (partition,)).fetchone()[0]
        return max((last or 0) + 1, self._now_ms * 1000)


def _sum(name: str, old: object, amount: int | Decimal) -> int | Decimal:
    if type(old) is not int and type(old) is not Decimal:
        raise ValueError(f"cannot add to {name}: it is not a number")
    if type(old) is int and type(amount) is int:
        return old + amount
    try:
        return read_number(str(_EXACT.add(Decimal(old), Decimal(amount))))
    except DecimalException as error:
        raise ValueError(f"the sum in {name} has more than 38 digits") from error
