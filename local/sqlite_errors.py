"""What SQLite's errors mean to a caller of the table."""

from __future__ import annotations

import sqlite3

from chalicelib.core.errors import Throttled, Unavailable


def core_error(error: sqlite3.Error) -> Exception:
    """What the error means to a caller; a mistake of ours stays what it is."""
    if not isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError):
        return error
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Throttled("the store is busy; send it again")
    if code in (sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_ERROR):
        return error
    return Unavailable("the store cannot be read or written; look at its disk")


def undone() -> Unavailable:
    return Unavailable("the store undid a write that shared its commit; send it again")
