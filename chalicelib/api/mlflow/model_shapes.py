"""Logged models, registered models, their versions and datasets in MLflow's JSON."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeAlias, cast

import orjson
from pydantic import Field

from chalicelib.api.mlflow.calls import Asked
from chalicelib.api.mlflow.errors import missing
from chalicelib.api.mlflow.shapes import pairs
from chalicelib.api.v1.pages import cursor_of, fitting
from chalicelib.api.v1.shapes import json_number
from chalicelib.core.context import Context
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.ids import TenantId
from chalicelib.core.model.dataset import Dataset, DatasetName
from chalicelib.core.model.logged_model import LoggedModel, ModelPoint, ModelStatus
from chalicelib.core.model.registry import ModelVersion, RegisteredModel
from chalicelib.core.model.run import Run
from chalicelib.domain import default_experiment
from chalicelib.wiring import Services

STATUS_OF: Final[dict[str, ModelStatus]] = {
    "LOGGED_MODEL_PENDING": "pending",
    "LOGGED_MODEL_READY": "ready",
    "LOGGED_MODEL_UPLOAD_FAILED": "failed",
}
"""In the order of MLflow's numbers for them, from 1."""
SPELLED: Final = {status: name for name, status in STATUS_OF.items()}
Offset: TypeAlias = Annotated[str | None, Field(max_length=1000)]
ModelTagKey: TypeAlias = Annotated[str, Field(min_length=1, max_length=250)]
ModelTagValue: TypeAlias = Annotated[str, Field(max_length=100_000)]


class ModelTagIn(Asked):
    """A tag of what is in the registry; the text of a prompt is one."""

    key: ModelTagKey
    value: ModelTagValue = ""


@contextmanager
def told(message: str) -> Generator[None]:
    """What is not there, or another tenant's, is answered in these words."""
    try:
        yield
    except (NotFound, Forbidden):
        raise missing(message) from None


def no_logged_model(model_id: str) -> str:
    return f"Logged model with ID '{model_id[:100]}' not found."


def page_out(
    services: Services,
    context: Context,
    query: object,
    offset: int,
    entries: Mapping[str, Sequence[Any]],
    *,
    more: bool,
) -> dict[str, Any]:
    """`entries` has one list under its name. It is cut to what fits; a token when more follow."""
    ((name, found),) = entries.items()
    shown = fitting(found)
    is_last = not more and len(shown) == len(found)
    position = None if is_last else offset + len(shown)
    token = cursor_of(services, context, query, position)
    return {name: shown} | ({"next_page_token": token} if token else {})


def listed(tag: str | None) -> list[Any]:
    """What a tag lists as JSON; nothing when somebody else wrote something else there."""
    try:
        found = orjson.loads(tag or "[]")
    except orjson.JSONDecodeError:
        return []
    return cast("list[Any]", found) if isinstance(found, list) else []


def model_uri(tenant: TenantId, model: LoggedModel) -> str:
    """Where the files of a logged model are."""
    root = model.artifact_location
    if root is None:
        root = f"mlflow-artifacts:/{default_experiment.spelled(tenant, model.experiment_id)}"
    base, question, query = root.partition("?")
    return f"{base.rstrip('/')}/models/{model.model_id}/artifacts{question}{query}"


def logged_model_out(tenant: TenantId, model: LoggedModel) -> dict[str, Any]:
    """MLflow's LoggedModel."""
    info: dict[str, Any] = {
        "model_id": model.model_id,
        "experiment_id": default_experiment.spelled(tenant, model.experiment_id),
        "name": model.name,
        "creation_timestamp_ms": model.created_at_ms,
        "last_updated_timestamp_ms": model.last_updated_ms,
        "artifact_uri": model_uri(tenant, model),
        "status": SPELLED[model.status],
        "model_type": model.model_type or "",
        "source_run_id": model.source_run_id or "",
        "tags": pairs(model.tags),
    }
    metrics = [_point_out(model, point) for point in model.points]
    return {"info": info, "data": {"params": pairs(model.params), "metrics": metrics}}


def _point_out(model: LoggedModel, point: ModelPoint) -> dict[str, Any]:
    out: dict[str, Any] = {
        "key": point.key,
        "value": json_number(point.value),
        "timestamp": point.timestamp,
        "step": point.step,
        "model_id": model.model_id,
        "run_id": point.run_id,
    }
    if point.dataset_name is not None:
        out |= {"dataset_name": point.dataset_name, "dataset_digest": point.dataset_digest or ""}
    return out


def registered_model_out(model: RegisteredModel, latest: Sequence[ModelVersion]) -> dict[str, Any]:
    """MLflow's RegisteredModel."""
    out: dict[str, Any] = {
        "name": model.name,
        "creation_timestamp": model.created_at_ms,
        "last_updated_timestamp": model.last_updated_ms,
        "latest_versions": [version_out(model, one) for one in latest],
        "tags": pairs(model.tags),
        "aliases": [
            {"alias": alias, "version": str(number)} for alias, number in model.aliases.items()
        ],
    }
    return out | ({"description": model.description} if model.description else {})


def version_out(model: RegisteredModel, one: ModelVersion) -> dict[str, Any]:
    """MLflow's ModelVersion."""
    optional = {
        "description": one.description,
        "run_id": one.run_id,
        "run_link": one.run_link,
        "model_id": one.model_id,
    }
    return {
        "name": model.name,
        "version": str(one.number),
        "creation_timestamp": one.created_at_ms,
        "last_updated_timestamp": one.last_updated_ms,
        "user_id": one.created_by,
        "current_stage": one.stage,
        "source": one.source,
        "status": "READY",
        "tags": pairs(one.tags),
        "aliases": model.aliases_of(one.number),
    } | {name: value for name, value in optional.items() if value is not None}


def inputs_out(run: Run, datasets: Mapping[DatasetName, Dataset]) -> dict[str, Any]:
    """The fields `inputs` and `outputs` of MLflow's Run; `datasets` as `run_inputs.described` tells
    them."""
    found: list[dict[str, Any]] = []
    for use in run.inputs.datasets:
        dataset = datasets.get(DatasetName(run.experiment_id, use.name, use.digest))
        if dataset is not None:
            found.append({"tags": pairs(use.tags), "dataset": dataset_out(dataset)})
    models = [{"model_id": model_id} for model_id in run.inputs.models]
    made = [{"model_id": model_id, "step": step} for model_id, step in run.inputs.made]
    return {
        "inputs": {"dataset_inputs": found, "model_inputs": models},
        "outputs": {"model_outputs": made},
    }


def dataset_out(dataset: Dataset) -> dict[str, Any]:
    """MLflow's Dataset."""
    out = {
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
    }
    optional = {"schema": dataset.schema, "profile": dataset.profile}
    return out | {name: value for name, value in optional.items() if value is not None}
