"""How a run looks in the API."""

from __future__ import annotations

from typing_extensions import TypedDict

from chalicelib.api.v1.shapes import NonFinite, json_number, rfc3339
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.run import MetricSummary, Run, RunStatus


class SummaryOut(TypedDict):
    last: float | NonFinite
    step: int
    timestamp: int
    min: float | NonFinite
    max: float | NonFinite
    count: int


class RunOut(TypedDict):
    run_id: str
    experiment_id: str
    name: str
    description: str | None
    status: RunStatus
    lifecycle_stage: Stage
    start_time: str
    end_time: str | None
    duration_ms: int | None
    artifact_uri: str
    parent_run_id: str | None
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float | NonFinite]
    metric_summary: dict[str, SummaryOut]
    created_by: str


def run_out(run: Run) -> RunOut:
    """A run as the API shows it."""
    return {
        "run_id": run.run_id,
        "experiment_id": run.experiment_id,
        "name": run.name,
        "description": run.description,
        "status": run.status,
        "lifecycle_stage": run.lifecycle_stage,
        "start_time": rfc3339(run.start_time_ms),
        "end_time": None if run.end_time_ms is None else rfc3339(run.end_time_ms),
        "duration_ms": run.duration_ms,
        "artifact_uri": run.artifact_uri,
        "parent_run_id": run.parent_run_id,
        "tags": dict(run.tags),
        "params": dict(run.params),
        "metrics": {key: json_number(one.last) for key, one in run.metrics.items()},
        "metric_summary": {key: _summary_out(one) for key, one in run.metrics.items()},
        "created_by": run.created_by,
    }


def _summary_out(summary: MetricSummary) -> SummaryOut:
    last, step, timestamp, low, high, count = summary
    return {
        "last": json_number(last),
        "step": step,
        "timestamp": timestamp,
        "min": json_number(low),
        "max": json_number(high),
        "count": count,
    }
