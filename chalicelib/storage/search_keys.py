"""Keys of what searches of artifacts are made from: builder beside parser, and nowhere else.

As in `keys.py`: tenant first, `#` separates, and no tenant ever holds one.
"""

from __future__ import annotations

from chalicelib.core.ids import TenantId
from chalicelib.storage.table import Key


def snapshot(tenant: TenantId) -> Key:
    """Which index of a tenant's artifacts is the newest that was published."""
    return Key(f"t#{tenant}#search", "snapshot")


SNAPSHOTS = "search/"
"""What the keys of published indexes begin with."""


def snapshot_blob(tenant: TenantId, build_id: str) -> str:
    """Object key of a published index."""
    return f"search/{tenant}/{build_id}"


DUE = "due#search"


def due(tenant: TenantId) -> Key:
    """That a tenant's artifacts changed since its index was published."""
    return Key(DUE, tenant)


def parse_due(sk: str) -> TenantId:
    """Inverse of `due`'s sort key."""
    return TenantId(sk)
