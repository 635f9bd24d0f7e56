"""Where artifacts are written before they are saved, and where what was fetched is kept."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import uuid
from pathlib import Path


def cache_dir() -> Path:
    """TRIALBOOK_CACHE_DIR, else the user's cache folder. Not made here; may be emptied any time."""
    given = os.environ.get("TRIALBOOK_CACHE_DIR")
    if given:
        return Path(given)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / "trialbook" / "cache"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "trialbook"


class Staging:
    """Plans names in a folder that is this user's alone, each of them once."""

    def __init__(self, folder: Path) -> None:
        self._staging = folder

    async def stage_path(self, ext: str = "") -> str:
        return str(await asyncio.to_thread(self._planned, ext))

    async def stage_dir(self, suffix: str = "") -> str:
        planned = await asyncio.to_thread(self._planned, suffix)
        await asyncio.to_thread(planned.mkdir, mode=0o700)
        return str(planned)

    async def discard(self, staged: str) -> None:
        """Remove a file or folder that was planned here."""
        path = Path(staged).absolute()
        if path.parent == self._staging.absolute():
            await asyncio.to_thread(_remove, path)

    def _planned(self, ending: str) -> Path:
        if "/" in ending or "\\" in ending or "\0" in ending:
            raise ValueError(f"an ending of a name, as '.txt', not a path: {ending!r:.100}")
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._staging / f"{uuid.uuid4().hex}{ending}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
