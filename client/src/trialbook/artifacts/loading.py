"""From a URI, path or artifact to bytes, a local file or a local folder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from trialbook.artifacts.model import Artifact
from trialbook.artifacts.protocols import AsyncArtifactIndex, AsyncArtifactStore
from trialbook.artifacts.uris import OfArtifact, OfStore, OnDisk, OnS3, place_of


class Loader:
    """Loads through `store`; `index` resolves `trialbook://artifacts/…`."""

    def __init__(self, store: AsyncArtifactStore, index: AsyncArtifactIndex | None) -> None:
        self._store = store
        self._index = index

    async def artifact(self, artifact_id: str) -> Artifact:
        """Raises FileNotFoundError, and RuntimeError without an index."""
        if self._index is None:
            raise RuntimeError("no artifact index is configured: give one to Context(index=…)")
        found = await self._index.get(artifact_id)
        if found is None:
            raise FileNotFoundError(f"no such artifact: {artifact_id}")
        return found

    async def load_bytes(self, uri: str | Path) -> bytes:
        place = place_of(uri)
        if isinstance(place, OfArtifact):
            artifact = await self.artifact(place.artifact_id)
            return await self._store.load_bytes(artifact, place.path)
        path = Path(await self.local_file(uri))
        return await asyncio.to_thread(path.read_bytes)

    async def local_file(
        self, artifact_or_uri: str | Path | Artifact, *, must_exist: bool = True
    ) -> str:
        if isinstance(artifact_or_uri, Artifact):
            return await self._store.local_file(artifact_or_uri)
        match place_of(artifact_or_uri):
            case OfArtifact(artifact_id, inner):
                return await self._store.local_file(await self.artifact(artifact_id), inner)
            case OfStore(uri):
                return await self._store.fetch(uri)
            case OnS3(bucket, key):
                from trialbook.artifacts.s3 import fetch_object

                return await asyncio.to_thread(fetch_object, bucket, key)
            case OnDisk(path):
                if must_exist and not path.is_file():
                    raise FileNotFoundError(f"no such file: {path}")
                return str(path.absolute())

    async def local_dir(
        self, artifact_or_uri: str | Path | Artifact, *, must_exist: bool = True
    ) -> str:
        if isinstance(artifact_or_uri, Artifact):
            return await self._store.local_dir(artifact_or_uri)
        match place_of(artifact_or_uri):
            case OfArtifact(artifact_id, None):
                return await self._store.local_dir(await self.artifact(artifact_id))
            case OfArtifact(artifact_id, inner):
                raise ValueError(
                    "a directory artifact is rebuilt whole; leave out the path: "
                    f"artifact={artifact_id} path={inner}"
                )
            case OfStore(uri):
                raise ValueError(f"a run's file is no directory: {uri:.200}")
            case OnS3(bucket, key):
                from trialbook.artifacts.s3 import fetch_folder

                return await asyncio.to_thread(fetch_folder, bucket, key)
            case OnDisk(path):
                if must_exist and not path.is_dir():
                    raise FileNotFoundError(f"no such directory: {path}")
                return str(path.absolute())


def to_json_bytes(payload: Any) -> bytes:
    """UTF-8 JSON, indented by nothing. Raises TypeError for what JSON has no word for.

    NaN and infinities are a ValueError: most readers refuse them, and turning them into text
    would change what is read back.
    """
    try:
        return json.dumps(payload, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a string holds half of a surrogate pair; it is no text") from None
    except RecursionError:
        raise ValueError("the payload is nested too deeply for JSON") from None
    except ValueError as error:
        if "Circular" in str(error):
            raise TypeError("the payload contains itself; JSON cannot hold that") from None
        raise ValueError(
            "NaN and infinities are not JSON; replace them by null or a string"
        ) from None
