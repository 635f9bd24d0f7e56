"""`python -m local keys …`: make, list and revoke API keys, for whoever may read the home.

Works while the server runs: both open the same SQLite file. A running server stops taking a key
that is revoked here within 60 s.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from chalicelib import ops_keys
from chalicelib.core.context import Clock
from chalicelib.storage.api_keys import ApiKeyStore
from local.home import Home
from local.sqlite_table import SqliteTable


def add_to(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add `keys` and its actions to the command line."""
    ops_keys.add_to(add_command("keys", help="create, list and revoke API keys"), "keys_action")


def run(options: argparse.Namespace, home: Home, clock: Clock) -> int:
    """Run one action; returns the exit status. Raises the core errors."""
    table = SqliteTable(home.table_file, clock)
    try:
        ops_keys.run(options.keys_action, options, ApiKeyStore(table), clock)
    finally:
        table.close()
    return 0
