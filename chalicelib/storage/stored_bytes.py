"""Records of stored bytes, their owners, and the queue of objects that may be garbage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from chalicelib.core.ids import TenantId, TreeId
from chalicelib.core.model.artifact import FilePlace
from chalicelib.core.model.stored_bytes import Owned, Owner, OwnerKind, StoredBytes
from chalicelib.storage import artifact_keys
from chalicelib.storage.table import (
    MAX_GET_MANY,
    Check,
    Delete,
    Item,
    Put,
    Query,
    Table,
    When,
    query_all,
)


class DueObject(NamedTuple):
    """An object to look at, and since when (ms)."""

    due_ms: int
    blob_key: str


class StoredBytesStore:
    """Which bytes a tenant has."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def get(self, tenant: TenantId, sha256: str) -> StoredBytes | None:
        """One read."""
        item = self.table.get(artifact_keys.stored_bytes(tenant, sha256))
        return None if item is None else _stored(item)

    def get_many(self, tenant: TenantId, digests: Sequence[str]) -> dict[str, StoredBytes]:
        """Those that there are, by digest; `digests` are distinct. One read per 100."""
        found: dict[str, StoredBytes] = {}
        for start in range(0, len(digests), MAX_GET_MANY):
            some = digests[start : start + MAX_GET_MANY]
            for item in self.table.get_many(
                [artifact_keys.stored_bytes(tenant, one) for one in some]
            ):
                if item is not None:
                    stored = _stored(item)
                    found[stored.sha256] = stored
        return found

    def unchanged(self, tenant: TenantId, stored: StoredBytes) -> Check:
        """Part of a transaction: fails when the record is not as it was read."""
        return Check(artifact_keys.stored_bytes(tenant, stored.sha256), stored.version)

    def replaced(self, tenant: TenantId, old: StoredBytes | None, new: StoredBytes) -> Put:
        """The write that puts `new` where `old` is still the record."""
        new = replace(new, version=1 if old is None else old.version + 1)
        return Put(_item(tenant, new), when=When.ABSENT if old is None else old.version)

    def removed(self, tenant: TenantId, stored: StoredBytes) -> Delete:
        """The write that removes the record where it is still this one."""
        return Delete(artifact_keys.stored_bytes(tenant, stored.sha256), stored.version)

    # -- owners -------------------------------------------------------------------------------

    def owned(self, tenant: TenantId, sha256: str, owned: Owned) -> Put:
        """The write that adds an owner; again is fine."""
        owner = owned.owner
        key = artifact_keys.bytes_owner(tenant, sha256, f"{owner.kind}#{owner.id}")
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "kind": owner.kind,
            "id": owner.id,
            "blob": owned.blob_key,
        }
        if owner.place is not None:
            item |= {"run": owner.place.tree, "path": owner.place.path}
        return Put(item)

    def disowned(self, tenant: TenantId, sha256: str, owner: Owner) -> Delete:
        """The write that removes an owner; again is fine."""
        return Delete(artifact_keys.bytes_owner(tenant, sha256, f"{owner.kind}#{owner.id}"))

    def owners(self, tenant: TenantId, sha256: str) -> Iterator[Owned]:
        """Who needs the bytes. One query per MB, made as the owners are asked for."""
        pk = artifact_keys.stored_bytes(tenant, sha256).pk
        for item in query_all(self.table, Query(pk, prefix=artifact_keys.OWNER_PREFIX)):
            yield _owned(item)

    def owned_by(self, tenant: TenantId, owner: Owner, digests: Sequence[str]) -> dict[str, Owned]:
        """What this owner needs of the digests (distinct ones). One read per 100."""
        name = f"{owner.kind}#{owner.id}"
        found: dict[str, Owned] = {}
        for start in range(0, len(digests), MAX_GET_MANY):
            some = digests[start : start + MAX_GET_MANY]
            keys = [artifact_keys.bytes_owner(tenant, one, name) for one in some]
            for sha256, item in zip(some, self.table.get_many(keys), strict=True):
                if item is not None:
                    found[sha256] = _owned(item)
        return found

    # -- the queue ----------------------------------------------------------------------------

    def due(self, blob_key: str, due_ms: int) -> Put:
        """The write that has the object looked at from `due_ms` on."""
        key = artifact_keys.collection_due(due_ms, blob_key)
        return Put({"pk": key.pk, "sk": key.sk})

    def due_before(self, now_ms: int) -> Iterator[DueObject]:
        """What is due, the longest waiting first. One query per MB, made as they are asked for."""
        query = Query(artifact_keys.COLLECTION_DUE, start="0", stop=f"{now_ms:015d}~")
        for item in query_all(self.table, query):
            yield DueObject(*artifact_keys.parse_collection_due(cast(str, item["sk"])))

    def looked_at(self, due: DueObject) -> Delete:
        """The write that takes it off the queue."""
        return Delete(artifact_keys.collection_due(*due))


def _item(tenant: TenantId, stored: StoredBytes) -> Item:
    key = artifact_keys.stored_bytes(tenant, stored.sha256)
    return {
        "pk": key.pk,
        "sk": key.sk,
        "sha256": stored.sha256,
        "size": stored.size_bytes,
        "blob": stored.blob_key,
        "verified": stored.verified,
        "promised": stored.promised_at_ms,
        "doomed": stored.doomed,
        "version": stored.version,
    }


def _stored(item: Item) -> StoredBytes:
    return StoredBytes(
        sha256=cast(str, item["sha256"]),
        size_bytes=cast(int, item["size"]),
        blob_key=cast(str, item["blob"]),
        verified=cast(bool, item["verified"]),
        promised_at_ms=cast(int, item["promised"]),
        doomed=cast(bool, item["doomed"]),
        version=cast(int, item["version"]),
    )


def _owned(item: Item) -> Owned:
    tree, path = item.get("run"), item.get("path")
    place = FilePlace(cast("TreeId", tree), path) if isinstance(tree, str) else None  # pyright: ignore[reportArgumentType] # both or neither
    owner = Owner(cast(OwnerKind, item["kind"]), cast(str, item["id"]), place)
    return Owned(owner, cast(str, item["blob"]))
