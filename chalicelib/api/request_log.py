"""A line for each request and each call of a worker, with what CloudWatch makes metrics of.

The fields are in docs/operations.md. Metrics are in CloudWatch's embedded metric format,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
and all have the same one dimension: each value of a dimension is one more metric to pay for.
"""

from __future__ import annotations

import functools
import logging
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import orjson

from chalicelib.api import log_lines
from chalicelib.api.errors import CODE_OF
from chalicelib.api.log_lines import Write, described
from chalicelib.core import tally
from chalicelib.core.context import Clock, Principal
from chalicelib.core.errors import Throttled, Unavailable

Metric: TypeAlias = Literal[
    "Requests",
    "ClientErrors",
    "ServerErrors",
    "Duration",
    "StorageRequests",
    "ChangesProjected",
    "FeedLag",
    "ParkedChanges",
    "IngestedLines",
    "RefusedLines",
]
UNITS: Final[dict[Metric, str]] = {
    "Requests": "Count",
    "ClientErrors": "Count",
    "ServerErrors": "Count",
    "Duration": "Milliseconds",
    "StorageRequests": "Count",
    "ChangesProjected": "Count",
    "FeedLag": "Milliseconds",
    "ParkedChanges": "Count",
    "IngestedLines": "Count",
    "RefusedLines": "Count",
}
NAMESPACE: Final = "Trialbook"
DIMENSION: Final = "Stack"

log = logging.getLogger("trialbook")


class WorkerFailed(Exception):
    """Raised in place of an exception whose message may hold what was sent: Lambda writes the
    message of what a worker raises into the log."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where lines go; `stack` is the value of the metrics' dimension."""

    write: Write
    stack: str
    clock: Clock


_destination: Destination | None = None
_is_cold = True


def install(destination: Destination | None) -> None:
    """Write lines there from now on; with None requests that fail are logged for people, and no
    others."""
    global _destination  # noqa: PLW0603
    _destination = destination


def in_functions(log_group: str) -> None:
    """How it is on Lambda: each line that a function writes is an event of the log. The template
    names log groups `/trialbook/STACK/FUNCTION`."""
    _, _, stack, *_ = [*log_group.split("/"), "", ""]
    log_lines.take_over(log_lines.to_stdout, is_json=True)
    install(Destination(log_lines.to_stdout, stack or "trialbook", Clock()))


def on_laptop(*, is_json: bool) -> None:
    """The same lines on stderr, or only what goes wrong, for people."""
    log_lines.take_over(log_lines.to_stderr, is_json=is_json)
    install(Destination(log_lines.to_stderr, "laptop", Clock()) if is_json else None)


class _Work:
    """What is told of a piece of work; requests to the stores count in its block."""

    __slots__ = ("_started_s", "_to", "_token", "error", "tally")

    def __init__(self) -> None:
        self._to = _destination
        self.error: BaseException | None = None
        """What failed, for the line."""

    def __enter__(self) -> Self:
        self._started_s = 0.0 if self._to is None else self._to.clock.monotonic_s()
        self.tally, self._token = tally.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tally.end(self._token)

    def _write(
        self,
        to: Destination,
        level: str,
        fields: dict[str, Any],
        metrics: dict[Metric, float],
        duration_ms: float,
    ) -> None:
        global _is_cold
        at_ms = to.clock.now_ms()
        told: dict[str, Any] = {
            "time": log_lines.iso(at_ms),
            "level": level,
            **fields,
            "duration_ms": duration_ms,
            "storage_requests": len(self.tally),
        }
        if self.tally:
            told["storage"] = {store: self.tally.count(store) for store in set(self.tally)}
        if _is_cold:
            told["cold"], _is_cold = True, False
        if self.error is not None:
            told["exception"] = described(self.error)
        if metrics:
            told["_aws"] = {"Timestamp": at_ms, "CloudWatchMetrics": [_directive(tuple(metrics))]}
            told[DIMENSION] = to.stack
            told |= metrics
        with suppress(OSError, ValueError):  # a log that is full or closed must fail no request
            to.write(log_lines.line(told))

    def _duration_ms(self, to: Destination) -> float:
        return round((to.clock.monotonic_s() - self._started_s) * 1000, 3)


class RequestWork(_Work):
    """A request; `principal` is who makes it, once that is known."""

    __slots__ = ("principal",)

    def __init__(self) -> None:
        super().__init__()
        self.principal: Principal | None = None

    def answered(self, request_id: str, method: str, route: str, status: int) -> None:
        """Tell of it. `route` is the template of the path: a path may hold names that were sent."""
        to = self._to
        if to is None:
            if status >= 500 and self.error is not None:
                told = log_lines.in_words(described(self.error))
                log.error(
                    "%s %s is answered %d: request %s: %s", method, route, status, request_id, told
                )
            self.error = None
            return
        duration_ms = self._duration_ms(to)
        fields: dict[str, Any] = {
            "message": "request",
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
        }
        if status >= 400:
            fields["code"] = CODE_OF.get(status)
        if self.principal is not None:
            fields["tenant"] = self.principal.tenant
            fields["user"] = self.principal.user
        metrics: dict[Metric, float] = {
            "Requests": 1,
            "ClientErrors": int(400 <= status < 500),
            "ServerErrors": int(status >= 500),
            "Duration": duration_ms,
            "StorageRequests": len(self.tally),
        }
        self._write(to, _level(status), fields, metrics, duration_ms)


class WorkerWork(_Work):
    """A call of a worker, told at the end of its block.

    `fields` and `metrics` are added to the line; `error` is what the worker caught itself. What
    leaves the block goes on as it is only when its message is safe in a log.
    """

    __slots__ = ("_name", "_request_id", "fields", "metrics")

    def __init__(self, name: str, context: Any = None) -> None:
        """`context` is what Lambda gave the function, None elsewhere."""
        super().__init__()
        self._name = name
        self._request_id = str(getattr(context, "aws_request_id", ""))
        self.fields: dict[str, int | str] = {}
        self.metrics: dict[Metric, float] = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self.error = error or self.error
        if self._to is not None:
            self._tell(self._to)
        elif self.error is not None:
            told = log_lines.in_words(described(self.error))
            log.error("worker %s failed: %s", self._name, told)
        if isinstance(error, Exception) and not isinstance(error, (Throttled, Unavailable)):
            raise WorkerFailed(f"{type(error).__qualname__}; the line before tells where") from None

    def _tell(self, to: Destination) -> None:
        fields: dict[str, Any] = {
            "message": "worker",
            "request_id": self._request_id,
            "worker": self._name,
            **self.fields,
        }
        level = "info" if self.error is None else "error"
        self._write(to, level, fields, self.metrics, self._duration_ms(to))


@functools.cache
def _directive(names: tuple[Metric, ...]) -> orjson.Fragment:
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in names]
    told = {"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics}
    return orjson.Fragment(orjson.dumps(told))


def _level(status: int) -> str:
    if status < 500 and status != 429:
        return "info"
    return "error" if status == 500 else "warning"
