"""Loading bytes, text and JSON, and making artifacts local."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trialbook.artifacts.model import Artifact
from trialbook.artifacts.parts import FacadeParts


class LoadApi(FacadeParts):
    """Whatever is loaded is what was stored: its sha256 is checked."""

    async def load_bytes_by_id(self, artifact_id: str) -> bytes:
        """Raises FileNotFoundError; IsADirectoryError for a directory artifact."""
        return await self._store.load_bytes(await self._loader.artifact(artifact_id))

    async def load_text_by_id(
        self, artifact_id: str, *, encoding: str = "utf-8", errors: str = "strict"
    ) -> str:
        """Raises FileNotFoundError, UnicodeDecodeError."""
        return (await self.load_bytes_by_id(artifact_id)).decode(encoding, errors)

    async def load_json_by_id(
        self, artifact_id: str, *, encoding: str = "utf-8", errors: str = "strict"
    ) -> Any:
        """Raises FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError."""
        return json.loads(await self.load_text_by_id(artifact_id, encoding=encoding, errors=errors))

    async def load_bytes(self, uri: str | Path) -> bytes:
        """Of `trialbook://artifacts/<id>` (`/<path>` for a file of a directory),
        `trialbook://runs/<run_id>/artifacts/<path>`, `file://`, `s3://` and plain paths.

        `s3://` needs the extra `trialbook[s3]`. Raises FileNotFoundError, ValueError for any other
        scheme.
        """
        return await self._loader.load_bytes(uri)

    async def load_text(
        self, uri: str | Path, *, encoding: str = "utf-8", errors: str = "strict"
    ) -> str:
        """As `load_bytes`, decoded. Raises UnicodeDecodeError too."""
        return (await self.load_bytes(uri)).decode(encoding, errors)

    async def load_json(
        self, uri: str | Path, *, encoding: str = "utf-8", errors: str = "strict"
    ) -> Any:
        """As `load_text`, parsed. Raises json.JSONDecodeError too."""
        return json.loads(await self.load_text(uri, encoding=encoding, errors=errors))

    async def as_local_dir(
        self, artifact_or_uri: str | Path | Artifact, *, must_exist: bool = True
    ) -> str:
        """A local folder with the files of a directory artifact, of a local path or of `s3://`.

        Remote files are downloaded to a cache, those that are there and verified are left alone.
        Raises FileNotFoundError; `must_exist=False` does not look whether a local path is there.
        """
        return await self._loader.local_dir(artifact_or_uri, must_exist=must_exist)

    async def as_local_file(
        self, artifact_or_uri: str | Path | Artifact, *, must_exist: bool = True
    ) -> str:
        """A local file with the bytes, verified. Raises FileNotFoundError, also for a directory;
        `must_exist=False` does not look whether a local path is there."""
        return await self._loader.local_file(artifact_or_uri, must_exist=must_exist)
