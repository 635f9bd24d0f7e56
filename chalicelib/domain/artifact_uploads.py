"""Uploads of bytes that are to be indexed: none for what the tenant has already."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.ids import UploadId
from chalicelib.core.model.artifact import Upload
from chalicelib.core.model.stored_bytes import StoredBytes
from chalicelib.domain import stored_bytes, uploads
from chalicelib.domain.uploads import NewUpload, OpenUpload, UploadStores
from chalicelib.storage.blobs import Part


def begin(stores: UploadStores, context: Context, wanted: NewUpload) -> OpenUpload | None:
    """None when the tenant has the bytes, verified; they stay for half a day then, whatever else
    happens. One read, and a transaction unless they are there. Raises Invalid."""
    upload_id = UploadId(context.new_id())  # also for none: of many, each keeps its own in a repeat
    if stored_bytes.promise(stores.bytes, context, wanted.sha256):
        return None
    return uploads.begin(stores, context, upload_id, wanted, place=None)


def begin_many(
    stores: UploadStores, context: Context, wanted: Sequence[NewUpload]
) -> list[OpenUpload | None]:
    """Many small files in one call: `begin` for each."""
    begun: dict[str, OpenUpload | None] = {}
    for one in wanted:
        if one.sha256 not in begun:
            begun[one.sha256] = begin(stores, context, one)
    return [begun[one.sha256] for one in wanted]


def find(stores: UploadStores, context: Context, upload_id: UploadId) -> Upload:
    """One read. Raises NotFound."""
    upload = stores.uploads.get(context.tenant, upload_id)
    if upload is None or upload.place is not None:
        raise NotFound("there is no such upload; it may have expired", upload_id=upload_id)
    return upload


def complete(
    stores: UploadStores, context: Context, upload_id: UploadId, parts: Sequence[Part]
) -> StoredBytes:
    """From now on the bytes can be indexed; they stay for a day before they are. Two reads, a blob
    look, one transaction; again is fine.

    Raises Conflict when bytes are missing or it was aborted, Invalid for bad parts, NotFound.
    """

    def attempt() -> StoredBytes:
        upload = find(stores, context, upload_id)
        if upload.state == "aborted":
            raise Conflict("the upload was aborted; begin another", upload_id=upload_id)
        known = stores.bytes.records.get(context.tenant, upload.sha256)
        if upload.state == "completed":
            if known is None or known.doomed:
                raise Conflict("the bytes were removed since; upload them again")
            return known
        arrived = uploads.arrived(stores, context, upload, parts)
        return stored_bytes.settle(
            stores.bytes,
            context,
            known,
            arrived,
            None,
            lambda _: [uploads.completed(stores, context, upload)],
        )

    return retry_races(context, attempt)


def complete_many(
    stores: UploadStores, context: Context, upload_ids: Sequence[UploadId]
) -> list[StoredBytes]:
    """Many single-part uploads in one call: `complete` for each. Raises Conflict with those in
    `missing` whose bytes have not arrived, the others being completed, and NotFound."""
    done: list[StoredBytes] = []
    missing: list[str] = []
    for upload_id in upload_ids:
        try:
            done.append(complete(stores, context, upload_id, ()))
        except Conflict as error:
            if "missing" not in error.details:
                raise
            missing.append(upload_id)
    if missing:
        raise Conflict("bytes have not arrived yet; PUT them first", missing=missing)
    return done


def abort(stores: UploadStores, context: Context, upload_id: UploadId) -> None:
    """Again is fine. Raises Conflict when it is completed, NotFound."""
    retry_races(context, lambda: uploads.abort(stores, context, find(stores, context, upload_id)))
