"""The HTTP side of the local blob store: an ASGI application for `/_blobs/…`.

It is to a signed URL what S3 is: PUT stores exactly the bytes that were bound, GET (and HEAD with
the same URL) answers ranges. Bytes move a piece at a time, and files are read, written and hashed
beside the event loop: a transfer takes about a megabyte of memory and other requests stay quick.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from chalicelib.core.context import Clock
from chalicelib.core.errors import Forbidden, Invalid, TrialbookError, Unavailable
from chalicelib.storage.blob_checks import CHECKSUM_HEADER, checksum
from chalicelib.storage.blobs import BlobMissing
from local.answers import Answer, RawHeaders, error_answer
from local.blob_files import PIECE_BYTES, BlobFile, BlobWriter, DamagedFile
from local.disk_blobs import DiskBlobs

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

METHODS: Final = {"get": ("GET", "HEAD"), "put": ("PUT",), "part": ("PUT",)}
"""Which methods a URL was signed for, by its `op`."""

_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
_ANY_ORIGIN: Final[RawHeaders] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"etag, content-range, content-disposition, x-request-id"),
]
_PREFLIGHT: Final[RawHeaders] = [
    *_ANY_ORIGIN,
    (b"access-control-allow-methods", b"GET, HEAD, PUT"),
    (b"access-control-allow-headers", b"content-type, range, x-amz-checksum-sha256"),
    (b"access-control-max-age", b"86400"),
]
_STATUS: Final[Mapping[type[TrialbookError], tuple[int, str]]] = {
    Forbidden: (HTTPStatus.FORBIDDEN, "forbidden"),
    Invalid: (HTTPStatus.BAD_REQUEST, "invalid"),
    Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
}
_log = logging.getLogger("trialbook.local")


class Unfinished(Exception):
    """The client left, or the disk failed, in mid-transfer: nothing is left to answer."""


class Refused(Exception):
    """An answer that is none of the core errors."""

    def __init__(self, status: int, message: str, headers: RawHeaders | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or []


class BlobEndpoint:
    """Serves `blobs` to whoever brings a URL that it signed."""

    def __init__(self, blobs: DiskBlobs, clock: Clock) -> None:
        self._blobs = blobs
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive, send)
        except Unfinished:
            return
        except BlobMissing:
            answer = self._error(404, "not_found", "there is no such blob or upload")
        except Refused as error:
            answer = self._error(error.status, "invalid", str(error), error.headers)
        except TrialbookError as error:
            status, code = _STATUS[type(error)]
            answer = self._error(status, code, error.message)
        except (OSError, DamagedFile):
            _log.exception("a blob could not be served: %s", scope["method"])
            answer = self._error(503, "unavailable", "the disk cannot be read")
        if answer is not None:
            await _send_whole(send, answer)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        """The answer, or None when it has been sent already."""
        method: str = scope["method"]
        if method == "OPTIONS":
            return Answer(204, list(_PREFLIGHT))
        raw_path: bytes = scope["raw_path"]
        query: bytes = scope["query_string"]
        key, bound = self._blobs.urls.verify(raw_path.decode("ascii"), query.decode("latin-1"))
        if method not in METHODS[bound["op"]]:
            raise Forbidden(f"the URL was signed for another method: method={method}")
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if bound["op"] == "get":
            await self._send_blob(key, bound, method, headers, send)
            return None
        _check_headers(headers, bound)
        with self._blobs.writer() as writer:
            await _receive_body(receive, writer)
            etag = await asyncio.to_thread(self._store, key, bound, writer)
        length = (b"content-length", b"0")
        return Answer(200, [(b"etag", etag.encode()), length, *_ANY_ORIGIN])

    def _store(self, key: str, bound: dict[str, str], writer: BlobWriter) -> str:
        sha256 = bound.get("sha256")
        if sha256 not in {None, writer.sha256}:
            raise Invalid("the body's sha256 is not the one the URL was signed for; send it again")
        if bound["op"] == "put":
            return self._blobs.store(key, writer, bound["mime"]).etag
        number = int(bound["part"])
        return self._blobs.store_part(
            key, bound["upload"], number, writer, is_digest_bound=sha256 is not None
        )

    async def _send_blob(
        self, key: str, bound: dict[str, str], method: str, headers: dict[bytes, str], send: Send
    ) -> None:
        with self._blobs.open(key) as blob:
            start, stop = 0, blob.size_bytes
            wanted = _parse_range(headers.get(b"range", ""), blob.size_bytes)
            if wanted is not None:
                start, stop = wanted
            answer = Answer(200 if wanted is None else 206, _blob_headers(blob, bound))
            if wanted is not None:
                span = b"bytes %d-%d/%d" % (start, stop - 1, blob.size_bytes)
                answer.headers.append((b"content-range", span))
            answer.headers.append((b"content-length", b"%d" % (stop - start)))
            if method == "HEAD" or start == stop:
                await _send_whole(send, answer)
                return
            await _send_start(send, answer)
            for position in range(start, stop, PIECE_BYTES):
                piece = await _read(blob, position, min(stop, position + PIECE_BYTES))
                is_more = position + PIECE_BYTES < stop
                await send({"type": "http.response.body", "body": piece, "more_body": is_more})

    def _error(
        self, status: int, code: str, message: str, headers: RawHeaders | None = None
    ) -> Answer:
        return error_answer(status, code, message, self._clock.new_id(), headers=headers)


def _check_headers(headers: dict[bytes, str], bound: dict[str, str]) -> None:
    """Raises Forbidden unless the bound headers came; Refused (411) without a length."""
    length = headers.get(b"content-length")
    if length is None:
        raise Refused(411, "send the body with a content-length")
    wanted = {b"content-length": bound.get("size", length)}
    if "mime" in bound:
        wanted[b"content-type"] = bound["mime"]
    if "sha256" in bound:
        wanted[CHECKSUM_HEADER.encode()] = checksum(bound["sha256"])
    for name, value in wanted.items():
        if headers.get(name) != value:
            raise Forbidden(f"the URL was signed for another header: {name.decode()}")


async def _receive_body(receive: Receive, writer: BlobWriter) -> None:
    """Write one piece in a thread while the next one arrives. Raises Unfinished."""
    arrived: list[bytes] = []
    arrived_bytes = 0
    writing: asyncio.Task[None] | None = None
    is_more = True
    try:
        while is_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Unfinished
            is_more = message.get("more_body", False)
            arrived.append(message.get("body", b""))
            arrived_bytes += len(arrived[-1])
            if arrived_bytes >= PIECE_BYTES or not is_more:
                if writing is not None:
                    await writing
                writing = asyncio.create_task(asyncio.to_thread(writer.write, arrived))
                arrived, arrived_bytes = [], 0
    finally:
        # The file must not be closed under the thread that writes it.
        if writing is not None:
            await writing


async def _read(blob: BlobFile, start: int, stop: int) -> bytes:
    try:
        return await asyncio.to_thread(blob.read, start, stop - start)
    except OSError as error:
        _log.exception("a blob could not be read to its end")
        raise Unfinished from error


def _parse_range(text: str, size_bytes: int) -> tuple[int, int] | None:
    """Start (inclusive) and stop (exclusive), or None for the whole blob.

    As S3 does, several ranges at once and what is no range are ignored. Raises Refused (416) for a
    range that holds no byte.
    """
    match = _RANGE.fullmatch(text)
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size_bytes - int(last)), size_bytes
    else:
        start, stop = int(first), min(size_bytes, int(last) + 1 if last else size_bytes)
        if last and int(last) < start:
            return None
    if start >= stop:
        headers = [(b"content-range", b"bytes */%d" % size_bytes)]
        raise Refused(416, f"the blob has no such bytes: size={size_bytes}", headers)
    return start, stop


def _blob_headers(blob: BlobFile, bound: dict[str, str]) -> RawHeaders:
    modified = formatdate(blob.trailer.modified_ms / 1000, usegmt=True)
    return [
        (b"content-type", bound["mime"].encode()),
        (b"content-disposition", bound["disposition"].encode()),
        (b"etag", blob.trailer.etag.encode()),
        (b"last-modified", modified.encode()),
        (b"accept-ranges", b"bytes"),
        (b"x-content-type-options", b"nosniff"),
        *_ANY_ORIGIN,
    ]


async def _send_start(send: Send, answer: Answer) -> None:
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    await send(start)


async def _send_whole(send: Send, answer: Answer) -> None:
    await _send_start(send, answer)
    await send({"type": "http.response.body", "body": answer.body})
