"""Sums of a metric, added up unit by unit and exactly."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Sequence
from dataclasses import fields
from decimal import Decimal

from chalicelib.core.model.variant_sums import MetricSums

EXACT = decimal.Context(
    prec=5000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[decimal.Inexact]
)


def sums_of(
    units: Iterable[Sequence[Decimal]], covariates: Sequence[Decimal | None] | None = None
) -> MetricSums:
    """Of units with their values, and their covariates in the same order."""
    sums = MetricSums()
    with decimal.localcontext(EXACT):
        for at, values in enumerate(units):
            count, total = len(values), sum(values, Decimal(0))
            sums.units += 1
            sums.logs += count
            sums.total += total
            sums.logs_logs += count * count
            sums.total_total += total * total
            sums.logs_total += count * total
            sums.squares += sum((value * value for value in values), Decimal(0))
            covariate = covariates[at] if covariates else None
            if covariate is not None:
                sums.covariates += 1
                sums.covariate += covariate
                sums.covariate_covariate += covariate * covariate
                sums.covariate_total += covariate * total
                sums.covariate_logs += covariate * count
    return sums


def sums_of_values(values: Iterable[Decimal]) -> MetricSums:
    """Of units with one log each."""
    return sums_of([value] for value in values)


def added(one: MetricSums, other: MetricSums) -> MetricSums:
    with decimal.localcontext(EXACT):
        return MetricSums(
            **{
                field.name: getattr(one, field.name) + getattr(other, field.name)
                for field in fields(MetricSums)
            }
        )
