"""Reading answers: the body of a success, the error of a refusal, which always has one shape."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import httpx

Json: TypeAlias = dict[str, Any]
CODES: Final = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    500: "internal",
    503: "unavailable",
}


def found(answer: httpx.Response) -> Json:
    """The body of a 200."""
    assert answer.status_code == 200, answer.text
    return answer.json()


def made(answer: httpx.Response) -> Json:
    """The body of a 201."""
    assert answer.status_code == 201, answer.text
    return answer.json()


def gone(answer: httpx.Response) -> None:
    """A 204, which has no body."""
    assert answer.status_code == 204, answer.text
    assert answer.content == b""


def refused(answer: httpx.Response, status: int) -> Json:
    """The error of an answer, which has the one shape that all errors have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"error", "request_id"}
    error = body["error"]
    assert error.keys() == {"code", "message", "details"}
    assert error["code"] == CODES[status]
    assert error["message"]
    assert isinstance(error["details"], dict)
    assert body["request_id"] == answer.headers["x-request-id"]
    return error


def bad_fields(answer: httpx.Response) -> list[str]:
    """The paths that a 400 lists, sorted."""
    fields = refused(answer, 400)["details"]["fields"]
    assert all(field.keys() == {"path", "message"} and field["message"] for field in fields)
    return sorted(field["path"] for field in fields)
