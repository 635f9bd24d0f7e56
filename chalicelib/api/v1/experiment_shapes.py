"""Shapes of experiments."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from chalicelib.api.contract import Body, Params
from chalicelib.api.v1.shapes import (
    DISTINCT,
    NO_CONTROLS,
    FiniteNumber,
    JsonObject,
    MetricKey,
    Name,
    Slug,
    TagChanges,
    Tags,
    rfc3339,
)
from chalicelib.core.model.experiment import (
    DEFAULT_PLANNED_UNITS,
    Experiment,
    ExperimentCounts,
    ExperimentStatus,
    Goal,
    Guardrail,
    MarginKind,
    Stage,
    Variant,
)
from chalicelib.domain import experiments, names

NO_COUNTS = ExperimentCounts()

Description: TypeAlias = Annotated[str, Field(max_length=1000)]
Goals: TypeAlias = Annotated[dict[MetricKey, Goal], Field(max_length=1000)]
ArtifactLocation: TypeAlias = Annotated[
    str, Field(max_length=1024, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$")
]
VariantKey: TypeAlias = Annotated[str, Field(min_length=1, max_length=100)]


class VariantIn(BaseModel):
    """One arm; weights of all arms add up to 100."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, frozen=True)

    key: VariantKey
    weight: Annotated[FiniteNumber, Field(ge=0, le=100)]
    name: Annotated[str, Field(max_length=255)] | None = None
    payload: JsonObject = {}

    def to_variant(self) -> Variant:
        return Variant(self.key, self.weight, self.name, self.payload)


Variants: TypeAlias = Annotated[list[VariantIn], Field(max_length=100)]


class GuardrailIn(BaseModel):
    """How much worse a variant may be: of the baseline's mean (0.02 are 2 %) when relative, else in
    the metric's own unit."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, frozen=True)

    margin: Annotated[FiniteNumber, Field(gt=0)]
    kind: MarginKind = "relative"


ContextKey: TypeAlias = Annotated[str, Field(min_length=1, max_length=100, pattern=NO_CONTROLS)]
Dimensions: TypeAlias = Annotated[list[ContextKey], Field(max_length=5), DISTINCT]
Guardrails: TypeAlias = Annotated[dict[MetricKey, GuardrailIn], Field(max_length=100)]
PlannedUnits: TypeAlias = Annotated[int, Field(ge=10, le=10**12)]


class NewExperiment(Body):
    """Create an experiment; `slug` is made from the name when left out."""

    name: Name
    description: Description | None = None
    artifact_location: ArtifactLocation | None = None
    tags: Tags = {}
    slug: Slug | None = None
    metric_goals: Goals = {}
    variants: Variants = []
    status: ExperimentStatus = "draft"
    unit_key: ContextKey | None = None
    dimensions: Dimensions = []
    guardrails: Guardrails = {}
    planned_units: PlannedUnits = DEFAULT_PLANNED_UNITS

    @field_validator("slug")
    @classmethod
    def _not_taken_for_another(cls, slug: str | None) -> str | None:
        if slug is not None and not names.is_slug(slug):
            raise ValueError(f"{slug!r} is reserved, or reads like an id")
        return slug

    def to_spec(self) -> experiments.NewExperiment:
        return experiments.NewExperiment(
            name=self.name,
            slug=self.slug,
            description=self.description,
            artifact_location=self.artifact_location,
            tags=self.tags,
            metric_goals=self.metric_goals,
            variants=tuple(variant.to_variant() for variant in self.variants),
            status=self.status,
            unit_key=self.unit_key,
            dimensions=tuple(self.dimensions),
            guardrails=_guardrails(self.guardrails),
            planned_units=self.planned_units,
        )


class ExperimentChanges(Body):
    """Only what is sent changes; tags merge, and null deletes one."""

    name: Name | None = None
    description: Description | None = None
    tags: TagChanges = {}
    metric_goals: Goals | None = None
    variants: Variants | None = None
    status: ExperimentStatus | None = None
    unit_key: ContextKey | None = None
    dimensions: Dimensions | None = None
    guardrails: Guardrails | None = None
    planned_units: PlannedUnits | None = None

    def to_changes(self) -> experiments.Changes:
        replaced: dict[str, object] = {
            name: getattr(self, name)
            for name in ("name", "metric_goals", "status", "planned_units")
            if getattr(self, name) is not None
        }
        for name in ("description", "unit_key"):
            if name in self.model_fields_set:
                replaced[name] = getattr(self, name)
        if self.dimensions is not None:
            replaced["dimensions"] = tuple(self.dimensions)
        if self.guardrails is not None:
            replaced["guardrails"] = _guardrails(self.guardrails)
        if self.variants is not None:
            replaced["variants"] = tuple(variant.to_variant() for variant in self.variants)
        return experiments.Changes(replaced, self.tags)


def _guardrails(given: dict[str, GuardrailIn]) -> dict[str, Guardrail]:
    return {metric: Guardrail(one.margin, one.kind) for metric, one in given.items()}


class ListQuery(Params):
    search: Annotated[str, Field(max_length=255)] | None = None
    lifecycle_stage: Literal["active", "deleted"] = "active"
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    cursor: str | None = None


class VariantOut(TypedDict):
    key: str
    name: str | None
    payload: dict[str, Any]
    weight: float


class GuardrailOut(TypedDict):
    margin: float
    kind: MarginKind


class WeightChangeOut(TypedDict):
    at: str
    weights: dict[str, float]


class CountsOut(TypedDict):
    runs: int
    artifacts: int
    logs: int


class ExperimentOut(TypedDict):
    id: str
    slug: str
    name: str
    description: str | None
    artifact_location: str | None
    lifecycle_stage: Stage
    tags: dict[str, str]
    metric_goals: dict[str, Goal]
    status: ExperimentStatus
    variants: list[VariantOut]
    unit_key: str | None
    dimensions: list[str]
    guardrails: dict[str, GuardrailOut]
    planned_units: int
    started_at: str | None
    weight_changes: list[WeightChangeOut]
    created_at: str
    last_updated: str
    created_by: str
    version: int
    counts: CountsOut


class ExperimentsOut(TypedDict):
    experiments: list[ExperimentOut]
    total: int
    limit: int
    offset: int
    next_cursor: str | None


def experiment_out(experiment: Experiment, counts: ExperimentCounts = NO_COUNTS) -> ExperimentOut:
    """An experiment as the API shows it."""
    started_at_ms = experiment.started_at_ms
    return {
        "id": experiment.id,
        "slug": experiment.slug,
        "name": experiment.name,
        "description": experiment.description,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.lifecycle_stage,
        "tags": dict(experiment.tags),
        "metric_goals": dict(experiment.metric_goals),
        "status": experiment.status,
        "variants": [
            {"key": v.key, "name": v.name, "payload": dict(v.payload), "weight": v.weight}
            for v in experiment.variants
        ],
        "unit_key": experiment.unit_key,
        "dimensions": list(experiment.dimensions),
        "guardrails": {
            metric: {"margin": rail.margin, "kind": rail.kind}
            for metric, rail in experiment.guardrails.items()
        },
        "planned_units": experiment.planned_units,
        "started_at": None if started_at_ms is None else rfc3339(started_at_ms),
        "weight_changes": [
            {"at": rfc3339(change.at_ms), "weights": dict(change.weights)}
            for change in experiment.weight_changes
        ],
        "created_at": rfc3339(experiment.created_at_ms),
        "last_updated": rfc3339(experiment.last_updated_ms),
        "created_by": experiment.created_by,
        "version": experiment.version,
        "counts": {"runs": counts.runs, "artifacts": counts.artifacts, "logs": counts.logs},
    }
