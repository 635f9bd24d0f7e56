"""What the service answers, as read-only values.

Unknown fields are ignored, so an older client reads a newer service. Times are aware datetimes;
metric timestamps are milliseconds since the epoch; NaN and the infinities are floats.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RunStatus = Literal["running", "scheduled", "finished", "failed", "killed"]
EndStatus = Literal["finished", "failed", "killed"]
ExperimentStatus = Literal["draft", "active", "paused", "completed"]
Stage = Literal["active", "deleted"]
Goal = Literal["max", "min"]


class Model(BaseModel):
    """A value of an answer."""

    # defer_build: making the validators of all of them costs an import more than the imports do
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class Counts(Model):
    """What an experiment holds; trails the writes by a moment."""

    runs: int = 0
    artifacts: int = 0
    logs: int = 0


class Variant(Model):
    key: str
    weight: float
    name: str | None = None
    payload: dict[str, Any] = {}


class Guardrail(Model):
    """How much worse a metric may become: of the baseline's mean, or in the metric's unit."""

    margin: float
    kind: str = "relative"


class WeightChange(Model):
    """From when on the variants had these weights."""

    at: datetime
    weights: dict[str, float]


class Experiment(Model):
    id: str
    slug: str
    name: str
    description: str | None = None
    artifact_location: str | None = None
    lifecycle_stage: str = "active"
    tags: dict[str, str] = {}
    metric_goals: dict[str, str] = {}
    status: str = "draft"
    variants: list[Variant] = []
    unit_key: str | None = None
    dimensions: list[str] = []
    guardrails: dict[str, Guardrail] = {}
    planned_units: int | None = None
    weight_changes: list[WeightChange] = []
    started_at: datetime | None = None
    created_at: datetime
    last_updated: datetime
    created_by: str = ""
    version: int = 0
    counts: Counts = Counts()


class Assignment(Model):
    """Which variant a user gets, with what was declared for it."""

    variant: str
    payload: dict[str, Any] = {}


class VariantLog(Model):
    """An execution of a variant. `timestamp` is in milliseconds since the epoch."""

    log_id: str = Field(alias="logId")
    variant: str = Field(alias="variantKey")
    unit: str | None = Field(default=None, alias="unitId")
    timestamp: int
    input: dict[str, Any] = {}
    output: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    context: dict[str, Any] = {}
    covariates: dict[str, float] = {}
    logged_at: datetime | None = None
    logged_by: str = ""


class MetricSummary(Model):
    """`last` is the value of the highest (step, timestamp); `min` and `max` leave NaN out."""

    last: float
    step: int
    timestamp: int
    min: float
    max: float
    count: int


class Run(Model):
    run_id: str
    experiment_id: str
    name: str
    description: str | None = None
    status: str
    lifecycle_stage: str = "active"
    start_time: datetime
    end_time: datetime | None = None
    duration_ms: int | None = None
    artifact_uri: str = ""
    parent_run_id: str | None = None
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}
    metric_summary: dict[str, MetricSummary] = {}
    created_by: str = ""


class Point(Model):
    step: int
    timestamp: int
    value: float


class Series(Model):
    """A metric of a run: columns of equal length, ascending by (step, timestamp)."""

    run_id: str
    key: str
    steps: list[int]
    timestamps: list[int]
    values: list[float]
    total: int


class ComparedRun(Model):
    run_id: str
    name: str
    status: str
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}


class MetricComparison(Model):
    goal: str
    goal_source: str
    best_run_id: str | None = None
    best_value: float | None = None
    all_values: dict[str, float] = {}


class ComparisonSummary(Model):
    best_run: str | None = None
    metric_comparison: dict[str, MetricComparison] = {}
    param_differences: dict[str, dict[str, str]] = {}


class Comparison(Model):
    runs: list[ComparedRun]
    comparison: ComparisonSummary


class Logged(Model):
    """What a batch held, also when it repeated an earlier one."""

    metrics_logged: int = 0
    params_logged: int = 0
    tags_logged: int = 0


class IngestedFile(Model):
    """How far a file of lines has come: `lines` is the last one seen, empty ones included.

    `waiting` until it has arrived, `reading`, then `done`, or `failed` for the `reason`.
    """

    ingest_id: str
    key: str
    state: str
    size_bytes: int = 0
    lines: int = 0
    applied: int = 0
    refused: int = 0
    reason: str | None = None
    created_by: str = ""
    begun_at: datetime
    ended_at: datetime | None = None

    @property
    def name(self) -> str:
        """As the file was called."""
        return self.key.rpartition("/")[2]

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in {"done", "failed"}


class LineError(Model):
    """Why a line was refused."""

    line: int
    reason: str


class IngestReport(IngestedFile):
    """With the refused lines, ascending; the first thousand of them."""

    errors: list[LineError] = []


class FileEntry(Model):
    """A file of a run, or a folder: a folder has no more than its path."""

    path: str
    is_dir: bool
    artifact_id: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    mime: str | None = None
    verified: bool | None = None
    created_at: datetime | None = None
    created_by: str | None = None
    content_url: str | None = None
