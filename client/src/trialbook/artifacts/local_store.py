"""Bytes in a folder of this machine, by their sha256."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from trialbook.artifacts.manifests import manifest_bytes, parse_manifest, safe_name, stored_dir
from trialbook.artifacts.model import Artifact, ManifestFile, Stored
from trialbook.artifacts.staging import Staging
from trialbook.transfer.concurrency import concurrently
from trialbook.transfer.digests import FileDigest, digest, opened, pieces, sha256_of
from trialbook.transfer.get import damaged
from trialbook.transfer.paths import files_below
from trialbook.transfer.tree import Fetch, rebuild

AT_ONCE = 8


def blob_path(folder: Path, sha256: str) -> Path:
    """Where a store in this folder keeps the bytes."""
    return folder / "blobs" / sha256[:2] / sha256


class LocalArtifactStore(Staging):
    """An `AsyncArtifactStore` without a server.

    `blobs/<2 hex>/<sha256>` are read-only, written once, synced and renamed into place, so that
    many processes may save at once. `files/<sha256>/<name>` are links to them, by their names, and
    `trees/<sha256 of the manifest>/…` are folders rebuilt from them.
    """

    def __init__(self, folder: str | Path) -> None:
        self._home = Path(folder).absolute()
        super().__init__(self._home / "staging")

    async def save_file(self, path: str, *, mime: str | None = None) -> Stored:
        """Copies the bytes. Raises FileChanged when the file is written to meanwhile."""
        file = await asyncio.to_thread(self._save, Path(path))
        return Stored(file.sha256, file.size_bytes, mime)

    async def save_dir(self, path: str) -> Stored:
        """Copies every file. Raises UnsafePath, FileChanged."""
        found = await asyncio.to_thread(files_below, Path(path).absolute())
        saved: dict[str, FileDigest] = {}

        async def one(entry: tuple[str, Path]) -> None:
            saved[entry[0]] = await asyncio.to_thread(self._save, entry[1])

        await concurrently(found, one, AT_ONCE)
        for file in saved.values():
            file.check()
        files = [
            ManifestFile(name, saved[name].sha256, saved[name].size_bytes) for name, _ in found
        ]
        stored = stored_dir(files)
        await asyncio.to_thread(self._write, manifest_bytes(files), stored.sha256)
        return stored

    async def load_bytes(self, artifact: Artifact, path: str | None = None) -> bytes:
        file = await self._file(artifact, path)
        local = await self.local_file(artifact, path)
        found = await asyncio.to_thread(Path(local).read_bytes)
        if len(found) != file.size_bytes:
            raise damaged(file.sha256)
        return found

    async def local_file(self, artifact: Artifact, path: str | None = None) -> str:
        """A link to the stored bytes, read-only, under the artifact's name."""
        if artifact.is_dir and path is None:
            raise FileNotFoundError(
                f"a directory, not a file; as_local_dir has it: {artifact.artifact_id}"
            )
        file = await self._file(artifact, path)
        folder = self._home / "files" / file.sha256
        named = ManifestFile(safe_name(file.path), file.sha256, file.size_bytes)
        await rebuild(folder, [named], self._link)
        return str(folder / named.path)

    async def local_dir(self, artifact: Artifact) -> str:
        """Copies of the files, of which those that are there are left alone."""
        if not artifact.is_dir or artifact.sha256 is None:
            raise FileNotFoundError(
                f"a file, not a directory; as_local_file has it: {artifact.artifact_id}"
            )
        folder = self._home / "trees" / artifact.sha256
        await rebuild(folder, await self._manifest(artifact), self._copy)
        return str(folder)

    async def fetch(self, uri: str) -> str:
        raise ValueError(f"a run's files are at a server; these artifacts are local: {uri:.200}")

    # -- parts ----------------------------------------------------------------------------------

    def _blob(self, sha256: str) -> Path:
        return blob_path(self._home, sha256)

    def _save(self, path: Path) -> FileDigest:
        """Hash first: what is here already is not written again."""
        file = digest(path)
        place = self._blob(file.sha256)
        if not _is_whole(place, file.size_bytes):
            with opened(path) as source:
                whole = pieces(source, file.size_bytes, path)
                self._publish(whole, file.sha256, file)
        return file

    def _write(self, body: bytes, sha256: str) -> None:
        if not _is_whole(self._blob(sha256), len(body)):
            self._publish([memoryview(body)], sha256, None)

    def _publish(self, body: Iterable[memoryview], sha256: str, source: FileDigest | None) -> None:
        place = self._blob(sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{uuid.uuid4().hex}")
        try:
            with draft.open("xb", buffering=0) as file:
                for piece in body:
                    file.write(piece)
                os.fsync(file.fileno())
            if source is not None and sha256_of(draft) != sha256:
                source.check()
                raise damaged(sha256)
            draft.chmod(0o444)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(place.parent)

    async def _file(self, artifact: Artifact, path: str | None) -> ManifestFile:
        if path is None:
            if artifact.is_dir:
                raise IsADirectoryError(
                    f"a directory; name a file of it or use as_local_dir: {artifact.artifact_id}"
                )
            if artifact.sha256 is None or artifact.bytes is None:
                raise FileNotFoundError(f"the artifact has no bytes: {artifact.artifact_id}")
            name = artifact.name or artifact.artifact_id
            return ManifestFile(name, artifact.sha256, artifact.bytes)
        if artifact.is_dir:
            for file in await self._manifest(artifact):
                if file.path == path:
                    return file
        raise FileNotFoundError(f"no such file in the artifact: {artifact.artifact_id} {path}")

    async def _manifest(self, artifact: Artifact) -> Sequence[ManifestFile]:
        sha256 = artifact.sha256 or ""
        try:
            body = await asyncio.to_thread(self._blob(sha256).read_bytes)
        except FileNotFoundError:
            raise FileNotFoundError(f"the bytes are gone: {artifact.artifact_id}") from None
        if hashlib.sha256(body).hexdigest() != sha256:
            raise damaged(sha256)
        return parse_manifest(body)

    async def _link(self, _: Sequence[ManifestFile]) -> Fetch:
        return self._linked

    async def _copy(self, _: Sequence[ManifestFile]) -> Fetch:
        return self._copied

    async def _linked(self, file: ManifestFile, to: Path) -> None:
        await asyncio.to_thread(self._place, file, to, True)

    async def _copied(self, file: ManifestFile, to: Path) -> None:
        await asyncio.to_thread(self._place, file, to, False)

    def _place(self, file: ManifestFile, to: Path, is_link: bool) -> None:
        blob = self._blob(file.sha256)
        draft = to.with_name(f".{uuid.uuid4().hex}")
        try:
            if not (is_link and _linked(blob, draft)):
                shutil.copyfile(blob, draft)
            if sha256_of(draft) != file.sha256:
                raise damaged(file.sha256)
            draft.replace(to)
        except FileNotFoundError:
            raise FileNotFoundError(f"the bytes are gone: {file.sha256}") from None
        finally:
            draft.unlink(missing_ok=True)


def _linked(blob: Path, place: Path) -> bool:
    """False on a file system that has no links, or has no room for more to this file."""
    try:
        os.link(blob, place)
    except OSError as error:
        if error.errno in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP}:
            return False
        raise
    return True


def _is_whole(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
