"""Experiments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chalicelib.core.ids import ExperimentId, UserId

Stage: TypeAlias = Literal["active", "deleted"]
Goal: TypeAlias = Literal["max", "min"]
ExperimentStatus: TypeAlias = Literal["draft", "active", "paused", "completed"]
MarginKind: TypeAlias = Literal["relative", "absolute"]
DEFAULT_PLANNED_UNITS = 5000


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an A/B experiment; `weight` is in percent of the units."""

    key: str
    weight: float
    name: str | None = None
    payload: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Guardrail:
    """How much worse a variant may be in a metric: of the baseline's mean (0.02 are 2 %) when
    relative, else in the metric's own unit."""

    margin: float
    kind: MarginKind = "relative"


@dataclass(frozen=True, slots=True)
class WeightChange:
    """From `at_ms` on, units were assigned by these weights (percent, by variant)."""

    at_ms: int
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a team tries under one name. Times are milliseconds since the epoch."""

    id: ExperimentId
    slug: str
    name: str
    created_at_ms: int
    last_updated_ms: int
    created_by: UserId
    description: str | None = None
    artifact_location: str | None = None
    lifecycle_stage: Stage = "active"
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    metric_goals: Mapping[str, Goal] = field(default_factory=dict[str, Goal])
    status: ExperimentStatus = "draft"
    variants: tuple[Variant, ...] = ()
    unit_key: str | None = None
    """The key of a log's context that names its unit when the log does not."""
    dimensions: tuple[str, ...] = ()
    """Keys of a log's context by whose values the results can be broken down."""
    guardrails: Mapping[str, Guardrail] = field(default_factory=dict[str, Guardrail])
    planned_units: int = DEFAULT_PLANNED_UNITS
    """Units of two variants together at which the always-valid interval is narrowest."""
    weight_changes: tuple[WeightChange, ...] = ()
    """Since the start, the first weights included; the newest last."""
    version: int = 1

    @property
    def started_at_ms(self) -> int | None:
        """When it first became active."""
        return self.weight_changes[0].at_ms if self.weight_changes else None


@dataclass(frozen=True, slots=True)
class ExperimentCounts:
    """Kept by the change feed, so they trail the writes by a moment."""

    runs: int = 0
    artifacts: int = 0
    logs: int = 0
