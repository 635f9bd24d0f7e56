"""What SQLite answered survives the death of the process."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from chalicelib.core.context import Clock
from chalicelib.storage.table import Key, Query, Table, query_all
from local.sqlite_table import SqliteTable
from tests.contract.table_crash_writer import THREADS

ROOT = Path(__file__).parents[2]
ANSWERS = 1_000


def fed(table: Table) -> list[str]:
    """Sort keys that the feed delivers."""
    found: list[str] = []
    after = None
    while True:
        page = table.changes(after)
        if not page.changes:
            return found
        found += [change.key.sk for change in page.changes]
        after = page.next


def test_a_process_killed_while_eight_threads_write_loses_nothing_answered(tmp_path: Path) -> None:
    path = tmp_path / "table.db"
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.table_crash_writer", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    with writer.stdout as lines:
        answered = [line.strip() for line in itertools.islice(lines, ANSWERS)]
        writer.kill()
        answered += [line.strip() for line in lines if line.endswith("\n")]
    assert writer.wait() == -9
    assert len(answered) >= ANSWERS

    with closing(SqliteTable(path, Clock())) as table:
        stored = [str(item["sk"]) for item in query_all(table, Query("log"))]
        assert set(answered) <= set(stored)
        assert sorted(fed(table)) == stored
        for thread in range(THREADS):
            count = table.get(Key("count", f"{thread}"))
            assert count is not None
            assert count["n"] == sum(sk.startswith(f"{thread}-") for sk in stored)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
