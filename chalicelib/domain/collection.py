"""Collection of stored bytes that nothing needs any more.

What may have become garbage is on a queue, an object at a time: put there when it may be written
before anything owns it, and when an owner lets go. So a run of the collector looks at what changed,
never at everything. What it does at each object can stop anywhere and be done again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed, Contended, TrialbookError
from chalicelib.core.ids import TenantId
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import previews
from chalicelib.domain.stored_bytes import GRACE_MS, ByteStores
from chalicelib.storage import artifact_keys
from chalicelib.storage.stored_bytes import DueObject, StoredBytesStore
from chalicelib.storage.table import Write


@dataclass(slots=True)
class Collected:
    """What a run of the collector did, or with `dry_run` would do: objects looked at and deleted,
    and the bytes of the deleted ones."""

    examined: int = 0
    deleted: int = 0
    bytes_freed: int = 0


def let_go(records: StoredBytesStore, blob_key: str, owner: Owner, now_ms: int) -> list[Write]:
    """The writes by which an owner no longer needs its bytes. They are looked at after the grace,
    and not before unless they were on the queue already."""
    tenant, sha256, _ = artifact_keys.parse_blob(blob_key)
    return [records.disowned(tenant, sha256, owner), records.due(blob_key, now_ms + GRACE_MS)]


def collect(
    stores: ByteStores, clock: Clock, *, deadline_s: float, dry_run: bool = False
) -> Collected:
    """Look at everything that is due, until `deadline_s` on the clock. About three reads an object,
    and four writes and one deletion for each that nobody needs. Several may run at once. An object
    that fails stays due and does not keep the others from their turn; its error is raised after
    them."""
    done = Collected()
    failed: TrialbookError | None = None
    looked_at: set[str] = set()
    for due in stores.records.due_before(clock.now_ms()):
        if clock.monotonic_s() > deadline_s:
            break
        if dry_run:  # what is deleted is on the queue a second time, often
            if due.blob_key in looked_at:
                continue
            looked_at.add(due.blob_key)
        done.examined += 1
        try:
            freed = _collect(stores, clock.now_ms(), due, dry_run=dry_run)
        except Contended:
            continue  # somebody is at it at this moment
        except TrialbookError as error:
            failed = error
            continue
        if freed is not None:
            done.deleted += 1
            done.bytes_freed += freed
    if failed is not None:
        raise failed
    return done


def _collect(stores: ByteStores, now_ms: int, due: DueObject, *, dry_run: bool) -> int | None:
    """The size of the object when it was deleted, else None. Stopped anywhere, it stays due."""
    records, blobs, blob_key = stores.records, stores.blobs, due.blob_key
    tenant, sha256, _ = artifact_keys.parse_blob(blob_key)
    record = records.get(tenant, sha256)
    if record is not None and record.blob_key != blob_key:
        record = None  # another object counts: no owner can come to this one any more
    if _is_owned(records, tenant, sha256, blob_key):
        return None if dry_run else _drop(records, due)
    if record is not None and not record.doomed and record.promised_at_ms + GRACE_MS > now_ms:
        later = records.due(blob_key, record.promised_at_ms + GRACE_MS)
        return None if dry_run else _drop(records, due, later)
    info = blobs.head(blob_key)
    if dry_run:
        return None if info is None else info.size_bytes
    if record is not None:
        try:
            record = _doomed(records, tenant, record)
        except ConditionFailed:
            return None  # somebody relies on the bytes at this moment
        # Who read the record before it was doomed may have become an owner since the first look;
        # from here on nobody can. It stays doomed: another collector may not have seen the owner,
        # and must not find one later that it did not see.
        if _is_owned(records, tenant, sha256, blob_key):
            return _drop(records, due)
    blobs.delete(blob_key)
    previews.delete(blobs, blob_key)
    if record is not None:
        _forget(records, tenant, record)
    _drop(records, due)
    return None if info is None else info.size_bytes


def _is_owned(records: StoredBytesStore, tenant: TenantId, sha256: str, blob_key: str) -> bool:
    return any(owned.blob_key == blob_key for owned in records.owners(tenant, sha256))


def _doomed(records: StoredBytesStore, tenant: TenantId, record: StoredBytes) -> StoredBytes:
    """Raises ConditionFailed when the record changed."""
    if record.doomed:  # a run before stopped after this
        return record
    doomed = replace(record, doomed=True, version=record.version + 1)
    write = records.replaced(tenant, record, doomed)
    records.table.put(write.item, write.when)
    return doomed


def _forget(records: StoredBytesStore, tenant: TenantId, record: StoredBytes) -> None:
    """Remove the record, unless somebody brought the bytes anew: then theirs is the record."""
    try:
        records.table.transact([records.removed(tenant, record)])
    except ConditionFailed:
        return


def _drop(records: StoredBytesStore, due: DueObject, *later: Write) -> None:
    records.table.transact([records.looked_at(due), *later])
