"""Rebuilding the folder of a directory artifact."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from trialbook.artifacts.model import ManifestFile
from trialbook.transfer.concurrency import concurrently
from trialbook.transfer.verified import VerifiedFolder

AT_ONCE: Final = 16
ASKED_AT_ONCE: Final = 500
"""Files whose places are asked for in one request."""

Fetch: TypeAlias = Callable[[ManifestFile, Path], Awaitable[None]]
"""Puts a file's bytes at a place, verified and whole; its folder is there."""

Prepare: TypeAlias = Callable[[Sequence[ManifestFile]], Awaitable[Fetch]]
"""Gets ready to fetch these, at most 500."""


async def rebuild(
    folder: Path, files: Sequence[ManifestFile], prepare: Prepare
) -> Sequence[ManifestFile]:
    """Make `folder` hold these files; which were fetched.

    Those that are there with their bytes are left alone: looked at when they were verified before,
    else hashed. Other files stay where they are. 16 at a time; a kill leaves whole files, and the
    next call goes on. Raises UnsafePath before anything is written for a path that leaves the
    folder, and for a link or a file that is in the way.
    """
    kept = VerifiedFolder(folder)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    missing = await asyncio.to_thread(kept.missing, files)
    for start in range(0, len(missing), ASKED_AT_ONCE):
        some = missing[start : start + ASKED_AT_ONCE]
        fetch = await prepare(some)

        async def one(file: ManifestFile, fetch: Fetch = fetch) -> None:
            kept.rooted.make_folder(file.path)
            await fetch(file, kept.rooted.place(file.path))

        await concurrently(some, one, AT_ONCE)
        await asyncio.to_thread(kept.remember, some)
    await asyncio.to_thread(kept.save)
    return missing
