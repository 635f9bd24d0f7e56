"""Uploads of a run's files, of any size, straight to the store by presigned PUTs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.core.ids import RunId, UploadId
from chalicelib.core.model.artifact import RunArtifact, Upload
from chalicelib.domain.run_files import URL_S, RunFiles, experiment_of, guess_mime
from chalicelib.storage import keys
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

MIB = 1024 * 1024
MAX_SIGNED_AT_ONCE = 100
KEEP_UPLOAD_S = 7 * 24 * 3600
"""An upload may be resumed for this long."""


@dataclass(frozen=True, slots=True)
class NewUpload:
    """`part_sha256` (hex, in order) binds each part's digest, when the client knows them."""

    path: str
    size_bytes: int
    sha256: str
    mime: str | None = None
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


def begin(stores: RunFiles, context: Context, run_id: RunId, wanted: NewUpload) -> OpenUpload:
    """One read and one write. Raises Conflict when the run is deleted, Invalid, NotFound,
    Forbidden."""
    if wanted.size_bytes > MAX_OBJECT_BYTES:
        raise Invalid.field("size_bytes", f"at most {MAX_OBJECT_BYTES}")
    experiment_of(stores, context, run_id)
    upload_id = UploadId(context.new_id())
    single = wanted.size_bytes < MAX_SINGLE_PUT_BYTES
    part_size = max(1, wanted.size_bytes) if single else _part_size(wanted.size_bytes)
    part_count = 1 if single else -(-wanted.size_bytes // part_size)
    checksums = wanted.part_sha256 is not None and not single
    if wanted.part_sha256 is not None and len(wanted.part_sha256) != part_count:
        raise Invalid.field("part_sha256", f"must name {part_count} parts of {part_size} bytes")
    mime = wanted.mime or guess_mime(wanted.path)
    blob_key = (
        keys.blob(context.tenant, wanted.sha256)
        if single
        else keys.unverified_blob(context.tenant, wanted.sha256, upload_id)
    )
    now_ms = context.now_ms()
    upload = Upload(
        upload_id=upload_id,
        run_id=run_id,
        path=wanted.path,
        size_bytes=wanted.size_bytes,
        sha256=wanted.sha256,
        mime=mime,
        part_size=part_size,
        part_count=part_count,
        blob_key=blob_key,
        store_upload=None
        if single
        else stores.blobs.start_multipart(blob_key, mime=mime, checksums=checksums),
        checksums=checksums,
        state="open",
        created_at_ms=now_ms,
        expires_at_ms=now_ms + KEEP_UPLOAD_S * 1000,
    )
    stores.uploads.create(context.tenant, upload, now_ms // 1000 + KEEP_UPLOAD_S)
    numbers = range(1, min(part_count, MAX_SIGNED_AT_ONCE) + 1)
    digests = dict(zip(numbers, wanted.part_sha256 or (), strict=False))
    return _signed(stores, context, upload, numbers, digests)


def sign_parts(
    stores: RunFiles,
    context: Context,
    run_id: RunId,
    upload_id: UploadId,
    numbers: Sequence[int],
    digests: Mapping[int, str],
) -> OpenUpload:
    """More parts, or the same anew. One read. Raises Conflict when it is not open, Invalid,
    NotFound."""
    upload = _upload(stores, context, run_id, upload_id)
    if upload.state != "open":
        raise Conflict(f"the upload is {upload.state}", upload_id=upload_id)
    too_high = [number for number in numbers if number > upload.part_count]
    if too_high:
        raise Invalid.field("part_numbers", f"the upload has {upload.part_count} parts")
    if upload.checksums and set(numbers) - digests.keys():
        raise Invalid.field("sha256", "this upload binds digests: name that of every part")
    return _signed(stores, context, upload, numbers, digests)


def resign(
    stores: RunFiles, context: Context, upload_id: UploadId, numbers: Sequence[int]
) -> OpenUpload | None:
    """The same parts signed anew; None when the upload is not open any more, or binds digests that
    only the client knows. One read."""
    upload = stores.uploads.get(context.tenant, upload_id)
    if upload is None or upload.state != "open" or upload.checksums:
        return None
    return _signed(stores, context, upload, numbers, {})


def complete(
    stores: RunFiles,
    context: Context,
    run_id: RunId,
    upload_id: UploadId,
    parts: Sequence[Part],
) -> RunArtifact:
    """Put the file in the run's tree; again is fine. Two reads, a blob look, one transaction.

    Raises Conflict when bytes are missing or it was aborted, Invalid for bad parts, NotFound.
    """
    return retry_races(context, lambda: _complete(stores, context, run_id, upload_id, parts))


def _complete(
    stores: RunFiles,
    context: Context,
    run_id: RunId,
    upload_id: UploadId,
    parts: Sequence[Part],
) -> RunArtifact:
    """Raises ConditionFailed when somebody ends the upload at the same time."""
    upload = _upload(stores, context, run_id, upload_id)
    if upload.state == "aborted":
        raise Conflict("the upload was aborted; begin another", upload_id=upload_id)
    if upload.state == "completed":
        return _completed(stores, context, upload)
    experiment_id = experiment_of(stores, context, run_id)
    if upload.store_upload is not None:
        _complete_parts(stores.blobs, upload, upload.store_upload, parts)
    info = stores.blobs.head(upload.blob_key)
    if info is None or info.size_bytes != upload.size_bytes:
        raise Conflict("the bytes have not arrived yet; PUT them first", upload_id=upload_id)
    artifact = _artifact_of(upload, context)
    writes = [
        stores.uploads.ended(
            context.tenant, upload, "completed", context.now_ms() // 1000 + KEEP_UPLOAD_S
        ),
        *stores.files.writes(context.tenant, experiment_id, run_id, artifact),
    ]
    stores.files.table.transact(writes)
    return artifact


def abort(stores: RunFiles, context: Context, run_id: RunId, upload_id: UploadId) -> None:
    """Again is fine. Raises Conflict when it is completed, NotFound."""
    retry_races(context, lambda: _abort(stores, context, run_id, upload_id))


def _abort(stores: RunFiles, context: Context, run_id: RunId, upload_id: UploadId) -> None:
    """Raises ConditionFailed when somebody ends the upload at the same time."""
    upload = _upload(stores, context, run_id, upload_id)
    if upload.state == "completed":
        raise Conflict("the upload is completed", upload_id=upload_id)
    if upload.store_upload is not None:
        stores.blobs.abort_multipart(upload.blob_key, upload.store_upload)
    if upload.state == "open":
        ended = stores.uploads.ended(
            context.tenant, upload, "aborted", context.now_ms() // 1000 + KEEP_UPLOAD_S
        )
        stores.uploads.table.put(ended.item, ended.when)


def _upload(stores: RunFiles, context: Context, run_id: RunId, upload_id: UploadId) -> Upload:
    upload = stores.uploads.get(context.tenant, upload_id)
    if upload is None or upload.run_id != run_id:
        stores.runs.open(context.tenant, run_id)
        raise NotFound("there is no such upload; it may have expired", upload_id=upload_id)
    return upload


def _part_size(size_bytes: int) -> int:
    """max(64 MiB, size / 10,000), in whole MiB."""
    smallest = -(-size_bytes // MAX_PARTS)
    return max(MAX_SINGLE_PUT_BYTES, -(-smallest // MIB) * MIB)


def part_length(upload: Upload, number: int) -> int:
    """Bytes in a part (numbers from 1)."""
    if number < upload.part_count:
        return upload.part_size
    return upload.size_bytes - upload.part_size * (upload.part_count - 1)


def _signed(
    stores: RunFiles,
    context: Context,
    upload: Upload,
    numbers: Sequence[int],
    digests: Mapping[int, str],
) -> OpenUpload:
    def sign(number: int) -> SignedRequest:
        if upload.store_upload is None:
            return stores.blobs.presign_put(
                upload.blob_key,
                size_bytes=upload.size_bytes,
                sha256=upload.sha256,
                mime=upload.mime,
                expires_s=URL_S,
            )
        return stores.blobs.presign_part(
            upload.blob_key,
            upload.store_upload,
            number,
            size_bytes=part_length(upload, number),
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


def _artifact_of(upload: Upload, context: Context) -> RunArtifact:
    return RunArtifact(
        artifact_id=upload.upload_id,
        path=upload.path,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        mime=upload.mime,
        blob_key=upload.blob_key,
        verified=upload.store_upload is None,
        created_at_ms=context.now_ms(),
        created_by=context.user,
    )


def _completed(stores: RunFiles, context: Context, upload: Upload) -> RunArtifact:
    stored = stores.files.get(context.tenant, upload.run_id, upload.path)
    if stored is not None and stored.artifact_id == upload.upload_id:
        return stored
    return _artifact_of(upload, context)  # a later file took the path
