"""MLflow's calls that log to a run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from chalicelib.api.mlflow import model_metrics
from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.checks import (
    INT64,
    MAX_BATCH_BYTES,
    check_batch,
    check_key,
    number_of,
    of_run,
    params_of,
    points_of,
    run_id_of,
    tags_of,
)
from chalicelib.api.mlflow.errors import invalid, missing
from chalicelib.api.mlflow.run_shapes import OfRun
from chalicelib.api.mlflow.shapes import MAX_PARAM_VALUE, MAX_TAG_VALUE
from chalicelib.core import field_tags
from chalicelib.core.context import Role
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.domain import logging, runs
from chalicelib.domain.logging import Batch
from chalicelib.storage import packing
from chalicelib.wiring import Services

calls = Calls()


class LogMetric(OfRun):
    """`model_id` and the fields of a dataset say what was measured."""

    key: Annotated[str, Field(min_length=1)]
    value: Any = None
    timestamp: Annotated[int, Field(ge=0, lt=INT64)]
    step: Annotated[int, Field(ge=-INT64, lt=INT64)] = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class LogParam(OfRun):
    key: Annotated[str, Field(min_length=1)]
    value: str = ""


class SetTag(LogParam):
    """A tag of one value."""


class DeleteTag(OfRun):
    key: Annotated[str, Field(min_length=1)]


class LogBatch(Asked):
    run_id: Annotated[str, Field(min_length=1)]
    metrics: list[Any] = []
    params: list[Any] = []
    tags: list[Any] = []


def _log(call: Call[Any], services: Services, batch: Batch) -> Any:
    run_id = run_id_of(call.asked.run_id)
    with of_run(run_id):
        logging.log(services.runs, services.points, call.context, run_id, batch)
    return {}


@calls("POST", "runs/log-metric", role=Role.WRITE, asked=LogMetric)
def log_metric(call: Call[LogMetric], services: Services) -> Any:
    asked = call.asked
    check_key("metric", asked.key)
    value = number_of(asked.value, "value", asked.timestamp)
    series = packing.series_of(asked.key, (asked.step,), (asked.timestamp,), (value,))
    answer = _log(call, services, Batch((series,)))
    if asked.model_id:
        metric = asked.model_dump(exclude={"run_id"})
        model_metrics.log(services, call.context, run_id_of(asked.run_id), [metric])
    return answer


@calls("POST", "runs/log-parameter", role=Role.WRITE, asked=LogParam)
def log_param(call: Call[LogParam], services: Services) -> Any:
    asked = call.asked
    check_key("param", asked.key)
    return _log(call, services, Batch(params={asked.key: asked.value[:MAX_PARAM_VALUE]}))


@calls("POST", "runs/log-batch", role=Role.WRITE, asked=LogBatch)
def log_batch(call: Call[LogBatch], services: Services) -> Any:
    asked = call.asked
    if len(call.body) > MAX_BATCH_BYTES:
        raise invalid(
            f"Batched logging API requests must be at most {MAX_BATCH_BYTES} bytes, got a request"
            f" of size {len(call.body)}."
        )
    check_batch(asked.metrics, asked.params, asked.tags)
    series = packing.group(points_of(asked.metrics))
    params = params_of(asked.params)
    tags, fields = field_tags.split(tags_of(asked.tags))
    run_id = run_id_of(asked.run_id)
    batch = Batch(series, params, tags, fields)
    with of_run(run_id):
        try:
            logging.log(services.runs, services.points, call.context, run_id, batch)
        except Conflict as error:
            if "param" not in error.details:
                raise
            changed = [
                {
                    "key": error.details["param"],
                    "old_value": error.details["logged"],
                    "new_value": error.details["sent"],
                }
            ]
            raise invalid(
                "Changing param values is not allowed. Params were already"
                f" logged='{changed}' for run ID='{run_id}'."
            ) from None
    model_metrics.log(services, call.context, run_id, asked.metrics)
    return {}


@calls("POST", "runs/set-tag", role=Role.WRITE, asked=SetTag)
def set_tag(call: Call[SetTag], services: Services) -> Any:
    asked = call.asked
    check_key("tag", asked.key)
    tags, fields = field_tags.split({asked.key: asked.value[:MAX_TAG_VALUE]})
    return _log(call, services, Batch(tags=tags, fields=fields))


@calls("POST", "runs/delete-tag", role=Role.WRITE, asked=DeleteTag)
def delete_tag(call: Call[DeleteTag], services: Services) -> Any:
    run_id, key = run_id_of(call.asked.run_id), call.asked.key
    with of_run(run_id):
        try:
            runs.drop_tag(services.runs, call.context, run_id, key)
        except NotFound as error:
            if "tag" not in error.details:
                raise
            raise missing(f"No tag with name: {key} in run with id {run_id}") from None
    return {}
