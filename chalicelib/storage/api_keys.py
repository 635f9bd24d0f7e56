"""API keys: item to dataclass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from chalicelib.core.context import Role
from chalicelib.core.ids import KeyId, TenantId, UserId
from chalicelib.core.model.api_key import ApiKey
from chalicelib.storage import keys, retention
from chalicelib.storage.table import Condition, Index, Item, Query, Table, When, query_all


class ApiKeyStore:
    """Keys of all tenants: authentication reads them before a tenant is known."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def put(self, key: ApiKey, when: Condition = When.ABSENT) -> None:
        """One write; for a new key one before, which puts its tenant on the list of tenants. Raises
        ConditionFailed."""
        if when is When.ABSENT:
            # Not one transaction: two new keys of a tenant at once would get in each other's way.
            self.table.add(retention.known(key.tenant))
        self.table.put(_item(key), when)

    def get(self, key_id: KeyId) -> ApiKey | None:
        """One read."""
        item = self.table.get(keys.api_key(key_id))
        return None if item is None else _key_of(item)

    def page(
        self, tenant: TenantId, limit: int, after: tuple[str, ...] | None
    ) -> tuple[list[ApiKey], tuple[str, ...] | None]:
        """Newest first, revoked and expired ones too, and where the next page begins. One query."""
        query = Query(
            keys.api_keys_listed(tenant),
            reverse=True,
            limit=limit,
            index=Index.LISTED,
            after=after,
        )
        found = self.table.query(query)
        return [_key_of(item) for item in found.items], found.next

    def of_tenant(self, tenant: TenantId) -> Iterator[ApiKey]:
        """Newest first, revoked and expired ones too. One query per MB."""
        query = Query(keys.api_keys_listed(tenant), reverse=True, index=Index.LISTED)
        return map(_key_of, query_all(self.table, query))


def _item(key: ApiKey) -> Item:
    address = keys.api_key(key.key_id)
    item: Item = {
        "pk": address.pk,
        "sk": address.sk,
        "lpk": keys.api_keys_listed(key.tenant),
        "lsk": f"{key.created_at_ms:015d}#{key.key_id}",
        "id": key.key_id,
        "tenant": key.tenant,
        "user": key.user,
        "role": key.role.label,
        "secret_sha256": key.secret_sha256,
        "created_at_ms": key.created_at_ms,
        "expires_at_ms": key.expires_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
        "name": key.name,
    }
    return item


def _key_of(item: Item) -> ApiKey:
    return ApiKey(
        key_id=KeyId(cast(str, item["id"])),
        tenant=TenantId(cast(str, item["tenant"])),
        user=UserId(cast(str, item["user"])),
        role=Role.of(cast(str, item["role"])),
        secret_sha256=cast(str, item["secret_sha256"]),
        created_at_ms=cast(int, item["created_at_ms"]),
        expires_at_ms=cast("int | None", item["expires_at_ms"]),
        revoked_at_ms=cast("int | None", item["revoked_at_ms"]),
        name=cast("str | None", item["name"]),
    )
