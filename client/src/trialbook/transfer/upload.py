"""Uploading one file of any size: in parallel parts, resumed, in constant memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trialbook.config import state_dir
from trialbook.errors import Conflict, Invalid, NotFound, TrialbookError
from trialbook.transfer.attempts import attempted
from trialbook.transfer.concurrency import concurrently
from trialbook.transfer.digests import LARGE_BYTES, FileDigest, digest
from trialbook.transfer.failures import FileChanged, StoreRefused
from trialbook.transfer.progress import Progress, ShowProgress, shown
from trialbook.transfer.put import put_part
from trialbook.transfer.resume import UploadState
from trialbook.transfer.routes import MAX_SIGNED, SignedPart, UploadRoutes

PARTS_AT_ONCE: Final = 6


@dataclass(frozen=True, slots=True)
class Uploaded:
    """`answer` is the service's to the completion; None when it had the bytes already."""

    sha256: str
    size_bytes: int
    answer: Mapping[str, Any] | None


class _Stale(Exception):
    """The upload is not there any more; the cause says what the service or store said."""


async def upload_file(
    routes: UploadRoutes,
    path: Path,
    *,
    fields: Mapping[str, Any] | None = None,
    show: ShowProgress = None,
    state: Path | None = None,
) -> Uploaded:
    """Send a file; `fields` go into the request that begins it, beside digest and size.

    The file is read twice, once to hash it and once to send it, in pieces of 256 KiB. From 64 MiB
    on it goes in parts, 6 at a time, and what arrived is remembered below `state` (`state_dir()`),
    so that the same upload continues where a killed process left it.

    Raises OSError, FileChanged, StoreRefused and the service's errors.
    """
    file = await hashed(path, show)
    return await upload_hashed(routes, file, fields=fields, show=show, state=state)


async def upload_hashed(
    routes: UploadRoutes,
    file: FileDigest,
    *,
    fields: Mapping[str, Any] | None = None,
    show: ShowProgress = None,
    state: Path | None = None,
) -> Uploaded:
    """The same for a file that was hashed before."""
    wanted = {"sha256": file.sha256, "size_bytes": file.size_bytes, **(fields or {})}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    of = {"url": routes.api.url, "routes": routes.base, **wanted}
    kept = UploadState((state or state_dir()) / "uploads", of)
    with shown(show, file.size_bytes, file.path.name) as progress:
        try:
            answer = await _Sending(routes, file, kept, progress).run(wanted)
        except _Stale:
            await asyncio.to_thread(kept.forget)
            try:
                answer = await _Sending(routes, file, kept, progress).run(wanted)
            except _Stale as error:
                await asyncio.to_thread(kept.forget)
                raise (error.__cause__ or error) from None
    return Uploaded(file.sha256, file.size_bytes, answer)


async def hashed(path: Path, show: ShowProgress) -> FileDigest:
    """The file's digest, read in a thread. Raises OSError, FileChanged."""
    size_bytes = (await asyncio.to_thread(path.stat)).st_size
    loop = asyncio.get_running_loop()
    with shown(show, size_bytes, f"hash {path.name}") as progress:

        def advance(count: int) -> None:
            loop.call_soon_threadsafe(progress.advance, count)

        found = await asyncio.to_thread(digest, path, advance)
        await asyncio.sleep(0)  # what the thread told last
    return found


class _Sending:
    """One go at an upload, begun or resumed."""

    def __init__(
        self, routes: UploadRoutes, file: FileDigest, kept: UploadState, progress: Progress
    ) -> None:
        self._routes = routes
        self._file = file
        self._kept = kept
        self._progress = progress
        self._is_large = file.size_bytes >= LARGE_BYTES
        self._upload_id = ""
        self._etags: dict[int, str] = {}
        self._signed: dict[int, SignedPart] = {}
        self._signing = asyncio.Lock()

    async def run(self, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer to the completion; None when nothing had to be sent. Raises _Stale."""
        if not await self._opened(wanted):
            self._file.check()
            self._progress.advance(self._file.size_bytes)
            return None
        numbers = [n for n in range(1, len(self._file.parts) + 1) if n not in self._etags]
        sent_before = self._file.size_bytes - sum(self._file.span(n)[1] for n in numbers)
        self._progress.advance(sent_before)
        try:
            await concurrently(numbers, self._send, PARTS_AT_ONCE)
            self._file.check()
        except FileChanged:
            await self._abort()
            raise
        except StoreRefused as error:
            if error.status == 404:
                raise _Stale from error
            raise
        answer = await self._completed()
        await asyncio.to_thread(self._kept.forget)
        return answer

    async def _opened(self, wanted: Mapping[str, Any]) -> bool:
        """False when the service has the bytes."""
        resumed = await asyncio.to_thread(self._kept.load) if self._is_large else None
        if resumed is not None:
            self._upload_id, self._etags = resumed
            return True
        body = {**wanted, "part_sha256": self._file.parts} if self._is_large else wanted
        upload = await self._routes.begin(body)
        if upload is None:
            return False
        if upload.part_count != len(self._file.parts) or (
            self._is_large and upload.part_size != self._file.part_size
        ):
            raise TrialbookError(
                "the service cuts files into other parts; update the client: "
                f"part_size={upload.part_size} expected={self._file.part_size}"
            )
        self._upload_id = upload.upload_id
        self._signed = {part.number: part for part in upload.parts}
        if self._is_large:
            await asyncio.to_thread(self._kept.begin, upload.upload_id)
        return True

    async def _send(self, number: int) -> None:
        async def once() -> str:
            part = await self._part(number)
            return await put_part(self._routes.api, self._file, part, self._progress)

        def renew() -> None:
            """Everything signed together dies together."""
            dead = self._signed.get(number)
            if dead is not None:
                live = {n: p for n, p in self._signed.items() if p.batch is not dead.batch}
                self._signed = live

        etag = await attempted(self._routes.api, once, renew)
        self._etags[number] = etag
        self._signed.pop(number, None)
        if self._is_large:
            await asyncio.to_thread(self._kept.arrived, self._upload_id, number, etag)

    async def _part(self, number: int) -> SignedPart:
        """Signed with the next ones that have not arrived, 100 at a time."""
        async with self._signing:
            if number not in self._signed:
                last = len(self._file.parts)
                open_numbers = (n for n in range(number, last + 1) if n not in self._etags)
                asked = [n for n, _ in zip(open_numbers, range(MAX_SIGNED), strict=False)]
                for part in await self._sign(asked):
                    self._signed[part.number] = part
            return self._signed[number]

    async def _sign(self, numbers: Sequence[int]) -> Sequence[SignedPart]:
        digests = {n: self._file.parts[n - 1] for n in numbers} if self._is_large else {}
        try:
            return await self._routes.sign(self._upload_id, numbers, digests)
        except (NotFound, Conflict) as error:
            raise _Stale from error

    async def _completed(self) -> Mapping[str, Any]:
        parts = [
            {"part_number": n, "etag": self._etags[n], "sha256": self._file.parts[n - 1]}
            for n in sorted(self._etags)
        ]
        try:
            return await self._routes.complete(self._upload_id, parts if self._is_large else [])
        except (Invalid, NotFound, Conflict) as error:
            raise _Stale from error

    async def _abort(self) -> None:
        """What cannot be aborted now is given up by the service after 7 days."""
        await asyncio.to_thread(self._kept.forget)
        with suppress(TrialbookError):
            await self._routes.abort(self._upload_id)
