"""Downloading one file: verified, renamed into place whole, resumed when it is large."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from trialbook._http import Api
from trialbook._locks import try_lock
from trialbook.transfer.concurrency import concurrently
from trialbook.transfer.digests import LARGE_BYTES, MIB, sha256_of
from trialbook.transfer.failures import Damaged
from trialbook.transfer.get import SignedUrl, damaged, read_span
from trialbook.transfer.progress import Progress, Silent

RANGE_BYTES: Final = 32 * MIB
RANGES_AT_ONCE: Final = 6


async def download_file(
    api: Api,
    url: SignedUrl,
    to: Path,
    *,
    sha256: str,
    size_bytes: int,
    progress: Progress | None = None,
) -> None:
    """Put the bytes at `to`, whose folder is there; a file that has them already is left alone.

    From 64 MiB on they come in ranges of 32 MiB, 6 at a time, into `.<sha256>.part`; what
    came is remembered beside it, so that the next call continues after a kill. The whole is hashed
    before it gets its name. Raises Damaged (then nothing is kept), StoreRefused, OSError.

    Where `sha256` is "" nobody knows it yet: the bytes are taken as they come, in one piece.
    """
    progress = progress or Silent()
    if await asyncio.to_thread(_has, to, sha256, size_bytes):
        progress.advance(size_bytes)
        return
    if size_bytes < LARGE_BYTES or not sha256:
        await _small(api, url, to, sha256, progress)
        return
    part = to.with_name(f".{sha256}.part")
    ranges_path = part.with_suffix(".ranges")
    with _locked(ranges_path) as kept:
        if kept is None:  # another process is at it
            part = to.with_name(f".{uuid.uuid4().hex}.part")
        ranges = _Ranges(kept, ranges_path, sha256, size_bytes)
        try:
            await _large(api, url, part, to, sha256, size_bytes, ranges, progress)
        except Damaged:
            ranges.remove()
            raise
        finally:
            if kept is None:
                part.unlink(missing_ok=True)  # nothing remembers what came of it
        ranges.remove()


async def _small(api: Api, url: SignedUrl, to: Path, sha256: str, progress: Progress) -> None:
    draft = to.with_name(f".{uuid.uuid4().hex}.part")
    try:
        draft.touch(mode=0o644, exist_ok=False)
        found = await read_span(api, url, draft, None, progress)
        if sha256 and found != sha256:
            raise damaged(sha256)
        draft.replace(to)
    finally:
        draft.unlink(missing_ok=True)


async def _large(
    api: Api,
    url: SignedUrl,
    part: Path,
    to: Path,
    sha256: str,
    size_bytes: int,
    ranges: _Ranges,
    progress: Progress,
) -> None:
    if not part.exists() or part.stat().st_size != size_bytes:
        ranges.forget()
        with part.open("wb") as file:
            file.truncate(size_bytes)
    todo = ranges.missing()
    progress.advance(size_bytes - sum(stop - start for start, stop in todo))

    async def one(span: tuple[int, int]) -> None:
        await read_span(api, url, part, span, progress)
        ranges.arrived(span)

    await concurrently(todo, one, RANGES_AT_ONCE)
    if await asyncio.to_thread(sha256_of, part) != sha256:
        part.unlink()
        raise damaged(sha256)
    part.replace(to)


class _Ranges:
    """Which ranges of a file have come; kept in an open file, or nowhere."""

    def __init__(self, kept: IO[bytes] | None, path: Path, sha256: str, size_bytes: int) -> None:
        self._kept = kept
        self._path = path
        self._size = size_bytes
        self._of = {"sha256": sha256, "size_bytes": size_bytes, "range_bytes": RANGE_BYTES}
        self._starts: set[int] = set()
        lines = [] if kept is None else kept.read().split(b"\n")
        if lines and _parsed(lines[0]) == self._of:
            self._starts = {n for n in map(_parsed, lines[1:-1]) if isinstance(n, int)}
        else:
            self.forget()

    def missing(self) -> list[tuple[int, int]]:
        """Start and stop of each range that has not come, in order."""
        starts = range(0, self._size, RANGE_BYTES)
        return [(n, min(n + RANGE_BYTES, self._size)) for n in starts if n not in self._starts]

    def arrived(self, span: tuple[int, int]) -> None:
        self._append(span[0])

    def forget(self) -> None:
        self._starts = set()
        if self._kept is not None:
            self._kept.seek(0)
            self._kept.truncate()
            self._append(self._of)

    def remove(self) -> None:
        """The file is whole, or good for nothing."""
        if self._kept is not None:
            with suppress(PermissionError):  # Windows keeps what is open; the next call removes it
                self._path.unlink(missing_ok=True)

    def _append(self, line: Any) -> None:
        if self._kept is not None:
            self._kept.seek(0, os.SEEK_END)
            self._kept.write(json.dumps(line).encode() + b"\n")


@contextmanager
def _locked(path: Path) -> Generator[IO[bytes] | None]:
    """The file, this process's alone while it is open; None when it is another's."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        yield file if try_lock(descriptor) and _is_still(path, descriptor) else None


def _is_still(path: Path, descriptor: int) -> bool:
    """False when whoever held the lock has removed the file: a new one may be another's."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _has(path: Path, sha256: str, size_bytes: int) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != size_bytes:
        return False
    return sha256_of(path) == sha256
