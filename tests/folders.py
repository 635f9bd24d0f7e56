"""Folders for stores that a test fills with little and is done with at its end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_MEMORY: Final = Path("/dev/shm")
"""Where Linux keeps files in memory."""
_FREE_BYTES: Final = 2**30
"""In a container there may be little of it."""


def quick_folder() -> TemporaryDirectory[str]:
    """An empty folder, in memory where there is room. To make a SQLite file on a disk and to close
    it takes longer than most tests, which wait for the disk and prove nothing about it."""
    has_room = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _FREE_BYTES
    return TemporaryDirectory(dir=_MEMORY if has_room else None)
