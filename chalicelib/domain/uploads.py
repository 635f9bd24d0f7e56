"""Uploads of any size, straight to the store by presigned PUTs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.core.context import Context
from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.ids import UploadId
from chalicelib.core.model.artifact import FilePlace, Upload
from chalicelib.core.model.stored_bytes import StoredBytes
from chalicelib.domain.media_types import UNKNOWN_MIME, guess_mime, mime_by_name, sniff_blob
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.storage import artifact_keys
from chalicelib.storage.blobs import (
    MAX_OBJECT_BYTES,
    MAX_PARTS,
    MAX_SINGLE_PUT_BYTES,
    BadPart,
    BlobMissing,
    Blobs,
    Part,
    SignedRequest,
)
from chalicelib.storage.table import Put
from chalicelib.storage.uploads import UploadStore

MIB = 1024 * 1024
MAX_SIGNED_AT_ONCE = 100
MAX_UNDESCRIBED_PARTS = 2_000
"""Signed all at once, and an answer has at most 6 MB: a URL of S3 may have 2 KB."""
URL_S = 15 * 60
KEEP_UPLOAD_MS = 7 * 24 * 3600 * 1000
"""An upload may be resumed for this long."""
LOOK_AFTER_MS = KEEP_UPLOAD_MS + 3600 * 1000
"""By then nothing that an upload began with can complete it any more."""


@dataclass(frozen=True, slots=True)
class UploadStores:
    """The stores that uploads live in."""

    uploads: UploadStore
    bytes: ByteStores


@dataclass(frozen=True, slots=True)
class NewUpload:
    """`part_sha256` (hex, in order) binds each part's digest, when the client knows them."""

    size_bytes: int
    sha256: str
    mime: str | None = None
    filename: str | None = None
    part_sha256: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class SignedPart:
    """A presigned PUT of one part (numbers from 1)."""

    part_number: int
    request: SignedRequest


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload with some of its parts signed; the URLs die at `expires_at_ms`."""

    upload: Upload
    parts: Sequence[SignedPart]
    expires_at_ms: int


def begin(
    stores: UploadStores,
    context: Context,
    upload_id: UploadId,
    wanted: NewUpload,
    place: FilePlace | None,
) -> OpenUpload:
    """One transaction, with a read before when repeated. Raises Invalid."""
    if wanted.size_bytes > MAX_OBJECT_BYTES:
        raise Invalid.field("size_bytes", f"at most {MAX_OBJECT_BYTES}")
    single = wanted.size_bytes < MAX_SINGLE_PUT_BYTES
    part_size = max(1, wanted.size_bytes) if single else _part_size(wanted.size_bytes)
    part_count = 1 if single else -(-wanted.size_bytes // part_size)
    checksums = wanted.part_sha256 is not None and not single
    if wanted.part_sha256 is not None and len(wanted.part_sha256) != part_count:
        raise Invalid.field("part_sha256", f"must name {part_count} parts of {part_size} bytes")
    mime = wanted.mime or guess_mime(wanted.filename)
    blob_key = artifact_keys.blob(context.tenant, wanted.sha256, upload_id)
    now_ms = context.now_ms()
    numbers = range(1, min(part_count, MAX_SIGNED_AT_ONCE) + 1)
    digests = dict(zip(numbers, wanted.part_sha256 or (), strict=False))
    if context.is_repeat and (begun := stores.uploads.get(context.tenant, upload_id)):
        return _signed(stores, context, begun, numbers, digests)
    upload = Upload(
        upload_id=upload_id,
        place=place,
        size_bytes=wanted.size_bytes,
        sha256=wanted.sha256,
        mime=mime,
        part_size=part_size,
        part_count=part_count,
        blob_key=blob_key,
        store_upload=None
        if single
        else stores.bytes.blobs.start_multipart(blob_key, mime=mime, checksums=checksums),
        checksums=checksums,
        state="open",
        created_at_ms=now_ms,
        expires_at_ms=now_ms + KEEP_UPLOAD_MS,
        created_by=context.user,
    )
    _record_begun(stores, context, upload)
    return _signed(stores, context, upload, numbers, digests)


def begin_undescribed(
    stores: UploadStores,
    context: Context,
    upload_id: UploadId,
    place: FilePlace,
    part_count: int,
) -> OpenUpload:
    """An upload of so many parts, all of them signed, whose client tells neither size nor digest:
    the size is what arrives, and the digest is known when a worker has read the bytes. It has
    parts also when there is but one, for once they are put together nobody can change them. One
    blob request and one transaction. Raises Invalid."""
    if not 1 <= part_count <= MAX_UNDESCRIBED_PARTS:
        raise Invalid.field("num_parts", f"from 1 to {MAX_UNDESCRIBED_PARTS}; make parts larger")
    stand_in = context.clock.random_bytes(32).hex()
    blob_key = artifact_keys.blob(context.tenant, stand_in, upload_id)
    mime, now_ms = guess_mime(place.path), context.now_ms()
    upload = Upload(
        upload_id=upload_id,
        place=place,
        size_bytes=0,
        sha256=stand_in,
        mime=mime,
        part_size=0,
        part_count=part_count,
        blob_key=blob_key,
        store_upload=stores.bytes.blobs.start_multipart(blob_key, mime=mime, checksums=False),
        checksums=False,
        state="open",
        created_at_ms=now_ms,
        expires_at_ms=now_ms + KEEP_UPLOAD_MS,
        created_by=context.user,
        described=False,
    )
    _record_begun(stores, context, upload)
    return _signed(stores, context, upload, range(1, part_count + 1), {})


def _record_begun(stores: UploadStores, context: Context, upload: Upload) -> None:
    put = stores.uploads.begun(context.tenant, upload)
    looked_at = stores.bytes.records.due(upload.blob_key, upload.created_at_ms + LOOK_AFTER_MS)
    stores.uploads.table.transact([put, looked_at])


def sign_parts(
    stores: UploadStores,
    context: Context,
    upload: Upload,
    numbers: Sequence[int],
    digests: Mapping[int, str],
) -> OpenUpload:
    """More parts, or the same anew. Raises Conflict when it is not open, Invalid."""
    if upload.state != "open":
        raise Conflict(f"the upload is {upload.state}", upload_id=upload.upload_id)
    too_high = [number for number in numbers if number > upload.part_count]
    if too_high:
        raise Invalid.field("part_numbers", f"the upload has {upload.part_count} parts")
    if upload.checksums and set(numbers) - digests.keys():
        raise Invalid.field("sha256", "this upload binds digests: name that of every part")
    return _signed(stores, context, upload, numbers, digests)


def resign(
    stores: UploadStores, context: Context, upload_id: UploadId, numbers: Sequence[int]
) -> OpenUpload | None:
    """The same parts signed anew; None when the upload is not open any more, or binds digests that
    only the client knows. One read."""
    upload = stores.uploads.get(context.tenant, upload_id)
    if upload is None or upload.state != "open" or upload.checksums:
        return None
    return _signed(stores, context, upload, numbers, {})


def arrived(
    stores: UploadStores, context: Context, upload: Upload, parts: Sequence[Part]
) -> StoredBytes:
    """The bytes of an open upload, its parts put together. One blob look, and for several parts
    their completion. Again is fine. Raises Conflict when bytes are missing, Invalid for bad
    parts."""
    blobs = stores.bytes.blobs
    if upload.store_upload is not None:
        _complete_parts(blobs, upload, upload.store_upload, parts)
    info = blobs.head(upload.blob_key)
    if info is None or (upload.described and info.size_bytes != upload.size_bytes):
        raise Conflict(
            "the bytes have not arrived yet; PUT them first",
            upload_id=upload.upload_id,
            missing=[upload.upload_id],
        )
    verified = upload.store_upload is None  # a single PUT has its digest bound by the signature
    return StoredBytes(upload.sha256, info.size_bytes, upload.blob_key, verified, context.now_ms())


def typed(stores: UploadStores, upload: Upload, kept: StoredBytes) -> Upload:
    """An upload whose bytes arrived, with their size, and with the media type that they tell where
    neither its client nor its path told any. One blob then, else nothing."""
    upload = replace(upload, size_bytes=kept.size_bytes)
    path = None if upload.place is None else upload.place.path
    if upload.mime != UNKNOWN_MIME or mime_by_name(path) is not None:
        return upload
    return replace(upload, mime=sniff_blob(stores.bytes.blobs, upload.blob_key))


def completed(stores: UploadStores, context: Context, upload: Upload) -> Put:
    """The write that ends an open upload well; it fails when somebody else ended it before."""
    expires_s = (context.now_ms() + KEEP_UPLOAD_MS) // 1000
    return stores.uploads.ended(context.tenant, upload, "completed", expires_s)


def abort(stores: UploadStores, context: Context, upload: Upload) -> None:
    """Again is fine. Raises Conflict when it is completed, ConditionFailed when somebody ends the
    upload at the same time."""
    if upload.state == "completed":
        raise Conflict("the upload is completed", upload_id=upload.upload_id)
    if upload.store_upload is not None:
        stores.bytes.blobs.abort_multipart(upload.blob_key, upload.store_upload)
    if upload.state == "open":
        expires_s = (context.now_ms() + KEEP_UPLOAD_MS) // 1000
        ended = stores.uploads.ended(context.tenant, upload, "aborted", expires_s)
        stores.uploads.table.put(ended.item, ended.when)


def part_length(upload: Upload, number: int) -> int:
    """Bytes in a part (numbers from 1)."""
    if number < upload.part_count:
        return upload.part_size
    return upload.size_bytes - upload.part_size * (upload.part_count - 1)


def _part_size(size_bytes: int) -> int:
    """max(64 MiB, size / 10,000), in whole MiB."""
    smallest = -(-size_bytes // MAX_PARTS)
    return max(MAX_SINGLE_PUT_BYTES, -(-smallest // MIB) * MIB)


def _signed(
    stores: UploadStores,
    context: Context,
    upload: Upload,
    numbers: Sequence[int],
    digests: Mapping[int, str],
) -> OpenUpload:
    blobs = stores.bytes.blobs

    def sign(number: int) -> SignedRequest:
        if upload.store_upload is None:
            return blobs.presign_put(
                upload.blob_key,
                size_bytes=upload.size_bytes,
                sha256=upload.sha256,
                mime=upload.mime,
                expires_s=URL_S,
            )
        return blobs.presign_part(
            upload.blob_key,
            upload.store_upload,
            number,
            size_bytes=part_length(upload, number) if upload.described else None,
            sha256=digests.get(number),
            expires_s=URL_S,
        )

    parts = [SignedPart(number, sign(number)) for number in numbers]
    return OpenUpload(upload, parts, context.now_ms() + URL_S * 1000)


def _complete_parts(blobs: Blobs, upload: Upload, store_upload: str, parts: Sequence[Part]) -> None:
    if [part.number for part in parts] != list(range(1, upload.part_count + 1)):
        raise Invalid.field("parts", f"name all {upload.part_count} parts, in order")
    if upload.checksums and any(part.sha256 is None for part in parts):
        raise Invalid.field("parts", "this upload binds digests: name that of every part")
    try:
        blobs.complete_multipart(upload.blob_key, store_upload, parts)
    except BadPart as error:
        raise Invalid.field("parts", str(error) or "a part is missing or differs") from error
    except BlobMissing:
        # Completed before, and stopped before it was recorded: the caller looks for the bytes.
        return
