"""What `trialbook download` fetches: files of runs and of artifacts, into places a person chose."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trialbook._http import Api
from trialbook.artifacts.model import Artifact, ManifestFile
from trialbook.artifacts.remote_store import RemoteArtifactStore
from trialbook.errors import TrialbookError
from trialbook.runs import AsyncRuns
from trialbook.transfer.concurrency import concurrently
from trialbook.transfer.digests import sha256_of
from trialbook.transfer.paths import Rooted, checked_path
from trialbook.transfer.progress import Progress, ShowProgress, shown
from trialbook.transfer.run_files import fetch_run_file, find_run_file
from trialbook.transfer.tree import ASKED_AT_ONCE, AT_ONCE, Fetch, Prepare

_LISTED_SHOWN: Final = 3


class InTheWay(TrialbookError):
    """A file with other bytes is where something is to be downloaded."""


@dataclass(frozen=True)
class Found:
    """What is to be fetched: one file, or the files of a folder by their paths in it."""

    name: str
    is_dir: bool
    files: Sequence[ManifestFile]
    prepare: Callable[[Progress], Prepare]


class _Store(RemoteArtifactStore):
    async def find(self, artifact: Artifact, path: str | None) -> Found:
        if artifact.is_dir and path is None:
            name = artifact.name or artifact.artifact_id
            files = await self._manifest(artifact)
            return Found(name, True, files, lambda told: self._prepare(artifact, told))
        file = await self._file(artifact, path)
        if path is not None:
            return Found(file.path, False, [file], lambda told: self._prepare(artifact, told))
        return Found(file.path, False, [file], lambda told: _always(self._whole(artifact, told)))

    def _whole(self, artifact: Artifact, told: Progress) -> Fetch:
        from trialbook.transfer.download import download_file

        async def fetch(file: ManifestFile, to: Path) -> None:
            await download_file(
                self._api,
                self._url(artifact, None),
                to,
                sha256=file.sha256,
                size_bytes=file.size_bytes,
                progress=told,
            )

        return fetch


async def of_artifact(api: Api, artifact: Artifact, path: str | None) -> Found:
    """All of an artifact, or one file of a directory. Raises FileNotFoundError."""
    return await _Store(api).find(artifact, path)


async def of_run(api: Api, run_id: str, path: str) -> Found:
    """A file of a run, or a folder with all that is below it. Raises FileNotFoundError."""
    path = path.strip("/")
    in_all = path in {"", "."}

    def prepare(above: str) -> Callable[[Progress], Prepare]:
        def of(told: Progress) -> Prepare:
            async def fetch(file: ManifestFile, to: Path) -> None:
                whole = ManifestFile(above + file.path, file.sha256, file.size_bytes)
                await fetch_run_file(api, run_id, whole, to, told)

            return _always(fetch)

        return of

    if not in_all:
        checked_path(path)
        try:
            file = await find_run_file(api, run_id, path)
        except FileNotFoundError:
            pass
        else:
            return Found(path, False, [file], prepare(""))
    above = "" if in_all else f"{path}/"
    files = [
        ManifestFile(file.path.removeprefix(above), file.sha256, file.size_bytes)
        for file in await _below(AsyncRuns(api), run_id, None if in_all else path)
    ]
    if not files:
        raise FileNotFoundError(f"the run has no such file or folder: run={run_id} path={path}")
    return Found(run_id if in_all else path, True, files, prepare(above))


async def _below(runs: AsyncRuns, run_id: str, folder: str | None) -> list[ManifestFile]:
    found: list[ManifestFile] = []
    for entry in await runs.files(run_id, folder):
        if entry.is_dir:
            found += await _below(runs, run_id, entry.path)
        else:
            found.append(ManifestFile(entry.path, entry.sha256 or "", entry.size_bytes or 0))
    return found


async def fetch_file(found: Found, to: Path, *, force: bool, show: ShowProgress) -> bool:
    """Put the file at `to`; whether it had to be fetched. Raises InTheWay without `force`."""
    [file] = found.files
    if await asyncio.to_thread(_standing, to, file, force):
        return False
    to.parent.mkdir(parents=True, exist_ok=True)
    with shown(show, file.size_bytes, to.name) as told:
        fetch = await found.prepare(told)([file])
        await fetch(file, to)
    return True


async def fetch_tree(found: Found, folder: Path, *, force: bool, show: ShowProgress) -> int:
    """Make `folder` hold the files; how many had to be fetched. Other files stay.

    Nothing is written when a file is in the way (InTheWay, without `force`) or a path leaves the
    folder (UnsafePath).
    """
    rooted = Rooted(folder)
    missing = await asyncio.to_thread(_missing, rooted, found.files, force)
    folder.mkdir(parents=True, exist_ok=True)
    with shown(show, sum(file.size_bytes for file in missing), folder.name) as told:
        prepare = found.prepare(told)
        for start in range(0, len(missing), ASKED_AT_ONCE):
            some = missing[start : start + ASKED_AT_ONCE]
            fetch = await prepare(some)

            async def one(file: ManifestFile, fetch: Fetch = fetch) -> None:
                rooted.make_folder(file.path)
                await fetch(file, rooted.place(file.path))

            await concurrently(some, one, AT_ONCE)
    return len(missing)


def _missing(rooted: Rooted, files: Sequence[ManifestFile], force: bool) -> list[ManifestFile]:
    missing: list[ManifestFile] = []
    others: list[Path] = []
    for file in files:
        place = rooted.place(file.path)
        try:
            if not _standing(place, file, force):
                missing.append(file)
        except InTheWay:
            others.append(place)
    if others:
        names = ", ".join(str(place) for place in others[:_LISTED_SHOWN])
        more = f" and {len(others) - _LISTED_SHOWN} more" if len(others) > _LISTED_SHOWN else ""
        raise InTheWay(f"files with other bytes are there; --force replaces them: {names}{more}")
    return missing


def _standing(place: Path, file: ManifestFile, force: bool) -> bool:
    """Whether the file is there with its bytes. Raises InTheWay for another one."""
    try:
        mode = place.lstat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise TrialbookError(f"a folder is where the file is to be: {place}")
    same_size = stat.S_ISREG(mode) and place.stat().st_size == file.size_bytes
    if same_size and sha256_of(place) == file.sha256:
        return True
    if not force:
        raise InTheWay(f"a file with other bytes is there; --force replaces it: {place}")
    return False


def _always(fetch: Fetch) -> Prepare:
    def prepare(_: Sequence[ManifestFile]) -> Awaitable[Fetch]:
        return _ready(fetch)

    return prepare


async def _ready(fetch: Fetch) -> Fetch:
    return fetch
