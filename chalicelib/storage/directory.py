"""Whose an experiment or run id is: written with it, read only where the tenant has none."""

from __future__ import annotations

from chalicelib.core.errors import Forbidden, NotFound, TrialbookError
from chalicelib.core.ids import TenantId
from chalicelib.storage import keys
from chalicelib.storage.table import Put, Table, When


def owned(tenant: TenantId, any_id: str) -> Put:
    """The write that records the owner; part of the transaction that creates the thing."""
    key = keys.owner(any_id)
    return Put({"pk": key.pk, "sk": key.sk, "tenant": tenant}, when=When.ABSENT)


def why_missing(table: Table, tenant: TenantId, noun: str, any_id: str) -> TrialbookError:
    """Forbidden when the id is another tenant's, else NotFound. One read."""
    item = table.get(keys.owner(any_id))
    if item is not None and item["tenant"] != tenant:
        return Forbidden("tenant access denied", **{f"{noun}_id": any_id})
    return NotFound(f"there is no such {noun}", **{f"{noun}_id": any_id})
