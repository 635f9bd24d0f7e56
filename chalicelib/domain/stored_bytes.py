"""Bytes of a tenant: one record a digest, whoever saved them, and an owner for each who needs them.

Every writer of bytes writes an object of its own, and the record of the digest says which object
counts. So an object that was deleted never comes back under the same key, and whoever finds the
record doomed by the collector brings the bytes under another. Owners are added in a transaction
that checks the record, so none is added to what is being deleted (docs/adr/0009-stored-bytes.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias, TypeGuard, TypeVar

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Conflict
from chalicelib.core.model.stored_bytes import Owned, Owner, StoredBytes
from chalicelib.storage import artifact_keys
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.stored_bytes import StoredBytesStore
from chalicelib.storage.table import MAX_GET_MANY, Write

GRACE_MS: Final = 24 * 3600 * 1000
"""Bytes that nobody needs stay for this long: who was told that they are there may be about to
refer to them."""
RENEW_MS: Final = GRACE_MS // 2
OWNERS_AT_ONCE: Final = 45
"""Each is a check and a write, and a transaction has 100."""

A = TypeVar("A")
B = TypeVar("B")
Commit: TypeAlias = Callable[[StoredBytes], Sequence[Write]]
"""What is written in the transaction that settles where the bytes are; called anew each try."""


class Spread(Protocol):
    """How work on many things is done: results in the order of the things, one after the other or
    several at once."""

    def __call__(self, work: Callable[[A], B], things: Iterable[A], /) -> Iterator[B]: ...


def in_turn(work: Callable[[A], B], things: Iterable[A], /) -> Iterator[B]:
    """One after the other: SQLite has one writer, and a connection a thread."""
    return map(work, things)


@dataclass(frozen=True, slots=True)
class ByteStores:
    """The stores that bytes live in."""

    records: StoredBytesStore
    blobs: Blobs
    spread: Spread = in_turn


def keep(
    stores: ByteStores, context: Context, body: bytes, mime: str, owner: Owner, commit: Commit
) -> StoredBytes:
    """Store bytes that passed through us. One read and one transaction, and for bytes that the
    tenant has not yet one write and one blob before."""
    sha256 = hashlib.sha256(body).hexdigest()
    blob_key = artifact_keys.blob(context.tenant, sha256, context.fresh_id())
    arrived = StoredBytes(sha256, len(body), blob_key, True, context.now_ms())
    placed = False

    def attempt() -> StoredBytes:
        nonlocal placed
        known = stores.records.get(context.tenant, sha256)
        if not placed and not is_there(known):
            # On the queue first: what stops here leaves nothing that is never looked at.
            due = stores.records.due(blob_key, context.now_ms() + GRACE_MS)
            stores.records.table.put(due.item)
            stores.blobs.put(blob_key, body, mime=mime)
            placed = True
        return settle(
            stores,
            context,
            known,
            known if is_there(known) and not placed else arrived,
            owner,
            commit,
        )

    return retry_races(context, attempt)


def settle(
    stores: ByteStores,
    context: Context,
    known: StoredBytes | None,
    arrived: StoredBytes,
    owner: Owner | None,
    commit: Commit,
) -> StoredBytes:
    """Decide which object counts for a digest, the one that `known` (as just read) names or the one
    that arrived, and write the decision, the owner and what `commit` gives in one transaction.

    Raises ConditionFailed when the record is not `known` any more; read it again. Without an owner
    the bytes are promised for the grace and looked at after it.
    """
    records, tenant = stores.records, context.tenant
    if is_there(known):
        kept = known
        renewed = replace(known, promised_at_ms=context.now_ms())
        decision = (
            records.unchanged(tenant, known)
            if owner is not None
            else records.replaced(tenant, known, renewed)
        )
    else:
        kept = arrived
        decision = records.replaced(tenant, known, arrived)
    writes = [decision, *commit(kept)]
    if owner is not None:
        writes.append(records.owned(tenant, kept.sha256, Owned(owner, kept.blob_key)))
    else:
        writes.append(records.due(kept.blob_key, context.now_ms() + GRACE_MS))
    if kept.blob_key != arrived.blob_key:
        # The object that came too late: nobody was told of it, so it is garbage at once.
        writes.append(records.due(arrived.blob_key, context.now_ms()))
    records.table.transact(writes)
    return kept


def refer(
    stores: ByteStores, context: Context, sha256: str, owner: Owner, commit: Commit
) -> StoredBytes:
    """Add an owner to bytes that the tenant has. One read, one transaction. Raises Conflict when it
    has no such bytes."""

    def attempt() -> StoredBytes:
        known = stores.records.get(context.tenant, sha256)
        if known is None or known.doomed:
            raise lacking([sha256])
        stores.records.table.transact(
            [
                stores.records.unchanged(context.tenant, known),
                stores.records.owned(context.tenant, sha256, Owned(owner, known.blob_key)),
                *commit(known),
            ]
        )
        return known

    return retry_races(context, attempt)


def look_up(stores: ByteStores, context: Context, digests: Sequence[str]) -> dict[str, StoredBytes]:
    """The records of those of the digests (distinct ones) that the tenant has. One read per 100."""
    starts = range(0, len(digests), MAX_GET_MANY)
    found: dict[str, StoredBytes] = {}
    for some in stores.spread(
        lambda start: stores.records.get_many(
            context.tenant, digests[start : start + MAX_GET_MANY]
        ),
        starts,
    ):
        found |= some
    return found


def refer_many(
    stores: ByteStores,
    context: Context,
    digests: Sequence[str],
    owner: Owner,
    found: Mapping[str, StoredBytes],
) -> dict[str, StoredBytes]:
    """Add an owner to many bytes (distinct digests) that the tenant has, not all at once: one
    transaction per 45, and one read more for each of those that lost a race. `found` are their
    records as just read. Raises Conflict, having added none, when it lacks some."""
    check_all_there(digests, found)
    starts = range(0, len(digests), OWNERS_AT_ONCE)
    batches = [digests[start : start + OWNERS_AT_ONCE] for start in starts]
    referred: dict[str, StoredBytes] = {}
    for known in stores.spread(
        lambda some: _refer_some(stores, context, some, owner, found), batches
    ):
        referred |= known
    return referred


def _refer_some(
    stores: ByteStores,
    context: Context,
    digests: Sequence[str],
    owner: Owner,
    found: Mapping[str, StoredBytes],
) -> dict[str, StoredBytes]:
    known = {sha256: found[sha256] for sha256 in digests}
    fresh = True

    def attempt() -> dict[str, StoredBytes]:
        nonlocal known, fresh
        if not fresh:
            known = stores.records.get_many(context.tenant, digests)
            check_all_there(digests, known)
        fresh = False
        writes: list[Write] = []
        for sha256, stored in known.items():
            writes.append(stores.records.unchanged(context.tenant, stored))
            writes.append(
                stores.records.owned(context.tenant, sha256, Owned(owner, stored.blob_key))
            )
        stores.records.table.transact(writes)
        return known

    return retry_races(context, attempt)


def promise(stores: ByteStores, context: Context, sha256: str) -> bool:
    """Whether the tenant has the bytes, verified; if so they stay for at least half the grace. One
    read, and one write when the last promise is older than that."""

    def attempt() -> bool:
        known = stores.records.get(context.tenant, sha256)
        if not is_there(known):
            return False
        now_ms = context.now_ms()
        if now_ms - known.promised_at_ms > RENEW_MS:
            renewed = replace(known, promised_at_ms=now_ms)
            write = stores.records.replaced(context.tenant, known, renewed)
            stores.records.table.put(write.item, write.when)
        return True

    return retry_races(context, attempt)


def is_there(known: StoredBytes | None) -> TypeGuard[StoredBytes]:
    """Whether bytes that arrive now are not needed."""
    return known is not None and known.verified and not known.doomed


def check_all_there(digests: Sequence[str], found: Mapping[str, StoredBytes]) -> None:
    """Raises Conflict when the tenant lacks some of the bytes."""
    missing = [one for one in digests if one not in found or found[one].doomed]
    if missing:
        raise lacking(missing)


def lacking(digests: Sequence[str]) -> Conflict:
    """What to answer who refers to bytes that the tenant does not have."""
    return Conflict(
        f"bytes are missing; upload them first: {len(digests)} of those named",
        missing=list(digests[:100]),
    )
