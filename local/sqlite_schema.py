"""The tables of the SQLite file, how it is opened, scanned and swept."""

from __future__ import annotations

import sqlite3
from typing import Final

from chalicelib.core.errors import Unavailable
from chalicelib.storage.table import Query

_VERSION: Final = 1
_FEED_KEPT_MS: Final = 48 * 3600 * 1000
_SWEEP_ROWS: Final = 1000
_BUSY_MS: Final = 10_000
_CACHE_KIB: Final = 16 * 1024
"""Of each connection; the default of 2 MB reads the upper pages of the trees again and again."""
_CHECKPOINT_PAGES: Final = 16_000
"""64 MB: a limit for who writes without `SqliteTable.checkpoint` beside it. It costs two syncs, in
the way of a request."""

_TABLES: Final = """
CREATE TABLE items (
    pk TEXT NOT NULL,
    sk TEXT NOT NULL,
    version INTEGER,
    expires_at INTEGER,
    lpk TEXT,
    lsk TEXT,
    cpk TEXT,
    cseq INTEGER,
    body BLOB NOT NULL,
    PRIMARY KEY (pk, sk)
);
CREATE INDEX items_listed ON items (lpk, lsk, pk, sk) WHERE lpk IS NOT NULL;
CREATE INDEX items_changed ON items (cpk, cseq) WHERE cpk IS NOT NULL;
CREATE INDEX items_expiring ON items (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    written_ms INTEGER NOT NULL,
    pk TEXT NOT NULL,
    sk TEXT NOT NULL,
    old BLOB,
    new BLOB NOT NULL
);
CREATE TABLE tokens (
    token TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tokens_expiring ON tokens (expires_ms);
"""

SCAN_CHANGED: Final = (
    "SELECT pk, sk, cseq FROM items WHERE cpk = ? AND cseq > ? ORDER BY cseq, pk, sk"
)
SCAN_CHANGES: Final = "SELECT seq, pk, sk, old, new FROM changes WHERE seq > ? ORDER BY seq LIMIT ?"


def open_database(path: str) -> sqlite3.Connection:
    """A connection of its own; makes the schema in a new file.

    Raises sqlite3.Error, and Unavailable for a file that a later version of the program wrote.
    """
    # close() is called by another thread than the one that opened it, hence check_same_thread
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if _version(connection) == 0:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection) == 0:  # another process may have been first
                for statement in _TABLES.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        if _version(connection) > _VERSION:
            raise Unavailable("the store was written by a later version; update this program")
    except BaseException:
        connection.close()
        raise
    return connection


def range_of(query: Query, now_s: int) -> tuple[str, list[str | int]]:
    """The statement that yields (body, *cursor) in the order of the query, and its arguments."""
    if query.index is None:
        partition, sort, place = "pk", "sk", "sk"
    else:
        partition, sort, place = "lpk", "lsk", "lsk, pk, sk"
    where = [f"{partition} = ?"]
    arguments: list[str | int] = [query.pk]
    start = query.start if query.prefix is None else query.prefix
    if start is not None:
        where.append(f"{sort} >= ?")
        arguments.append(start)
    if query.stop is not None:
        where.append(f"{sort} <= ?")
        arguments.append(query.stop)
    if query.prefix is not None:
        beyond = _after_prefix(query.prefix)
        if beyond is not None:
            where.append(f"{sort} < ?")
            arguments.append(beyond)
    if query.after is not None:
        marks = ", ".join("?" * len(query.after))
        where.append(f"({place}) {'<' if query.reverse else '>'} ({marks})")
        arguments += query.after
    where.append("(expires_at IS NULL OR expires_at > ?)")
    arguments.append(now_s)
    order = ", ".join(column + (" DESC" if query.reverse else "") for column in place.split(", "))
    return (
        f"SELECT body, {place} FROM items WHERE {' AND '.join(where)} ORDER BY {order}",
        arguments,
    )


def sweep(connection: sqlite3.Connection, now_ms: int) -> None:
    """Remove some of what nobody can see any more: a bounded piece of work, done now and then."""
    connection.execute(
        "DELETE FROM items WHERE rowid IN (SELECT rowid FROM items WHERE expires_at <= ? LIMIT ?)",
        (now_ms // 1000, _SWEEP_ROWS),
    )
    connection.execute("DELETE FROM tokens WHERE expires_ms <= ?", (now_ms,))
    connection.execute(
        "DELETE FROM changes WHERE seq IN"
        " (SELECT seq FROM (SELECT seq, written_ms FROM changes ORDER BY seq LIMIT ?)"
        " WHERE written_ms < ?)",
        (_SWEEP_ROWS, now_ms - _FEED_KEPT_MS),
    )


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _after_prefix(prefix: str) -> str | None:
    """The least text that sorts after everything with the prefix; None when there is none."""
    for end in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[end])
        if code < 0x10FFFF:
            # surrogates are no characters of their own and cannot be stored
            following = 0xE000 if code == 0xD7FF else code + 1
            return prefix[:end] + chr(following)
    return None
