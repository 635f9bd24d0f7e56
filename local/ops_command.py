"""`python -m local ops …`: the operator's commands on a laptop's home.

Works while the server runs: both open the same files.
"""

from __future__ import annotations

import argparse

from chalicelib import ops, wiring
from chalicelib.core.context import Clock
from chalicelib.storage.signing_key import signing_key
from local import doctor
from local.disk_blobs import DiskBlobs
from local.home import Home
from local.sqlite_table import SqliteTable


def run(options: argparse.Namespace, home: Home, clock: Clock, retention_days: int | None) -> int:
    """Run one command; returns the exit status."""
    if options.ops_command == "doctor":
        return doctor.run(options, home, clock)
    table = SqliteTable(home.table_file, clock)
    try:
        # No URL is made: nothing is served from here.
        blobs = DiskBlobs(home.blobs_folder, "", signing_key(table, clock), clock)
        return ops.run(options, wiring.services_on(table, blobs, clock, retention_days))
    finally:
        table.close()
