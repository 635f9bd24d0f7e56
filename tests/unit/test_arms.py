"""From sums to means: exact, over units, and less a covariate."""

from __future__ import annotations

import statistics
from decimal import Decimal
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.model.variant_sums import MetricSums
from chalicelib.domain.arms import Arm, arm, cuped, effective_units, log_sd
from chalicelib.domain.statistics import difference
from tests.unit.metric_sums_given import added, sums_of, sums_of_values

VALUES = st.decimals(-1000, 1000, places=3)
UNITS = st.lists(st.lists(VALUES, min_size=1, max_size=5), min_size=2, max_size=12)


def decimals(*values: str) -> list[Decimal]:
    return [Decimal(value) for value in values]


@pytest.mark.parametrize(
    "values, mean, sd",
    [
        (decimals("10000001", "10000003", "10000002"), 10000002.0, 1.0),
        (decimals("1.2", *["1.1", "1.3"] * 500), 1.2, 0.1),
        (decimals("1000000.2", *["1000000.1", "1000000.3"] * 500), 1000000.2, 0.1),
        (decimals("10000000.2", *["10000000.1", "10000000.3"] * 500), 10000000.2, 0.1),
    ],
    ids=["NumAcc1", "NumAcc2", "NumAcc3", "NumAcc4"],
)
def test_nist_certified_values_are_met_exactly(
    values: list[Decimal], mean: float, sd: float
) -> None:
    sums = sums_of_values(values)
    got = arm(sums)
    assert log_sd(sums) == sd
    assert got is not None
    assert got.mean == mean
    assert got.variance == pytest.approx(sd**2 / len(values), rel=1e-15)


@given(st.lists(VALUES, min_size=2, max_size=20))
def test_with_a_log_a_unit_the_variance_is_the_sample_variance_over_units(
    values: list[Decimal],
) -> None:
    exact = [Fraction(value) for value in values]
    count = len(values)
    assert arm(sums_of_values(values)) == Arm(
        float(sum(exact) / count), float(statistics.variance(exact) / count), count
    )


@given(UNITS)
def test_the_variance_is_that_of_the_delta_method(units: list[list[Decimal]]) -> None:
    count = len(units)
    n = [Fraction(len(values)) for values in units]
    s = [sum(map(Fraction, values), Fraction(0)) for values in units]
    mean_n, mean_s = statistics.mean(n), statistics.mean(s)
    ratio = mean_s / mean_n

    def covariance(a: list[Fraction], b: list[Fraction]) -> Fraction:
        mean_a, mean_b = statistics.mean(a), statistics.mean(b)
        products = ((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
        return sum(products, Fraction(0)) / (count - 1)

    variance = (covariance(s, s) - 2 * ratio * covariance(n, s) + ratio**2 * covariance(n, n)) / (
        count * mean_n**2
    )
    assert arm(sums_of(units)) == Arm(float(ratio), float(variance), count)


@given(UNITS, UNITS, st.randoms(use_true_random=False))
def test_neither_order_nor_the_days_of_units_matter(
    units: list[list[Decimal]], others: list[list[Decimal]], chance: Random
) -> None:
    together = [*units, *others]
    chance.shuffle(together)
    merged, sums = added(sums_of(units), sums_of(others)), sums_of(together)
    assert arm(merged) == arm(sums)
    assert log_sd(merged) == log_sd(sums)


@given(UNITS, st.integers(-(10**12), 10**12))
def test_a_constant_on_every_value_changes_no_variance(
    units: list[list[Decimal]], constant: int
) -> None:
    plain, shifted = (
        arm(sums_of(units)),
        arm(sums_of([[value + constant for value in values] for values in units])),
    )
    assert plain is not None
    assert shifted is not None
    assert shifted.variance == plain.variance


def test_a_unit_is_no_arm() -> None:
    assert arm(MetricSums()) is None
    assert arm(sums_of([decimals("1", "2", "3")])) is None
    assert log_sd(MetricSums()) is None
    assert log_sd(sums_of_values(decimals("1"))) is None


def test_values_that_are_alike_have_no_variance() -> None:
    sums = sums_of([decimals("0.1", "0.1"), decimals("0.1"), decimals("0.1", "0.1", "0.1")])
    assert arm(sums) == Arm(0.1, 0.0, 3)
    assert log_sd(sums) == 0


def test_what_is_too_large_for_a_float_is_no_number() -> None:
    sums = sums_of_values(decimals("1e200", "-1e200", "3e200"))
    assert arm(sums) is None
    assert log_sd(sums) == pytest.approx(2e200)
    assert log_sd(sums_of_values(decimals("1.7e308", "-1.7e308"))) is None
    assert cuped(sums, sums) is None
    steep = sums_of([[Decimal(n) * 10**100] for n in (1, 2)], decimals("1e-300", "2e-300"))
    assert cuped(steep, steep) is None
    tiny = sums_of_values(decimals("1e-200", "-1e-200", "3e-200"))
    assert arm(tiny) == Arm(1e-200, 0.0, 3)
    assert log_sd(tiny) == pytest.approx(2e-200)


def test_units_with_equally_many_logs_count_in_full() -> None:
    assert effective_units(sums_of([decimals("1", "2")] * 7)) == 7
    assert effective_units(MetricSums()) == 0


def test_a_unit_with_most_of_the_logs_leaves_little_of_the_others() -> None:
    units = [decimals("1")] * 100 + [decimals("1") * 900]
    assert effective_units(sums_of(units)) == 1000**2 // (100 + 900**2) == 1


def experiment(seed: int, logs: int) -> tuple[list[list[Decimal]], list[Decimal]]:
    """40 units of about `logs` logs, and a covariate that foretells some of their values."""
    chance = np.random.default_rng(seed)
    covariates = chance.normal(50, 10, 40).round(3)
    units = [
        (0.5 * x + chance.normal(0, 4, 1 + chance.poisson(logs - 1))).round(3) for x in covariates
    ]
    return (
        [[Decimal(str(value)) for value in values.tolist()] for values in units],
        [Decimal(str(x)) for x in covariates.tolist()],
    )


def test_cuped_is_the_regression_on_arm_and_covariate() -> None:
    (control, x_c), (treatment, x_t) = experiment(1, logs=1), experiment(2, logs=1)
    adjusted = cuped(sums_of(control, x_c), sums_of(treatment, x_t))
    y = np.array([float(v) for values in [*control, *treatment] for v in values])
    x = np.array([float(v) for v in [*x_c, *x_t]])
    in_treatment = np.repeat([0.0, 1.0], 40)
    _, effect, theta = np.linalg.lstsq(np.column_stack([np.ones(80), in_treatment, x]), y)[0]
    assert adjusted is not None
    assert adjusted.theta == pytest.approx(theta, rel=1e-10)
    left = y - adjusted.theta * x
    assert adjusted.control == pytest.approx(
        (left[:40].mean() + theta * x.mean(), left[:40].var(ddof=1) / 40, 40), rel=1e-10
    )
    got = difference(adjusted.control, adjusted.treatment)
    assert got is not None
    assert got.value == pytest.approx(effect, rel=1e-10)
    assert got.variance == pytest.approx(
        (left[:40].var(ddof=1) + left[40:].var(ddof=1)) / 40, rel=1e-10
    )
    unadjusted = (y[:40].var(ddof=1) + y[40:].var(ddof=1)) / 40
    assert adjusted.variance_reduction == pytest.approx(1 - got.variance / unadjusted, rel=1e-10)
    assert adjusted.variance_reduction > 0.4


def test_cuped_adjusts_a_mean_per_log_unit_by_unit() -> None:
    (control, x_c), (treatment, x_t) = experiment(3, logs=4), experiment(4, logs=4)
    x_t[5:8] = [Decimal(0)] * 3
    without: list[Decimal | None] = [*x_t]
    without[5:8] = [None] * 3
    sums_c, sums_t = sums_of(control, x_c), sums_of(treatment, x_t)
    adjusted = cuped(sums_c, sums_t)
    assert adjusted is not None
    assert cuped(sums_c, sums_of(treatment, without)) == adjusted

    def off_the_mean(units: list[list[Decimal]]) -> np.ndarray:
        s = np.array([float(sum(values)) for values in units])
        n = np.array([len(values) for values in units])
        return (s - s.sum() / n.sum() * n) / n.mean()

    z_c, z_t = off_the_mean(control), off_the_mean(treatment)
    c, t = np.array([float(x) for x in x_c]), np.array([float(x) for x in x_t])
    within = np.concatenate([c - c.mean(), t - t.mean()])
    theta = (within @ np.concatenate([z_c, z_t])) / (within @ within)
    assert adjusted.theta == pytest.approx(theta, rel=1e-10)
    assert adjusted.control.variance == pytest.approx((z_c - theta * c).var(ddof=1) / 40, rel=1e-9)
    assert adjusted.treatment.variance == pytest.approx(
        (z_t - theta * t).var(ddof=1) / 40, rel=1e-9
    )
    plain_c, plain_t = arm(sums_c), arm(sums_t)
    assert plain_c is not None
    assert plain_t is not None
    assert adjusted.treatment.mean - adjusted.control.mean == pytest.approx(
        plain_t.mean - plain_c.mean - theta * (t.mean() - c.mean()), rel=1e-9
    )


def test_a_covariate_that_says_all_leaves_no_variance() -> None:
    values = decimals("1", "2", "4", "8")
    one, other = (sums_of([[v + more] for v in values], values) for more in (0, 3))
    adjusted = cuped(one, other)
    assert adjusted is not None
    assert adjusted == (Arm(3.75, 0.0, 4), Arm(6.75, 0.0, 4), 1.0, 1.0)


def test_a_covariate_far_from_zero_loses_nothing() -> None:
    (control, x_c), (treatment, x_t) = experiment(5, logs=2), experiment(6, logs=2)
    near = cuped(sums_of(control, x_c), sums_of(treatment, x_t))
    far = cuped(
        sums_of(control, [x + 10**14 for x in x_c]), sums_of(treatment, [x + 10**14 for x in x_t])
    )
    assert near is not None
    assert far == near


def test_without_a_covariate_nothing_is_adjusted() -> None:
    values = [[value] for value in decimals("1", "2", "4")]
    plain, alike = sums_of(values), sums_of(values, decimals("5", "5", "5"))
    some = sums_of(values, decimals("5", "6", "7"))
    assert cuped(plain, plain) is None
    assert cuped(alike, alike) is None
    assert cuped(some, MetricSums()) is None
    assert cuped(some, sums_of(values[:1], decimals("5"))) is None
    constant = sums_of([decimals("1")] * 3, decimals("5", "6", "7"))
    assert cuped(constant, constant) is None
    assert cuped(plain, some) is not None
