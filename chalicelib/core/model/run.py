"""Runs, the summary of their metrics, and single points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from chalicelib.core.ids import ExperimentId, RunId, UserId
from chalicelib.core.model.dataset import NO_INPUTS, RunInputs
from chalicelib.core.model.experiment import Stage

RunStatus: TypeAlias = Literal["running", "scheduled", "finished", "failed", "killed"]
EndStatus: TypeAlias = Literal["finished", "failed", "killed"]


class MetricSummary(NamedTuple):
    """What is kept of a metric in its run's document.

    `last` is the value at the highest (step, timestamp), the later write among equals. `min` and
    `max` leave NaN out and are NaN when there was nothing else. `timestamp` is in milliseconds.
    """

    last: float
    step: int
    timestamp: int
    min: float
    max: float
    count: int  # pyright: ignore[reportIncompatibleMethodOverride] # the field hides a method that nobody needs


class Point(NamedTuple):
    """One logged value. `timestamp` is milliseconds since the epoch."""

    key: str
    value: float
    step: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Run:
    """One try. Times are milliseconds since the epoch; `end_time_ms` is None while it runs."""

    run_id: RunId
    experiment_id: ExperimentId
    name: str
    start_time_ms: int
    created_by: UserId
    status: RunStatus = "running"
    lifecycle_stage: Stage = "active"
    description: str | None = None
    end_time_ms: int | None = None
    parent_run_id: RunId | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict[str, MetricSummary])
    user_label: str | None = None
    """The user that the client named; `created_by` is whose key it was."""
    artifact_location: str | None = None
    """That of the experiment, when its runs keep their files elsewhere."""
    inputs: RunInputs = NO_INPUTS
    version: int = 1

    @property
    def artifact_uri(self) -> str:
        return f"trialbook://runs/{self.run_id}/artifacts"

    @property
    def duration_ms(self) -> int | None:
        """None while the run has not ended."""
        return None if self.end_time_ms is None else max(0, self.end_time_ms - self.start_time_ms)
