"""Files of a run, and uploads on their way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from chalicelib.core.ids import RunId, UploadId, UserId


@dataclass(frozen=True, slots=True)
class RunArtifact:
    """A file under a run's artifact tree. `blob_key` names its bytes in the store.

    `verified` is False until the bytes of a multipart upload were hashed by a worker.
    """

    artifact_id: str
    path: str
    size_bytes: int
    sha256: str
    mime: str
    blob_key: str
    verified: bool
    created_at_ms: int
    created_by: UserId


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a run's artifact tree: it exists because a file under it does."""

    path: str


UploadState: TypeAlias = Literal["open", "completed", "aborted"]


@dataclass(frozen=True, slots=True)
class Upload:
    """A presigned upload of one file into a run's artifact tree.

    `store_upload` is the blob store's id of a multipart upload, None when it is a single PUT.
    `checksums` says that every part's sha256 is bound when signed.
    """

    upload_id: UploadId
    run_id: RunId
    path: str
    size_bytes: int
    sha256: str
    mime: str
    part_size: int
    part_count: int
    blob_key: str
    store_upload: str | None
    checksums: bool
    state: UploadState
    created_at_ms: int
    expires_at_ms: int
