"""httpx transports without a network: to the app as API Gateway calls it, and to the blob stores.

Everything happens in the caller's thread, so many threads may call at once.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from base64 import b64encode
from collections.abc import Callable
from typing import Any, cast

import httpx
import requests

from app import app
from chalicelib.core.context import Clock
from local.answers import Answer, app_answer, error_answer
from local.blob_endpoint import BlobEndpoint
from local.proxy_event import Headers, LambdaContext, parse_query, proxy_event
from local.routing import Router


def _split(request: httpx.Request) -> tuple[str, bytes]:
    """Raw path and query, percent-encoded as they were sent."""
    path, _, query = request.url.raw_path.partition(b"?")
    return path.decode("ascii"), query


def _lowered(request: httpx.Request) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in request.headers.raw]


@functools.cache
def _router() -> Router:
    """Made once: every test has a transport, and the routes are the same."""
    return Router(app.routes)


class AppTransport(httpx.BaseTransport):
    """Calls the real app with the proxy event of each request.

    What API Gateway says itself (no such path, no such method) it says, in the shape that the
    gateway's templates give. `before_each` runs before a request is made; `stage` is what the
    gateway has before every path, `/dev` for example.
    """

    def __init__(self, clock: Clock, before_each: Callable[[], None], stage: str = "") -> None:
        self._stage = stage
        self._clock = clock
        self._before_each = before_each
        self._router = _router()
        self._numbers = itertools.count(1)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        self._before_each()
        answer = self._answer(request, body, f"request-{next(self._numbers)}")
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    def _answer(self, request: httpx.Request, body: bytes, request_id: str) -> Answer:
        path, raw_query = _split(request)
        matched = self._router.match(path)
        if matched is None:
            return error_answer(404, "not_found", f"no such path: {path}", request_id)
        resource, variables = matched
        endpoint = resource.endpoints.get(request.method)
        if endpoint is None:
            return error_answer(405, "method_not_allowed", "method not allowed here", request_id)
        event = proxy_event(
            endpoint,
            path,
            variables,
            Headers(_lowered(request)),
            parse_query(raw_query),
            body,
            request_id,
            "127.0.0.1",
        )
        event["requestContext"]["path"] = self._stage + path
        if body:  # as the gateway tells of what may be of any type
            event |= {"body": b64encode(body).decode(), "isBase64Encoded": True}
        call = cast("Callable[[Any, Any], dict[str, Any]]", app)
        return app_answer(call(event, LambdaContext(request_id, self._clock)), request_id)


class FilesTransport(httpx.BaseTransport):
    """The local store's blob endpoint, on an event loop that lasts one request."""

    def __init__(self, endpoint: BlobEndpoint) -> None:
        self._endpoint = endpoint

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, query = _split(request)
        pieces = iter(cast("httpx.SyncByteStream", request.stream))
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            piece = next(pieces, None)
            return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": request.method,
            "path": path,
            "raw_path": path.encode("ascii"),
            "query_string": query,
            "headers": _lowered(request),
        }
        asyncio.run(_run(self._endpoint, scope, receive, send))
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


async def _run(endpoint: BlobEndpoint, scope: Any, receive: Any, send: Any) -> None:
    await endpoint(scope, receive, send)


class MotoTransport(httpx.BaseTransport):
    """S3 as moto plays it to `requests` in this process."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        send = cast("Any", requests).request
        answer = send(
            request.method,
            str(request.url),
            headers={name: value for name, value in request.headers.items() if name != "host"},
            data=request.read(),
            allow_redirects=False,
        )
        return httpx.Response(
            answer.status_code,
            headers={n: v for n, v in answer.headers.items() if n.lower() != "transfer-encoding"},
            content=answer.content,
        )


def quiet_logs() -> None:
    """httpx tells of every request, which would drown what a failed test has to show."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
