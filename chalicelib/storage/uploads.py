"""Uploads on their way: item to dataclass."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chalicelib.core.ids import TenantId, TreeId, UploadId, UserId
from chalicelib.core.model.artifact import FilePlace, Upload, UploadState
from chalicelib.storage import keys
from chalicelib.storage.table import Item, Put, Table, When

FEED = "upload"
"""A completed multipart upload goes to the feed: its bytes are then verified."""


class UploadStore:
    """Uploads of tenants."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def begun(self, tenant: TenantId, upload: Upload) -> Put:
        """The write that begins it. The item is forgotten when the upload expires."""
        item: Item = {
            **_item(tenant, upload),
            "version": 1,
            "expires_at": upload.expires_at_ms // 1000,
        }
        return Put(item, when=When.ABSENT)

    def get(self, tenant: TenantId, upload_id: UploadId) -> Upload | None:
        """One read."""
        item = self.table.get(keys.upload(tenant, upload_id))
        return None if item is None else _upload(item)

    def ended(self, tenant: TenantId, upload: Upload, state: UploadState, keep_until_s: int) -> Put:
        """The write that ends an open upload; it fails when somebody else ended it before."""
        item: Item = {
            **_item(tenant, replace(upload, state=state)),
            "version": 2,
            "expires_at": keep_until_s,
        }
        if state == "completed" and upload.store_upload is not None:
            item["feed"] = FEED
        return Put(item, when=1)


def _item(tenant: TenantId, upload: Upload) -> Item:
    key = keys.upload(tenant, upload.upload_id)
    return {
        "pk": key.pk,
        "sk": key.sk,
        "id": upload.upload_id,
        "run": upload.place.tree if upload.place else None,
        "path": upload.place.path if upload.place else None,
        "size": upload.size_bytes,
        "sha256": upload.sha256,
        "mime": upload.mime,
        "part_size": upload.part_size,
        "part_count": upload.part_count,
        "blob": upload.blob_key,
        "store_upload": upload.store_upload,
        "checksums": upload.checksums,
        "state": upload.state,
        "created": upload.created_at_ms,
        "expires": upload.expires_at_ms,
        "by": upload.created_by,
        "described": upload.described,
    }


def _upload(item: Item) -> Upload:
    tree, path = cast("TreeId | None", item["run"]), cast("str | None", item["path"])
    return Upload(
        upload_id=UploadId(cast(str, item["id"])),
        place=None if tree is None or path is None else FilePlace(tree, path),
        size_bytes=cast(int, item["size"]),
        sha256=cast(str, item["sha256"]),
        mime=cast(str, item["mime"]),
        part_size=cast(int, item["part_size"]),
        part_count=cast(int, item["part_count"]),
        blob_key=cast(str, item["blob"]),
        store_upload=cast("str | None", item["store_upload"]),
        checksums=cast(bool, item["checksums"]),
        state=cast(UploadState, item["state"]),
        created_at_ms=cast(int, item["created"]),
        expires_at_ms=cast(int, item["expires"]),
        created_by=cast("UserId | None", item.get("by")),
        described=cast(bool, item.get("described", True)),
    )
