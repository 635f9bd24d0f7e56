"""One blob, one file: its bytes, then a trailer that says what they are.

    bytes · trailer (JSON) · trailer's length (4 bytes, big-endian) · "TBF1"

Bytes and description cannot get out of step, because the file appears under its name whole: it is
written to a temporary name, synced, and renamed or linked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

PIECE_BYTES: Final = 512 * 1024
"""What is read or written at a time; memory stays at one or two of these per transfer."""

_MAGIC: Final = b"TBF1"
_FOOTER_BYTES: Final = 4 + len(_MAGIC)
_MAX_TRAILER_BYTES: Final = 4096


class DamagedFile(Exception):
    """The file is not a whole blob: something else than this program wrote or cut it."""


@dataclass(frozen=True, slots=True)
class Trailer:
    """`sha256` is None for a blob made of parts, `upload` (its multipart upload) for any other."""

    mime: str
    etag: str
    modified_ms: int
    sha256: str | None = None
    upload: str | None = None


class BlobFile:
    """An open blob, readable although it is replaced or deleted meanwhile."""

    def __init__(self, path: Path) -> None:
        """Raises FileNotFoundError, DamagedFile."""
        self._file = path.open("rb", buffering=0)
        try:
            self.size_bytes, self.trailer = _read_trailer(self._file.fileno())
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, start: int, count: int) -> bytes:
        """At most `count` bytes from `start` on; fewer only at the end of the blob."""
        count = min(count, self.size_bytes - start)
        return os.pread(self._file.fileno(), count, start) if count > 0 else b""

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `start` to `stop` in pieces of `PIECE_BYTES`."""
        for position in range(start, min(stop, self.size_bytes), PIECE_BYTES):
            yield self.read(position, min(PIECE_BYTES, stop - position))


class BlobWriter:
    """A blob that is being written; nobody sees it before `publish`.

    Leaving the `with` block unpublished, by an exception or otherwise, removes every trace.
    """

    def __init__(self, temporary: Path) -> None:
        self._path = temporary
        self._file = temporary.open("xb", buffering=0)
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        # gone already when it was published
        self._path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append. Hashing and writing let other threads run."""
        for piece in pieces:
            self._digest.update(piece)
            _write_all(self._file.fileno(), piece)
            self.size_bytes += len(piece)

    def append(self, blob: BlobFile) -> None:
        """Append another blob's bytes, without counting them in `sha256`."""
        for piece in blob.pieces(0, blob.size_bytes):
            _write_all(self._file.fileno(), piece)
        self.size_bytes += blob.size_bytes

    def publish(
        self,
        target: Path,
        trailer: Trailer,
        *,
        only_if_absent: bool = False,
        is_synced: bool = True,
    ) -> None:
        """Give the file its name; durable when it returns. Without `is_synced` it survives a kill
        but perhaps not a power cut, for what is copied and synced later.

        Raises FileExistsError when `only_if_absent` and somebody else was first.
        """
        described = json.dumps(asdict(trailer)).encode()
        _write_all(self._file.fileno(), described + len(described).to_bytes(4, "big") + _MAGIC)
        if is_synced:
            os.fsync(self._file.fileno())
        if only_if_absent:
            os.link(self._path, target)
        else:
            os.replace(self._path, target)
        if is_synced:
            sync_folder(target.parent)


def write_file(path: Path, body: bytes) -> None:
    """A small new file in an existing folder, whole or not at all, durable when it returns."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably; existing ones cost nothing."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        sync_folder(path.parent)


@contextmanager
def opened(path: Path) -> Generator[BlobFile | None]:
    """The blob at a path, or None when there is none."""
    try:
        blob = BlobFile(path)
    except FileNotFoundError:
        yield None
        return
    with blob:
        yield blob


def _write_all(descriptor: int, piece: bytes) -> None:
    # One call writes everything, unless the disk fills up or the piece is larger than 2 GB.
    written = os.write(descriptor, piece)
    while written < len(piece):
        written += os.write(descriptor, memoryview(piece)[written:])


def _read_trailer(descriptor: int) -> tuple[int, Trailer]:
    file_bytes = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _MAX_TRAILER_BYTES, max(0, file_bytes - _MAX_TRAILER_BYTES))
    if tail[-len(_MAGIC) :] != _MAGIC:
        raise DamagedFile("a blob's file has no trailer")
    described_bytes = int.from_bytes(tail[-_FOOTER_BYTES : -len(_MAGIC)], "big")
    described = tail[-_FOOTER_BYTES - described_bytes : -_FOOTER_BYTES]
    try:
        trailer = Trailer(**json.loads(described))
    except (ValueError, TypeError):
        raise DamagedFile("a blob's trailer cannot be read") from None
    return file_bytes - described_bytes - _FOOTER_BYTES, trailer
