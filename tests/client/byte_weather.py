"""What may happen to bytes between a client and the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import httpx

Befall: TypeAlias = Callable[[httpx.Request], httpx.Response | None]


def nothing(request: httpx.Request) -> None:
    return


@dataclass
class ByteWeather(httpx.AsyncBaseTransport):
    """Counts the requests; `befall` sees each first, and may answer it or raise."""

    inner: httpx.AsyncBaseTransport
    befall: Befall = nothing
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])
    open_now: int = 0
    most_open: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            await asyncio.sleep(0)
            answer = self.befall(request)
            if answer is not None:
                return answer
            return await self.inner.handle_async_request(request)
        finally:
            self.open_now -= 1

    async def aclose(self) -> None:
        await self.inner.aclose()

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.requests)


def first(count: int, answer: Befall) -> Befall:
    """What befalls the first requests; later ones are left alone."""
    left = count

    def befall(request: httpx.Request) -> httpx.Response | None:
        nonlocal left
        left -= 1
        return answer(request) if left >= 0 else None

    return befall


def expired(_: httpx.Request) -> httpx.Response:
    return httpx.Response(403, text="Request has expired")


def busy(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503, text="SlowDown")


def lost(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("connection reset", request=request)


def swallowed(_: httpx.Request) -> httpx.Response:
    """Says that it stored the bytes, and did not."""
    return httpx.Response(200, headers={"etag": '"e"'})
