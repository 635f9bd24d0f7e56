"""sha256 of files, read in pieces: of the whole, and of the parts it is sent in."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from trialbook.transfer.failures import FileChanged

MIB: Final = 1024 * 1024
PIECE_BYTES: Final = 256 * 1024
"""What is read, hashed or sent at once."""
LARGE_BYTES: Final = 64 * MIB
"""From here on the service takes a file in parts."""
MAX_PARTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file's size and time of writing: when they are the same, so are the bytes."""

    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class FileDigest:
    """`parts` has the sha256 of each part, in order; a small file is one part."""

    path: Path
    sha256: str
    stamp: Stamp
    part_size: int
    parts: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        return self.stamp.size_bytes

    def span(self, number: int) -> tuple[int, int]:
        """Where part `number` (from 1) begins and how long it is."""
        start = (number - 1) * self.part_size
        return start, min(self.part_size, self.size_bytes - start)

    def check(self) -> None:
        """Raises FileChanged when the file is not the one that was hashed. One stat."""
        if stamp_of(self.path) != self.stamp:
            raise changed(self.path)


def stamp_of(path: Path) -> Stamp | None:
    """None when there is no such file."""
    try:
        return Stamp.of(path.stat())
    except FileNotFoundError:
        return None


def part_size_of(size_bytes: int) -> int:
    """max(64 MiB, size / 10,000) in whole MiB; below 64 MiB the whole file (at least 1)."""
    if size_bytes < LARGE_BYTES:
        return max(1, size_bytes)
    smallest = -(-size_bytes // MAX_PARTS)
    return max(LARGE_BYTES, -(-smallest // MIB) * MIB)


def digest(path: Path, advance: Callable[[int], object] = lambda _: None) -> FileDigest:
    """Read the file once. Cost: one piece of memory, 1 to 2 s a GiB.

    Raises OSError, and FileChanged when the file is written to meanwhile. It blocks: call it in a
    thread.
    """
    with opened(path) as file:
        before = Stamp.of(os.fstat(file.fileno()))
        part_size = part_size_of(before.size_bytes)
        whole = hashlib.sha256()
        parts: list[str] = []
        is_large = before.size_bytes >= LARGE_BYTES
        for start in range(0, max(1, before.size_bytes), part_size):
            part = hashlib.sha256() if is_large else whole
            for piece in pieces(file, min(part_size, before.size_bytes - start), path):
                part.update(piece)
                if is_large:
                    whole.update(piece)
                advance(len(piece))
            parts.append(part.hexdigest())
        if Stamp.of(os.fstat(file.fileno())) != before:
            raise changed(path)
    return FileDigest(path, whole.hexdigest(), before, part_size, tuple(parts))


def sha256_of(path: Path) -> str:
    """Of a file that nobody writes to. It blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def opened(path: Path) -> IO[bytes]:
    """Raises OSError; IsADirectoryError, ValueError for what is no plain file."""
    # a pipe would make opening it wait for a writer
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise ValueError(f"not a plain file: {path}")
    return path.open("rb", buffering=0)


def pieces(file: IO[bytes], length: int, path: Path) -> Iterator[memoryview]:
    """The next `length` bytes; each piece is good until the next. Raises FileChanged when fewer."""
    buffer = memoryview(bytearray(min(PIECE_BYTES, max(1, length))))
    while length:
        count: int = cast("Any", file).readinto(buffer[: min(length, len(buffer))])
        if not count:
            raise changed(path)
        length -= count
        yield buffer[:count]


def changed(path: Path) -> FileChanged:
    return FileChanged(f"the file was changed while it was read; save it again: {path}")
