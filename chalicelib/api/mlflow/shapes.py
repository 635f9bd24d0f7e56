"""Fields that several MLflow calls share, and how things are answered in MLflow's JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field

from chalicelib.api.mlflow.calls import Asked
from chalicelib.core import field_tags
from chalicelib.core.ids import TenantId
from chalicelib.core.model.experiment import Experiment
from chalicelib.domain import default_experiment

MAX_KEY: Final = 250
MAX_TAG_VALUE: Final = 8000
MAX_PARAM_VALUE: Final = 6000
MAX_EXPERIMENT_NAME: Final = 500

Id: TypeAlias = Annotated[str, Field(min_length=1, max_length=100)]
"""Of an experiment or a run; what cannot be one is not found."""
TagKey: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_KEY)]
TagValue: TypeAlias = Annotated[str, Field(max_length=MAX_TAG_VALUE)]


class TagIn(Asked):
    key: TagKey
    value: TagValue = ""


def tags_of(given: Iterable[TagIn]) -> dict[str, str]:
    """The last of equal keys."""
    return {tag.key: tag.value for tag in given}


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """A mapping as MLflow writes it."""
    return [{"key": key, "value": value} for key, value in values.items()]


def artifact_location(tenant: TenantId, experiment: Experiment) -> str:
    if experiment.artifact_location is not None:
        return experiment.artifact_location
    return f"mlflow-artifacts:/{default_experiment.spelled(tenant, experiment.id)}"


def experiment_out(tenant: TenantId, experiment: Experiment) -> dict[str, Any]:
    """MLflow's Experiment."""
    return {
        "experiment_id": default_experiment.spelled(tenant, experiment.id),
        "name": experiment.name,
        "artifact_location": artifact_location(tenant, experiment),
        "lifecycle_stage": experiment.lifecycle_stage,
        "creation_time": experiment.created_at_ms,
        "last_update_time": experiment.last_updated_ms,
        "tags": pairs(_tags(experiment)),
    }


def _tags(experiment: Experiment) -> Mapping[str, str]:
    if experiment.description is None:
        return experiment.tags
    return {**experiment.tags, field_tags.DESCRIPTION: experiment.description}
