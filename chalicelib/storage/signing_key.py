"""The secret that signs cursors (and, on a laptop, URLs): made once and kept in the table."""

from __future__ import annotations

from typing import cast

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed
from chalicelib.storage import keys
from chalicelib.storage.table import Table, When

SECRET_BYTES = 32


def signing_key(table: Table, clock: Clock) -> bytes:
    """One read; one write more the first time. Of two that make it at once, one is kept."""
    key = keys.SIGNING_KEY
    item = table.get(key)
    if item is None:
        secret = clock.random_bytes(SECRET_BYTES)
        try:
            table.put({"pk": key.pk, "sk": key.sk, "secret": secret}, when=When.ABSENT)
        except ConditionFailed:
            return signing_key(table, clock)
        return secret
    return cast(bytes, item["secret"])
