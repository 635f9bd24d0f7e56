"""Manifests of directory artifacts, and the queue of directories whose files are to be let go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import orjson

from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.artifact import ManifestFile
from chalicelib.storage import artifact_keys
from chalicelib.storage.table import Delete, Item, Key, Put, Query, Table, query_all

OPEN = 1
CLAIMED = 2


class DueDirectory(NamedTuple):
    """A directory on the queue: from when on it may be looked at (ms), and where its manifest is.
    Once it is claimed nobody can finish indexing it any more."""

    due_ms: int
    tenant: TenantId
    artifact_id: ArtifactId
    manifest_key: str
    claimed: bool


class DirectoryQueue:
    """Directories that are being indexed or were deleted, the longest waiting first."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def guard(
        self, tenant: TenantId, artifact_id: ArtifactId, manifest_key: str, due_ms: int
    ) -> Put:
        """The write that has a directory that is about to be indexed let go, unless `indexed` is
        written before it is due."""
        return Put(_item(tenant, artifact_id, manifest_key, due_ms, OPEN))

    def indexed(self, tenant: TenantId, artifact_id: ArtifactId, due_ms: int) -> Delete:
        """The write that takes the guard away; it fails once the guard is claimed."""
        return Delete(artifact_keys.directory_due(due_ms, tenant, artifact_id), when=OPEN)

    def due(self, tenant: TenantId, artifact_id: ArtifactId, manifest_key: str, due_ms: int) -> Put:
        """The write that has a deleted directory let go."""
        return Put(_item(tenant, artifact_id, manifest_key, due_ms, CLAIMED))

    def claim(self, one: DueDirectory) -> None:
        """One write, none when it is claimed already. Raises ConditionFailed when it is off the
        queue."""
        if not one.claimed:
            item = _item(one.tenant, one.artifact_id, one.manifest_key, one.due_ms, CLAIMED)
            self.table.put(item, when=OPEN)

    def done(self, one: DueDirectory) -> Delete:
        """The write that takes a directory off the queue; again is fine."""
        return Delete(artifact_keys.directory_due(one.due_ms, one.tenant, one.artifact_id))

    def due_before(self, now_ms: int) -> Iterator[DueDirectory]:
        """What is due. One query per MB, made as they are asked for."""
        query = Query(artifact_keys.DIRECTORIES_DUE, start="0", stop=f"{now_ms:015d}~")
        for item in query_all(self.table, query):
            yield _due(item)


def manifest_bytes(files: Iterable[ManifestFile]) -> bytes:
    """The one spelling of a manifest: JSON sorted by path, without spaces."""
    described = [
        {"path": one.path, "sha256": one.sha256, "size_bytes": one.size_bytes}
        for one in sorted(files, key=lambda one: one.path)
    ]
    return orjson.dumps(described)


def parse_manifest(body: bytes) -> Sequence[ManifestFile]:
    """Inverse of `manifest_bytes`."""
    return [ManifestFile(**one) for one in orjson.loads(body)]


def _item(
    tenant: TenantId, artifact_id: ArtifactId, manifest_key: str, due_ms: int, version: int
) -> Item:
    key: Key = artifact_keys.directory_due(due_ms, tenant, artifact_id)
    return {"pk": key.pk, "sk": key.sk, "blob": manifest_key, "version": version}


def _due(item: Item) -> DueDirectory:
    due_ms, tenant, artifact_id = artifact_keys.parse_directory_due(cast(str, item["sk"]))
    return DueDirectory(
        due_ms, tenant, artifact_id, cast(str, item["blob"]), item["version"] == CLAIMED
    )
