"""Sending a part of a file to a presigned URL."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from trialbook._http import Api
from trialbook.transfer.attempts import check_status
from trialbook.transfer.concurrency import in_thread
from trialbook.transfer.digests import PIECE_BYTES, FileDigest, changed
from trialbook.transfer.progress import Progress
from trialbook.transfer.routes import SignedPart


async def put_part(api: Api, file: FileDigest, part: SignedPart, progress: Progress) -> str:
    """PUT one part, read and hashed a piece at a time; its etag.

    Raises FileChanged before the last byte is sent when it is not what was hashed; UrlDied,
    StoreRefused, httpx.RequestError.
    """
    start, length = file.span(part.number)
    sent = 0

    async def body() -> AsyncGenerator[bytes]:
        nonlocal sent
        async with aclosing(_pieces(file, part.number, start, length)) as pieces:
            async for piece in pieces:
                yield piece
                sent += len(piece)
                progress.advance(len(piece))

    headers = {**part.headers, "content-length": str(length)}
    is_small = length <= PIECE_BYTES
    content = await asyncio.to_thread(_read_whole, file, part.number) if is_small else body()
    try:
        response = await api.bytes.put(part.url, content=content, headers=headers)
        check_status(response, response.content)
    except BaseException:
        progress.advance(-sent)
        raise
    progress.advance(length - sent)
    return response.headers.get("etag", "")


def _read_whole(file: FileDigest, number: int) -> bytes:
    """A small part in one go: many files are smaller than a piece."""
    start, length = file.span(number)
    with file.path.open("rb", buffering=0) as opened:
        opened.seek(start)
        found = opened.read(length)
    if hashlib.sha256(found).hexdigest() != file.parts[number - 1]:
        raise changed(file.path)
    return found


async def _pieces(file: FileDigest, number: int, start: int, length: int) -> AsyncGenerator[bytes]:
    opened = await asyncio.to_thread(_open, file, start)
    hashed = hashlib.sha256()
    try:
        while length:
            piece = await in_thread(_read, opened, min(PIECE_BYTES, length), hashed)
            length -= len(piece)
            if not piece or (not length and hashed.hexdigest() != file.parts[number - 1]):
                raise changed(file.path)
            yield piece
    finally:
        opened.close()


def _open(file: FileDigest, start: int) -> Any:
    opened = file.path.open("rb", buffering=0)
    opened.seek(start)
    return opened


def _read(opened: Any, count: int, hashed: Any) -> bytes:
    piece: bytes = opened.read(count)
    hashed.update(piece)
    return piece
