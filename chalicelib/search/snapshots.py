"""Published indexes: a blob each, and an item that names the newest.

A published blob is never changed. The one that a newer took the place of stays until the one after
that, for somebody may be fetching it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import TenantId
from chalicelib.storage import search_keys
from chalicelib.storage.blobs import BlobMissing, Blobs
from chalicelib.storage.table import Item, Query, Table, When, query_all

MIME = "application/vnd.sqlite3"


class Published(NamedTuple):
    """`mark` is up to where the changes of the artifacts are in it, `version` that of the item;
    `before` is the blob that the one before had."""

    blob_key: str
    before: str | None
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
            cast(str, item["mark"]),
            cast(int, item["documents"]),
            cast(int, item["published"]),
            cast(int, item["version"]),
        )

    def fetch(self, tenant: TenantId, path: Path) -> bool:
        """Write the newest to this file; False when there is none. A read and a blob."""
        for _ in range(3):  # another may be published twice while one is fetched
            newest = self.newest(tenant)
            if newest is None:
                return False
            with suppress(BlobMissing), path.open("wb") as file:
                for piece in self._blobs.stream(newest.blob_key):
                    file.write(piece)
                return True
        return False

    def publish(
        self, tenant: TenantId, path: Path, mark: str, documents: int, before: Published | None
    ) -> bool:
        """Make this file the newest, unless another took the place of the one `before` meanwhile:
        then False. A blob, a write, and a deletion."""
        blob_key = search_keys.snapshot_blob(tenant, self._clock.new_id())
        self._blobs.put(blob_key, path.read_bytes(), mime=MIME)
        key = search_keys.snapshot(tenant)
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "blob": blob_key,
            "before": None if before is None else before.blob_key,
            "mark": mark,
            "documents": documents,
            "published": self._clock.now_ms(),
            "version": 1 if before is None else before.version + 1,
        }
        when = When.ABSENT if before is None else before.version
        try:
            self._table.put(item, when=when)
        except ConditionFailed:
            self._blobs.delete(blob_key)
            return False
        if before is not None and before.before is not None:
            self._blobs.delete(before.before)
        return True

    def mark_due(self, tenant: TenantId) -> None:
        """Note that artifacts changed. One write."""
        key = search_keys.due(tenant)
        self._table.put({"pk": key.pk, "sk": key.sk, "version": self._clock.now_ms()})

    def due(self) -> list[Due]:
        """A query per MB."""
        items = query_all(self._table, Query(search_keys.DUE))
        return [
            Due(search_keys.parse_due(cast(str, item["sk"])), cast(int, item["version"]))
            for item in items
        ]

    def done(self, due: Due) -> None:
        """Take it off, unless something changed since. One write."""
        with suppress(ConditionFailed):
            self._table.delete(search_keys.due(due.tenant), when=due.version)
