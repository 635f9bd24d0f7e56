"""From logs to units, and from units to the aggregates: sums all the way, in any order.

A unit is what all its logs add up to, and the aggregates are what all units add up to. So a changed
log changes its unit by a difference, a changed unit the aggregates by another, and how often and in
which order that happens does not show. A unit counts on the day of its first log, in the variant
of all of them; one that was seen in two variants counts in neither.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import lru_cache
from math import isfinite
from typing import Final, TypeAlias

from chalicelib.core.log_ids import time_of
from chalicelib.core.model.variant_log import Facts, MetricValue
from chalicelib.core.model.variant_sums import Cell, CellPlace, MetricCell, MetricSums, VariantSums
from chalicelib.core.model.variant_unit import Unit, UnitArm, UnitMetric
from chalicelib.domain import sketch

Cells: TypeAlias = dict[CellPlace, Cell]
_EXACT: Final = Context(
    prec=10_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, Overflow, InvalidOperation]
)
"""Doubles of 15 digits from 1e-308 to 1e308, squared and added: some 1,300 digits at the most."""
_DAY_MS: Final = 24 * 3600 * 1000


@contextmanager
def exact() -> Generator[None]:
    """Decimals are added without rounding; whatever adds up units and cells runs in it."""
    with localcontext(_EXACT):
        yield


@lru_cache(1024)
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * _DAY_MS / 1000, UTC):%Y-%m-%d}"


def day_of(time_ms: int) -> str:
    """The UTC day `2026-01-31`."""
    return _day(time_ms // _DAY_MS)


def decimal_of(value: float) -> Decimal:
    """A double rounded to 15 significant digits."""
    return Decimal(f"{value:.14e}").normalize()


def changed(unit: Unit | None, old: Facts | None, new: Facts) -> Unit:
    """The unit after one of its logs became `new`; `old` is what it was, None when it is new. The
    unit given is changed: a copy of each takes longer than what is added to it."""
    if unit is None:
        unit = Unit(new.log_id, new.variant, new.epoch, new.dimensions, new.unit is None)
    elif new.log_id < unit.first:
        unit.first, unit.variant = new.log_id, new.variant
        unit.epoch, unit.dimensions = new.epoch, new.dimensions
    if old is not None:
        _log(unit, old, -1)
    _log(unit, new, 1)
    for name, covariate in new.covariates.items():
        known = unit.covariates.get(name)
        if known is None or new.log_id < known[0]:
            unit.covariates[name] = (new.log_id, decimal_of(covariate))
    return unit


def _log(unit: Unit, log: Facts, sign: int) -> None:
    arm = unit.arms.get(log.variant)
    if arm is None:
        arm = unit.arms[log.variant] = UnitArm()
    arm.logs += sign
    for name, value in log.metrics.items():
        known = arm.metrics.get(name)
        if known is None:
            known = arm.metrics[name] = UnitMetric()
        number = finite(value)
        if number is None:
            known.not_finite += sign
        else:
            exact_value = decimal_of(number)
            signed = exact_value if sign > 0 else -exact_value
            known.count += sign
            known.total += signed
            known.squares += signed * exact_value
            _count(known.sketch, sketch.bucket(number), sign)
        # comparing them whole takes longer than adding
        if not known.count and known == _NO_VALUES:
            del arm.metrics[name]
    if not arm.logs and arm == _NO_LOGS:
        del unit.arms[log.variant]


def finite(value: MetricValue) -> float | None:
    """The number, None when it is none that can be added."""
    number = float(value)
    return number if isfinite(number) else None


def add_unit(cells: Cells, unit: Unit, sign: int) -> None:
    """Add the unit to the cells that it counts in, or with -1 take it out of them."""
    day = day_of(time_of(unit.first))
    of_all = CellPlace(day)
    first = _sums(cells, of_all, unit.variant)
    _count(first.assigned, unit.epoch, sign)
    if len(unit.arms) > 1:
        first.crossed += sign
        return
    for variant, arm in unit.arms.items():
        _add_arm(cells, of_all, unit, variant, arm, sign)
        for dimension, value in unit.dimensions.items():
            _add_arm(cells, CellPlace(day, dimension, value), unit, variant, arm, sign)


def _sums(cells: Cells, place: CellPlace, variant: str) -> VariantSums:
    """The variant's sums in a cell, made when they are not there."""
    cell = cells.get(place)
    if cell is None:
        cell = cells[place] = {}
    sums = cell.get(variant)
    if sums is None:
        sums = cell[variant] = VariantSums()
    return sums


def _add_arm(
    cells: Cells, place: CellPlace, unit: Unit, variant: str, arm: UnitArm, sign: int
) -> None:
    into = _sums(cells, place, variant)
    into.units += sign
    into.logs += sign * arm.logs
    into.own += sign * unit.is_own
    for name, metric in arm.metrics.items():
        cell = into.metrics.get(name)
        if cell is None:
            cell = into.metrics[name] = MetricCell()
        _add_metric(cell.sums, metric, unit.covariates.get(name, (None, None))[1], sign)
        if place.dimension is None:
            sketch.add(cell.sketch, metric.sketch, sign)


def _add_metric(sums: MetricSums, metric: UnitMetric, covariate: Decimal | None, sign: int) -> None:
    sums.not_finite += sign * metric.not_finite
    count, total = metric.count, metric.total
    if not count:
        return
    sums.units += sign
    sums.logs += sign * count
    sums.total += sign * total
    sums.logs_logs += sign * count * count
    sums.total_total += sign * total * total
    sums.logs_total += sign * count * total
    sums.squares += sign * metric.squares
    if covariate is not None:
        sums.covariates += sign
        sums.covariate += sign * covariate
        sums.covariate_covariate += sign * covariate * covariate
        sums.covariate_total += sign * covariate * total
        sums.covariate_logs += sign * covariate * count


def merge(into: Cell, cell: Cell) -> None:
    """Add one cell to another; what adds up to nothing is left out."""
    for variant, sums in cell.items():
        known = into.setdefault(variant, VariantSums())
        known.units += sums.units
        known.logs += sums.logs
        known.own += sums.own
        known.crossed += sums.crossed
        for epoch, count in sums.assigned.items():
            _count(known.assigned, epoch, count)
        for name, metric in sums.metrics.items():
            target = known.metrics.setdefault(name, MetricCell())
            merge_sums(target.sums, metric.sums)
            sketch.add(target.sketch, metric.sketch)
            if target == _NOTHING:
                del known.metrics[name]
        if known == _NOBODY:
            del into[variant]


def merge_sums(into: MetricSums, sums: MetricSums) -> None:
    """Add the sums of other units."""
    into.units += sums.units
    into.logs += sums.logs
    into.total += sums.total
    into.logs_logs += sums.logs_logs
    into.total_total += sums.total_total
    into.logs_total += sums.logs_total
    into.squares += sums.squares
    into.covariates += sums.covariates
    into.covariate += sums.covariate
    into.covariate_covariate += sums.covariate_covariate
    into.covariate_total += sums.covariate_total
    into.covariate_logs += sums.covariate_logs
    into.not_finite += sums.not_finite


_NO_VALUES: Final = UnitMetric()
_NO_LOGS: Final = UnitArm()
_NOTHING: Final = MetricCell()
_NOBODY: Final = VariantSums()


def _count(counts: dict[int, int], key: int, amount: int) -> None:
    left = counts.get(key, 0) + amount
    if left:
        counts[key] = left
    else:
        counts.pop(key, None)
