"""Uploading the files of a folder: small ones in batches of 100, large ones by parts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from trialbook.artifacts.model import ManifestFile
from trialbook.errors import Conflict
from trialbook.transfer.attempts import attempted
from trialbook.transfer.concurrency import concurrently
from trialbook.transfer.digests import LARGE_BYTES, FileDigest, digest
from trialbook.transfer.paths import files_below
from trialbook.transfer.progress import Progress, ShowProgress, shown
from trialbook.transfer.put import put_part
from trialbook.transfer.routes import OpenUpload, SignedPart, UploadRoutes
from trialbook.transfer.upload import upload_hashed

BATCH_FILES: Final = 100
BATCHES_AT_ONCE: Final = 3
PUTS_AT_ONCE: Final = 16
HASHED_AT_ONCE: Final = 8


async def upload_folder(
    routes: UploadRoutes, folder: Path, *, show: ShowProgress = None, state: Path | None = None
) -> tuple[ManifestFile, ...]:
    """Send every file below a folder; what is where, by path.

    Equal files are sent once. Cost: one request for 100 files to begin, one to complete, one PUT a
    file. Raises OSError, ValueError, UnsafePath before anything is sent, FileChanged, StoreRefused.
    """
    found = await asyncio.to_thread(files_below, folder)
    digests = await _digests(path for _, path in found)
    once = {file.sha256: file for file in digests.values()}.values()
    small = [file for file in once if file.size_bytes < LARGE_BYTES]
    total_bytes = sum(file.size_bytes for file in small)
    with shown(show, total_bytes, folder.name) as progress:
        sender = _Batches(routes, progress)
        await concurrently(_cut(small), sender.send, BATCHES_AT_ONCE)
    for file in once:
        if file.size_bytes >= LARGE_BYTES:
            await upload_hashed(routes, file, show=show, state=state)
    await asyncio.to_thread(_check_all, list(digests.values()))
    return tuple(
        ManifestFile(path, digests[file].sha256, digests[file].size_bytes) for path, file in found
    )


async def _digests(paths: Iterable[Path]) -> dict[Path, FileDigest]:
    found: dict[Path, FileDigest] = {}

    async def one(path: Path) -> None:
        found[path] = await asyncio.to_thread(digest, path)

    await concurrently(paths, one, HASHED_AT_ONCE)
    return found


class _Batches:
    """Sends up to 100 small files with two calls of the service."""

    def __init__(self, routes: UploadRoutes, progress: Progress) -> None:
        self._routes = routes
        self._progress = progress
        self._puts = asyncio.Semaphore(PUTS_AT_ONCE)

    async def send(self, files: Sequence[FileDigest]) -> None:
        wanted = [{"sha256": file.sha256, "size_bytes": file.size_bytes} for file in files]
        answer = await self._call("batch", {"files": wanted})
        sent: dict[str, tuple[FileDigest, SignedPart | None]] = {}
        for file, found in zip(files, answer["uploads"], strict=True):
            if found is None:
                self._progress.advance(file.size_bytes)
            else:
                upload = OpenUpload.of(found)
                sent[upload.upload_id] = file, upload.parts[0]
        await self._put_all(sent)
        if not sent:
            return
        try:
            await self._complete(sent)
        except Conflict as error:
            missing = cast("list[str]", error.details.get("missing") or [])
            again = {one: (sent[one][0], None) for one in missing if one in sent}
            if not again:
                raise
            await self._put_all(again)
            await self._complete(sent)

    async def _put_all(self, sent: Mapping[str, tuple[FileDigest, SignedPart | None]]) -> None:
        await asyncio.gather(*(self._put(one, *sent[one]) for one in sent))

    async def _put(self, upload_id: str, file: FileDigest, part: SignedPart | None) -> None:
        async def once() -> str:
            nonlocal part
            if part is None:
                [part] = await self._routes.sign(upload_id, [1], {})
            return await put_part(self._routes.api, file, part, self._progress)

        def renew() -> None:
            nonlocal part
            part = None

        async with self._puts:
            await attempted(self._routes.api, once, renew)

    async def _complete(self, sent: Mapping[str, object]) -> None:
        await self._call("batch/complete", {"upload_ids": list(sent)})

    async def _call(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self._routes.api.call("POST", f"{self._routes.base}/{path}", body=body)


def _cut(files: Sequence[FileDigest]) -> Iterable[Sequence[FileDigest]]:
    for start in range(0, len(files), BATCH_FILES):
        yield files[start : start + BATCH_FILES]


def _check_all(files: Sequence[FileDigest]) -> None:
    for file in files:
        file.check()
