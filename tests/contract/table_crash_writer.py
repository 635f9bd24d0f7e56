"""A process that writes to a SQLite table until it is killed, and says what was answered."""

from __future__ import annotations

import itertools
import os
import sys
import threading

from chalicelib.core.context import Clock
from chalicelib.storage.table import Add, Key, Put, When
from local.sqlite_table import SqliteTable

THREADS = 8


def main(path: str) -> None:
    """Write from all threads without end; every line of stdout names a write that returned."""
    table = SqliteTable(path, Clock())

    def write(thread: int) -> None:
        for n in itertools.count():
            sk = f"{thread}-{n:06}"
            table.transact(
                [
                    Put({"pk": "log", "sk": sk, "feed": "logs", "body": b"x" * 200}, When.ABSENT),
                    Add(Key("count", f"{thread}"), {"n": 1}),
                ]
            )
            os.write(sys.stdout.fileno(), f"{sk}\n".encode())

    for thread in range(THREADS):
        threading.Thread(target=write, args=(thread,)).start()


if __name__ == "__main__":
    main(sys.argv[1])
