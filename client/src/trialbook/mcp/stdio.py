"""Lines from stdin and to stdout, each in a thread of its own.

A client that does not read for a while, or never writes, keeps nobody waiting. Descriptors are read
and written without Python's buffers: a thread that waits inside of one would stop the interpreter
from ending. Windows has no other way to wait for a pipe.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Final

_PIECE_BYTES: Final = 1 << 16


class Lines:
    """What comes from a descriptor, line by line, until it ends or `end` is called."""

    def __init__(self, descriptor: int) -> None:
        """Begins to read; the running event loop is the one that `each` is used in."""
        self._loop = asyncio.get_running_loop()
        self._came: asyncio.Queue[bytes | None] = asyncio.Queue()
        threading.Thread(
            target=self._read, args=(descriptor,), name="trialbook-stdin", daemon=True
        ).start()

    async def each(self) -> AsyncGenerator[bytes]:
        """Lines without their ends; blank ones are left out."""
        while (line := await self._came.get()) is not None:
            yield line

    def end(self) -> None:
        """No more lines; may be called from any thread."""
        self._put(None)

    def _read(self, descriptor: int) -> None:
        for line in _split(descriptor):
            if not self._put(line):
                return
        self.end()

    def _put(self, line: bytes | None) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._came.put_nowait, line)
        except RuntimeError:  # the loop has ended, for another reason than the end of stdin
            return False
        return True


class Output:
    """Writes lines to a descriptor in the order in which they are put."""

    def __init__(self, descriptor: int, at_loss: Callable[[], object]) -> None:
        """`at_loss` is called, in another thread, when nobody reads the lines any more."""
        self._descriptor = descriptor
        self._at_loss = at_loss
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._write, name="trialbook-stdout", daemon=True)
        self._thread.start()

    @property
    def is_gone(self) -> bool:
        """Whether nobody reads the lines any more."""
        return self._gone.is_set()

    def put(self, line: bytes) -> None:
        """Waits for nothing. The line's end is added."""
        self._waiting.put(line + b"\n")

    def close(self) -> None:
        """Wait until everything is written. Raises BrokenPipeError when it cannot be."""
        self._waiting.put(None)
        self._thread.join()
        if self.is_gone:
            raise BrokenPipeError

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            rest = memoryview(line)
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                self._gone.set()
                self._at_loss()
                return


def _split(descriptor: int) -> Iterator[bytes]:
    """The last line needs no end."""
    pieces: list[bytes] = []  # of a line that has not ended: joined once, for it may be long
    while piece := _piece(descriptor):
        *ended, rest = piece.split(b"\n")
        for end in ended:
            yield from _line(pieces, end)
            pieces = []
        pieces.append(rest)
    yield from _line(pieces, b"")


def _line(pieces: list[bytes], end: bytes) -> Iterator[bytes]:
    line = b"".join((*pieces, end)).strip()
    if line:
        yield line


def _piece(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _PIECE_BYTES)
    except OSError:  # a closed descriptor, or a terminal that has gone
        return b""
