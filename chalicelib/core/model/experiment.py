"""Experiments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chalicelib.core.ids import ExperimentId, UserId

Stage: TypeAlias = Literal["active", "deleted"]
Goal: TypeAlias = Literal["max", "min"]
ExperimentStatus: TypeAlias = Literal["draft", "active", "paused", "completed"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an A/B experiment; `weight` is in percent of the units."""

    key: str
    weight: float
    name: str | None = None
    payload: Mapping[str, object] = field(default_factory=dict[str, object])


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
    version: int = 1


@dataclass(frozen=True, slots=True)
class ExperimentCounts:
    """Kept by the change feed, so they trail the writes by a moment."""

    runs: int = 0
    artifacts: int = 0
    logs: int = 0
