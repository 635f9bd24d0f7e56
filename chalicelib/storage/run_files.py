"""Artifact trees of runs and logged models: one item a file, and one for each folder above it."""

from __future__ import annotations

from typing import NamedTuple, cast

from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import ExperimentId, TenantId, TreeId, UserId
from chalicelib.core.model.artifact import Folder, RunArtifact
from chalicelib.storage import file_keys, keys
from chalicelib.storage.table import Add, Delete, Item, Put, Query, Table, Write

FEED = "file"


class LevelPage(NamedTuple):
    """Entries of one folder, folders first, and where the next page begins."""

    entries: list[Folder | RunArtifact]
    next: tuple[str, ...] | None


class RunFileStore:
    """Files of runs and of logged models."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def writes(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        tree: TreeId,
        artifact: RunArtifact,
    ) -> list[Write]:
        """What puts the file in the tree, in place of one of the same path: the file, then its
        folders from the innermost on."""
        key = file_keys.file(tenant, tree, artifact.path)
        version = _version(artifact.artifact_id)
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "id": artifact.artifact_id,
            "size": artifact.size_bytes,
            "sha256": artifact.sha256,
            "mime": artifact.mime,
            "blob": artifact.blob_key,
            "verified": artifact.verified,
            "created": artifact.created_at_ms,
            "by": artifact.created_by,
            "experiment": experiment_id,
            "feed": FEED,
            "version": version,
        }
        folders: list[Write] = []
        folder = artifact.path.rpartition("/")[0]
        while folder:
            address = file_keys.folder(tenant, tree, folder)
            folders.append(Put({"pk": address.pk, "sk": address.sk, "version": version}))
            folder = folder.rpartition("/")[0]
        return [Put(item), *folders]

    def removed(
        self, tenant: TenantId, experiment_id: ExperimentId, tree: TreeId, artifact: RunArtifact
    ) -> list[Write]:
        """What takes the file out of the tree and the count of the experiment's artifacts; it fails
        when another took the path. Its folders stay."""
        key = file_keys.file(tenant, tree, artifact.path)
        return [
            Delete(key, when=_version(artifact.artifact_id)),
            Add(keys.experiment_counts(tenant, experiment_id), {"artifacts": -1}),
        ]

    def is_rid_of(self, tenant: TenantId, tree: TreeId, folder: str) -> bool:
        """Remove a folder that holds nothing; False when it holds something. A read, a query and a
        write. Whoever puts a file into it writes it anew, so none is lost."""
        key = file_keys.folder(tenant, tree, folder)
        item = self.table.get(key)
        if item is None:
            return True
        if self.level(tenant, tree, folder, 1, None).entries:
            return False
        try:
            self.table.delete(key, when=cast(int, item["version"]))
        except ConditionFailed:
            return False
        return True

    def get(self, tenant: TenantId, tree: TreeId, path: str) -> RunArtifact | None:
        """One read."""
        item = self.table.get(file_keys.file(tenant, tree, path))
        return None if item is None else _artifact(item)

    def set_verified(
        self, tenant: TenantId, tree: TreeId, path: str, artifact_id: str, sha256: str
    ) -> None:
        """Record that the bytes have this digest, unless another file took the path. One read, one
        write."""
        item = self.table.get(file_keys.file(tenant, tree, path))
        if item is None or item["id"] != artifact_id or item["verified"]:
            return
        believed: Item = {**item, "sha256": sha256, "verified": True}
        try:
            self.table.put(believed, when=_version(artifact_id))
        except ConditionFailed:
            return

    def level(
        self,
        tenant: TenantId,
        tree: TreeId,
        folder: str,
        limit: int,
        after: tuple[str, ...] | None,
    ) -> LevelPage:
        """One level of the tree ("" is the top): folders, then files, each by name. One query."""
        pk, prefix = file_keys.level(tenant, tree, folder)
        page = self.table.query(Query(pk, prefix=prefix, limit=limit, after=after))
        entries: list[Folder | RunArtifact] = []
        for item in page.items:
            path, is_folder = file_keys.parse_entry(cast(str, item["sk"]))
            entries.append(Folder(path) if is_folder else _artifact(item))
        return LevelPage(entries, page.next)


def _version(artifact_id: str) -> int:
    """Tells one file at a path from a later one; 60 bits of chance."""
    return int(artifact_id[-15:], 16)


def _artifact(item: Item) -> RunArtifact:
    path, _ = file_keys.parse_entry(cast(str, item["sk"]))
    return RunArtifact(
        artifact_id=cast(str, item["id"]),
        path=path,
        size_bytes=cast(int, item["size"]),
        sha256=cast("str | None", item["sha256"]),
        mime=cast(str, item["mime"]),
        blob_key=cast(str, item["blob"]),
        verified=cast(bool, item["verified"]),
        created_at_ms=cast(int, item["created"]),
        created_by=UserId(cast(str, item["by"])),
    )
