"""What the arms of an A/B experiment say about each other.

Where the data are too few the answer is None, or None in a field; nothing raises, and no result is
NaN or infinite. `alpha` is two-sided, between 0 and 1; `planned_units`, of both arms together, is
at least 1 and fixed when the experiment starts.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final, Literal, NamedTuple, TypeAlias

from chalicelib.core.model.experiment import Goal, Guardrail
from chalicelib.domain.arms import Arm
from chalicelib.domain.special_functions import (
    normal_cdf,
    regularized_beta,
    student_t_two_sided_p,
    student_t_two_sided_quantile,
)

Verdict: TypeAlias = Literal["non-inferior", "inferior", "undecided"]
_NORMAL: Final = NormalDist()
_LEAST_PLANNED: Final = 500
"""With fewer the boundary is tight where the variance is still a guess: looking after every unit,
from 2 an arm on, is wrong in 4 % of A/A tests with 500, in 7 % with 200, in 15 % with 20 (alpha is
5 %)."""


class Effect(NamedTuple):
    """An estimate about two arms, its variance, and the units of both together."""

    value: float
    variance: float
    units: int


class AlwaysValid(NamedTuple):
    """An interval and a p-value that hold however often somebody looks, and stops, at them."""

    low: float
    high: float
    p_value: float


class Welch(NamedTuple):
    """An interval and a p-value that hold for one look, at the planned number of units."""

    low: float
    high: float
    p_value: float
    degrees_of_freedom: float


class Posterior(NamedTuple):
    """What to expect of the treatment, and of staying with the control."""

    chance_to_beat: float
    """That the treatment is better."""
    expected_loss: float
    """Of taking the treatment, in the effect's unit: 0 where it is better, else by how much not."""
    expected_loss_of_control: float


class NonInferiority(NamedTuple):
    """Room is what is left of the margin: negative when the treatment is worse by more than it."""

    verdict: Verdict
    room: float | None
    low: float | None
    """The always-valid interval of the room: above 0 is non-inferior."""
    high: float | None


class Ranks(NamedTuple):
    """From 1 for the least value; None where no value bounds the quantile."""

    low: int | None
    high: int | None


def _effect(value: float, variance: float, units: int) -> Effect | None:
    finite = math.isfinite(value) and math.isfinite(variance)
    return Effect(value, variance, units) if finite else None


def difference(control: Arm, treatment: Arm) -> Effect | None:
    """By how much the treatment's mean is above the control's; the arms are independent."""
    return _effect(
        treatment.mean - control.mean,
        treatment.variance + control.variance,
        treatment.units + control.units,
    )


def relative_lift(control: Arm, treatment: Arm) -> Effect | None:
    """The difference in parts of |control's mean|, so that a rise is positive whatever the sign.

    A. Deng, U. Knoblich, J. Lu, "Applying the Delta Method in Metric Analytics", KDD 2018:
    (v_T + v_C (m_T / m_C)²) / m_C². First order, and so of little use while 0 is in the control's
    own interval. None when the control's mean is 0.
    """
    if control.mean == 0:
        return None
    ratio = treatment.mean / control.mean
    variance = treatment.variance + control.variance * ratio * ratio
    return _effect(
        (treatment.mean - control.mean) / abs(control.mean),
        variance / abs(control.mean) / abs(control.mean),
        treatment.units + control.units,
    )


def mixture_rho(v: float, alpha: float) -> float:
    """The rho of the normal mixture whose boundary is about the tightest at intrinsic time v.

    S. R. Howard et al., "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann.
    Stat. 49(2), 2021, as `best_rho` in their package confseq. It is 1 / ρ² of Waudby-Smith et al.
    """
    evidence = -2 * math.log(alpha)
    return v / (evidence + math.log1p(evidence))


def normal_log_mixture(s: float, v: float, rho: float) -> float:
    """The logarithm of the mixture martingale at the sum s and intrinsic time v (Howard et al.)."""
    return 0.5 * (math.log(rho / (v + rho)) + s * s / (v + rho))


def normal_mixture_boundary(v: float, rho: float, alpha: float) -> float:
    """The |s| that is reached at any time with probability alpha at most, where the mixture is
    1 / alpha."""
    return math.sqrt((v + rho) * (math.log((v + rho) / rho) - 2 * math.log(alpha)))


def always_valid(effect: Effect, alpha: float, planned_units: int) -> AlwaysValid | None:
    """The asymptotic confidence sequence, tightest about `planned_units`, and its p-value for 0.

    I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, "Time-uniform central limit
    theory and asymptotic confidence sequences", Ann. Stat. 52(6), 2024 (arXiv 2103.06476),
    with N units as time and N times the variance as that of a unit. The p-value is at most alpha
    just when 0 is not inside. None at zero variance.
    """
    if effect.variance <= 0:
        return None
    se, n = math.sqrt(effect.variance), effect.units
    rho = mixture_rho(max(planned_units, _LEAST_PLANNED), alpha)
    half = se * normal_mixture_boundary(n, rho, alpha) / math.sqrt(n)
    evidence = normal_log_mixture(effect.value / se * math.sqrt(n), n, rho)
    p_value = min(math.exp(-evidence), 1.0)
    return AlwaysValid(effect.value - half, effect.value + half, p_value)


def welch(control: Arm, treatment: Arm, alpha: float) -> Welch | None:
    """The t interval of the difference and its p-value for 0, with unequal variances.

    B. L. Welch, "The generalization of Student's problem when several different population
    variances are involved", Biometrika 34, 1947. None at zero variance.
    """
    effect = difference(control, treatment)
    if effect is None or effect.variance <= 0 or min(control.units, treatment.units) < 2:
        return None
    share = treatment.variance / effect.variance
    df = 1 / (share**2 / (treatment.units - 1) + (1 - share) ** 2 / (control.units - 1))
    se = math.sqrt(effect.variance)
    half = se * student_t_two_sided_quantile(alpha, df)
    p_value = student_t_two_sided_p(effect.value / se, df)
    return Welch(effect.value - half, effect.value + half, p_value, df)


def posterior(effect: Effect, goal: Goal) -> Posterior | None:
    """With a flat prior, so that the effect is N(value, variance): P(effect > 0), E max(-effect, 0)
    and E max(effect, 0); the other way round when less is better.

    C. Stucchio, "Bayesian A/B Testing at VWO", 2015, with a normal posterior. Not always-valid.
    None at zero variance.
    """
    if effect.variance <= 0:
        return None
    sd, better = math.sqrt(effect.variance), effect.value if goal == "max" else -effect.value
    return Posterior(normal_cdf(better / sd), _shortfall(better, sd), _shortfall(-better, sd))


def _shortfall(mean: float, sd: float) -> float:
    """E max(-X, 0) of X ~ N(mean, sd²): sd φ(z) - mean Φ(-z) with z = mean / sd."""
    z = mean / sd
    if abs(z) > 38:  # beyond, φ is less than the least float, and z may be infinite
        return max(-mean, 0.0)
    return max(sd * (_NORMAL.pdf(z) - z * normal_cdf(-z)), 0.0)


def non_inferiority(
    control: Arm,
    treatment: Arm,
    guardrail: Guardrail,
    goal: Goal,
    alpha: float,
    planned_units: int,
) -> NonInferiority:
    """Whether the treatment is worse by more than the margin, however often somebody looks.

    The room is ±(m_T - m_C) + margin, and with a margin relative to |m_C| a linear contrast of the
    means: m_T - (1 - margin) m_C for a positive m_C of which more is better. So nothing is divided
    (D. Hauschke, M. Kieser et al., "Sample size determination for proving equivalence based on the
    ratio of two means", Stat. Med. 18, 1999). The sign of m_C is taken as seen.
    """
    sign = 1.0 if goal == "max" else -1.0
    weight, constant = sign, guardrail.margin
    if guardrail.kind == "relative":
        # 0 has no sign: at a mean of 0 the margin is 0
        towards = math.copysign(guardrail.margin, control.mean) if control.mean else 0.0
        weight, constant = sign - towards, 0.0
    room = _effect(
        sign * treatment.mean - weight * control.mean + constant,
        treatment.variance + weight * weight * control.variance,
        treatment.units + control.units,
    )
    interval = room and always_valid(room, alpha, planned_units)
    if room is None or interval is None:
        return NonInferiority("undecided", room and room.value, None, None)
    verdict: Verdict = "undecided"
    if interval.low > 0 or interval.high < 0:
        verdict = "non-inferior" if interval.low > 0 else "inferior"
    return NonInferiority(verdict, room.value, interval.low, interval.high)


@lru_cache(4096)
def quantile_ranks(n: int, q: float, alpha: float) -> Ranks | None:
    """Which of n ordered values bound the q-quantile, 0 < q < 1, with confidence 1 - alpha.

    H. A. David, H. N. Nagaraja, Order Statistics, 3rd edition, 7.1: how many values are below the
    quantile is binomial. Where units log often, n is their number (`effective_units`), not that of
    logs, and (rank - 1) / (n - 1) the level to ask the values for: as if all logs of a unit were
    alike, and so rather too wide than too narrow. None with n < 2.
    """
    if n < 2:
        return None
    below, above = _rank_below(n, q, alpha / 2), _rank_below(n, 1 - q, alpha / 2)
    return Ranks(below or None, n + 1 - above if above else None)


def _rank_below(n: int, q: float, tail: float) -> int:
    """The greatest rank that is above the q-quantile with probability `tail` at most, or 0."""
    variance = n * q * (1 - q)
    if variance > 1000:
        # a rank less than the normal approximation makes up for what it leaves out, skewness first
        return math.floor(n * q + _NORMAL.inv_cdf(tail) * math.sqrt(variance)) - 1
    low, high = 0, n
    while low < high:
        rank = (low + high + 1) // 2
        # P(B <= rank - 1) for B binomial: Abramowitz and Stegun 26.5.24
        if regularized_beta(n - rank + 1, rank, 1 - q, q) <= tail:
            low = rank
        else:
            high = rank - 1
    return low
