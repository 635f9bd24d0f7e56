"""What the arms of an experiment say about each other: published numbers, oracles, invariants."""

from __future__ import annotations

import math
from decimal import Decimal
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from chalicelib.core.model.experiment import Goal, Guardrail, MarginKind
from chalicelib.core.model.variant_sums import MetricSums
from chalicelib.domain.arms import Arm, arm
from chalicelib.domain.statistics import (
    Effect,
    always_valid,
    difference,
    mixture_rho,
    non_inferiority,
    normal_log_mixture,
    normal_mixture_boundary,
    posterior,
    relative_lift,
    welch,
)
from tests.unit.metric_sums_given import sums_of_values

ALPHAS = st.floats(1e-6, 0.5)
ARMS = st.builds(Arm, st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 10**7))
PLANNED = st.integers(1, 10**8)
ANY_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
ANY_ARM = st.builds(
    Arm, ANY_FLOAT, st.floats(0, allow_nan=False, allow_infinity=False), st.integers(2, 10**9)
)


def sums(total: str, squares: str, count: int) -> MetricSums:
    """Of units with one log each."""
    return MetricSums(
        units=count,
        logs=count,
        total=Decimal(total),
        logs_logs=count,
        total_total=Decimal(squares),
        logs_total=Decimal(total),
        squares=Decimal(squares),
    )


def test_the_difference_of_growthbook() -> None:
    control, treatment = (
        arm(sums("1396.87", "52377.9767", 3407)),
        arm(sums("2422.7", "134698.29", 3461)),
    )
    assert control is not None
    assert treatment is not None
    effect, got = difference(control, treatment), welch(control, treatment, 0.05)
    assert effect is not None
    assert got is not None
    assert round(effect.value, 5) == 0.29
    assert (round(got.low, 5), round(got.high, 5)) == (0.04538, 0.53462)
    assert round(got.p_value, 5) == 0.02016


def test_the_bayesian_answer_of_growthbook() -> None:
    # 49 of 100 against 51 of 100, with variances p (1 - p) / n, as a relative lift
    lift = relative_lift(Arm(0.49, 0.002499, 100), Arm(0.51, 0.002499, 100))
    assert lift is not None
    got = posterior(lift, "max")
    assert got is not None
    assert round(got.chance_to_beat, 5) == 0.60918
    assert (round(got.expected_loss_of_control, 5), round(got.expected_loss, 5)) == (
        0.0814,
        0.04058,
    )


def test_the_normal_mixture_of_confseq() -> None:
    rho = mixture_rho(100, 0.05)
    assert round(rho, 5) == 12.60056
    assert round(normal_mixture_boundary(100, rho, 0.05), 5) == 30.35209
    assert round(normal_log_mixture(10, 100, rho), 7) == -0.6510052


@given(ARMS, ARMS, ALPHAS, st.integers(500, 10**8))
def test_the_always_valid_interval_is_that_of_waudby_smith(
    control: Arm, treatment: Arm, alpha: float, planned: int
) -> None:
    effect = difference(control, treatment)
    assert effect is not None
    d, v, n = effect
    rho = math.sqrt((-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / planned)
    grown = n * rho**2 + 1
    half = math.sqrt(v * n) * math.sqrt(
        2 * grown / (n**2 * rho**2) * math.log(math.sqrt(grown) / alpha)
    )
    p = min(1, math.sqrt(grown) * math.exp(-(rho**2) * n * d**2 / v / (2 * grown)))
    got = always_valid(effect, alpha, planned)
    assert got is not None
    assert (got.low, got.high) == pytest.approx((d - half, d + half), abs=1e-9 * (abs(d) + half))
    assert got.p_value == pytest.approx(p, rel=1e-6, abs=1e-300)


@given(ARMS, ARMS, ALPHAS, PLANNED)
def test_zero_is_outside_just_when_the_p_value_is_below_alpha(
    control: Arm, treatment: Arm, alpha: float, planned: int
) -> None:
    effect = difference(control, treatment)
    assert effect is not None
    for got in (always_valid(effect, alpha, planned), welch(control, treatment, alpha)):
        assert got is not None
        assert 0 <= got.p_value <= 1
        if abs(got.p_value / alpha - 1) > 1e-6:
            assert (got.p_value < alpha) == (not got.low <= 0 <= got.high)


@given(ARMS, ARMS, ALPHAS, PLANNED)
def test_the_other_way_round_everything_is_mirrored(
    control: Arm, treatment: Arm, alpha: float, planned: int
) -> None:
    here, there = difference(control, treatment), difference(treatment, control)
    assert here is not None
    assert there is not None
    assert there.value == -here.value
    for one, other in (
        (always_valid(here, alpha, planned), always_valid(there, alpha, planned)),
        (welch(control, treatment, alpha), welch(treatment, control, alpha)),
    ):
        assert one is not None
        assert other is not None
        assert (other.low, other.high, other.p_value) == pytest.approx(
            (-one.high, -one.low, one.p_value), rel=1e-9, abs=1e-9 * (one.high - one.low)
        )
    more, less = posterior(here, "max"), posterior(there, "min")
    assert more == less


@given(ARMS, ARMS, ALPHAS, ALPHAS, PLANNED)
def test_more_confidence_is_a_wider_interval(
    control: Arm, treatment: Arm, alpha: float, other: float, planned: int
) -> None:
    effect = difference(control, treatment)
    assert effect is not None
    strict, lenient = sorted((alpha, other))
    sure, unsure = welch(control, treatment, strict), welch(control, treatment, lenient)
    assert sure is not None
    assert unsure is not None
    slack = 1e-9 * (abs(sure.low) + abs(sure.high))
    assert sure.low <= unsure.low + slack
    assert sure.high >= unsure.high - slack
    assert sure.p_value == unsure.p_value
    # the mixture's rho depends on alpha: a wider one for less alpha holds with that of either
    rho = mixture_rho(planned, alpha)
    assert normal_mixture_boundary(effect.units, rho, strict) >= normal_mixture_boundary(
        effect.units, rho, lenient
    )


def test_looking_any_time_costs_about_sixty_percent_of_width_at_ten_thousand_an_arm() -> None:
    control, treatment = Arm(5, 1e-4, 10_000), Arm(5.1, 1e-4, 10_000)
    effect = difference(control, treatment)
    assert effect is not None
    any_time, once = always_valid(effect, 0.05, 5000), welch(control, treatment, 0.05)
    assert any_time is not None
    assert once is not None
    assert (any_time.high - any_time.low) / (once.high - once.low) == pytest.approx(1.6, abs=0.01)


def test_few_planned_units_are_taken_for_five_hundred() -> None:
    effect = Effect(1.0, 0.01, 40)
    assert always_valid(effect, 0.05, 1) == always_valid(effect, 0.05, 500)
    assert always_valid(effect, 0.05, 501) != always_valid(effect, 0.05, 500)


@given(
    st.lists(st.decimals(-1000, 1000, places=2), min_size=2, max_size=30, unique=True),
    st.lists(st.decimals(-1000, 1000, places=2), min_size=2, max_size=30, unique=True),
)
def test_welch_is_that_of_scipy(ours: list[Decimal], theirs: list[Decimal]) -> None:
    control, treatment = arm(sums_of_values(ours)), arm(sums_of_values(theirs))
    assert control is not None
    assert treatment is not None
    got = welch(control, treatment, 0.05)
    ttest: Any = stats.ttest_ind  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] # it has no types
    expected = ttest(np.array(theirs, float), np.array(ours, float), equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert got is not None
    assert got.degrees_of_freedom == pytest.approx(float(expected.df), rel=1e-6)
    assert got.p_value == pytest.approx(float(expected.pvalue), rel=1e-6)
    assert (got.low, got.high) == pytest.approx(
        (float(interval.low), float(interval.high)), rel=1e-6, abs=1e-6
    )


def test_welch_has_the_degrees_of_an_arm_when_the_other_does_not_vary() -> None:
    got = welch(Arm(1, 0, 5), Arm(2, 0.25, 8), 0.05)
    assert got is not None
    assert got.degrees_of_freedom == 7
    assert got.p_value == pytest.approx(2 * float(special.stdtr(7, -2)), rel=1e-9)


def test_a_lift_by_hand() -> None:
    lift = relative_lift(Arm(10, 0.04, 100), Arm(12, 0.09, 50))
    assert lift == pytest.approx((0.2, 0.09 / 100 + 0.04 * 144 / 10_000, 150))


def test_a_rise_is_a_positive_lift_of_a_negative_mean_too() -> None:
    lift = relative_lift(Arm(-10, 0.04, 100), Arm(-12, 0.09, 50))
    assert lift == pytest.approx((-0.2, 0.09 / 100 + 0.04 * 144 / 10_000, 150))


def test_there_is_no_lift_on_nothing() -> None:
    assert relative_lift(Arm(0, 1, 9), Arm(1, 1, 9)) is None
    assert relative_lift(Arm(5e-324, 1, 9), Arm(1, 1, 9)) is None


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_the_losses_differ_by_the_effect(value: float, variance: float) -> None:
    more, less = (posterior(Effect(value, variance, 10), goal) for goal in ("max", "min"))
    assert more is not None
    assert less is not None
    scale = abs(value) + math.sqrt(variance)
    assert more.expected_loss_of_control - more.expected_loss == pytest.approx(
        value, abs=1e-12 * scale
    )
    assert (less.expected_loss, less.expected_loss_of_control) == (
        more.expected_loss_of_control,
        more.expected_loss,
    )
    assert less.chance_to_beat == pytest.approx(1 - more.chance_to_beat, abs=1e-12)


@pytest.mark.parametrize("z", [-30.0, -6.0, -1.0, 0.0, 0.3, 2.0, 6.0, 20.0])
def test_chance_and_losses_are_the_integrals_they_stand_for(z: float) -> None:
    got = posterior(Effect(3 * z, 9.0, 10), "max")
    x = np.linspace(-12, 12, 200_001)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi) * (x[1] - x[0])
    values = 3 * (z + x)
    assert got is not None
    assert got.chance_to_beat == pytest.approx(NormalDist().cdf(z), abs=1e-12)
    assert got.expected_loss == pytest.approx(
        float(np.maximum(-values, 0) @ density), rel=1e-6, abs=1e-25
    )


def test_without_variance_there_is_only_the_difference() -> None:
    control, treatment = Arm(1, 0, 5), Arm(3, 0, 5)
    assert difference(control, treatment) == Effect(2, 0, 10)
    assert always_valid(Effect(2, 0, 10), 0.05, 5000) is None
    assert welch(control, treatment, 0.05) is None
    assert posterior(Effect(2, 0, 10), "max") is None


@given(
    ANY_ARM,
    ANY_ARM,
    st.floats(1e-9, 0.999),
    PLANNED,
    st.floats(0, 1e300),
    st.sampled_from(["relative", "absolute"]),
    st.sampled_from(["max", "min"]),
)
def test_no_finite_arms_give_an_error_or_a_number_that_is_none(
    control: Arm,
    treatment: Arm,
    alpha: float,
    planned: int,
    margin: float,
    kind: MarginKind,
    goal: Goal,
) -> None:
    results: list[tuple[object, ...] | None] = [
        welch(control, treatment, alpha),
        non_inferiority(control, treatment, Guardrail(margin, kind), goal, alpha, planned),
    ]
    for effect in (difference(control, treatment), relative_lift(control, treatment)):
        if effect is not None:
            results += [effect, always_valid(effect, alpha, planned), posterior(effect, goal)]
    numbers = [x for result in results if result for x in result if isinstance(x, float)]
    assert all(map(math.isfinite, numbers))
