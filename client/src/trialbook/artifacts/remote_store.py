"""Bytes at the service: sent and fetched by presigned URLs, what was fetched is cached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from trialbook._http import Api
from trialbook.artifacts.manifests import parse_manifest, safe_name, stored_dir
from trialbook.artifacts.model import Artifact, ManifestFile, Stored
from trialbook.artifacts.staging import Staging, cache_dir
from trialbook.artifacts.uris import run_file
from trialbook.errors import NotFound
from trialbook.transfer.digests import LARGE_BYTES
from trialbook.transfer.download import download_file
from trialbook.transfer.folder import upload_folder
from trialbook.transfer.get import SignedUrl, load
from trialbook.transfer.paths import checked_path
from trialbook.transfer.progress import Progress, ShowProgress, shown
from trialbook.transfer.routes import UploadRoutes
from trialbook.transfer.run_files import fetch_run_file, find_run_file
from trialbook.transfer.tree import Fetch, Prepare, rebuild
from trialbook.transfer.upload import upload_file

ARTIFACTS = "/api/v1/artifacts"


class RemoteArtifactStore(Staging):
    """An `AsyncArtifactStore` on a server.

    The cache holds `files/<sha256>/<name>` and `trees/<sha256 of the manifest>/…`; it is looked
    through when it is asked, so it may be emptied at any time.
    """

    def __init__(
        self,
        api: Api,
        *,
        progress: ShowProgress = None,
        cache: Path | None = None,
        state: Path | None = None,
    ) -> None:
        """`cache` is `cache_dir()` and `state` `state_dir()` unless given."""
        self._api = api
        self._progress: ShowProgress = progress
        self._cache = cache or cache_dir()
        self._state = state
        self._routes = UploadRoutes.of_index(api)
        super().__init__(self._cache / "staging")

    # -- sending --------------------------------------------------------------------------------

    async def save_file(self, path: str, *, mime: str | None = None) -> Stored:
        """Raises FileChanged, StoreRefused and the service's errors too."""
        local = Path(path)
        uploaded = await upload_file(
            self._routes, local, fields={"mime": mime}, show=self._progress, state=self._state
        )
        return Stored(uploaded.sha256, uploaded.size_bytes, mime)

    async def save_dir(self, path: str) -> Stored:
        """Raises UnsafePath, FileChanged, StoreRefused and the service's errors too."""
        files = await upload_folder(
            self._routes, Path(path).absolute(), show=self._progress, state=self._state
        )
        return stored_dir(files)

    # -- fetching -------------------------------------------------------------------------------

    async def load_bytes(self, artifact: Artifact, path: str | None = None) -> bytes:
        """Below 64 MiB in memory alone; from there on by way of the cache."""
        file = await self._file(artifact, path)
        if file.size_bytes >= LARGE_BYTES:
            local = Path(await self.local_file(artifact, path))
            return await asyncio.to_thread(local.read_bytes)
        with shown(self._progress, file.size_bytes, file.path) as progress:
            found = await load(self._api, self._url(artifact, path), file.sha256)
            progress.advance(len(found))
            return found

    async def local_file(self, artifact: Artifact, path: str | None = None) -> str:
        """In the cache, under its own name."""
        if artifact.is_dir and path is None:
            raise FileNotFoundError(
                f"a directory, not a file; as_local_dir has it: {artifact.artifact_id}"
            )
        file = await self._file(artifact, path)
        return await self._cached(file, self._url(artifact, path))

    async def local_dir(self, artifact: Artifact) -> str:
        """In the cache; asks for the places of 500 files at a time, and fetches what is missing."""
        if not artifact.is_dir or artifact.sha256 is None:
            raise FileNotFoundError(
                f"a file, not a directory; as_local_file has it: {artifact.artifact_id}"
            )
        folder = self._cache / "trees" / artifact.sha256
        await self.download_dir(artifact, folder)
        return str(folder.absolute())

    async def download_dir(self, artifact: Artifact, folder: Path) -> Sequence[ManifestFile]:
        """Make `folder` hold the files of a directory artifact; which had to be fetched."""
        manifest = await self._manifest(artifact)
        name = artifact.name or artifact.artifact_id
        with shown(self._progress, sum(one.size_bytes for one in manifest), name) as progress:
            return await rebuild(folder, manifest, self._prepare(artifact, progress))

    async def fetch(self, uri: str) -> str:
        """Of a run's file."""
        run_id, path = run_file(uri)
        file = await find_run_file(self._api, run_id, path)

        async def prepare(_: Sequence[ManifestFile]) -> Fetch:
            return fetch

        async def fetch(_: ManifestFile, to: Path) -> None:
            with shown(self._progress, file.size_bytes, path) as progress:
                await fetch_run_file(self._api, run_id, file, to, progress)

        return await self._in_cache(file, prepare)

    # -- parts ----------------------------------------------------------------------------------

    async def _file(self, artifact: Artifact, path: str | None) -> ManifestFile:
        """Digest and size of the artifact's file."""
        if path is None:
            if artifact.is_dir:
                raise IsADirectoryError(
                    f"a directory; name a file of it or use as_local_dir: {artifact.artifact_id}"
                )
            if artifact.sha256 is None or artifact.bytes is None:
                raise FileNotFoundError(f"the artifact has no bytes: {artifact.artifact_id}")
            name = artifact.name or artifact.artifact_id
            return ManifestFile(name, artifact.sha256, artifact.bytes)
        if not artifact.is_dir:
            raise FileNotFoundError(f"a file has no files in it: {artifact.artifact_id} {path}")
        [(file, _)] = await self._places(artifact, [checked_path(path)])
        return file

    async def _manifest(self, artifact: Artifact) -> Sequence[ManifestFile]:
        body = await load(self._api, self._url(artifact, None), artifact.sha256)
        return parse_manifest(body)

    def _prepare(self, artifact: Artifact, progress: Progress) -> Prepare:
        async def prepare(files: Sequence[ManifestFile]) -> Fetch:
            places = await self._places(artifact, [file.path for file in files])
            urls = {file.path: url for file, url in places}

            async def fetch(file: ManifestFile, to: Path) -> None:
                await download_file(
                    self._api,
                    self._url(artifact, file.path, urls[file.path]),
                    to,
                    sha256=file.sha256,
                    size_bytes=file.size_bytes,
                    progress=progress,
                )

            return fetch

        return prepare

    async def _places(
        self, artifact: Artifact, paths: Sequence[str]
    ) -> Sequence[tuple[ManifestFile, str]]:
        try:
            answer = await self._api.call(
                "POST", f"{_of(artifact)}/content", body={"paths": list(paths)}
            )
        except NotFound as error:
            raise FileNotFoundError(str(error)) from None
        return [
            (ManifestFile(one["path"], one["sha256"], one["size_bytes"]), one["url"])
            for one in answer["files"]
        ]

    def _url(self, artifact: Artifact, path: str | None, url: str | None = None) -> SignedUrl:
        async def ask() -> str:
            try:
                answer = await self._api.call(
                    "GET", f"{_of(artifact)}/content", query={"path": path}
                )
            except NotFound as error:
                raise FileNotFoundError(str(error)) from None
            return str(answer["url"])

        return SignedUrl(ask, url)

    async def _cached(self, file: ManifestFile, url: SignedUrl) -> str:
        async def prepare(_: Sequence[ManifestFile]) -> Fetch:
            return fetch

        async def fetch(one: ManifestFile, to: Path) -> None:
            with shown(self._progress, one.size_bytes, file.path) as progress:
                await download_file(
                    self._api,
                    url,
                    to,
                    sha256=one.sha256,
                    size_bytes=one.size_bytes,
                    progress=progress,
                )

        return await self._in_cache(file, prepare)

    async def _in_cache(self, file: ManifestFile, prepare: Prepare) -> str:
        """A folder of its own for each digest, so that the file keeps its name."""
        folder = self._cache / "files" / (file.sha256 or "unread")
        named = ManifestFile(safe_name(file.path), file.sha256, file.size_bytes)
        await rebuild(folder, [named], prepare)
        return str((folder / named.path).absolute())


def _of(artifact: Artifact) -> str:
    return f"{ARTIFACTS}/{quote(artifact.artifact_id, safe='')}"
