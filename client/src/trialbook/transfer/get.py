"""Reading from presigned URLs: into memory, or a range of bytes into a file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from trialbook._http import Api
from trialbook.transfer.attempts import attempted, check_status
from trialbook.transfer.concurrency import in_thread
from trialbook.transfer.digests import PIECE_BYTES
from trialbook.transfer.failures import Damaged, StoreRefused
from trialbook.transfer.progress import Progress

_WHOLE: Final = {"accept-encoding": "identity"}


class SignedUrl:
    """Where bytes are: asked for when it is first needed, and again when it has died."""

    def __init__(self, ask: Callable[[], Awaitable[str]], url: str | None = None) -> None:
        self._ask = ask
        self._url = url
        self._asking = asyncio.Lock()

    async def get(self) -> str:
        async with self._asking:
            if self._url is None:
                self._url = await self._ask()
            return self._url

    def forget(self, dead: str | None) -> None:
        """Unless another was asked for already."""
        if self._url == dead:
            self._url = None


async def load(api: Api, url: SignedUrl, sha256: str | None) -> bytes:
    """All bytes, in memory. Raises Damaged when they have another digest, StoreRefused."""
    used: str | None = None

    async def once() -> bytes:
        nonlocal used
        used = await url.get()
        response = await api.bytes.get(used, headers=_WHOLE)
        check_status(response, response.content)
        return response.content

    def renew() -> None:
        url.forget(used)

    found = await attempted(api, once, renew)
    if sha256 is not None and hashlib.sha256(found).hexdigest() != sha256:
        raise damaged(sha256)
    return found


async def read_span(
    api: Api,
    url: SignedUrl,
    into: Path,
    span: tuple[int, int] | None,
    progress: Progress,
) -> str:
    """Write the bytes from a start to a stop (or all) at their place in a file, a piece at a time.

    Gives the sha256 of what was written. Raises StoreRefused, OSError.
    """
    used: str | None = None

    async def once() -> str:
        nonlocal used
        used = await url.get()
        return await _stream(api, used, into, span, progress)

    def renew() -> None:
        url.forget(used)

    return await attempted(api, once, renew)


async def _stream(
    api: Api, url: str, into: Path, span: tuple[int, int] | None, progress: Progress
) -> str:
    headers = dict(_WHOLE)
    if span is not None:
        headers["range"] = f"bytes={span[0]}-{span[1] - 1}"
    hashed = hashlib.sha256()
    written = 0
    try:
        async with api.bytes.stream("GET", url, headers=headers) as response:
            if not response.is_success:
                check_status(response, await response.aread())
            if span is not None and response.status_code != 206:
                raise StoreRefused("the store does not answer ranges", status=response.status_code)
            with into.open("r+b", buffering=0) as file:
                file.seek(span[0] if span else 0)
                async for piece in response.aiter_bytes(PIECE_BYTES):
                    if span is not None and written + len(piece) > span[1] - span[0]:
                        raise StoreRefused("the store sent more bytes than were asked for")
                    await in_thread(_write, file, piece, hashed)
                    written += len(piece)
                    progress.advance(len(piece))
        if span is not None and written != span[1] - span[0]:
            raise StoreRefused("the store sent fewer bytes than were asked for", status=503)
    except BaseException:
        progress.advance(-written)
        raise
    return hashed.hexdigest()


def _write(file: Any, piece: bytes, hashed: Any) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]
    hashed.update(piece)


def damaged(sha256: str) -> Damaged:
    return Damaged(f"what came has another sha256 than what was stored: stored={sha256}")
