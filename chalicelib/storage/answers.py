"""Answers remembered for an idempotency key; what is too large for an item is a blob.

A claim's version is made of the token of the attempt that has it, so that whoever ends an attempt
can say in the same request that the claim must still be theirs. A claim outlives its attempt, and
with it the seed that the attempt's ids followed from: whoever takes it over makes the same ids.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import cast

from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import TenantId
from chalicelib.storage import keys
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Add, Item, Table, When

MAX_INLINE_CHARACTERS = 64 * 1024
ANSWERED = 0
"""Version of an answer; that of a claim is never 0."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer; or a claim, whose `status` is None. Its attempt has ended by `busy_until` (s)."""

    body_sha256: str
    status: int | None
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    version: int = ANSWERED
    seed: str = ""
    busy_until: int = 0

    def is_claimed_by(self, token: str) -> bool:
        """Whether it is the claim of the attempt with this token."""
        return self.version == _version(token)


class AnswerStore:
    """One item an idempotency key."""

    def __init__(self, table: Table, blobs: Blobs) -> None:
        self._table = table
        self._blobs = blobs

    def claim(
        self,
        tenant: TenantId,
        digest: str,
        token: str,
        claim: Entry,
        expires_at: int,
        over: Entry | None = None,
    ) -> Entry:
        """Claim the key for an attempt, instead of a claim `over` as it was read. It is forgotten
        at `expires_at` (s). One write. Raises ConditionFailed when it is claimed or answered."""
        claim = replace(claim, version=_version(token))
        item: Item = {
            **_address(tenant, digest),
            "body_sha256": claim.body_sha256,
            "expires_at": expires_at,
            "seed": claim.seed,
            "busy_until": claim.busy_until,
            "version": claim.version,
        }
        self._table.put(item, when=When.ABSENT if over is None else over.version)
        return claim

    def finish(
        self, tenant: TenantId, digest: str, token: str, entry: Entry, expires_at: int
    ) -> None:
        """Keep the answer until `expires_at` (s), unless somebody else has taken the claim over.
        One write; one blob more for a large answer."""
        item: Item = {
            **_address(tenant, digest),
            "body_sha256": entry.body_sha256,
            "expires_at": expires_at,
            "status": entry.status,
            "headers": cast("dict[str, object]", entry.headers),  # pyright: ignore[reportAssignmentType] # str values are values
            "version": ANSWERED,
        }
        if len(entry.body) > MAX_INLINE_CHARACTERS:
            # of this answer alone: a late one must not replace what an item refers to
            blob_key = keys.remembered_answer(tenant, token)
            self._blobs.put(blob_key, entry.body.encode(), mime="application/json")
            item["blob"] = blob_key
        else:
            item["body"] = entry.body
        with suppress(ConditionFailed):
            self._table.put(item, when=_version(token))

    def release(self, tenant: TenantId, digest: str, token: str) -> None:
        """End the attempt: the claim may be taken over at once. One write; nothing when it was."""
        free = {"busy_until": 0}
        with suppress(ConditionFailed):
            self._table.add(Add(keys.remembered(tenant, digest), {}, free, when=_version(token)))

    def forget(self, tenant: TenantId, digest: str, token: str) -> None:
        """Give the key up, unless somebody else has taken the claim over. One write."""
        with suppress(ConditionFailed):
            self._table.delete(keys.remembered(tenant, digest), when=_version(token))

    def get(self, tenant: TenantId, digest: str) -> Entry | None:
        """One read; one blob more for a large answer."""
        item = self._table.get(keys.remembered(tenant, digest))
        if item is None:
            return None
        body = cast(str, item.get("body", ""))
        if "blob" in item:
            body = self._blobs.get(cast(str, item["blob"])).decode()
        return Entry(
            cast(str, item["body_sha256"]),
            cast("int | None", item.get("status")),
            body,
            cast("dict[str, str]", item.get("headers", {})),
            cast(int, item["version"]),
            cast(str, item.get("seed", "")),
            cast(int, item.get("busy_until", 0)),
        )


def _version(token: str) -> int:
    """A claim's version: 60 bits of chance out of its token, which is a new id."""
    return int(token[-15:], 16) or 1


def _address(tenant: TenantId, digest: str) -> Item:
    key = keys.remembered(tenant, digest)
    return {"pk": key.pk, "sk": key.sk}
