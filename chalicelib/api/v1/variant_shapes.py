"""Shapes of A/B experiments in production: assignments and logs."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    SkipValidation,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from typing_extensions import TypedDict

from chalicelib.api.contract import Body
from chalicelib.api.errors import invalid_of
from chalicelib.api.v1.shapes import (
    MAX_TIMESTAMP_MS,
    FiniteNumber,
    JsonObject,
    LogNumber,
    MetricKey,
    TimestampMs,
    milliseconds_of,
)
from chalicelib.core.errors import NotFound, TrialbookError
from chalicelib.core.log_ids import LogId, is_log_id
from chalicelib.core.model.variant_log import LogContent
from chalicelib.domain.variant_intake import MAX_METRICS_OF_A_LOG, MAX_UNIT_CHARACTERS, NewLog

EXPERIMENT: Final = "/experiment/{slug}"
MAX_BATCH: Final = 500

UnitId: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_UNIT_CHARACTERS)]
SentLogId: TypeAlias = Annotated[str, Field(pattern=r"^log_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
LogMetrics: TypeAlias = Annotated[
    dict[MetricKey, LogNumber], Field(max_length=MAX_METRICS_OF_A_LOG)
]
LateMetrics: TypeAlias = Annotated[
    dict[MetricKey, LogNumber], Field(min_length=1, max_length=MAX_METRICS_OF_A_LOG)
]
Covariates: TypeAlias = Annotated[
    dict[MetricKey, FiniteNumber], Field(max_length=MAX_METRICS_OF_A_LOG)
]

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_SCHEMA: Final = WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_TIMESTAMP_MS})


def _moment(given: Any, *, is_end: bool) -> Any:
    """Milliseconds of an integer, a date (all of the day) or an RFC 3339 time."""
    if not isinstance(given, str):
        return given
    if given.isascii() and given.isdigit() and len(given) < 20:
        return int(given)
    try:
        if _DATE.fullmatch(given):
            day = datetime.combine(date.fromisoformat(given), time.min, UTC)
            return milliseconds_of(day + timedelta(days=1)) - 1 if is_end else milliseconds_of(day)
        moment = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            "must be milliseconds since the epoch, a date (2026-01-31), or an RFC 3339 time"
        )
    return milliseconds_of(moment)


def _start(given: Any) -> Any:
    return _moment(given, is_end=False)


def _end(given: Any) -> Any:
    return _moment(given, is_end=True)


From: TypeAlias = Annotated[
    Annotated[int, Field(ge=0, le=MAX_TIMESTAMP_MS)], BeforeValidator(_start), _TIME_SCHEMA
]
To: TypeAlias = Annotated[
    Annotated[int, Field(ge=0, le=MAX_TIMESTAMP_MS)], BeforeValidator(_end), _TIME_SCHEMA
]


class AssignBody(Body):
    """Whose variant is asked for; `context` is not looked at yet."""

    userId: UnitId  # noqa: N815 # as in the source API
    context: JsonObject = {}


class LogBody(Body):
    """One execution of a variant.

    `unitId` is who was served; without it, what the context has under the experiment's `unit_key`.
    A `logId` that the client makes lets it send the log again; its time is the log's. `covariates`
    are what was known of the unit before, by metric: they make intervals narrower.
    """

    variantKey: Annotated[str, Field(min_length=1, max_length=100)]  # noqa: N815
    input: JsonObject = Field(default_factory=dict[str, Any])
    output: JsonObject = Field(default_factory=dict[str, Any])
    metrics: LogMetrics = Field(default_factory=dict[str, Any])
    context: JsonObject = Field(default_factory=dict[str, Any])
    unitId: UnitId | None = None  # noqa: N815
    logId: SentLogId | None = None  # noqa: N815
    timestamp: TimestampMs | None = None
    covariates: Covariates = Field(default_factory=dict[str, Any])

    def to_new_log(self) -> NewLog:
        return NewLog(
            self.variantKey,
            LogContent(self.input, self.output, self.context),
            self.metrics,
            self.covariates,
            self.unitId,
            None if self.logId is None else LogId(self.logId),
            self.timestamp,
        )


class LogBatchBody(Body):
    """Many executions; each is logged or refused on its own."""

    logs: Annotated[list[SkipValidation[LogBody]], Field(min_length=1, max_length=MAX_BATCH)]

    def to_new_logs(self) -> list[NewLog | TrialbookError]:
        """What is no log is the error that says why."""
        return [_new_log(one) for one in self.logs]


_LOG: Final = TypeAdapter[LogBody](LogBody)


def _new_log(given: object) -> NewLog | TrialbookError:
    try:
        return _LOG.validate_python(given).to_new_log()
    except ValidationError as error:
        return invalid_of(error)


class AssignedOut(TypedDict):
    variant: str
    payload: dict[str, Any]


class LoggedOut(TypedDict):
    success: bool
    logId: str


class LogErrorOut(TypedDict):
    code: str
    message: str
    details: dict[str, Any]


class LogResultOut(TypedDict):
    success: bool
    logId: str | None
    error: LogErrorOut | None


class BatchLoggedOut(TypedDict):
    results: list[LogResultOut]


class LogOut(TypedDict):
    logId: str
    variantKey: str
    unitId: str | None
    timestamp: int
    input: dict[str, Any]
    output: dict[str, Any]
    metrics: dict[str, LogNumber]
    context: dict[str, Any]
    covariates: dict[str, float]
    logged_at: str
    logged_by: str


class LogsOut(TypedDict):
    logs: list[LogOut]
    next_cursor: str | None


class ExportOut(TypedDict):
    """`url` and `expires_at` when it is done; until then ask at `ask`."""

    export_id: str
    logs: int
    url: str | None
    expires_at: str | None
    ask: str


def log_id_in(path_value: str) -> LogId:
    """The log id in a path. Raises NotFound for what cannot be one."""
    if not is_log_id(path_value):
        raise NotFound("there is no such log", log_id=path_value[:100])
    return LogId(path_value)
