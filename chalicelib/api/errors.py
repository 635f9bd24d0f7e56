"""Error kinds as HTTP: one table from kind to status and code, and the one shape of an error."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError

from chalicelib.core import errors
from chalicelib.core.errors import FieldError, Invalid, TrialbookError

STATUS_OF: dict[type[TrialbookError], int] = {
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Throttled: 429,
    errors.Unavailable: 503,
}
CODE_OF: dict[int, str] = {
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
MAX_FIELDS_SHOWN = 100


def error_body(status: int, message: str, details: dict[str, Any] | None, request_id: str) -> str:
    """The JSON that every error answer has."""
    error = {"code": CODE_OF[status], "message": message, "details": details or {}}
    body = {"error": error, "request_id": request_id}
    return orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def headers_of(error: TrialbookError) -> dict[str, str]:
    """Headers that belong to the kind of error."""
    headers = {"content-type": "application/json"}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    if isinstance(error, errors.Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="trialbook", Basic realm="trialbook"'
    return headers


def details_of(error: TrialbookError) -> dict[str, Any]:
    """Details of an error, with the bad fields of an invalid request."""
    details = dict(error.details)
    if isinstance(error, Invalid) and error.fields:
        details["fields"] = [
            {"path": field.path, "message": field.message}
            for field in error.fields[:MAX_FIELDS_SHOWN]
        ]
    return details


def invalid_of(error: ValidationError) -> Invalid:
    """Every bad field that pydantic found. Input is never repeated: it may be large or secret."""
    fields = [
        FieldError(".".join(str(part) for part in one["loc"]), _message(one["msg"]))
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    first = fields[0]
    place = f"{first.path}: " if first.path else ""
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return Invalid(f"{place}{first.message}{more}", fields)


def _message(text: str) -> str:
    text = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
