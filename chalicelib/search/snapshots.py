"""Published indexes: a blob each, and an item that names the newest.

A published blob is never changed. The one that a newer took the place of stays until the one after
that, for somebody may be fetching it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, cast

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import TenantId
from chalicelib.storage import search_keys
from chalicelib.storage.blobs import MAX_SINGLE_PUT_BYTES, BlobMissing, Blobs
from chalicelib.storage.table import Item, Query, Table, When, query_all

MIME: Final = "application/vnd.sqlite3"
UNNAMED_MS: Final = 3_600_000
"""Longer than a builder lives."""


class Made(NamedTuple):
    """What an index is: `made_by` tells those apart that do not mix, `mark` is up to where the
    changes of the artifacts are in it ("": not all are)."""

    made_by: str
    mark: str
    documents: int


class Published(NamedTuple):
    """An index that was published; `version` is that of the item, and `before` is the blob that the
    one before had."""

    blob_key: str
    before: str | None
    made_by: str
    mark: str
    documents: int
    published_ms: int
    version: int


class Due(NamedTuple):
    """A tenant whose artifacts changed, and the version of the item that says so."""

    tenant: TenantId
    version: int


class Snapshots:
    """Published indexes of tenants."""

    def __init__(self, table: Table, blobs: Blobs, clock: Clock) -> None:
        self._table = table
        self._blobs = blobs
        self._clock = clock

    def newest(self, tenant: TenantId) -> Published | None:
        """One read."""
        item = self._table.get(search_keys.snapshot(tenant))
        if item is None:
            return None
        return Published(
            cast(str, item["blob"]),
            cast("str | None", item["before"]),
            cast(str, item["made_by"]),
            cast(str, item["mark"]),
            cast(int, item["documents"]),
            cast(int, item["published"]),
            cast(int, item["version"]),
        )

    def fetch(self, tenant: TenantId, path: Path, made_by: str) -> bool:
        """Write the newest to this file; False when there is none, or it was made otherwise. A read
        and a blob."""
        for _ in range(3):  # another may be published twice while one is fetched
            newest = self.newest(tenant)
            if newest is None or newest.made_by != made_by:
                return False
            with suppress(BlobMissing), path.open("wb") as file:
                for piece in self._blobs.stream(newest.blob_key):
                    file.write(piece)
                return True
        return False

    def publish(self, tenant: TenantId, path: Path, made: Made, before: Published | None) -> bool:
        """Make this file the newest, unless another took the place of the one `before` meanwhile:
        then False. A blob, a write, a list, and a deletion for each that nobody needs."""
        blob_key = search_keys.snapshot_blob(tenant, self._clock.new_id())
        self._upload(blob_key, path)
        key = search_keys.snapshot(tenant)
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "blob": blob_key,
            "before": None if before is None else before.blob_key,
            "made_by": made.made_by,
            "mark": made.mark,
            "documents": made.documents,
            "published": self._clock.now_ms(),
            "version": 1 if before is None else before.version + 1,
        }
        when = When.ABSENT if before is None else before.version
        try:
            self._table.put(item, when=when)
        except ConditionFailed:
            newest = self.newest(tenant)  # ours, where the write came twice and its answer got lost
            if newest is None or newest.blob_key != blob_key:
                return False  # the blob is removed in time
        self._remove_others(tenant, blob_key, None if before is None else before.blob_key)
        return True

    def _upload(self, blob_key: str, path: Path) -> None:
        """A part in memory at a time: a large index is larger than a function."""
        blobs = self._blobs
        with path.open("rb") as file:
            first = file.read(MAX_SINGLE_PUT_BYTES)
            if len(first) < MAX_SINGLE_PUT_BYTES:
                blobs.put(blob_key, first, mime=MIME)
                return
            upload = blobs.start_multipart(blob_key, mime=MIME, checksums=False)
            parts = [blobs.put_part(blob_key, upload, 1, first)]
            while piece := file.read(MAX_SINGLE_PUT_BYTES):
                parts.append(blobs.put_part(blob_key, upload, len(parts) + 1, piece))
            blobs.complete_multipart(blob_key, upload, parts)

    def _remove_others(self, tenant: TenantId, *kept: str | None) -> None:
        """Older snapshots, and those of builders that died before they could name them."""
        until_ms = self._clock.now_ms() - UNNAMED_MS
        for blob in self._blobs.list(search_keys.snapshot_blob(tenant, "")).blobs:
            if blob.key not in kept and blob.modified_ms < until_ms:
                self._blobs.delete(blob.key)

    def mark_due(self, tenant: TenantId) -> None:
        """Note that artifacts changed. One write."""
        key = search_keys.due(tenant)
        self._table.put({"pk": key.pk, "sk": key.sk, "version": self._clock.now_ms()})

    def due(self) -> list[Due]:
        """Those that changed longest ago first. A query per MB."""
        items = query_all(self._table, Query(search_keys.DUE))
        due = [
            Due(search_keys.parse_due(cast(str, item["sk"])), cast(int, item["version"]))
            for item in items
        ]
        return sorted(due, key=lambda one: one.version)

    def done(self, due: Due) -> None:
        """Take it off, unless something changed since. One write."""
        with suppress(ConditionFailed):
            self._table.delete(search_keys.due(due.tenant), when=due.version)
