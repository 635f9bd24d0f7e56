"""Models that runs logged, and the metrics that were logged of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from chalicelib.core.ids import ExperimentId, ModelId, RunId, UserId
from chalicelib.core.model.experiment import Stage

ModelStatus: TypeAlias = Literal["pending", "ready", "failed"]


class ModelPoint(NamedTuple):
    """A value that a run measured of a model, on a dataset when `dataset_name` says so. `timestamp`
    is milliseconds since the epoch."""

    key: str
    value: float
    timestamp: int
    step: int
    run_id: RunId
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model. `artifact_location` is that of its experiment when it was logged, if it had one of
    its own; `source_run_id` is a label, as the client sent it."""

    model_id: ModelId
    experiment_id: ExperimentId
    name: str
    created_at_ms: int
    last_updated_ms: int
    created_by: UserId
    status: ModelStatus = "pending"
    lifecycle_stage: Stage = "active"
    model_type: str | None = None
    source_run_id: str | None = None
    artifact_location: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    points: Sequence[ModelPoint] = ()
    """The latest of each metric, run and dataset, and the newest of those before."""
    version: int = 0
