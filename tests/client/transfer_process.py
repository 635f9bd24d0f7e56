"""Transfers in a process of their own: to be killed, or to have their memory measured.

python -m tests.client.transfer_process upload|stall|download <url> <run_id> <file>

`stall` uploads, and stops for ever before the third part. At the end `upload` and `download` print
the most memory that the process had, in bytes.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import httpx

from tests.api.process import KEY
from trialbook._http import Api
from trialbook.transfer import download_run_file, upload_run_file

SENT_BEFORE_STALLING = 2


class Stalling(httpx.AsyncBaseTransport):
    """Lets two requests through, one after the other."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._turn = asyncio.Lock()
        self._count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self._turn:
            self._count += 1
            if self._count > SENT_BEFORE_STALLING:
                await asyncio.Event().wait()
            return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def main(what: str, url: str, run_id: str, file: Path) -> None:
    transport = Stalling() if what.startswith("stall") else None
    api = Api(url, KEY, bytes_transport=transport)
    if what in {"upload", "stall"}:
        await upload_run_file(api, run_id, file, "big", progress=False)
    else:
        await download_run_file(api, run_id, "big", file, progress=False)
    await api.close()
    print(most_memory_bytes())


def most_memory_bytes() -> int:
    """Of this program: `getrusage` would also count the process that it was started from."""
    status = Path("/proc/self/status").read_text("ascii")
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])))
