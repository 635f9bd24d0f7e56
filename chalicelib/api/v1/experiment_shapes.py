"""Shapes of experiments."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from chalicelib.api.contract import Body, Params
from chalicelib.api.v1.shapes import (
    FiniteNumber,
    MetricKey,
    Name,
    Slug,
    TagChanges,
    Tags,
    rfc3339,
)
from chalicelib.core.model.experiment import (
    Experiment,
    ExperimentCounts,
    ExperimentStatus,
    Goal,
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
    payload: dict[str, Any] = {}

    @field_validator("payload")
    @classmethod
    def _kept_as_it_is(cls, payload: dict[str, Any]) -> dict[str, Any]:
        """JSON numbers have no bounds; what is stored has."""
        try:
            kept = orjson.loads(orjson.dumps(payload))
        except orjson.JSONEncodeError:
            kept = None
        if kept != payload:
            raise ValueError("numbers must be doubles, or integers of at most 64 bits")
        return payload

    def to_variant(self) -> Variant:
        return Variant(self.key, self.weight, self.name, self.payload)


Variants: TypeAlias = Annotated[list[VariantIn], Field(max_length=100)]


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
        )


class ExperimentChanges(Body):
    """Only what is sent changes; tags merge, and null deletes one."""

    name: Name | None = None
    description: Description | None = None
    tags: TagChanges = {}
    metric_goals: Goals | None = None
    variants: Variants | None = None
    status: ExperimentStatus | None = None

    def to_changes(self) -> experiments.Changes:
        replaced: dict[str, object] = {
            name: getattr(self, name)
            for name in ("name", "metric_goals", "status")
            if getattr(self, name) is not None
        }
        if "description" in self.model_fields_set:
            replaced["description"] = self.description
        if self.variants is not None:
            replaced["variants"] = tuple(variant.to_variant() for variant in self.variants)
        return experiments.Changes(replaced, self.tags)


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
        "created_at": rfc3339(experiment.created_at_ms),
        "last_updated": rfc3339(experiment.last_updated_ms),
        "created_by": experiment.created_by,
        "version": experiment.version,
        "counts": {"runs": counts.runs, "artifacts": counts.artifacts, "logs": counts.logs},
    }
