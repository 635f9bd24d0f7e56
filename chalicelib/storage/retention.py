"""The tenants there are, how long each keeps what is not pinned, and how far a sweep has come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from chalicelib.core.ids import TenantId
from chalicelib.storage import keys
from chalicelib.storage.table import Add, Item, Query, Table, query_all

MAX_DAYS: Final = 36_500
NEVER: Final = 0
"""The number of days that says: what is not pinned stays too."""


class Tenant(NamedTuple):
    """A tenant; `days` is what an operator set for it: None nothing, `NEVER`, else at least 1."""

    id: TenantId
    days: int | None


class SweepPosition(NamedTuple):
    """Where the next sweep goes on: in the rows of this tenant, `after` a page's `next`."""

    tenant: TenantId
    after: tuple[str, ...] | None


class RetentionStore:
    """Retention of all tenants."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def tenants(self) -> Iterator[Tenant]:
        """All that ever got an API key, by name. One query per MB, made as they are asked for."""
        for item in query_all(self.table, Query(keys.TENANTS)):
            yield _tenant(item)

    def get(self, tenant: TenantId) -> Tenant | None:
        """None when it is not on the list. One read."""
        item = self.table.get(keys.tenant(tenant))
        return None if item is None else _tenant(item)

    def set(self, tenant: TenantId, days: int | None) -> None:
        """Record what an operator decided; the tenant is on the list from then on. One write."""
        self.table.add(Add(keys.tenant(tenant), {"version": 1}, also={"days": days}))

    def position(self) -> SweepPosition | None:
        """None when the last sweep came to its end. One read."""
        item = self.table.get(keys.RETENTION_POSITION)
        if item is None:
            return None
        after = cast("list[str] | None", item["after"])
        tenant = TenantId(cast(str, item["tenant"]))
        return SweepPosition(tenant, None if after is None else tuple(after))

    def stop_at(self, position: SweepPosition | None) -> None:
        """Where the next sweep goes on, None for from the start. One write."""
        key = keys.RETENTION_POSITION
        if position is None:
            self.table.delete(key)
            return
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "tenant": position.tenant,
            "after": None if position.after is None else [*position.after],
        }
        self.table.put(item)


def known(tenant: TenantId) -> Add:
    """The write that puts a tenant on the list, where it may be already; what was set stays."""
    return Add(keys.tenant(tenant), {"version": 1})


def _tenant(item: Item) -> Tenant:
    return Tenant(TenantId(cast(str, item["sk"])), cast("int | None", item.get("days")))
