"""Files of a run: small ones through us, listing, and reads by presigned GET."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import ExperimentId, RunId
from chalicelib.core.model.artifact import RunArtifact, RunPlace
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import previews, stored_bytes
from chalicelib.domain.artifact_paths import is_inline_safe, safe_disposition
from chalicelib.domain.logging import writable
from chalicelib.domain.media_types import mime_by_name, sniff_mime
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.domain.uploads import URL_S, UploadStores
from chalicelib.storage.blobs import SignedRequest
from chalicelib.storage.run_files import LevelPage, RunFileStore
from chalicelib.storage.runs import RunStore
from chalicelib.storage.uploads import UploadStore


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The stores that files of runs live in."""

    runs: RunStore
    files: RunFileStore
    uploads: UploadStore
    bytes: ByteStores

    @property
    def upload_stores(self) -> UploadStores:
        return UploadStores(self.uploads, self.bytes)


def save(
    stores: RunFiles, context: Context, run_id: RunId, path: str, body: bytes, mime: str | None
) -> RunArtifact:
    """A small file. Two reads and one transaction, and for bytes that the tenant has not yet one
    write and one blob. Raises Conflict when the run is deleted, NotFound, Forbidden."""
    experiment_id = experiment_of(stores, context, run_id)
    artifact_id = context.fresh_id()  # a repeat takes the place of what it finds, as any other
    mime = mime or mime_by_name(path) or sniff_mime(body)

    def artifact(kept: StoredBytes) -> RunArtifact:
        return RunArtifact(
            artifact_id=artifact_id,
            path=path,
            size_bytes=kept.size_bytes,
            sha256=kept.sha256,
            mime=mime,
            blob_key=kept.blob_key,
            verified=kept.verified,
            created_at_ms=context.now_ms(),
            created_by=context.user,
        )

    kept = stored_bytes.keep(
        stores.bytes,
        context,
        body,
        mime,
        Owner("file", artifact_id, RunPlace(run_id, path)),
        lambda kept: stores.files.writes(context.tenant, experiment_id, run_id, artifact(kept)),
    )
    return artifact(kept)


def level(
    stores: RunFiles,
    context: Context,
    run_id: RunId,
    folder: str,
    limit: int,
    after: tuple[str, ...] | None,
) -> LevelPage:
    """One level of the tree, folders first. One read and one query. Raises NotFound, Forbidden."""
    stores.runs.open(context.tenant, run_id)
    return stores.files.level(context.tenant, run_id, folder, limit, after)


def content(
    stores: RunFiles, context: Context, run_id: RunId, path: str
) -> tuple[SignedRequest, int]:
    """A presigned GET and when it dies (ms). One read. Raises NotFound, Forbidden."""
    artifact = _find(stores, context, run_id, path)
    name = path.rpartition("/")[2]
    signed = stores.bytes.blobs.presign_get(
        artifact.blob_key,
        mime=artifact.mime,
        disposition=safe_disposition(name, inline=is_inline_safe(artifact.mime)),
        expires_s=URL_S,
    )
    return signed, context.now_ms() + URL_S * 1000


def preview(
    stores: RunFiles, context: Context, run_id: RunId, path: str
) -> tuple[SignedRequest, int]:
    """A presigned GET of an image's preview and when it dies (ms). One read, one blob. Raises
    NotFound, Forbidden."""
    artifact = _find(stores, context, run_id, path)
    signed = previews.locate(stores.bytes.blobs, artifact.blob_key, path)
    return signed, context.now_ms() + URL_S * 1000


def experiment_of(stores: RunFiles, context: Context, run_id: RunId) -> ExperimentId:
    """The experiment of a run that may be written to. One read. Raises Conflict when it is deleted,
    NotFound, Forbidden."""
    return writable(stores.runs.open(context.tenant, run_id)).experiment_id


def _find(stores: RunFiles, context: Context, run_id: RunId, path: str) -> RunArtifact:
    artifact = stores.files.get(context.tenant, run_id, path)
    if artifact is None:
        stores.runs.open(context.tenant, run_id)  # tells another tenant's run from a missing file
        raise NotFound("the run has no such file", path=path)
    return artifact
