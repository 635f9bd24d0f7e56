"""An answer on its way out: what the app returned, or what the server itself has to say.

Every answer carries the request's id and lets a page of any origin read it: the key travels in a
header that a page has to hold already, never in a cookie.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

_ALLOW_ORIGIN: Final = (b"access-control-allow-origin", b"*")
_EXPOSE: Final = (
    b"access-control-expose-headers",
    b"etag, location, retry-after, x-request-id, content-disposition, content-range",
)
_PREFLIGHT: Final[RawHeaders] = [
    _ALLOW_ORIGIN,
    (
        b"access-control-allow-headers",
        b"x-api-key, authorization, content-type, idempotency-key, if-match",
    ),
    (b"access-control-max-age", b"86400"),
]
_JSON: Final = (b"content-type", b"application/json")
_BODILESS: Final = (204, 304)


@dataclass(slots=True)
class Answer:
    """A whole HTTP answer; header names are lower-case."""

    status: int
    headers: RawHeaders
    body: bytes = b""


def error_answer(
    status: int,
    code: str,
    message: str,
    request_id: str,
    details: Mapping[str, object] | None = None,
    headers: RawHeaders | None = None,
) -> Answer:
    """An error in the shape that the app itself uses."""
    error = {"code": code, "message": message, "details": details or {}}
    body = json.dumps({"error": error, "request_id": request_id}).encode()
    return _finished(Answer(status, [_JSON, *(headers or [])], body), request_id)


def preflight_answer(allow: str, request_id: str) -> Answer:
    """The answer to OPTIONS: what a page of another origin may send to this path."""
    methods = allow.encode("ascii")
    headers = [*_PREFLIGHT, (b"allow", methods), (b"access-control-allow-methods", methods)]
    return _finished(Answer(204, headers), request_id)


def app_answer(result: Mapping[str, Any], request_id: str) -> Answer:
    """The answer that API Gateway would make of what a proxy function returned.

    Raises ValueError when a header holds what no header may (a line break, say).
    """
    single: Mapping[str, str] = result["headers"]
    repeated: Mapping[str, list[str]] = result.get("multiValueHeaders", {})
    body: str | bytes = result["body"]
    headers = [_header(name, value) for name, value in single.items()]
    for name, values in repeated.items():
        headers.extend(_header(name, value) for value in values)
    if isinstance(body, str):
        body = b64decode(body) if result.get("isBase64Encoded") else body.encode()
    if body and not any(name == b"content-type" for name, _ in headers):
        headers.append(_JSON)
    return _finished(Answer(result["statusCode"], headers, body), request_id)


@lru_cache(1024)
def _header(name: str, text: str) -> tuple[bytes, bytes]:
    # Whatever is not printable would break the connection further down instead of this answer.
    if not text.isprintable():
        raise ValueError(f"header holds a character that none may: name={name}")
    return name.lower().encode("ascii"), text.encode("latin-1")


def _finished(answer: Answer, request_id: str) -> Answer:
    headers = answer.headers
    names = {name for name, _ in headers}
    if b"x-request-id" not in names:
        headers.append((b"x-request-id", request_id.encode("ascii")))
    if _ALLOW_ORIGIN[0] not in names:
        headers.append(_ALLOW_ORIGIN)
    if _EXPOSE[0] not in names:
        headers.append(_EXPOSE)
    if answer.status not in _BODILESS:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    return answer
