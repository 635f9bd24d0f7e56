"""Finding out what kind of source an address is of."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trialbook.imports.file_store import FileStore
from trialbook.imports.rest import MlflowServer
from trialbook.imports.source import Source, SourceFailed


async def opened(uri: str, token: str | None) -> Source:
    """By its address: a server's, or a folder's as a path or `file:` URI. Raises SourceFailed."""
    if uri.startswith(("http://", "https://")):
        return MlflowServer(uri, token)
    return await asyncio.to_thread(FileStore, folder_of(uri))


def folder_of(uri: str) -> Path:
    """Raises SourceFailed for an address of another kind."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if len(parts.scheme) > 1:  # a letter is a drive of Windows
        raise SourceFailed(
            f"give the address of an MLflow server, or a folder of its file store: {uri!r}; "
            "for a database start `mlflow server` on it"
        )
    return Path(uri)
