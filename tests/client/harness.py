"""Clients against the real app in this process, and weather between the two."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx

from chalicelib.core.context import Role
from tests.api.harness import Service
from tests.api.transports import AppTransport
from trialbook import AsyncClient, Client
from trialbook._http import Api

URL: Final = "https://trialbook.test"
Before: TypeAlias = Callable[[httpx.Request], None]


class AsyncAppTransport(httpx.AsyncBaseTransport):
    """The app's synchronous transport for asynchronous clients, in the event loop's own thread."""

    def __init__(self, app: httpx.BaseTransport) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self._app.handle_request(request)


class AsyncFilesTransport(httpx.AsyncBaseTransport):
    """The stored bytes, in a thread: the synchronous client has an event loop of its own."""

    def __init__(self, files: httpx.Client) -> None:
        self._files = files

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        answer = await asyncio.to_thread(
            self._files.request,
            request.method,
            request.url,
            headers=request.headers.raw,
            content=content,
        )
        return httpx.Response(
            answer.status_code, headers=answer.headers.raw, content=answer.content
        )


@dataclass
class Weather(httpx.AsyncBaseTransport):
    """What may happen between a client and a service. Fair unless told otherwise.

    `next` holds what befalls the next requests, one each:
    `refused` (never arrives), `lost` (is done, the answer is lost), `busy` (503 with Retry-After),
    `broken` (500), `slow` (429 with Retry-After), `fair`. `away` refuses everything.
    `before` sees each request before anything befalls it, and may raise.
    """

    inner: httpx.AsyncBaseTransport
    away: bool = False
    next: deque[str] = field(default_factory=deque[str])
    before: Before | None = None
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        if self.before is not None:
            self.before(request)
        what = "refused" if self.away else (self.next.popleft() if self.next else "fair")
        if what == "refused":
            raise httpx.ConnectError("connection refused", request=request)
        if what in _ANSWERS:
            status, code = _ANSWERS[what]
            error = {"code": code, "message": f"the service is {what}"}
            return httpx.Response(
                status,
                headers={"retry-after": "1"} if status != 500 else {},
                json={"error": error, "request_id": "weather"},
            )
        response = await self.inner.handle_async_request(request)
        if what == "lost":
            raise httpx.ReadError("connection reset", request=request)
        return response

    def sent(self, method: str, ending: str) -> list[httpx.Request]:
        """The requests so far of a method whose path ends so."""
        return [r for r in self.requests if r.method == method and r.url.path.endswith(ending)]


_ANSWERS: Final = {
    "busy": (503, "unavailable"),
    "slow": (429, "throttled"),
    "broken": (500, "internal"),
}


@dataclass
class Pauses:
    """Instead of waiting between attempts: remembers how long it would have been."""

    seconds: list[float] = field(default_factory=list[float])

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


class Bench:
    """A service, the weather before it, and clients that wait for nothing."""

    def __init__(self, service: Service, spool_dir: Path) -> None:
        self.service = service
        self.spool_dir = spool_dir
        app = AppTransport(service.clock, service.clock.tick)
        self.weather = Weather(AsyncAppTransport(service.luck.exposed(app)))
        self.files = service.luck.exposed_files(service.files)
        self.pauses = Pauses()
        self.key = service.key(Role.WRITE)

    def api(self, key: str | None = None, **options: Any) -> Api:
        """Retries without pausing."""
        return Api(
            URL,
            key or self.key,
            transport=self.weather,
            bytes_transport=AsyncFilesTransport(self.files),
            sleep=self.pauses,
            **options,
        )

    def client(self, key: str | None = None, **options: Any) -> AsyncClient:
        return AsyncClient(api=self.api(key), spool_dir=self.spool_dir, **options)

    def sync_client(self, key: str | None = None, **options: Any) -> Client:
        return Client(api=self.api(key), spool_dir=self.spool_dir, **options)
