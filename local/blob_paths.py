"""Keys as paths: reversible, in the order of the keys, and safe on every file system.

A key's segments are cut into chunks of at most 80 bytes, and each chunk is one file name: a-z, 0-9
and `-_.` as they are, every other byte as `%xx` (so that `A` and `a` differ where the file system
thinks they do not), then one character that tells what it is:

=   the blob whose key ends here
,   a folder: the segment ends here and another one follows
~   a folder: the segment goes on

A name is at most 241 bytes, never `.` or `..`, and `a` may be a blob beside `a/b`. The third
segment is cut after two bytes first: the digests under `cas/<tenant>/` spread over 256 folders.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Final
from urllib.parse import unquote_to_bytes

BLOB: Final = "="
FOLDER: Final = ","
MORE: Final = "~"

_CHUNK_BYTES: Final = 80
_SHARD_BYTES: Final = 2
_SHARDED_SEGMENT: Final = 2
_AS_IS: Final = frozenset((ascii_lowercase + digits + "-_.").encode())
_NAMES: Final = tuple(chr(byte) if byte in _AS_IS else f"%{byte:02x}" for byte in range(256))


def blob_path(root: Path, key: str) -> Path:
    """Where the blob of a key lies; two keys never share a path."""
    names: list[str] = []
    segments = key.encode().split(b"/")
    for position, segment in enumerate(segments):
        # A full chunk is always followed by another, be it empty. So no name in a folder begins
        # what another one stands for, and sorting names sorts keys.
        left = segment
        width = _SHARD_BYTES if position == _SHARDED_SEGMENT else _CHUNK_BYTES
        while len(left) >= width:
            names.append(_name(left[:width]) + MORE)
            left = left[width:]
            width = _CHUNK_BYTES
        names.append(_name(left) + (BLOB if position == len(segments) - 1 else FOLDER))
    return root.joinpath(*names)


def blob_paths(root: Path, prefix: str, after: str) -> Iterator[tuple[str, Path]]:
    """Keys that begin with `prefix` and come after `after`, ascending by their UTF-8 bytes.

    Cost: one listing of each folder on the way; nothing is read that lies outside of the range.
    """
    first, last = prefix.encode(), after.encode()
    waiting = [(b"", root, FOLDER)]
    while waiting:
        key, path, kind = waiting.pop()
        if kind == BLOB:
            if key.startswith(first) and key > last:
                yield key.decode(), path
            continue
        # Every key in a folder begins with the folder's own.
        is_over = key <= last and not last.startswith(key)
        if (key.startswith(first) or first.startswith(key)) and not is_over:
            waiting.extend(sorted(_entries(key, path), reverse=True))


def _name(chunk: bytes) -> str:
    return "".join([_NAMES[byte] for byte in chunk])


def _entries(start: bytes, folder: Path) -> Iterator[tuple[bytes, Path, str]]:
    for name in os.listdir(folder):
        kind = name[-1]
        if kind in {BLOB, FOLDER, MORE}:
            slash = b"/" if kind == FOLDER else b""
            yield start + unquote_to_bytes(name[:-1]) + slash, folder / name, kind
