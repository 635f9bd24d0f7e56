"""The few kinds of failure a caller can do something about.

One table per surface maps a kind to a status (`api/errors.py`). Messages are lower-case: what is
wrong, the remedy, the values; never a secret, a table name or an ARN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_SHOWN: Final = 200
"""Characters of a value that came and is named in an error."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One bad field: `path` is dotted (`metrics.3.value`), empty for the whole document."""

    path: str
    message: str


class TrialbookError(Exception):
    """Base of every error that callers are meant to see."""

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, object] = details

    def in_words(self) -> str:
        """What is wrong, with the values that tell it apart."""
        details = ", ".join(
            f"{name}={str(value)[:MAX_SHOWN]}" for name, value in self.details.items()
        )
        return f"{self.message} ({details})" if details else self.message


class Invalid(TrialbookError):
    """The request can never succeed as it is."""

    def __init__(self, message: str, fields: Sequence[FieldError] = (), **details: object) -> None:
        super().__init__(message, **details)
        self.fields = tuple(fields)

    @classmethod
    def field(cls, path: str, message: str) -> Invalid:
        """Exactly one field is wrong."""
        return cls(f"{path}: {message}", [FieldError(path, message)])


class Unauthenticated(TrialbookError):
    """No API key, or one that is malformed, unknown, expired or revoked."""


class Forbidden(TrialbookError):
    """The caller is known and may not do this."""


class NotFound(TrialbookError):
    """There is no such thing for this tenant."""


class Conflict(TrialbookError):
    """The state of the thing does not allow it; `retry_after_s` when waiting may help."""

    def __init__(self, message: str, retry_after_s: int | None = None, **details: object) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s


class PreconditionFailed(TrialbookError):
    """`If-Match` named another version than the stored one."""


class TooLarge(TrialbookError):
    """The request is larger than this way of sending it allows; the message names another."""


class UnsupportedMediaType(TrialbookError):
    """The body's media type is not one that the route reads."""


class Throttled(TrialbookError):
    """The store asks to slow down; the same call may succeed after `retry_after_s`."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(TrialbookError):
    """The store did not answer; the same call may succeed after `retry_after_s`."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ConditionFailed(Exception):
    """A conditional write found another state; `failed` are the positions of such writes.

    Spoken between stores and domain: a store retries with a fresh read or turns it into one of the
    errors above, so it never reaches a caller.
    """

    def __init__(self, failed: Sequence[int] = (0,)) -> None:
        super().__init__(f"condition failed for writes {list(failed)}")
        self.failed = tuple(failed)


class Repeated(Exception):
    """The write that marks the work as done is there: it was done before; nothing was written."""


class Contended(Exception):
    """Another transaction held one of the items; nothing was written, a retry may succeed."""


PASSING = (Throttled, Unavailable, Contended)
"""What is no fault of who asks: the same may succeed later."""
