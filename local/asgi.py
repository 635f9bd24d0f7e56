"""HTTP to Lambda proxy event, through the Chalice app, and back: an ASGI application.

Most requests take less time than handing them to a thread would, so they run on the event loop, one
at a time; a view marked `runs_long` runs in a small pool beside it. Stock `chalice local` is not
used because it answers every kept-alive request 44 ms late.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from chalicelib.api.handler import MAX_BODY_BYTES, body_too_large
from chalicelib.core.context import Clock
from local.answers import Answer, app_answer, error_answer, preflight_answer
from local.proxy_event import (
    BadUrl,
    Event,
    Headers,
    LambdaContext,
    check_path,
    parse_query,
    proxy_event,
)
from local.routing import Endpoint, RouteEntry, Router

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Deliver: TypeAlias = Callable[[Answer | None], None]
Together: TypeAlias = Callable[[], AbstractContextManager[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

LONG_WORKERS: Final = 4
LONG_WAITING: Final = 64
"""Long requests that may wait for a worker; one more is told to come back."""
NOT_COMMITTED: Final = "the store could not commit the write; send it again"
BLOB_PREFIX: Final = "/_blobs/"

_log = logging.getLogger("trialbook.local")


class LambdaApp(Protocol):
    """A Chalice app: callable from several threads at once."""

    @property
    def routes(self) -> Mapping[str, Mapping[str, RouteEntry]]: ...

    def __call__(self, event: Event, context: LambdaContext) -> Mapping[str, Any]: ...


class BodyTooLarge(Exception):
    """The body is larger than a function takes; `size_bytes` is what is known of it."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.size_bytes = size_bytes


class ClientGone(Exception):
    """The connection closed before the whole body came."""


class _Opened(NamedTuple):
    """A request of which everything but the body is known."""

    request_id: str
    endpoint: Endpoint
    path: str
    variables: dict[str, str] | None
    headers: Headers
    query: dict[str, list[str]] | None
    source_ip: str

    def event(self, body: bytes) -> Event:
        return proxy_event(
            self.endpoint,
            self.path,
            self.variables,
            self.headers,
            self.query,
            body,
            self.request_id,
            self.source_ip,
        )


class LambdaAdapter:
    """Serves `app`; paths under `/_blobs/` go to `blobs`, which is an ASGI application itself.

    `together` makes a block whose writes are committed at its end.
    """

    def __init__(
        self,
        app: LambdaApp,
        clock: Clock,
        blobs: AsgiApp | None = None,
        together: Together | None = None,
    ) -> None:
        self._app = app
        self._together = together
        self._turn: list[tuple[_Opened, bytes, Deliver]] = []
        self._clock = clock
        self._blobs = blobs
        self._router = Router(app.routes)
        self._pool = ThreadPoolExecutor(LONG_WORKERS, thread_name_prefix="long")
        self._long_requests = 0
        self._id_prefix = clock.random_bytes(8).hex()
        self._count = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("ascii")
        if self._blobs is not None and path.startswith(BLOB_PREFIX):
            await self._blobs(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, path, receive)
        except ClientGone:
            return
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        await send({"type": "http.response.body", "body": answer.body})

    def answer_soon(self, scope: Scope, body: bytes, deliver: Deliver) -> None:
        """Answer a request with this whole body: at once, or in the next turn of the event loop
        when it writes. None is delivered for one that has to run beside the event loop: ask for it
        by calling the adapter."""
        path = scope["raw_path"].decode("ascii")
        if self._blobs is not None and path.startswith(BLOB_PREFIX):
            deliver(None)
            return
        opened = self._open(scope, path)
        if isinstance(opened, Answer):
            deliver(opened)
        elif opened.endpoint.runs_long:
            deliver(None)
        elif self._together is None or not opened.endpoint.writes:
            deliver(self._run(opened, body))
        else:
            self._turn.append((opened, body, deliver))
            if len(self._turn) == 1:
                asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Answer the writing requests that came in the same turn. Several share one commit, and
        none is answered before it."""
        turn, self._turn = self._turn, []
        if len(turn) == 1 or self._together is None:
            answers = [self._run(opened, body) for opened, body, _ in turn]
        else:
            try:
                with self._together():
                    answers = [self._run(opened, body) for opened, body, _ in turn]
            except Exception:  # noqa: BLE001 (whatever it was, none of them may hang)
                _log.exception("%d requests could not be committed", len(turn))
                retry = [(b"retry-after", b"1")]
                answers = [
                    error_answer(
                        503, "unavailable", NOT_COMMITTED, opened.request_id, headers=retry
                    )
                    for opened, _, _ in turn
                ]
        for (_, _, deliver), answer in zip(turn, answers, strict=True):
            deliver(answer)

    def close(self) -> None:
        """Take no more long requests."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, scope: Scope, path: str, receive: Receive) -> Answer:
        opened = self._open(scope, path)
        if isinstance(opened, Answer):
            return opened
        try:
            body = await _read_body(opened.headers.last, receive)
        except BodyTooLarge as error:
            return _too_large(error, opened.headers, opened.request_id)
        if opened.endpoint.runs_long:
            return await self._run_long(opened, body)
        return self._run(opened, body)

    def _open(self, scope: Scope, path: str) -> _Opened | Answer:
        """The request without its body, or what the server itself answers to it."""
        request_id = f"{self._id_prefix}{next(self._count):016x}"
        matched = self._router.match(path)
        if matched is None:
            return error_answer(404, "not_found", f"no such path: {path}", request_id)
        resource, variables = matched
        method: str = scope["method"]
        endpoint = resource.endpoints.get(method)
        if endpoint is None:
            if method == "OPTIONS":
                return preflight_answer(resource.allow, request_id)
            message = f"method not allowed here; use one of {resource.allow}: method={method}"
            allow = [(b"allow", resource.allow.encode("ascii"))]
            return error_answer(405, "method_not_allowed", message, request_id, headers=allow)
        try:
            check_path(path)
            query = parse_query(scope["query_string"])
        except BadUrl as error:
            return error_answer(400, "invalid", str(error), request_id)
        client = scope["client"]
        source_ip = client[0] if client else ""
        headers = Headers(scope["headers"])
        return _Opened(request_id, endpoint, path, variables, headers, query, source_ip)

    def _run(self, opened: _Opened, body: bytes) -> Answer:
        request_id = opened.request_id
        try:
            context = LambdaContext(request_id, self._clock)
            return app_answer(self._app(opened.event(body), context), request_id)
        except Exception:  # noqa: BLE001 (whatever it was, the client gets an answer)
            where = opened.endpoint
            _log.exception("%s %s: request %s", where.method, where.resource, request_id)
            return error_answer(500, "internal", "an internal error occurred", request_id)

    async def _run_long(self, opened: _Opened, body: bytes) -> Answer:
        if self._long_requests >= LONG_WORKERS + LONG_WAITING:
            message = "too many long requests wait already; send it again in a second"
            retry = [(b"retry-after", b"1")]
            return error_answer(503, "unavailable", message, opened.request_id, headers=retry)
        self._long_requests += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._run, opened, body)
        finally:
            self._long_requests -= 1


async def _read_body(headers: dict[str, str], receive: Receive) -> bytes:
    """Raises BodyTooLarge as soon as that is known, ClientGone."""
    length = headers.get("content-length")
    if length is None:
        if "transfer-encoding" not in headers:
            return b""
    elif int(length) > MAX_BODY_BYTES:
        raise BodyTooLarge(int(length))
    pieces: list[bytes] = []
    size_bytes = 0
    is_more = True
    while is_more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        pieces.append(message["body"])
        size_bytes += len(message["body"])
        if size_bytes > MAX_BODY_BYTES:
            raise BodyTooLarge(size_bytes)
        is_more = message["more_body"]
    return b"".join(pieces)


def _too_large(error: BodyTooLarge, headers: Headers, request_id: str) -> Answer:
    refusal = body_too_large(error.size_bytes)
    # A body already under way is read to its end and dropped: closing at once would reset the
    # connection before the client has read this. A client that still waits for 100 sends none.
    close = [(b"connection", b"close")] if "expect" in headers.last else []
    return error_answer(413, "too_large", refusal.message, request_id, refusal.details, close)
