"""A minimal kept-alive HTTP/1.1 client, so that what is measured is the server.

It sends request bytes made beforehand and parses no more of an answer than its length and status.
TCP_NODELAY and TCP_QUICKACK are set on every connection (the kernel drops the second after each
receive, so it is armed again): without them a server that writes head and body apart would show the
client's delayed acknowledgement, 40 ms, as its own slowness.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, Self

SCRATCH_BYTES: Final = 256 * 1024
STALL_S: Final = 180
"""A server that is silent for longer has hung."""
SEND_BUFFER_BYTES: Final = 1024 * 1024
"""Holds a whole batch, so that sending to one connection never delays the seven others."""


class Address(NamedTuple):
    host: str
    port: int


class BrokenAnswer(Exception):
    """The server closed the connection, stalled, or sent what is not HTTP/1.1 with a length."""


@dataclass(frozen=True, slots=True)
class Response:
    """`head` is the status line and headers as sent, without the blank line."""

    status: int
    head: bytes
    body: bytes | bytearray

    def header(self, name: str) -> str | None:
        """The first header of that name (any case), stripped; None when absent."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return None


def build_request(
    method: str,
    target: str,
    address: Address,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> bytes:
    """A whole request; `target` is percent-encoded already. A body brings its Content-Length."""
    size_bytes = None if body is None else len(body)
    return build_head(method, target, address, headers, size_bytes) + (body or b"")


def build_head(
    method: str,
    target: str,
    address: Address,
    headers: Mapping[str, str] | None,
    size_bytes: int | None,
) -> bytes:
    """A request without its body of `size_bytes`, None when there is none."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {address.host}:{address.port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if size_bytes is not None:
        lines.append(f"Content-Length: {size_bytes}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class ResponseParser:
    """Bytes in, one `Response` at a time out; answers to pipelined requests are not told apart.

    Write into `buffer()`, then say how much to `received()`. A body of known length is received in
    place; a chunked one is copied once.
    """

    def __init__(self) -> None:
        self._scratch = memoryview(bytearray(SCRATCH_BYTES))
        self._pending = bytearray()
        self._head: bytes | None = None
        self._body = bytearray()
        self._filled = 0
        self._chunked = False

    def buffer(self) -> memoryview:
        """Where the next bytes belong; never empty."""
        if self._head is not None and not self._chunked:
            return memoryview(self._body)[self._filled :]
        return self._scratch

    def received(self, count: int) -> Response | None:
        """The response when these `count` bytes complete it. Raises BrokenAnswer; 0 is the end."""
        if count == 0:
            raise BrokenAnswer("the server closed the connection before its answer was complete")
        if self._head is not None and not self._chunked:
            self._filled += count
            return self._finish() if self._filled == len(self._body) else None
        self._pending += self._scratch[:count]
        if self._head is None and not self._read_head():
            return None
        if self._chunked:
            return self._finish() if self._read_chunks() else None
        return self._finish() if self._filled == len(self._body) else None

    def _read_head(self) -> bool:
        end = self._pending.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._pending[:end])
        del self._pending[: end + 4]
        if head.startswith(b"HTTP/1.1 1"):
            return self._read_head()
        self._head = head
        length = _content_length(head)
        self._chunked = length is None
        self._body = bytearray(length or 0)
        if length is not None:
            if len(self._pending) > length:
                raise BrokenAnswer("the answer is longer than its Content-Length")
            self._filled = len(self._pending)
            self._body[: self._filled] = self._pending
            self._pending.clear()
        return True

    def _read_chunks(self) -> bool:
        at = 0
        while (line_end := self._pending.find(b"\r\n", at)) >= 0:
            size = _chunk_size(bytes(self._pending[at:line_end]))
            start = line_end + 2
            if size == 0:
                # Trailers may follow; the body ends with an empty line either way.
                ended = self._pending.find(b"\r\n\r\n", line_end) >= 0
                del self._pending[: len(self._pending) if ended else at]
                return ended
            if len(self._pending) < start + size + 2:
                break
            self._body += self._pending[start : start + size]
            at = start + size + 2
        del self._pending[:at]
        return False

    def _finish(self) -> Response:
        head = self._head or b""
        response = Response(int(head[9:12]), head, self._body)
        self._head, self._body, self._filled, self._chunked = None, bytearray(), 0, False
        return response


def _content_length(head: bytes) -> int | None:
    """Bytes of the body, None when it is chunked."""
    if not head.startswith(b"HTTP/1.1 ") or not head[9:12].isdigit():
        raise BrokenAnswer(f"not an HTTP/1.1 answer: {head[:60]!r}")
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked" in lower:
        return None
    at = lower.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(lower[at + 17 :].split(b"\r\n", 1)[0])
    if head[9:12] in (b"204", b"304"):
        return 0
    raise BrokenAnswer("the answer has neither a Content-Length nor chunks")


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";", 1)[0], 16)
    except ValueError as error:
        raise BrokenAnswer(f"not a chunk size: {line[:60]!r}") from error


class Connection:
    """One kept-alive connection; one request under way at a time."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection(address, timeout=STALL_S)
        self._socket.setblocking(True)
        # Not settimeout(): that would cost a poll() before every receive.
        wait = struct.pack("ll", STALL_S, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._quickack()
        self._parser = ResponseParser()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, request: bytes | memoryview) -> None:
        self._socket.sendall(request)

    def receive(self) -> Response | None:
        """What one receive brings: the response once it is complete. Raises BrokenAnswer."""
        try:
            count = self._socket.recv_into(self._parser.buffer())
        except BlockingIOError as error:
            raise BrokenAnswer(f"no byte came for {STALL_S} s") from error
        self._quickack()
        return self._parser.received(count)

    def exchange(self, request: bytes, body: bytes | memoryview = b"") -> Response:
        """Send and wait for the answer; a large `body` goes uncopied. Raises BrokenAnswer."""
        self.send(request)
        if body:
            self.send(body)
        while (response := self.receive()) is None:
            pass
        return response

    def close(self) -> None:
        self._socket.close()

    def _quickack(self) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
