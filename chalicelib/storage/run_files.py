"""A run's artifact tree: one item a file, and one for each folder above it."""

from __future__ import annotations

from typing import NamedTuple, cast

from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import ExperimentId, RunId, TenantId, UserId
from chalicelib.core.model.artifact import Folder, RunArtifact
from chalicelib.storage import keys
from chalicelib.storage.table import Item, Put, Query, Table, Write

FEED = "file"


class LevelPage(NamedTuple):
    """Entries of one folder, folders first, and where the next page begins."""

    entries: list[Folder | RunArtifact]
    next: tuple[str, ...] | None


class RunFileStore:
    """Files of runs."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def writes(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        run_id: RunId,
        artifact: RunArtifact,
    ) -> list[Write]:
        """What puts the file in the tree, in place of one of the same path: the file, then its
        folders from the innermost on."""
        key = keys.run_file(tenant, run_id, artifact.path)
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
            "version": _version(artifact.artifact_id),
        }
        folders: list[Write] = []
        folder = artifact.path.rpartition("/")[0]
        while folder:
            address = keys.run_folder(tenant, run_id, folder)
            folders.append(Put({"pk": address.pk, "sk": address.sk}))
            folder = folder.rpartition("/")[0]
        return [Put(item), *folders]

    def get(self, tenant: TenantId, run_id: RunId, path: str) -> RunArtifact | None:
        """One read."""
        item = self.table.get(keys.run_file(tenant, run_id, path))
        return None if item is None else _artifact(item)

    def set_verified(self, tenant: TenantId, run_id: RunId, path: str, artifact_id: str) -> None:
        """Record that the bytes are what their digest says, unless another file took the path. One
        read, one write."""
        item = self.table.get(keys.run_file(tenant, run_id, path))
        if item is None or item["id"] != artifact_id or item["verified"]:
            return
        try:
            self.table.put({**item, "verified": True}, when=_version(artifact_id))
        except ConditionFailed:
            return

    def level(
        self,
        tenant: TenantId,
        run_id: RunId,
        folder: str,
        limit: int,
        after: tuple[str, ...] | None,
    ) -> LevelPage:
        """One level of the tree ("" is the top): folders, then files, each by name. One query."""
        pk, prefix = keys.run_files_level(tenant, run_id, folder)
        page = self.table.query(Query(pk, prefix=prefix, limit=limit, after=after))
        entries: list[Folder | RunArtifact] = []
        for item in page.items:
            path, is_folder = keys.parse_run_file(cast(str, item["sk"]))
            entries.append(Folder(path) if is_folder else _artifact(item))
        return LevelPage(entries, page.next)


def _version(artifact_id: str) -> int:
    """Tells one file at a path from a later one; 60 bits of chance."""
    return int(artifact_id[-15:], 16)


def _artifact(item: Item) -> RunArtifact:
    path, _ = keys.parse_run_file(cast(str, item["sk"]))
    return RunArtifact(
        artifact_id=cast(str, item["id"]),
        path=path,
        size_bytes=cast(int, item["size"]),
        sha256=cast(str, item["sha256"]),
        mime=cast(str, item["mime"]),
        blob_key=cast(str, item["blob"]),
        verified=cast(bool, item["verified"]),
        created_at_ms=cast(int, item["created"]),
        created_by=UserId(cast(str, item["by"])),
    )
