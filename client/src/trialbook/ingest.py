"""Files of lines that the service ingests: sent as they are, then watched until they are done."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeAlias
from urllib.parse import quote

from trialbook._http import Api
from trialbook._pages import pages
from trialbook.errors import IngestFailed, Invalid
from trialbook.models import IngestedFile, IngestReport
from trialbook.transfer.attempts import attempted, check_status
from trialbook.transfer.concurrency import in_thread
from trialbook.transfer.digests import MIB, PIECE_BYTES, Stamp, changed, opened
from trialbook.transfer.progress import Progress, ShowProgress, shown

BASE: Final = "/api/v1/ingest"
MAX_PLAIN_BYTES: Final = 5 * 1024 * MIB
MAX_GZIP_BYTES: Final = 256 * MIB
Watch: TypeAlias = Callable[[IngestReport], object]
"""Sees a report each time the service is asked."""

_GZIP: Final = b"\x1f\x8b"
_GZIP_NAMES: Final = (".gz", ".gzip")
_MAX_NAME: Final = 200
_UNFIT: Final = re.compile(r"^\.+|[\x00-\x1f\x7f/\\]")
_LONGEST_WAIT: Final = 7
"""Of the steps of backoff between two looks: 10 s."""
_THERE: Final = 412
"""What a store says to a PUT of what it has, when it is to be put only if it is absent."""


@dataclass(frozen=True, slots=True)
class LinesFile:
    """A file to send, as it was when it was looked at, under the name that the service is told."""

    path: Path
    name: str
    stamp: Stamp


def look_at(path: Path, name: str | None = None) -> LinesFile:
    """Whether the service would take a file of this size; what is in it is not read. It blocks.

    A name begins with no dot, has no control characters and no slashes, and at most its last 200
    characters are told. Raises OSError, ValueError for what is no plain file, and Invalid.
    """
    with opened(path) as file:
        stamp = Stamp.of(os.fstat(file.fileno()))
        named = _fit(name or path.name)
        is_gzip = file.read(len(_GZIP)) == _GZIP or named.lower().endswith(_GZIP_NAMES)
    told = name or path
    if not stamp.size_bytes:
        raise Invalid(f"the file is empty: {told}")
    most = MAX_GZIP_BYTES if is_gzip else MAX_PLAIN_BYTES
    if stamp.size_bytes > most:
        kind = "a gzip file" if is_gzip else "a file"
        sizes = f"size={stamp.size_bytes} max={most}"
        raise Invalid(f"{kind} of lines is too large; split it: {told} {sizes}")
    return LinesFile(path, named, stamp)


def _fit(name: str) -> str:
    known = name.encode("utf-8", "replace").decode()  # names of files may be no text
    return _UNFIT.sub("_", known[-_MAX_NAME:])


async def ingest(
    api: Api,
    file: LinesFile,
    *,
    wait: bool = True,
    check: bool = True,
    idempotency_key: str | None = None,
    watch: Watch | None = None,
    show: ShowProgress = None,
) -> IngestReport:
    """Send a file; what has become of it, when it is done or failed unless told not to `wait`.

    Cost: two requests, a PUT, and those of waiting, 10 s apart at most. Raises IngestFailed with
    `check`, OSError, FileChanged, StoreRefused and the service's errors.
    """
    with shown(show, file.stamp.size_bytes, file.name) as progress:
        sending = _Sending(api, file, progress, idempotency_key)
        ingest_id = await attempted(api, sending.once, sending.renew)
    asked = 0
    while True:
        report = await get(api, ingest_id)
        if watch is not None:
            watch(report)
        if report.is_over or not wait:
            break
        asked += 1
        await api.pause(min(asked, _LONGEST_WAIT))
    if check and report.state == "failed":
        told = f"{report.name} was not read to its end: {report.reason}"
        counts = f"applied={report.applied} refused={report.refused} ingest_id={ingest_id}"
        raise IngestFailed(f"{told}; {counts}", report)
    return report


async def get(api: Api, ingest_id: str) -> IngestReport:
    """Raises NotFound."""
    answer = await api.call("GET", f"{BASE}/{quote(ingest_id, safe='')}")
    return IngestReport.model_validate(answer)


def listed(api: Api, limit: int | None) -> AsyncGenerator[IngestedFile]:
    """Newest first."""
    return pages(api, "GET", BASE, {}, "files", IngestedFile, limit)


class _Sending:
    """Tries to put one file at one place. Announced again under the same idempotency key, the same
    place is signed anew."""

    def __init__(
        self, api: Api, file: LinesFile, progress: Progress, idempotency_key: str | None
    ) -> None:
        self._api = api
        self._file = file
        self._progress = progress
        self._key = idempotency_key or str(uuid.uuid4())
        self._signed: Mapping[str, Any] | None = None
        # an earlier program may have sent it under the caller's key
        self._may_be_there = idempotency_key is not None

    def renew(self) -> None:
        self._signed = None

    async def once(self) -> str:
        """The file's id at the service. A file that arrived although its sender was not told so is
        not put there again: that would be another version of it, whose lines count once more."""
        signed = await self._announced()
        ingest_id: str = signed["ingest_id"]
        again, self._may_be_there = self._may_be_there, True
        # it may be in the store and the service not know yet
        if again and (await get(self._api, ingest_id)).state != "waiting":
            self._progress.advance(self._file.stamp.size_bytes)
        else:
            await _put(self._api, self._file, signed, self._progress, only_if_absent=again)
        return ingest_id

    async def _announced(self) -> Mapping[str, Any]:
        if self._signed is not None:
            return self._signed
        body = {"filename": self._file.name, "size_bytes": self._file.stamp.size_bytes}
        signed: Mapping[str, Any] = await self._api.call(
            "POST", BASE, body=body, idempotency_key=self._key
        )
        self._signed = signed
        return signed


async def _put(
    api: Api, file: LinesFile, signed: Mapping[str, Any], progress: Progress, only_if_absent: bool
) -> None:
    """PUT the file, read a piece at a time.

    Raises FileChanged before the last byte is sent, so that nothing is stored; UrlDied,
    StoreRefused, httpx.RequestError.
    """
    size_bytes, sent = file.stamp.size_bytes, 0

    async def body() -> AsyncGenerator[bytes]:
        nonlocal sent
        async with aclosing(_pieces(file)) as pieces:
            async for piece in pieces:
                yield piece
                sent += len(piece)
                progress.advance(len(piece))

    headers = {**signed["headers"], "content-length": str(size_bytes)}
    if only_if_absent:
        headers["if-none-match"] = "*"
    try:
        response = await api.bytes.put(signed["url"], content=body(), headers=headers)
        if not (only_if_absent and response.status_code == _THERE):
            check_status(response, response.content)
    except BaseException:
        progress.advance(-sent)
        raise
    progress.advance(size_bytes - sent)


async def _pieces(file: LinesFile) -> AsyncGenerator[bytes]:
    source = await asyncio.to_thread(opened, file.path)
    left = file.stamp.size_bytes
    try:
        while left:
            piece = await in_thread(_read, source, min(PIECE_BYTES, left))
            left -= len(piece)
            if not piece or (not left and Stamp.of(os.fstat(source.fileno())) != file.stamp):
                raise changed(file.path)
            yield piece
    finally:
        source.close()


def _read(source: IO[bytes], count: int) -> bytes:
    return source.read(count)
