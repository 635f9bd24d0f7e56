"""Saving: files, text, JSON, streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

from trialbook.artifacts.loading import to_json_bytes
from trialbook.artifacts.model import Artifact
from trialbook.artifacts.parts import FacadeParts
from trialbook.artifacts.saving import draft_of, guess_mime, record
from trialbook.artifacts.writer import ArtifactWriter
from trialbook.transfer.digests import stamp_of


class SaveApi(FacadeParts):
    """Every saved artifact carries all ids that the context has."""

    async def save_file(
        self,
        path: str | Path,
        *,
        kind: str,
        labels: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        suggested_uri: str | None = None,
        name: str | None = None,
        pin: bool = False,
        cleanup: bool = True,
        tags: list[str] | None = None,
        description: str | None = None,
    ) -> Artifact:
        """Save a file and index it; `cleanup` then removes the file, once all else succeeded.

        A file that was written to since it was read is left alone.

        `name` beats the last segment of `suggested_uri`; without both it is the file's own. The
        media type follows from the name, else from the path.
        """
        local = Path(path)
        name = name or (None if suggested_uri else local.name)
        before = await asyncio.to_thread(stamp_of, local)
        artifact = await self._saved_file(
            local,
            kind,
            tags=tags,
            labels=labels,
            metrics=metrics,
            suggested_uri=suggested_uri,
            name=name,
            pin=pin,
            description=description,
        )
        if cleanup and await asyncio.to_thread(stamp_of, local) == before:
            await asyncio.to_thread(local.unlink, missing_ok=True)
        return artifact

    async def save_text(
        self,
        payload: str,
        *,
        suggested_uri: str | None = None,
        name: str | None = None,
        kind: str = "text",
        labels: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        pin: bool = False,
        tags: list[str] | None = None,
        description: str | None = None,
    ) -> Artifact:
        """Save text as UTF-8. Raises TypeError for anything but a string."""
        if not isinstance(payload, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
            raise TypeError(f"save_text takes a string, not {type(payload).__name__}")
        return await self._saved_bytes(
            payload.encode(),
            ".txt",
            kind,
            tags=tags,
            labels=labels,
            metrics=metrics,
            suggested_uri=suggested_uri,
            name=name,
            pin=pin,
            description=description,
        )

    async def save_json(
        self,
        payload: Any,
        *,
        suggested_uri: str | None = None,
        name: str | None = None,
        kind: str = "json",
        labels: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        pin: bool = False,
        tags: list[str] | None = None,
        description: str | None = None,
    ) -> Artifact:
        """Save a value as JSON.

        Raises TypeError for what is not JSON-serializable and ValueError for NaN and infinities,
        which JSON does not have; nothing is stored then.
        """
        return await self._saved_bytes(
            to_json_bytes(payload),
            ".json",
            kind,
            tags=tags,
            labels=labels,
            metrics=metrics,
            suggested_uri=suggested_uri,
            name=name,
            pin=pin,
            description=description,
        )

    @asynccontextmanager
    async def writer(
        self,
        *,
        kind: str,
        planned_ext: str | None = None,
        pin: bool = False,
        description: str | None = None,
    ) -> AsyncGenerator[ArtifactWriter]:
        """Write an artifact piece by piece; leaving the block saves it, as `writer.artifact`.

        An exception inside the block stores nothing. When the saving itself fails, the bytes stay
        in the staged file that the exception's note names.
        """
        draft_of(self._ids, kind, pin=pin, description=description)
        index = self._index
        staged = await self._store.stage_path(planned_ext or "")
        writer = ArtifactWriter(staged)
        try:
            yield writer
        except BaseException:
            writer.close()
            await self._store.discard(staged)
            raise
        writer.close()
        draft = draft_of(
            self._ids,
            kind,
            tags=writer.tags,
            labels=writer.labels,
            metrics=writer.metrics,
            pin=pin,
            mime=guess_mime(staged),
            description=description,
        )
        try:
            writer.artifact = await record(
                index, draft, lambda: self._store.save_file(staged, mime=draft.mime)
            )
        except Exception as error:
            error.add_note(f"what was written is kept at {staged}; ingest_file can save it")
            raise
        await self._store.discard(staged)

    async def _saved_bytes(self, body: bytes, ext: str, kind: str, **meta: Any) -> Artifact:
        _ = draft_of(self._ids, kind, **meta), self._index  # bad input stages nothing
        staged = await self._store.stage_path(ext)
        try:
            await asyncio.to_thread(Path(staged).write_bytes, body)
            return await self._saved_file(Path(staged), kind, **meta)
        finally:
            await self._store.discard(staged)

    async def _saved_file(self, path: Path, kind: str, **meta: Any) -> Artifact:
        draft = draft_of(self._ids, kind, **meta)
        draft.mime = guess_mime(draft.name, path.name)
        index = self._index
        if not path.is_file():
            _refuse(path)
        return await record(index, draft, lambda: self._store.save_file(str(path), mime=draft.mime))


def _refuse(path: Path) -> NoReturn:
    if path.is_dir():
        raise IsADirectoryError(f"a directory, not a file; ingest_dir saves it: {path}")
    raise FileNotFoundError(f"no such file: {path}")
