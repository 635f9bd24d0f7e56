"""Whether a variant is worse by more than a margin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.model.experiment import Goal, Guardrail
from chalicelib.domain.arms import Arm
from chalicelib.domain.statistics import (
    Effect,
    NonInferiority,
    always_valid,
    difference,
    non_inferiority,
)

ARMS = st.builds(Arm, st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 10**7))


def judged(
    control: float, treatment: float, guardrail: Guardrail, goal: Goal, variance: float = 1e-4
) -> str:
    arms = Arm(control, variance, 10_000), Arm(treatment, variance, 10_000)
    return non_inferiority(*arms, guardrail, goal, 0.05, 5000).verdict


@pytest.mark.parametrize(
    "control, goal, fine, bad",
    [
        (100.0, "max", (98.1, 100.0, 150.0), (97.9, 0.0, -100.0)),
        (100.0, "min", (101.9, 100.0, -100.0), (102.1, 150.0)),
        (-100.0, "max", (-101.9, -100.0, 100.0), (-102.1, -150.0)),
        (-100.0, "min", (-98.1, -100.0, -150.0), (-97.9, 100.0)),
    ],
)
@pytest.mark.parametrize("guardrail", [Guardrail(0.02), Guardrail(2.0, "absolute")])
def test_up_to_the_margin_a_variant_is_not_inferior(
    control: float,
    goal: Goal,
    fine: tuple[float, ...],
    bad: tuple[float, ...],
    guardrail: Guardrail,
) -> None:
    assert {judged(control, value, guardrail, goal) for value in fine} == {"non-inferior"}
    assert {judged(control, value, guardrail, goal) for value in bad} == {"inferior"}
    assert judged(control, fine[0], guardrail, goal, variance=1.0) == "undecided"
    assert judged(control, bad[0], guardrail, goal, variance=1.0) == "undecided"


@given(ARMS, ARMS, st.floats(0, 1e6), st.floats(1e-6, 0.5), st.integers(1, 10**8))
def test_an_absolute_margin_moves_the_headline_interval(
    control: Arm, treatment: Arm, margin: float, alpha: float, planned: int
) -> None:
    effect = difference(control, treatment)
    assert effect is not None
    interval = always_valid(effect, alpha, planned)
    assert interval is not None
    scale = abs(interval.low) + abs(interval.high) + margin
    both: list[tuple[Goal, float, float]] = [
        ("max", interval.low, interval.high),
        ("min", -interval.high, -interval.low),
    ]
    for goal, low, high in both:
        got = non_inferiority(
            control, treatment, Guardrail(margin, "absolute"), goal, alpha, planned
        )
        assert got.low == pytest.approx(low + margin, abs=1e-9 * scale)
        assert got.high == pytest.approx(high + margin, abs=1e-9 * scale)


def test_a_relative_margin_is_the_contrast_with_a_part_of_the_control() -> None:
    got = non_inferiority(Arm(10, 0.04, 100), Arm(9.9, 0.09, 50), Guardrail(0.1), "max", 0.05, 5000)
    contrast = always_valid(Effect(0.9, 0.09 + 0.81 * 0.04, 150), 0.05, 5000)
    assert contrast is not None
    assert got == ("undecided", *map(pytest.approx, (0.9, contrast.low, contrast.high)))


def test_of_nothing_a_relative_margin_is_nothing() -> None:
    assert judged(0.0, 1.0, Guardrail(0.5), "max") == "non-inferior"
    assert judged(0.0, -1.0, Guardrail(0.5), "max") == "inferior"


def test_without_variance_nothing_is_decided() -> None:
    control, treatment = Arm(1, 0, 5), Arm(3, 0, 5)
    got = non_inferiority(control, treatment, Guardrail(0.5), "max", 0.05, 5000)
    assert got == NonInferiority("undecided", 2.5, None, None)
