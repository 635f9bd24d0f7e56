"""From an arm's sums to its mean and the variance of that mean.

All of it is exact, in fractions, until the results become floats: sums of squares are large numbers
of which little is left (NIST's NumAcc4). Cost: some 50 µs an arm.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from chalicelib.core.model.variant_sums import MetricSums

_ROOT: Final = Context(prec=40)


class Arm(NamedTuple):
    """A variant's mean per log, the variance of that mean (not of the values), and its units."""

    mean: float
    variance: float
    units: int


class Adjusted(NamedTuple):
    """Both arms with a covariate's part taken out."""

    control: Arm
    treatment: Arm
    theta: float
    """How much the mean per log changes with the covariate."""
    variance_reduction: float
    """Of the variance of the difference, the share that is gone; below 0 when it grew."""


class _Residuals(NamedTuple):
    """Sums over the units of Z_i = (S_i - R N_i) / N̄, what a unit is off the mean per log R.

    Z add up to 0, so that no mean has to be taken off.
    """

    ratio: Fraction
    mean_covariate: Fraction
    zz: Fraction
    """ΣZ²"""
    xz: Fraction
    """Σ(X - X̄)Z"""
    xx: Fraction
    """Σ(X - X̄)²"""
    units: int

    def variance(self, theta: Fraction) -> Fraction:
        """Of the mean per log, after theta times the covariate was taken off every unit."""
        squares = self.zz - 2 * theta * self.xz + theta**2 * self.xx
        return max(squares, Fraction(0)) / (self.units * (self.units - 1))


def _residuals(sums: MetricSums) -> _Residuals | None:
    if sums.units < 2 or sums.logs < 1:
        return None
    ratio = Fraction(sums.total) / sums.logs
    mean_logs = Fraction(sums.logs, sums.units)
    mean_covariate = Fraction(sums.covariate) / sums.units
    squares = (
        Fraction(sums.total_total)
        - 2 * ratio * Fraction(sums.logs_total)
        + ratio**2 * sums.logs_logs
    )
    products = Fraction(sums.covariate_total) - ratio * Fraction(sums.covariate_logs)
    return _Residuals(
        ratio,
        mean_covariate,
        squares / mean_logs**2,
        products / mean_logs,
        Fraction(sums.covariate_covariate) - mean_covariate**2 * sums.units,
        sums.units,
    )


def _float(exact: Fraction) -> float:
    """Infinity stands for what is too large."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf


def _rounded(mean: Fraction, variance: Fraction, units: int) -> Arm | None:
    rounded = Arm(_float(mean), _float(variance), units)
    return rounded if math.isfinite(rounded.mean) and math.isfinite(rounded.variance) else None


def arm(sums: MetricSums) -> Arm | None:
    """The mean per log R = ΣS / ΣN, with its variance over units by the delta method.

    A. Deng, U. Knoblich, J. Lu, "Applying the Delta Method in Metric Analytics", KDD 2018:
    (s_SS - 2R s_NS + R² s_NN) / (K N̄²), with sample covariances; which is ΣZ² / (K (K - 1)), and
    with one log a unit the sample variance over K. None with less than 2 units, or when a result is
    too large for a float.
    """
    residuals = _residuals(sums)
    return residuals and _rounded(residuals.ratio, residuals.variance(Fraction(0)), sums.units)


def log_sd(sums: MetricSums) -> float | None:
    """The sample standard deviation of the values, over logs; None with less than 2."""
    if sums.logs < 2:
        return None
    squares = Fraction(sums.squares) - Fraction(sums.total) ** 2 / sums.logs
    variance = max(squares, Fraction(0)) / (sums.logs - 1)
    # the root is a float where the variance need not be one
    root = _ROOT.sqrt(_ROOT.divide(Decimal(variance.numerator), Decimal(variance.denominator)))
    return float(root) if math.isfinite(root) else None


def effective_units(sums: MetricSums) -> int:
    """(ΣN)² / ΣN², rounded down: how many logs of their own tell as much as these, if all logs of
    a unit were alike (L. Kish, Survey Sampling, 1965); K when units have equally many."""
    return sums.logs**2 // sums.logs_logs if sums.logs_logs else 0


def cuped(control: MetricSums, treatment: MetricSums) -> Adjusted | None:
    """Both arms as if their units had the same mean covariate.

    A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the Sensitivity of Online Controlled
    Experiments by Utilizing Pre-Experiment Data", WSDM 2013, equation 4, on Z for Y; units without
    a covariate have 0. θ = cov / var within the arms, pooled, so that the effect is not
    taken for one of the covariate. A mean is adjusted to the covariate's over both arms, which the
    variances leave out: it has no part in the difference, and next to none in the relative lift.
    None without covariates, when they or the values are all alike in each arm, or less than 2 units
    in one.
    """
    c, t = _residuals(control), _residuals(treatment)
    if c is None or t is None or c.xx + t.xx <= 0 or c.zz + t.zz <= 0:
        return None
    theta = (c.xz + t.xz) / (c.xx + t.xx)
    covariate = Fraction(control.covariate) + Fraction(treatment.covariate)
    centre = covariate / (c.units + t.units)
    arms = [
        _rounded(one.ratio - theta * (one.mean_covariate - centre), one.variance(theta), one.units)
        for one in (c, t)
    ]
    left = (c.variance(theta) + t.variance(theta)) / (
        c.variance(Fraction(0)) + t.variance(Fraction(0))
    )
    slope, reduction = _float(theta), _float(1 - left)
    if arms[0] is None or arms[1] is None or not math.isfinite(slope + reduction):
        return None
    return Adjusted(arms[0], arms[1], slope, reduction)
