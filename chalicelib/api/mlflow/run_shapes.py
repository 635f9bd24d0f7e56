"""A run in MLflow's JSON."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from pydantic import AliasChoices, Field

from chalicelib.api.mlflow.calls import Asked
from chalicelib.api.mlflow.shapes import pairs
from chalicelib.api.v1.shapes import json_number
from chalicelib.core import field_tags
from chalicelib.core.ids import TenantId
from chalicelib.core.model.run import Run, RunStatus
from chalicelib.domain import default_experiment

STATUS_OF: Final[dict[str, RunStatus]] = {
    "RUNNING": "running",
    "SCHEDULED": "scheduled",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
"""In the order of MLflow's numbers for them, from 1."""

RunRef: TypeAlias = Annotated[
    str, Field(min_length=1, validation_alias=AliasChoices("run_id", "run_uuid"))
]
"""A run by its id, under the name of today or that of old clients."""


class OfRun(Asked):
    """A call about one run."""

    run_id: RunRef


def artifact_uri(tenant: TenantId, run: Run) -> str:
    """Below the location of the experiment as it was when the run started."""
    root = run.artifact_location
    if root is None:
        root = f"mlflow-artifacts:/{default_experiment.spelled(tenant, run.experiment_id)}"
    base, question, query = root.partition("?")
    return f"{base.rstrip('/')}/{run.run_id}/artifacts{question}{query}"


def run_info(tenant: TenantId, run: Run) -> dict[str, Any]:
    """MLflow's RunInfo, which needs no more than the head of a run."""
    info = {
        "run_id": run.run_id,
        "run_uuid": run.run_id,
        "run_name": run.name,
        "experiment_id": default_experiment.spelled(tenant, run.experiment_id),
        "user_id": run.user_label or run.created_by,
        "status": run.status.upper(),
        "start_time": run.start_time_ms,
        "artifact_uri": artifact_uri(tenant, run),
        "lifecycle_stage": run.lifecycle_stage,
    }
    if run.end_time_ms is not None:
        info["end_time"] = run.end_time_ms
    return info


def run_out(tenant: TenantId, run: Run) -> dict[str, Any]:
    """MLflow's Run."""
    tags = field_tags.of_run(run.tags, run.name, run.description, run.parent_run_id)
    metrics = [
        {
            "key": key,
            "value": json_number(one.last),
            "timestamp": one.timestamp,
            "step": one.step,
        }
        for key, one in run.metrics.items()
    ]
    return {
        "info": run_info(tenant, run),
        "data": {"metrics": metrics, "params": pairs(run.params), "tags": pairs(tags)},
    }
