"""Uploads of files of runs and of logged models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.ids import TreeId, UploadId
from chalicelib.core.model.artifact import FilePlace, RunArtifact, Upload
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import stored_bytes, uploads
from chalicelib.domain.run_files import RunFiles, check_there, experiment_of
from chalicelib.domain.uploads import NewUpload, OpenUpload
from chalicelib.storage.blobs import Part


def begin(
    stores: RunFiles, context: Context, tree: TreeId, path: str, wanted: NewUpload
) -> OpenUpload:
    """One read and one transaction. Raises Conflict when the run is deleted, Invalid, NotFound,
    Forbidden."""
    experiment_of(stores, context, tree)
    upload_id, place = UploadId(context.new_id()), FilePlace(tree, path)
    return uploads.begin(stores.upload_stores, context, upload_id, wanted, place)


def begin_undescribed(
    stores: RunFiles, context: Context, tree: TreeId, path: str, part_count: int
) -> OpenUpload:
    """The same of a client that tells neither size nor digest. Besides, one blob request."""
    experiment_of(stores, context, tree)
    upload_id, place = UploadId(context.new_id()), FilePlace(tree, path)
    return uploads.begin_undescribed(stores.upload_stores, context, upload_id, place, part_count)


def sign_parts(
    stores: RunFiles,
    context: Context,
    tree: TreeId,
    upload_id: UploadId,
    numbers: Sequence[int],
    digests: Mapping[int, str],
) -> OpenUpload:
    """More parts, or the same anew. One read. Raises Conflict when it is not open, Invalid,
    NotFound."""
    upload, _ = _upload(stores, context, tree, upload_id)
    return uploads.sign_parts(stores.upload_stores, context, upload, numbers, digests)


def complete(
    stores: RunFiles,
    context: Context,
    tree: TreeId,
    upload_id: UploadId,
    parts: Sequence[Part],
) -> RunArtifact:
    """Put the file in the run's tree; again is fine. Three reads, a blob look, one transaction, and
    one blob when nothing but its bytes tells the file's media type.

    Raises Conflict when bytes are missing or it was aborted, Invalid for bad parts, NotFound.
    """
    return retry_races(context, lambda: _complete(stores, context, tree, upload_id, parts))


def _complete(
    stores: RunFiles,
    context: Context,
    tree: TreeId,
    upload_id: UploadId,
    parts: Sequence[Part],
) -> RunArtifact:
    """Raises ConditionFailed when somebody ends the upload or stores its bytes at the same time."""
    upload, place = _upload(stores, context, tree, upload_id)
    if upload.state == "aborted":
        raise Conflict("the upload was aborted; begin another", upload_id=upload_id)
    if upload.state == "completed":
        return _completed(stores, context, upload, place)
    experiment_id, now_ms = experiment_of(stores, context, tree), context.now_ms()
    known = stores.bytes.records.get(context.tenant, upload.sha256)
    arrived = uploads.arrived(stores.upload_stores, context, upload, parts)
    typed = uploads.typed(stores.upload_stores, upload, arrived)
    kept = stored_bytes.settle(
        stores.bytes,
        context,
        known,
        arrived,
        Owner("file", upload_id, place),
        lambda kept: [
            uploads.completed(stores.upload_stores, context, typed),
            *stores.files.writes(
                context.tenant, experiment_id, tree, _artifact(typed, place, kept, context, now_ms)
            ),
        ],
    )
    return _artifact(typed, place, kept, context, now_ms)


def abort(stores: RunFiles, context: Context, tree: TreeId, upload_id: UploadId) -> None:
    """Again is fine. Raises Conflict when it is completed, NotFound."""

    def attempt() -> None:
        upload, _ = _upload(stores, context, tree, upload_id)
        uploads.abort(stores.upload_stores, context, upload)

    retry_races(context, attempt)


def _upload(
    stores: RunFiles, context: Context, tree: TreeId, upload_id: UploadId
) -> tuple[Upload, FilePlace]:
    upload = stores.uploads.get(context.tenant, upload_id)
    if upload is None or upload.place is None or upload.place.tree != tree:
        check_there(stores, context, tree)
        raise NotFound("there is no such upload; it may have expired", upload_id=upload_id)
    return upload, upload.place


def _artifact(
    upload: Upload, place: FilePlace, kept: StoredBytes, context: Context, now_ms: int
) -> RunArtifact:
    return RunArtifact(
        artifact_id=upload.upload_id,
        path=place.path,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256 if upload.described else None,
        mime=upload.mime,
        blob_key=kept.blob_key,
        verified=kept.verified,
        created_at_ms=now_ms,
        created_by=upload.created_by or context.user,
    )


def _completed(stores: RunFiles, context: Context, upload: Upload, place: FilePlace) -> RunArtifact:
    stored = stores.files.get(context.tenant, place.tree, place.path)
    if stored is not None and stored.artifact_id == upload.upload_id:
        return stored
    # A later file took the path.
    arrived = StoredBytes(
        upload.sha256, upload.size_bytes, upload.blob_key, upload.store_upload is None, 0
    )
    return _artifact(upload, place, arrived, context, context.now_ms())
