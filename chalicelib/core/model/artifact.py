"""Files of a run, indexed artifacts, and uploads on their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from chalicelib.core.ids import ArtifactId, TreeId, UploadId, UserId


@dataclass(frozen=True, slots=True)
class RunArtifact:
    """A file in the artifact tree of a run or a logged model. `blob_key` names its bytes in the
    store.

    `verified` is False until the bytes of a multipart upload were hashed by a worker; until then
    `sha256` is what was claimed, and None where nothing was.
    """

    artifact_id: str
    path: str
    size_bytes: int
    sha256: str | None
    mime: str
    blob_key: str
    verified: bool
    created_at_ms: int
    created_by: UserId


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of an artifact tree: it exists because a file under it does."""

    path: str


UploadState: TypeAlias = Literal["open", "completed", "aborted"]


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where in which artifact tree a file belongs."""

    tree: TreeId
    path: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A presigned upload: of a tree's file when it has a `place`, else of bytes to be indexed.

    `store_upload` is the blob store's id of a multipart upload, None when it is a single PUT.
    `checksums` says that every part's sha256 is bound when signed. `created_by` is None of one that
    was begun before this was kept.

    Of one that is not `described` the client tells neither size nor digest: `size_bytes` is 0 until
    it is completed, and `sha256` is a random stand-in that names its object alone.
    """

    upload_id: UploadId
    place: FilePlace | None
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
    created_by: UserId | None = None
    described: bool = True


ARTIFACT_IDS: Final = (
    "run_id",
    "session_id",
    "graph_id",
    "node_id",
    "user_id",
    "org_id",
    "client_id",
    "app_id",
    "experiment_id",
)
"""Ids that an artifact can be found by; labels to us, not authority."""
MANIFEST_MIME: Final = "application/vnd.trialbook.manifest+json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """An indexed artifact: one file, or a directory when `file_count` is not None.

    `ids` holds those of `ARTIFACT_IDS` that are set. Of a directory, `sha256` and `blob_key` are
    those of its manifest, and `size_bytes` is the total of its files. `labels` and `metrics` are
    JSON values.
    """

    artifact_id: ArtifactId
    kind: str
    sha256: str
    size_bytes: int
    blob_key: str
    verified: bool
    created_at_ms: int
    created_by: UserId
    mime: str
    name: str | None = None
    suggested_uri: str | None = None
    preview_uri: str | None = None
    tool_name: str | None = None
    tool_version: str | None = None
    description: str | None = None
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: tuple[str, ...] = ()
    labels: Mapping[str, object] = field(default_factory=dict[str, object])
    metrics: Mapping[str, object] = field(default_factory=dict[str, object])
    pinned: bool = False
    file_count: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file of a directory artifact."""

    path: str
    sha256: str
    size_bytes: int
