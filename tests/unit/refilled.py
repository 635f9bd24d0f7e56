"""Stores that are looked at and filled anew, for tests of what comes of an order of requests."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.unit.stores import HandClock, close, open_stores


@dataclass(frozen=True)
class Contents:
    """What the stores hold, and how many ids they gave."""

    rows: Mapping[str, Sequence[tuple[Any, ...]]]
    files: Mapping[str, bytes]
    ids: int

    def state(self) -> object:
        """What of it can make a difference: the items and the names of the blobs."""
        items = sorted((pk, sk, body) for pk, sk, *_, body in self.rows["items"])
        return items, sorted(name for name in self.files if name.startswith("objects"))


class World:
    """The stores, and a clock of their own that stands still. To open other ones for every schedule
    would take longer than what is done in them."""

    _TABLES: Final = ("items", "changes", "tokens", "sqlite_sequence")

    def __init__(self, folder: Path, ms: int) -> None:
        self._ms = ms
        self._clock = NamedClock("world", ms)
        self._blobs = folder / "blobs"
        self.stores = open_stores(folder, self._clock)
        self._rows = sqlite3.connect(folder / "table.db", isolation_level=None)
        self._rows.execute("PRAGMA synchronous = OFF")

    def close(self) -> None:
        self._rows.close()
        close(self.stores)

    def contents(self) -> Contents:
        rows = {
            name: self._rows.execute(f"SELECT * FROM {name}").fetchall() for name in self._TABLES
        }
        return Contents(rows, _files_of(self._blobs), self._clock.made)

    def fill(self, contents: Contents) -> None:
        """Go back to when the stores held this, by the clock too."""
        self._clock.ms, self._clock.made = self._ms, contents.ids
        self._rows.execute("BEGIN IMMEDIATE")
        for name in self._TABLES:
            self._rows.execute(f"DELETE FROM {name}")
            rows = contents.rows[name]
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                self._rows.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        self._rows.execute("COMMIT")
        there = _files_of(self._blobs)
        for name in there.keys() - contents.files.keys():
            (self._blobs / name).unlink()
        for name, body in contents.files.items():
            if there.get(name) != body:
                path = self._blobs / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
        for upload in (self._blobs / "uploads").iterdir():
            if not any(upload.iterdir()):
                upload.rmdir()  # or its id would be taken


def _files_of(root: Path) -> dict[str, bytes]:
    found = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


class NamedClock(HandClock):
    """Stands still, and gives ids that depend on nothing but whose it is."""

    def __init__(self, name: str, ms: int) -> None:
        super().__init__()
        self.ms = ms
        self._name = name
        self.made = 0

    def sleep_s(self, seconds: float) -> None:
        """Whoever waits is not chosen for a while: that is a schedule too."""

    def random_bytes(self, count: int) -> bytes:
        self.made += 1
        return hashlib.sha256(f"{self._name} {self.made}".encode()).digest()[:count]
