"""Files of a run: small ones through us, listing, and reads by presigned GET."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from mimetypes import MimeTypes

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import ExperimentId, RunId
from chalicelib.core.model.artifact import RunArtifact
from chalicelib.domain.artifact_paths import is_inline_safe, safe_disposition
from chalicelib.domain.logging import writable
from chalicelib.storage import keys
from chalicelib.storage.blobs import Blobs, SignedRequest
from chalicelib.storage.run_files import LevelPage, RunFileStore
from chalicelib.storage.runs import RunStore
from chalicelib.storage.uploads import UploadStore

URL_S = 15 * 60
UNKNOWN_MIME = "application/octet-stream"
_KNOWN_TYPES = MimeTypes()
"""The table that Python brings, not the machine's: the same file has the same type everywhere."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The stores that files of runs live in."""

    runs: RunStore
    files: RunFileStore
    uploads: UploadStore
    blobs: Blobs


def guess_mime(path: str) -> str:
    """The media type of a file by its name."""
    return _KNOWN_TYPES.guess_type(path)[0] or UNKNOWN_MIME


def save(
    stores: RunFiles, context: Context, run_id: RunId, path: str, body: bytes, mime: str | None
) -> RunArtifact:
    """A small file. One read, one blob, one transaction. Raises Conflict when the run is deleted,
    NotFound, Forbidden."""
    experiment_id = experiment_of(stores, context, run_id)
    sha256 = hashlib.sha256(body).hexdigest()
    blob_key = keys.blob(context.tenant, sha256)
    mime = mime or guess_mime(path)
    stores.blobs.put(blob_key, body, mime=mime)  # the same bytes have the same name: again is fine
    artifact = RunArtifact(
        artifact_id=context.new_id(),
        path=path,
        size_bytes=len(body),
        sha256=sha256,
        mime=mime,
        blob_key=blob_key,
        verified=True,
        created_at_ms=context.now_ms(),
        created_by=context.user,
    )
    writes = stores.files.writes(context.tenant, experiment_id, run_id, artifact)
    retry_races(context, lambda: stores.files.table.transact(writes))
    return artifact


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
    artifact = stores.files.get(context.tenant, run_id, path)
    if artifact is None:
        stores.runs.open(context.tenant, run_id)  # tells another tenant's run from a missing file
        raise NotFound("the run has no such file", path=path)
    name = path.rpartition("/")[2]
    signed = stores.blobs.presign_get(
        artifact.blob_key,
        mime=artifact.mime,
        disposition=safe_disposition(name, inline=is_inline_safe(artifact.mime)),
        expires_s=URL_S,
    )
    return signed, context.now_ms() + URL_S * 1000


def experiment_of(stores: RunFiles, context: Context, run_id: RunId) -> ExperimentId:
    """The experiment of a run that may be written to. One read. Raises Conflict when it is deleted,
    NotFound, Forbidden."""
    return writable(stores.runs.open(context.tenant, run_id)).experiment_id
