"""What is kept of a unit (a user, a session): enough to take it out of the results again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from chalicelib.core.log_ids import LogId
from chalicelib.core.model.variant_sums import ZERO


@dataclass(slots=True)
class UnitMetric:
    """A unit's values of a metric: their count, Σy, Σy², and sketch; `not_finite` besides."""

    count: int = 0
    total: Decimal = ZERO
    squares: Decimal = ZERO
    not_finite: int = 0
    sketch: dict[int, int] = field(default_factory=dict[int, int])


@dataclass(slots=True)
class UnitArm:
    """A unit's logs in one variant."""

    logs: int = 0
    metrics: dict[str, UnitMetric] = field(default_factory=dict[str, UnitMetric])


@dataclass(slots=True)
class Unit:
    """All logs of one unit, added up.

    `first` is the earliest of them (ids sort by time), and `variant`, `epoch` and `dimensions` are
    its. A covariate is that of the earliest log that carries one.
    """

    first: LogId
    variant: str
    epoch: int
    dimensions: Mapping[str, str]
    is_own: bool = False
    """A log without a unit."""
    arms: dict[str, UnitArm] = field(default_factory=dict[str, UnitArm])
    covariates: dict[str, tuple[LogId, Decimal]] = field(
        default_factory=dict[str, "tuple[LogId, Decimal]"]
    )
