"""What is kept of an A/B experiment's logs: sums that merge by adding, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

ZERO: Final = Decimal(0)


@dataclass(slots=True)
class MetricSums:
    """Of one variant and metric, over the units that logged it.

    Unit i logged N_i values y that add up to S_i, and may carry a covariate X_i (0 without one).
    Sums are exact: values enter as decimals of 15 significant digits, and nothing is rounded after.
    """

    units: int = 0
    """K, units with at least one finite value."""
    logs: int = 0
    """ΣN, finite values."""
    total: Decimal = ZERO
    """ΣS"""
    logs_logs: int = 0
    """ΣN²"""
    total_total: Decimal = ZERO
    """ΣS²"""
    logs_total: Decimal = ZERO
    """ΣNS"""
    squares: Decimal = ZERO
    """Σy², over the values"""
    covariates: int = 0
    """Units that carry a covariate."""
    covariate: Decimal = ZERO
    """ΣX"""
    covariate_covariate: Decimal = ZERO
    """ΣX²"""
    covariate_total: Decimal = ZERO
    """ΣXS"""
    covariate_logs: Decimal = ZERO
    """ΣXN"""
    not_finite: int = 0
    """Values NaN or infinite: left out of all the others."""


@dataclass(slots=True)
class MetricCell:
    """Sums of a metric, and the sketch of its values: counts by bucket (`domain/sketch.py`)."""

    sums: MetricSums = field(default_factory=MetricSums)
    sketch: dict[int, int] = field(default_factory=dict[int, int])


@dataclass(slots=True)
class VariantSums:
    """Of one variant: its units, their logs, and what they measured.

    Units seen in two variants are in `crossed` of the first one they were in, and in nothing else
    but `assigned`: units by the epoch of weights in which they were first seen.
    """

    units: int = 0
    logs: int = 0
    own: int = 0
    """Units that are logs without a unit."""
    crossed: int = 0
    assigned: dict[int, int] = field(default_factory=dict[int, int])
    metrics: dict[str, MetricCell] = field(default_factory=dict[str, MetricCell])


Cell: TypeAlias = dict[str, VariantSums]
"""What is kept of one day, by variant: of all units that were first seen on that day, or of those
among them with one value of a dimension."""


class CellPlace(NamedTuple):
    """Which units a cell is of. `day` is the UTC day `2026-01-31`; a cell of all units has neither
    dimension nor value."""

    day: str
    dimension: str | None = None
    value: str = ""
