"""Which files of a folder were found to have their sha256, remembered by size and time of writing.

<folder>.verified beside the folder: a line for each file. A file that was written to since is
hashed again; a file that is not remembered is hashed once.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from trialbook.artifacts.model import ManifestFile
from trialbook.transfer.digests import Stamp, sha256_of
from trialbook.transfer.failures import UnsafePath
from trialbook.transfer.paths import Rooted


class VerifiedFolder:
    """A folder whose files are known by their digests. It blocks: call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rooted = Rooted(folder)
        self._file = folder.with_name(folder.name + ".verified")
        self._known: dict[str, tuple[str, int, int]] | None = None
        self._is_new = False

    def missing(self, files: Iterable[ManifestFile]) -> list[ManifestFile]:
        """Those that are not there with their bytes. One look each when they are remembered.

        Raises UnsafePath when a link is in the way of one.
        """
        known = self._load()
        return [file for file in files if not self._is_there(file, known)]

    def remember(self, files: Iterable[ManifestFile]) -> None:
        """These have just been written, and hashed on the way."""
        known = self._load()
        for file in files:
            stamp = Stamp.of((self.folder / file.path).lstat())
            known[file.path] = (file.sha256, stamp.size_bytes, stamp.modified_ns)
            self._is_new = True

    def save(self) -> None:
        """Keep what is known, when it is news: whole or not at all."""
        if not self._is_new:
            return
        draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        draft.write_text(json.dumps(self._load(), separators=(",", ":")), "utf-8")
        draft.replace(self._file)

    def _is_there(self, file: ManifestFile, known: dict[str, tuple[str, int, int]]) -> bool:
        place = self.rooted.place(file.path)
        try:
            found = place.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(found.st_mode):
            what = "a link" if stat.S_ISLNK(found.st_mode) else "no plain file"
            raise UnsafePath(f"{what} is in the way of the tree; remove it: {place}")
        if not file.sha256:
            return False  # nobody knows it yet, so nothing tells that these are the bytes
        stamp = Stamp.of(found)
        remembered = (file.sha256, stamp.size_bytes, stamp.modified_ns)
        if known.get(file.path) == remembered:
            return True
        if stamp.size_bytes != file.size_bytes or sha256_of(place) != file.sha256:
            return False
        known[file.path] = remembered
        self._is_new = True
        return True

    def _load(self) -> dict[str, tuple[str, int, int]]:
        """Nothing when the file is not there or not whole: then files are hashed."""
        if self._known is None:
            try:
                found: Any = json.loads(self._file.read_text("utf-8"))
                self._known = {
                    path: (str(sha256), int(size), int(modified))
                    for path, (sha256, size, modified) in cast("dict[str, Any]", found).items()
                }
            except (OSError, ValueError, TypeError, AttributeError):
                self._known = {}
        return self._known
