"""Files of runs: sending and fetching them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from trialbook._http import Api
from trialbook.artifacts.model import ManifestFile
from trialbook.transfer.download import download_file
from trialbook.transfer.get import SignedUrl
from trialbook.transfer.paths import checked_path
from trialbook.transfer.progress import Progress, ShowProgress, shown
from trialbook.transfer.routes import UploadRoutes
from trialbook.transfer.upload import upload_file


async def upload_run_file(
    api: Api,
    run_id: str,
    file: str | Path,
    path: str | None = None,
    *,
    mime: str | None = None,
    progress: ShowProgress = None,
) -> dict[str, Any]:
    """Send a file of any size to a run, as `path` (its own name unless said); the run's file.

    Raises OSError, UnsafePath, and what `upload_file` raises.
    """
    local = Path(file)
    target = checked_path(path or local.name)
    uploaded = await upload_file(
        UploadRoutes.of_run(api, run_id),
        local,
        fields={"path": target, "mime": mime},
        show=progress,
    )
    return dict(uploaded.answer or {})


async def download_run_file(
    api: Api, run_id: str, path: str, to: str | Path, *, progress: ShowProgress = None
) -> Path:
    """Fetch a run's file to `to`, or into it when it is a folder; where it is then.

    Cost: a page of the folder's listing, for the digest, and the bytes. Raises FileNotFoundError
    when the run has no such file, and what `download_file` raises.
    """
    found = await find_run_file(api, run_id, path)
    place = Path(to)
    if await asyncio.to_thread(place.is_dir):
        place = place / path.rpartition("/")[2]
    await asyncio.to_thread(place.parent.mkdir, parents=True, exist_ok=True)
    with shown(progress, found.size_bytes, path) as told:
        await fetch_run_file(api, run_id, found, place, told)
    return place


async def fetch_run_file(
    api: Api, run_id: str, file: ManifestFile, to: Path, progress: Progress
) -> None:
    """The bytes of a file that was found, at a place whose folder is there."""

    async def ask() -> str:
        answer = await api.call("GET", f"{_files(run_id)}/content", query={"path": file.path})
        return str(answer["url"])

    await download_file(
        api,
        SignedUrl(ask),
        to,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        progress=progress,
    )


async def find_run_file(api: Api, run_id: str, path: str) -> ManifestFile:
    """Digest ("" of a file that came without one and was not read since) and size. Raises
    FileNotFoundError. Cost: the pages of its folder up to it."""
    folder = checked_path(path).rpartition("/")[0] or None
    cursor: str | None = None
    while True:
        query = {"path": folder, "limit": 1000, "cursor": cursor}
        page = await api.call("GET", _files(run_id), query=query)
        for entry in cast("list[Mapping[str, Any]]", page["artifacts"]):
            if entry["path"] == path and not entry["is_dir"]:
                return ManifestFile(path, entry["sha256"] or "", entry["size_bytes"])
        cursor = page["next_cursor"]
        if cursor is None:
            raise FileNotFoundError(f"the run has no such file: run={run_id} path={path}")


def _files(run_id: str) -> str:
    return f"/api/v1/experiments/runs/{quote(run_id, safe='')}/artifacts"
