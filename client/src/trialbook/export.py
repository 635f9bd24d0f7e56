"""Fetching an export of logs: waited for, then streamed from the store into a file."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from trialbook._http import Api
from trialbook.transfer.attempts import attempted, check_status
from trialbook.transfer.concurrency import in_thread
from trialbook.transfer.digests import PIECE_BYTES
from trialbook.transfer.failures import StoreRefused
from trialbook.transfer.get import SignedUrl
from trialbook.transfer.progress import ShowProgress, shown

_WHOLE: Final = {"accept-encoding": "identity"}


async def export_logs(
    api: Api, path: str, asked: Mapping[str, Any], to: Path, show: ShowProgress
) -> Path:
    """Have the service write what is `asked` for, and put it at `to`, whole or not at all.

    Raises TrialbookError, StoreRefused, OSError.
    """
    answer = await api.call("POST", path, body=asked)
    ask = below(api, answer["ask"])
    while answer["url"] is None:
        # the service works on it for some seconds while it is asked, unless another asks too
        await api.pause(2)
        answer = await api.call("GET", ask)

    async def again() -> str:
        """The export is there: its URL anew."""
        return str((await api.call("GET", ask))["url"])

    url = SignedUrl(again, answer["url"])
    draft = to.with_name(f".{uuid.uuid4().hex}.part")
    used: str | None = None

    async def once() -> None:
        nonlocal used
        used = await url.get()
        await _stream(api, used, draft, to.name, show)

    def renew() -> None:
        url.forget(used)

    try:
        await attempted(api, once, renew)
        draft.replace(to)
    finally:
        draft.unlink(missing_ok=True)
    return to


async def _stream(api: Api, url: str, draft: Path, label: str, show: ShowProgress) -> None:
    async with api.bytes.stream("GET", url, headers=_WHOLE) as response:
        if not response.is_success:
            check_status(response, await response.aread())
        expected = int(response.headers.get("content-length", -1))
        written = 0
        with draft.open("wb") as file, shown(show, max(expected, 0), label) as told:
            async for piece in response.aiter_bytes(PIECE_BYTES):
                await in_thread(file.write, piece)
                written += len(piece)
                told.advance(len(piece))
    if expected not in {-1, written}:
        raise StoreRefused("the store sent fewer bytes than it has", status=503)


def below(api: Api, path: str) -> str:
    """An absolute path of the service, without what the address has of it (a stage)."""
    return path.removeprefix(urlsplit(api.url).path)
