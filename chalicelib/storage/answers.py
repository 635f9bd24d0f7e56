"""Answers remembered for an idempotency key; what is too large for an item is a blob.

A claim's version is made of its token, so that whoever finishes or forgets one can say in the same
request that it must still be theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import TenantId
from chalicelib.storage import keys
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Item, Table, When

MAX_INLINE_CHARACTERS = 64 * 1024
ANSWERED = 0
"""Version of an answer; that of a claim is never 0."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`status` is None while the request is in flight."""

    body_sha256: str
    status: int | None
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    version: int = ANSWERED

    def is_claimed_by(self, token: str) -> bool:
        """Whether it is the claim that was begun with this token."""
        return self.version == _version(token)


class AnswerStore:
    """One item an idempotency key."""

    def __init__(self, table: Table, blobs: Blobs) -> None:
        self._table = table
        self._blobs = blobs

    def begin(
        self, tenant: TenantId, digest: str, body_sha256: str, token: str, expires_at: int
    ) -> None:
        """Claim the key until `expires_at` (s). One write. Raises ConditionFailed when it is
        claimed or answered."""
        self._table.put(
            {
                **_address(tenant, digest),
                "body_sha256": body_sha256,
                "expires_at": expires_at,
                "version": _version(token),
            },
            when=When.ABSENT,
        )

    def finish(
        self, tenant: TenantId, digest: str, token: str, entry: Entry, expires_at: int
    ) -> None:
        """Keep the answer until `expires_at` (s), unless somebody else has taken the claim since.
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
        try:
            self._table.put(item, when=_version(token))
        except ConditionFailed:
            self._finish_late(item)

    def _finish_late(self, item: Item) -> None:
        """The claim had expired: the answer is kept if nobody has claimed the key since."""
        try:
            self._table.put(item, when=When.ABSENT)
        except ConditionFailed:
            return

    def forget(self, tenant: TenantId, digest: str, token: str) -> None:
        """Give up the claim, unless somebody else has taken it since. One write."""
        try:
            self._table.delete(keys.remembered(tenant, digest), when=_version(token))
        except ConditionFailed:
            return

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
        )


def _version(token: str) -> int:
    """A claim's version: 60 bits of chance out of its token, which is a new id."""
    return int(token[-15:], 16) or 1


def _address(tenant: TenantId, digest: str) -> Item:
    key = keys.remembered(tenant, digest)
    return {"pk": key.pk, "sk": key.sk}
