"""Logs of variants as they are made: checked at once, with ids of their own, packed into batches.

The id is made here, so that a log which is sent twice counts once. Limits are those of docs/api.md
of the service.
"""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from trialbook._json import encode
from trialbook.batches import check_timestamp, metric_values
from trialbook.errors import Invalid, TooLarge

MAX_LOGS: Final = 500
MAX_METRICS_OF_LOG: Final = 50
MAX_LOG_BYTES: Final = 4_000_000
"""A request may have 4 MiB; a log that is alone in its batch fits."""

_MAX_BYTES: Final = 1_500_000
"""Of a batch of several."""

_MAX_VARIANT: Final = 100
_MAX_UNIT: Final = 250
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32."""

_LOG_ID: Final = re.compile(rf"log_[0-7][{_ALPHABET}]{{25}}")
_VALUE_OF: Final = {character: value for value, character in enumerate(_ALPHABET)}

When: TypeAlias = datetime | date | int | str
"""A bound of a time: aware datetimes, milliseconds since the epoch, dates, RFC 3339 texts."""


def new_log_id(timestamp_ms: int) -> str:
    """`log_` and a ULID of this time (48 bits, then 80 of chance): ids sort as their times."""
    number = timestamp_ms << 80 | int.from_bytes(secrets.token_bytes(10), "big")
    characters = [_ALPHABET[number >> shift & 31] for shift in range(125, -5, -5)]
    return "log_" + "".join(characters)


def time_of(log_id: object) -> int:
    """The milliseconds since the epoch that are in an id. Raises Invalid."""
    if not isinstance(log_id, str) or not _LOG_ID.fullmatch(log_id):
        raise _invalid(f"a log id is `log_` and the 26 characters of a ULID: {log_id!r}")
    number = 0
    for character in log_id[4:14]:
        number = number << 5 | _VALUE_OF[character]
    return check_timestamp(number)


def variant_log(
    variant: str,
    *,
    input: Mapping[str, Any] | None,  # noqa: A002  # the name that the service gives it
    output: Mapping[str, Any] | None,
    metrics: Mapping[str, Any] | None,
    context: Mapping[str, Any] | None,
    unit: str | None,
    covariates: Mapping[str, Any] | None,
    timestamp: datetime | int | None,
    log_id: str | None,
) -> tuple[str, bytes]:
    """The id and the JSON of a log, as it is at this moment. Raises Invalid, TooLarge."""
    log_id = _id_of(log_id, timestamp)
    fields: dict[str, Any] = {
        "variantKey": _text("variant", variant, _MAX_VARIANT),
        "logId": log_id,
        "input": _object("input", input),
        "output": _object("output", output),
        "context": _object("context", context),
        "metrics": late_metrics(metrics) if metrics else None,
        "covariates": _covariates(covariates) if covariates else None,
        "unitId": None if unit is None else _text("unit", unit, _MAX_UNIT),
    }
    body = {name: value for name, value in fields.items() if value is not None}
    try:
        encoded = encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid(f"input, output and context must be JSON: {error}") from None
    if len(encoded) > MAX_LOG_BYTES:
        raise TooLarge(
            "the log is too large; save what is large as an artifact and log its uri: "
            f"bytes={len(encoded)} max={MAX_LOG_BYTES}",
            code="too_large",
        )
    return log_id, encoded


def late_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a log: as those of a run, and not more than 50. Raises Invalid."""
    values = metric_values(metrics)
    if len(values) > MAX_METRICS_OF_LOG:
        raise _invalid(f"a log has at most {MAX_METRICS_OF_LOG} metrics, not {len(values)}")
    return values


def bound(name: str, when: When | None) -> int | str | None:
    """A time as the service is asked for it, which reads dates and RFC 3339. Raises Invalid."""
    match when:
        case str() if when.isascii() and when.isdigit():
            return check_timestamp(int(when))
        case None | str():
            return when
        case datetime():
            return _milliseconds(name, when)
        case date():
            return when.isoformat()
        case _:
            return check_timestamp(when)


class LogBatchBuilder:
    """Collects logs until a batch is full: 500 of them, or 1.5 MB unless one is larger."""

    def __init__(self) -> None:
        self._logs: list[bytes] = []
        self._bytes = 0

    def add(self, log: bytes) -> Iterator[bytes]:
        """Bodies that became full."""
        if self._logs and self._bytes + len(log) > _MAX_BYTES:
            yield self.seal()
        self._logs.append(log)
        self._bytes += len(log) + 1
        if len(self._logs) >= MAX_LOGS:
            yield self.seal()

    def __bool__(self) -> bool:
        return bool(self._logs)

    def seal(self) -> bytes:
        """The body of what was collected; the builder is empty again."""
        body = b'{"logs":[%s]}' % b",".join(self._logs)
        self._logs, self._bytes = [], 0
        return body


def _id_of(log_id: str | None, timestamp: datetime | int | None) -> str:
    """Its time is the log's."""
    if timestamp is None:
        if log_id is None:
            return new_log_id(time.time_ns() // 1_000_000)
        time_of(log_id)
        return log_id
    is_moment = isinstance(timestamp, datetime)
    ms = _milliseconds("timestamp", timestamp) if is_moment else check_timestamp(timestamp)
    if log_id is None:
        return new_log_id(ms)
    if time_of(log_id) != ms:
        raise _invalid(f"the log id has another time: of_id={time_of(log_id)} timestamp={ms}")
    return log_id


def _milliseconds(name: str, moment: datetime) -> int:
    if moment.tzinfo is None:
        raise _invalid(f"{name} must have a time zone, as datetime.now(UTC) has: {moment}")
    return check_timestamp(math.floor(moment.timestamp() * 1000 + 0.5))


def _text(name: str, value: object, most: int) -> str:
    if not isinstance(value, str):
        raise _invalid(f"{name} must be a string, not {type(value).__name__}")
    if not 1 <= len(value) <= most:
        raise _invalid(f"{name} must have 1 to {most} characters: length={len(value)}")
    return value


def _object(name: str, value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
        raise _invalid(f"{name} must be a dict, not {type(value).__name__}")
    return value or None


def _covariates(covariates: Mapping[str, Any]) -> dict[str, float]:
    values = late_metrics(covariates)
    for key, value in values.items():
        if not math.isfinite(value):
            raise _invalid(f"covariate {key!r} must be finite, not {value}")
    return values


def _invalid(message: str) -> Invalid:
    return Invalid(message, code="invalid")
