"""Logs of what variants did in production, and what an experiment has to say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chalicelib.core.ids import UserId
from chalicelib.core.log_ids import LogId, time_of
from chalicelib.core.model.experiment import Experiment

NonFinite: TypeAlias = Literal["NaN", "Infinity", "-Infinity"]
MetricValue: TypeAlias = "int | float | NonFinite"
"""As it was sent; what JSON has no number for is spelled."""
JsonObject: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a log the results are computed from.

    `unit` is None when the log is a unit of its own. `epoch` counts the changes of weights before
    the log, `dimensions` holds its values of the declared ones. `generation` names the aggregates
    that this state of the log is added to.
    """

    log_id: LogId
    variant: str
    unit: str | None
    epoch: int
    dimensions: Mapping[str, str]
    metrics: Mapping[str, MetricValue]
    covariates: Mapping[str, float]
    generation: str

    @property
    def timestamp_ms(self) -> int:
        return time_of(self.log_id)


@dataclass(frozen=True, slots=True)
class LogContent:
    """What went in and came out, as it was sent."""

    input: JsonObject = field(default_factory=dict[str, object])
    output: JsonObject = field(default_factory=dict[str, object])
    context: JsonObject = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class VariantLog:
    """A log as it is stored. `digest` is of what was first sent, so that a retry is recognized;
    `content` is packed, or in the blob named."""

    facts: Facts
    digest: bytes
    logged_at_ms: int
    logged_by: UserId
    content: bytes = b""
    blob_key: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Register:
    """What the logs of an experiment have named so far. A variant in it cannot be removed; a metric
    or value of a dimension is in it before it is first logged, which bounds their number."""

    variants: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    dimensions: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    generation: str = "0"
    rebuilt_until_ms: int = 0
    """Until then nothing may be logged, for the aggregates are being made anew."""
    version: int = 0
    """0: not stored yet."""


@dataclass(frozen=True, slots=True)
class Definition:
    """An experiment as assigning and logging see it."""

    experiment: Experiment
    register: Register
