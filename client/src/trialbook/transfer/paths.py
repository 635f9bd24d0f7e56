"""Paths of files inside a run or a directory artifact, and where they lie in a folder."""

from __future__ import annotations

import json
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trialbook.transfer.failures import UnsafePath

MAX_PATH_BYTES: Final = 850
MAX_SEGMENTS: Final = 90
MAX_FILES: Final = 20_000
"""What one manifest holds."""
MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024 - 128 * 1024
"""It travels in one request of 4 MiB, beside tags, labels and metrics."""
_BYTES_BESIDE_PATH: Final = 115

_REFUSED: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def checked_path(path: str) -> str:
    """The path when the service takes it and it stays in its folder. Raises UnsafePath.

    Relative, 1 to 90 segments of at most 850 bytes together, `/` between them; no `.`, `..`, empty
    segment, backslash, drive, control character, line separator or half of a surrogate pair.
    """
    problem = _problem(path)
    if problem is not None:
        raise UnsafePath(f"not a path of an artifact: {problem}: {path!r:.200}")
    return path


def _problem(path: str) -> str | None:
    if any(unicodedata.category(character) in _REFUSED for character in path):
        return "it holds a character that cannot be kept"
    if "\\" in path or path.startswith("/") or _DRIVE.match(path):
        return "it is absolute, names a drive or has a backslash"
    if os.name == "nt" and ":" in path:
        return "it has a colon, which names something else on Windows"
    segments = path.split("/")
    if {"", ".", ".."} & set(segments):
        return "it has an empty segment, . or .."
    if len(segments) > MAX_SEGMENTS or len(path.encode()) > MAX_PATH_BYTES:
        return f"it is over {MAX_PATH_BYTES} bytes or {MAX_SEGMENTS} segments"
    return None


def files_below(folder: Path) -> list[tuple[str, Path]]:
    """Every file below a folder, by its path in it, in order. Empty folders leave no trace.

    Links are refused, wherever they lead: following one could publish what lies elsewhere, and a
    link itself means nothing on another machine. Raises OSError, UnsafePath, and ValueError for a
    folder without files, with too many, or with what is no file.
    """
    if not folder.is_dir():
        if folder.exists():
            raise NotADirectoryError(f"a file, not a directory; ingest_file saves it: {folder}")
        raise FileNotFoundError(f"no such directory: {folder}")
    found = sorted((checked_path(path), Path(file)) for path, file in _walk(str(folder), ""))
    if not 1 <= len(found) <= MAX_FILES:
        raise ValueError(f"a directory of 1 to {MAX_FILES} files can be saved: {len(found)} files")
    manifest_bytes = sum(len(json.dumps(path)) + _BYTES_BESIDE_PATH for path, _ in found)
    if manifest_bytes > MAX_MANIFEST_BYTES:
        raise ValueError(
            "the paths are too long together; save the folder in two, or shorten them: "
            f"manifest_bytes={manifest_bytes} max={MAX_MANIFEST_BYTES}"
        )
    return found


def _walk(folder: str, above: str) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            path = above + entry.name
            if entry.is_symlink():
                raise UnsafePath(f"a symbolic link; put a copy of the file in its place: {path!r}")
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, path + "/")
            elif entry.is_file(follow_symlinks=False):
                yield path, entry.path
            else:
                raise ValueError(f"neither a file nor a folder: {path!r}")


class Rooted:
    """Places below a folder, none of which is reached through a link.

    What it checked it remembers: a tree of 10,000 files in 100 folders costs 100 looks.
    """

    def __init__(self, root: Path) -> None:
        """`root` itself may lie behind links: whoever named it chose it."""
        self._root = root
        self._folders: set[str] = set()

    def place(self, path: str) -> Path:
        """Where the file of that path lies or would lie. Raises UnsafePath."""
        above = checked_path(path).rpartition("/")[0]
        if above not in self._folders:
            self._check(above)
        return self._root / path

    def make_folder(self, path: str) -> None:
        """The folder of that file, and those above it. Raises UnsafePath, OSError."""
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        self._folders.discard(path.rpartition("/")[0])
        self.place(path)

    def _check(self, folder: str) -> None:
        here = self._root
        for segment in folder.split("/") if folder else ():
            here = here / segment
            try:
                mode = here.lstat().st_mode
            except FileNotFoundError:
                return  # not remembered: somebody may plant a link there yet
            if not stat.S_ISDIR(mode):
                what = "a link" if stat.S_ISLNK(mode) else "a file"
                raise UnsafePath(f"{what} is in the way of the tree; remove it: {here}")
        self._folders.add(folder)
