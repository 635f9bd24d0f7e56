"""`python -m local ops doctor`: whether a home can be used, and what is in it is whole."""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Final
from urllib.parse import quote

from chalicelib import ops_doctor, wiring
from chalicelib.core.context import Clock
from chalicelib.core.errors import TrialbookError
from chalicelib.ops_doctor import Check, Finding, verdict
from chalicelib.storage.signing_key import signing_key
from local.disk_blobs import DiskBlobs
from local.home import Home
from local.sqlite_errors import core_error
from local.sqlite_table import SqliteTable

MIB: Final = 1024 * 1024
WARNING_MIB: Final = 1024
FAILED_MIB: Final = 100
SHOWN: Final = 3
"""Lines of what SQLite finds."""


def run(options: argparse.Namespace, home: Home, clock: Clock) -> int:
    """Look at the home, also while a server runs; the exit status."""
    return ops_doctor.run(options, checks(home, clock))


def checks(home: Home, clock: Clock) -> Iterator[Check]:
    """In the order in which to mend."""
    yield lambda: writable(home, clock)
    yield lambda: private(home)
    yield lambda: free_disk(shutil.disk_usage(home.path).free // MIB)
    yield lambda: whole(home)
    yield lambda: use(home, clock)


def writable(home: Home, clock: Clock) -> Iterator[Finding]:
    draft = home.path / f"doctor-{clock.new_id()}"
    try:
        draft.write_bytes(b"x")
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        mend = "let its owner write there, or set TRIALBOOK_HOME"
        yield Finding("failed", f"the home cannot be written: {reason}", mend)
    else:
        yield Finding("ok", "the home can be written")
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def private(home: Home) -> Iterator[Finding]:
    open_to_others = home.path.stat().st_mode & 0o077
    if open_to_others and os.name == "posix":
        yield Finding("warning", "others on this machine may look into the home", "chmod 700 it")
    else:
        yield Finding("ok", "the home is its owner's alone")


def free_disk(free_mib: int) -> Iterator[Finding]:
    what = f"{free_mib} MiB of the disk are free"
    mend = "make room, or set TRIALBOOK_HOME to a larger disk"
    if free_mib < FAILED_MIB:
        yield Finding("failed", what, mend)
    elif free_mib < WARNING_MIB:
        yield Finding("warning", what, mend)
    else:
        yield Finding("ok", what)


def whole(home: Home) -> Iterator[Finding]:
    """Reads the whole table."""
    if not home.table_file.exists():
        yield Finding("failed", "there is no table yet", "start the server once, or name a home")
        return
    mend = "stop the server and restore a backup (docs/architecture.md)"
    try:
        address = f"file:{quote(str(home.table_file))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute("PRAGMA integrity_check").fetchmany(SHOWN)
    except sqlite3.Error as error:
        yield Finding("failed", f"the table cannot be read: {error.sqlite_errorname}", mend)
        return
    said = [str(row[0]) for row in rows]
    yield verdict(said == ["ok"], "the table is whole", f"the table is damaged: {said}", mend)


def use(home: Home, clock: Clock) -> Iterator[Finding]:
    """As the server does."""
    mend = "mend what is above"
    try:
        table = SqliteTable(home.table_file, clock)
    except TrialbookError as error:
        yield Finding("failed", f"the store does not open: {error}", mend)
        return
    except sqlite3.Error as error:
        yield Finding("failed", f"the store does not open: {core_error(error)}", mend)
        return
    with closing(table):
        try:
            blobs = DiskBlobs(home.blobs_folder, "", signing_key(table, clock), clock)
            services = wiring.services_on(table, blobs, clock)
        except (TrialbookError, OSError) as error:
            yield Finding("failed", f"the service does not start: {type(error).__name__}", mend)
            return
        round_trip = ops_doctor.guarded(
            "the blobs", lambda: ops_doctor.blob_round_trip(blobs, clock)
        )
        for check in (*ops_doctor.of_services(services), round_trip):
            yield from check()
