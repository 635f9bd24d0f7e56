"""Routes that log to a run: metrics, params, and batches of both with tags."""

from __future__ import annotations

from typing import Annotated, NotRequired

from chalice.app import Blueprint
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.shapes import (
    MetricKey,
    MetricNumber,
    ParamKey,
    ParamText,
    ParamValue,
    Step,
    TagKey,
    TagValue,
    TimestampMs,
    path_run_id,
)
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import Invalid
from chalicelib.core.ids import made_ms
from chalicelib.domain import logging
from chalicelib.domain.logging import Batch
from chalicelib.storage import packing
from chalicelib.wiring import Services

routes = Blueprint(__name__)
BASE = "/api/v1/experiments/runs/{run_id}"
MAX_METRICS = 1000
MAX_PARAMS = 100
MAX_TAGS = 100
ERRORS = (403, 404, 409)


class LogMetrics(Body):
    """Values of several metrics at one step; `timestamp` (ms) is now when left out."""

    metrics: Annotated[dict[MetricKey, MetricNumber], Field(min_length=1, max_length=MAX_METRICS)]
    step: Step = 0
    timestamp: TimestampMs | None = None


class LogParams(Body):
    params: Annotated[dict[ParamKey, ParamValue], Field(min_length=1, max_length=MAX_PARAMS)]


# A dict and not a model: a batch has a thousand of them, and dicts take half the time.
@with_config(ConfigDict(extra="forbid", strict=True))
class MetricIn(TypedDict):
    """A value of a metric; `step` is 0 and `timestamp` (ms) is now when left out."""

    key: MetricKey
    value: MetricNumber
    step: NotRequired[Step]
    timestamp: NotRequired[TimestampMs]


@with_config(ConfigDict(extra="forbid", strict=True))
class ParamIn(TypedDict):
    key: ParamKey
    value: ParamText


@with_config(ConfigDict(extra="forbid", strict=True))
class TagIn(TypedDict):
    key: TagKey
    value: TagValue


class LogBatch(Body):
    """Metrics, params and tags together: all of it is logged or none of it."""

    metrics: Annotated[list[MetricIn], Field(max_length=MAX_METRICS)] = []
    params: Annotated[list[ParamIn], Field(max_length=MAX_PARAMS)] = []
    tags: Annotated[list[TagIn], Field(max_length=MAX_TAGS)] = []


class MetricsLogged(TypedDict):
    metrics_logged: int


class ParamsLogged(TypedDict):
    params_logged: int


class BatchLogged(TypedDict):
    metrics_logged: int
    params_logged: int
    tags_logged: int


@endpoint(
    routes, "POST", BASE + "/log-metrics", body=LogMetrics, answer=MetricsLogged,
    role=Role.WRITE, errors=ERRORS,
)  # fmt: skip
def log_metrics(request: Request[LogMetrics, None], services: Services) -> Answer:
    """Log values of metrics."""
    body = request.body
    timestamp = _asked_ms(request.context) if body.timestamp is None else body.timestamp
    series = [
        packing.series_of(key, (body.step,), (timestamp,), (float(value),))
        for key, value in body.metrics.items()
    ]
    logging.log(
        services.runs, services.points, request.context, path_run_id(request), Batch(series)
    )
    return ok({"metrics_logged": len(series)})


@endpoint(
    routes, "POST", BASE + "/log-params", body=LogParams, answer=ParamsLogged,
    role=Role.WRITE, errors=ERRORS,
)  # fmt: skip
def log_params(request: Request[LogParams, None], services: Services) -> Answer:
    """Log params; a param keeps its first value."""
    params = {key: spelled(value) for key, value in request.body.params.items()}
    batch = Batch(params=params)
    logging.log(services.runs, services.points, request.context, path_run_id(request), batch)
    return ok({"params_logged": len(params)})


@endpoint(
    routes, "POST", BASE + "/log-batch", body=LogBatch, answer=BatchLogged,
    role=Role.WRITE, errors=ERRORS,
)  # fmt: skip
def log_batch(request: Request[LogBatch, None], services: Services) -> Answer:
    """Log metrics, params and tags, all or nothing."""
    body = request.body
    asked_ms = _asked_ms(request.context)
    batch = Batch(
        packing.group(
            (one["key"], float(one["value"]), one.get("step", 0), one.get("timestamp", asked_ms))
            for one in body.metrics
        ),
        _distinct("params", body.params),
        {tag["key"]: tag["value"] for tag in body.tags},
    )
    logging.log(services.runs, services.points, request.context, path_run_id(request), batch)
    return ok(
        {
            "metrics_logged": len(body.metrics),
            "params_logged": len(body.params),
            "tags_logged": len(body.tags),
        }
    )


def _asked_ms(context: Context) -> int:
    """What "now" is to the points of a request: the same where it is repeated, so that they are."""
    return made_ms(context.new_id())


def _distinct(path: str, pairs: list[ParamIn]) -> dict[str, str]:
    """The params by key. Raises Invalid when a key comes with two values."""
    found: dict[str, str] = {}
    for number, pair in enumerate(pairs):
        if found.setdefault(pair["key"], pair["value"]) != pair["value"]:
            raise Invalid.field(f"{path}.{number}", f"{pair['key']!r} comes with two values")
    return found


def spelled(value: str | float) -> str:
    """A param as JSON spells it; a string as it is."""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else repr(value)
