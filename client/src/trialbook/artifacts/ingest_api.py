"""Staging files and folders, and taking them in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trialbook.artifacts.model import Artifact
from trialbook.artifacts.save_api import SaveApi
from trialbook.artifacts.saving import draft_of, record


class IngestApi(SaveApi):
    """What was staged is removed when it has been taken in."""

    async def stage_path(self, ext: str = "") -> str:
        """Where a new file may be written; the file is not there yet, its folder is."""
        return await self._store.stage_path(ext)

    async def stage_dir(self, suffix: str = "") -> str:
        """A new, empty folder."""
        return await self._store.stage_dir(suffix)

    async def ingest_file(
        self,
        staged_path: str | Path,
        *,
        kind: str,
        tags: list[str] | None = None,
        labels: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        suggested_uri: str | None = None,
        pin: bool = False,
        name: str | None = None,
        description: str | None = None,
    ) -> Artifact:
        """Save a staged file and index it. What `stage_path` planned is then removed; a file from
        anywhere else stays where it is."""
        artifact = await self._saved_file(
            Path(staged_path),
            kind,
            tags=tags,
            labels=labels,
            metrics=metrics,
            suggested_uri=suggested_uri,
            name=name,
            pin=pin,
            description=description,
        )
        await self._store.discard(str(staged_path))
        return artifact

    async def ingest_dir(
        self, staged_dir: str | Path, *, kind: str = "directory", **kwargs: Any
    ) -> Artifact:
        """Save every file below a folder, and index them as one artifact.

        Takes `tags, labels, metrics, suggested_uri, name, pin, preview_uri, description`. Empty
        folders are not kept. A symbolic link, and a file that cannot be read or changes meanwhile,
        is an error, and nothing is indexed. A folder of `stage_dir` is removed afterwards; any
        other stays.
        """
        draft = draft_of(self._ids, kind, **kwargs)
        index = self._index
        artifact = await record(index, draft, lambda: self._store.save_dir(str(staged_dir)))
        await self._store.discard(str(staged_dir))
        return artifact
