"""What the client raises: one class for each code of the service, and one for silence.

`str()` of an error is one line that names every bad field. No error holds an API key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from trialbook.models import IngestReport

_FIELDS_SHOWN: Final = 10


class TrialbookError(Exception):
    """The service refused, or could not be asked.

    `code` and `status` are the service's (`status` is 0 when it did not answer), `details` its data
    about the error, `request_id` the name of the request in its log.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "error",
        status: int = 0,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.details: Mapping[str, Any] = details or {}
        self.request_id = request_id
        self.answer: object = None
        """The JSON that the service refused with."""

    def __str__(self) -> str:
        fields = [f for f in self.fields if f.partition(": ")[2] not in self.message]
        shown = "; ".join(fields[:_FIELDS_SHOWN])
        more = len(fields) - _FIELDS_SHOWN
        if more > 0:
            shown += f"; and {more} more"
        return " ".join(f"{self.message}: {shown}".split()) if shown else self.message

    @property
    def fields(self) -> list[str]:
        """`path: message` of every bad field that the service named."""
        found: Any = self.details.get("fields")
        if not isinstance(found, list):
            return []
        entries = [
            cast("Mapping[str, Any]", f) for f in cast("list[Any]", found) if isinstance(f, dict)
        ]
        return [f"{f.get('path') or 'body'}: {f.get('message', 'bad value')}" for f in entries]


class NotConfigured(TrialbookError):
    """No usable address or API key."""


class ConnectionFailed(TrialbookError):
    """The service did not answer."""


class IngestFailed(TrialbookError):
    """A file of lines could not be read to its end; what came before counts. See `report`."""

    def __init__(self, message: str, report: IngestReport) -> None:
        super().__init__(message, code="ingest_failed")
        self.report = report
        self.args = (message, report)  # what a copy in another process is made of


class Invalid(TrialbookError):
    """400: a field, parameter, path or header is wrong; see `fields`."""


class Unauthenticated(TrialbookError):
    """401: no key, or one that is malformed, unknown, expired or revoked."""


class Forbidden(TrialbookError):
    """403: the key's role is too low, or the id is another tenant's."""


class NotFound(TrialbookError):
    """404: no such thing in this tenant."""


class Conflict(TrialbookError):
    """409: the state does not allow it."""


class PreconditionFailed(TrialbookError):
    """412: the thing has changed since it was read; its version is in `details["version"]`."""


class TooLarge(TrialbookError):
    """413: more than one request can carry."""


class UnsupportedMediaType(TrialbookError):
    """415."""


class Throttled(TrialbookError):
    """429, also after retries: the service asks to slow down."""


class Internal(TrialbookError):
    """500, also after retries: a mistake of the service; report `request_id`."""


class Unavailable(TrialbookError):
    """502, 503 or 504, also after retries."""


_OF_STATUS: Final[Mapping[int, type[TrialbookError]]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    415: UnsupportedMediaType,
    429: Throttled,
    500: Internal,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}

_STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "precondition_failed": 412,
    "too_large": 413,
    "unsupported_media_type": 415,
    "throttled": 429,
    "internal": 500,
    "unavailable": 503,
}

AWAY: Final = (ConnectionFailed, Throttled, Internal, Unavailable)
"""What may pass by itself: the same request may succeed later."""


def error_of(status: int, answer: object, request_id: str | None = None) -> TrialbookError:
    """The error that an answer describes; `answer` is its JSON, or anything when it has none.

    The service's MLflow endpoints have a shape of their own for it.
    """
    body = json_object(answer)
    error = json_object(body.get("error"))
    if "error_code" in body:
        error = {"code": str(body["error_code"]).lower(), "message": body.get("message")}
    kind = _OF_STATUS.get(status, TrialbookError)
    made = kind(
        " ".join(str(error.get("message") or f"the service answered {status}").split()),
        code=str(error.get("code") or "error"),
        status=status,
        details=json_object(error.get("details")),
        request_id=str(body.get("request_id") or request_id or "") or None,
    )
    made.answer = answer
    return made


def error_in_answer(error: object) -> TrialbookError:
    """Of one entry of a batch that was answered otherwise: `{code, message, details}`."""
    code = json_object(error).get("code")
    return error_of(_STATUS_OF_CODE.get(str(code), 0), {"error": error})


def json_object(value: object) -> Mapping[str, Any]:
    """The value when it is a JSON object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
