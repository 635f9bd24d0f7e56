"""The drop zone on a laptop: a folder for each tenant, whose files are taken into the store.

What is put there is to a laptop what an object below `ingest/<tenant>/` is to the bucket. A file is
taken when nobody is writing it any more; it leaves the folder when the store has it. Its id follows
from what it is to the file system: two files of one name are two, and one that a kill let be taken
twice is one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from chalicelib.core.context import Clock
from chalicelib.core.errors import TrialbookError
from chalicelib.core.ids import TenantId, is_label
from chalicelib.domain.ingest_files import mime_of
from chalicelib.storage import ingest_keys
from local.blob_files import PIECE_BYTES
from local.disk_blobs import DiskBlobs

UNSURE_S: Final = 2.0
"""Where the system cannot tell whether somebody writes a file, it must be unchanged for so long."""
MAX_NAME_BYTES: Final = 255
_UNFINISHED: Final = (".part", ".partial", ".tmp", ".crdownload")
"""Names that programs give to what they have not written whole."""
log = logging.getLogger("trialbook.background")


class _Seen(NamedTuple):
    size_bytes: int
    modified_ns: int
    since_s: float


class DropZone:
    """Watches a folder; one thread at a time."""

    def __init__(self, folder: Path, blobs: DiskBlobs, clock: Clock) -> None:
        self._folder = folder
        self._blobs = blobs
        self._clock = clock
        self._seen: dict[Path, _Seen] = {}
        self._told: set[Path] = set()
        """Files of which it was said that they cannot be taken."""

    def take(self) -> int:
        """Take the files that are whole; returns how many. A file that cannot be read stays."""
        found = list(self._files())
        self._seen = {path: seen for path, seen in self._seen.items() if path in dict(found)}
        return sum(self._take(path, tenant) for path, tenant in found)

    def _files(self) -> Iterator[tuple[Path, TenantId]]:
        for tenant in _entries(self._folder):
            if not (tenant.is_dir() and is_label(tenant.name)):
                continue
            for path in sorted(_below(tenant)):
                yield path, TenantId(tenant.name)

    def _take(self, path: Path, tenant: TenantId) -> bool:
        try:
            if not self._is_whole(path):
                return False
            name = path.name.encode()[-MAX_NAME_BYTES:].decode(errors="ignore")
            key = ingest_keys.dropped(tenant, _identity(path), name)
            with path.open("rb", buffering=0) as file, self._blobs.writer() as writer:
                while piece := file.read(PIECE_BYTES):
                    writer.write([piece])
                self._blobs.store(key, writer, mime_of(name))
            path.unlink()
        except (OSError, UnicodeError, TrialbookError) as error:
            if path not in self._told:
                self._told.add(path)
                log.error("cannot take %s: %s", path.name, type(error).__name__)  # noqa: TRY400
            return False
        self._told.discard(path)
        return True

    def _is_whole(self, path: Path) -> bool:
        """Whether nobody is going to write more."""
        status = path.stat()
        now_s = self._clock.monotonic_s()
        seen = self._seen.get(path)
        if seen is None or (seen.size_bytes, seen.modified_ns) != (
            status.st_size,
            status.st_mtime_ns,
        ):
            self._seen[path] = seen = _Seen(status.st_size, status.st_mtime_ns, now_s)
            if _is_written(path) is not False:
                return False
        is_written = _is_written(path)
        return now_s - seen.since_s >= UNSURE_S if is_written is None else not is_written


def _identity(path: Path) -> str:
    status = path.stat()
    told = f"{path}\n{status.st_ino}\n{status.st_mtime_ns}\n{status.st_size}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _below(folder: Path) -> Iterator[Path]:
    for path in _entries(folder):
        if path.name.startswith(".") or path.name.endswith(_UNFINISHED) or path.is_symlink():
            continue
        if path.is_dir():
            yield from _below(path)
        elif path.is_file():
            yield path


def _is_written(path: Path) -> bool | None:
    """Whether somebody has the file open for writing; None where the system cannot tell.

    Linux grants a lease on a file for reading only while nobody has it open for writing.
    """
    lease: int | None = getattr(fcntl, "F_SETLEASE", None)
    if lease is None:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.fcntl(descriptor, lease, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(descriptor)  # ends the lease
    return False
