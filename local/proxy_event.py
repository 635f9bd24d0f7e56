"""An HTTP request as the event and context that API Gateway and Lambda would hand to the app.

Shape: "Input format of a Lambda function for proxy integration", API Gateway developer guide. Only
what the app may rely on is there; header names are lower-case, as HTTP/2 clients send them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_plus

from chalicelib.core.context import Clock
from local.routing import Endpoint

Event: TypeAlias = dict[str, Any]
"""JSON: what the app gets is what Lambda would have decoded from text."""

STAGE: Final = "local"
"""Not part of any path here, as with a custom domain: `requestContext.path` equals `path`."""

FUNCTION_TIMEOUT_S: Final = 29.0
"""API Gateway waits no longer."""

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class BadUrl(ValueError):
    """The path or the query is not percent-encoded UTF-8."""


class LambdaContext:
    """What the app reads of a function's context; its deadline starts when it is made."""

    __slots__ = ("_clock", "_deadline_s", "aws_request_id")

    function_name = "trialbook"
    function_version = "$LATEST"
    invoked_function_arn = ""
    memory_limit_in_mb = 1769
    log_group_name = ""
    log_stream_name = ""
    identity = None
    client_context = None

    def __init__(self, request_id: str, clock: Clock) -> None:
        self.aws_request_id = request_id
        self._clock = clock
        self._deadline_s = clock.monotonic_s() + FUNCTION_TIMEOUT_S

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until API Gateway would have given up, never below 0."""
        return max(0, int((self._deadline_s - self._clock.monotonic_s()) * 1000))


class Headers:
    """A request's headers as text: `last` by name, `all` values by name."""

    __slots__ = ("all", "last")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self.last: dict[str, str] = {}
        self.all: dict[str, list[str]] = {}
        for raw_name, raw_value in raw:
            name = raw_name.decode("latin-1")
            value = raw_value.decode("latin-1")
            if name in self.last:
                self.all[name].append(value)
            else:
                self.all[name] = [value]
            self.last[name] = value


def check_path(path: str) -> None:
    """Raises BadUrl. Cost: nothing for a path without `%`."""
    if "%" in path:
        _decoded(path, "path")


def parse_query(raw: bytes) -> dict[str, list[str]] | None:
    """Decoded names and values in the order sent, None when there are none. Raises BadUrl."""
    if not raw:
        return None
    text = raw.decode("ascii")  # the HTTP parser lets nothing else through
    is_plain = "%" not in text and "+" not in text
    values: dict[str, list[str]] = {}
    for pair in text.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if not is_plain:
            name, value = _decoded(name, "query"), _decoded(value, "query")
        values.setdefault(name, []).append(value)
    return values or None


def _decoded(text: str, place: str) -> str:
    broken = _BROKEN_ESCAPE.search(text)
    if broken is not None:
        raise BadUrl(f"{place} has a broken escape; write % as %25: {text[broken.start() :][:3]}")
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise BadUrl(f"{place} is not UTF-8 when decoded; encode it as UTF-8") from None


def proxy_event(
    endpoint: Endpoint,
    path: str,
    variables: dict[str, str] | None,
    headers: Headers,
    query: dict[str, list[str]] | None,
    body: bytes,
    request_id: str,
    source_ip: str,
) -> Event:
    """The event of one request; `path` and `variables` are percent-encoded as they were sent.

    A body is the bytes that it is, as `chalice local` has it, and null when it is empty: base64,
    which they travel in where the event is JSON, took more time than storing a megabyte does.
    """
    return {
        "resource": endpoint.resource,
        "path": path,
        "httpMethod": endpoint.method,
        "headers": headers.last,
        "multiValueHeaders": headers.all,
        "queryStringParameters": query and {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "pathParameters": variables,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": endpoint.resource,
            "httpMethod": endpoint.method,
            "path": path,
            "stage": STAGE,
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "identity": {"sourceIp": source_ip, "userAgent": headers.last.get("user-agent")},
        },
        "body": body or None,
        "isBase64Encoded": False,
    }
