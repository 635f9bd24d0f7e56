"""Beta, gamma, t and chi-square, with the standard library: accurate to about 1e-13, relative.

Continued fractions are summed by Lentz's method as modified by Thompson and Barnett (Press et al.,
Numerical Recipes, 3rd edition, 5.2). None of the functions raises or gives NaN inside its domain;
what is too small for a float is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Final

_LOG_2_PI: Final = math.log(2 * math.pi)
_EPSILON: Final = 2.0**-53
_TINY: Final = 1e-300
_MOST_TERMS: Final = 1_000_000
"""Nothing comes near with arguments up to 1e10; it bounds the time of any others."""
_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def stirling_remainder(x: float) -> float:
    """ln Γ(x) - ((x - ½) ln x - x + ½ ln 2π), for x > 0: DLMF 5.11.1 from 10 on.

    Where large ln Γ cancel out, what is left are these: differences of lgamma would lose it.
    """
    if x < 10:
        return math.lgamma(x) - ((x - 0.5) * math.log(x) - x + 0.5 * _LOG_2_PI)
    result = 0.0
    for coefficient in reversed(_STIRLING):
        result = result / (x * x) + coefficient
    return result / x


def _continued_fraction(first: float, terms: Iterator[tuple[float, float]]) -> float:
    """first + α₁ / (β₁ + α₂ / (β₂ + ...)), given the pairs (α, β)."""
    result = c = first or _TINY
    d = 0.0
    for alpha, beta in terms:
        d = 1 / (beta + alpha * d or _TINY)
        c = beta + alpha / c or _TINY
        result *= c * d
        if abs(c * d - 1) <= _EPSILON:
            break
    return result


def _log_quotient(value: float, other: float, difference: float) -> float:
    """ln(value / other), given value - other, which rounding may have taken from them."""
    change = difference / other
    if abs(change) < 0.5:
        return math.log1p(change)
    quotient = value / other
    return math.log(quotient) if 0 < quotient < math.inf else math.log(value) - math.log(other)


def _beta_front(a: float, b: float, x: float, y: float) -> float:
    """x^a y^b / B(a, b), for 0 < x < 1 and y = 1 - x.

    By its distance from the greatest value, which is at x = a / (a + b), and Stirling's formula
    (DiDonato and Morris, ACM TOMS 18(3), 1992, "brcomp"): no large logarithms are subtracted.
    """
    total = a + b
    off = _below_mean(a, b, x, y) / total
    exponent = a * _log_quotient(x, a / total, -off) + b * _log_quotient(y, b / total, off)
    remainder = stirling_remainder(a) + stirling_remainder(b) - stirling_remainder(total)
    return math.exp(exponent - remainder) * math.sqrt(a / total * b / (2 * math.pi))


def _below_mean(a: float, b: float, x: float, y: float) -> float:
    """a - (a + b) x, from the smaller of x and y."""
    return a - (a + b) * x if x <= y else (a + b) * y - b


def _beta_fraction(a: float, b: float, x: float, y: float) -> float:
    """I_x(a, b) / (x^a y^b / B(a, b)), quickly for x up to about a / (a + b).

    DiDonato and Morris 1992, "bfrac".
    """
    gap = _below_mean(a, b, x, y) + 1

    def terms() -> Iterator[tuple[float, float]]:
        for n in range(1, _MOST_TERMS):
            step = n * (b - n) * x / (a + 2 * n - 1)
            alpha = (a + n - 1) / (a + 2 * n - 1) * (a + b + n - 1) * x * step
            yield alpha, n + step + (a + n) / (a + 2 * n + 1) * (gap + n * (1 + y))

    return 1 / _continued_fraction(a / (a + 1) * gap, terms())


def regularized_beta(a: float, b: float, x: float, y: float) -> float:
    """I_x(a, b), the integral of the beta density from 0 to x; a, b > 0 and 0 <= x <= 1.

    y is 1 - x, asked for because a caller may know it better than the difference does. Cost: some
    10 terms of 0.5 µs, 50 about the mean; √min(a, b) of them when both are large.
    """
    if x <= 0 or y <= 0:
        return 0.0 if x <= 0 else 1.0
    front = _beta_front(a, b, x, y)
    if x * (a + b + 2) <= a + 1:
        return min(front * _beta_fraction(a, b, x, y), 1.0)
    return max(1 - front * _beta_fraction(b, a, y, x), 0.0)


def regularized_upper_gamma(a: float, x: float) -> float:
    """Q(a, x), the integral of the gamma density from x to infinity; a > 0 and x >= 0.

    The series of DLMF 8.7.1 below a + 1, above it the continued fraction of Numerical
    Recipes, 6.2. Cost: some √a terms about a, a few elsewhere.
    """
    if x <= 0 or x == math.inf:
        return 1.0 if x <= 0 else 0.0
    # x^a e^-x / Γ(a), again by the distance from the greatest value
    exponent = a * _log_quotient(x, a, x - a) + a - x
    front = math.exp(exponent - stirling_remainder(a)) * math.sqrt(a / (2 * math.pi))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _MOST_TERMS):
            term *= x / (a + n)
            total += term
            if term <= total * _EPSILON:
                break
        return max(1 - front * total, 0.0)
    terms = ((-n * (n - a), x - a + 1 + 2 * n) for n in range(1, _MOST_TERMS))
    return min(front / _continued_fraction(x - a + 1, terms), 1.0)


def normal_cdf(z: float) -> float:
    """Φ(z), accurate in the lower tail too, where NormalDist.cdf is not."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _student(t: float, df: float) -> tuple[float, float]:
    """P(|T| >= t), and t times the density at t; t > 0. Abramowitz and Stegun 26.7.1."""
    half = df / 2
    u = t / math.sqrt(df)
    if u > 1e8:  # 1 / (1 + u²) would underflow, and only the first term is left
        log_beta = math.lgamma(half) + math.lgamma(0.5) - math.lgamma(half + 0.5)
        front = math.exp(-df * math.log(u) - log_beta)
        return front / half, front
    x, y = 1 / (1 + u * u), u * u / (1 + u * u)
    if y < _TINY:
        return 1.0, 0.0
    return regularized_beta(half, 0.5, x, y), _beta_front(half, 0.5, x, y)


def student_t_two_sided_p(t: float, df: float) -> float:
    """P(|T| >= |t|) of Student's t with df > 0 degrees of freedom, whole or not."""
    if t == 0:
        return 1.0
    return _student(abs(t), df)[0]


def student_t_two_sided_quantile(p: float, df: float) -> float:
    """t >= 0 with P(|T| >= t) = p, for 1e-100 <= p <= 1 and df >= 1.

    By Newton on ln p over ln t, which is concave: from the second step on it comes down to the
    root. It starts at the normal quantile, stretched after D. L. Wallace, Ann. Math. Stat. 30
    (1959). Cost: about five steps of a p-value each.
    """
    if p >= 1:
        return 0.0
    z = -NormalDist().inv_cdf(p / 2) * (8 * df + 3) / (8 * df + 1)
    t = math.sqrt(df * math.expm1(min(z * z / df, 600.0)))
    for _ in range(100):
        reached, slope = _student(t, df)
        step = math.log(reached / p) * reached / (2 * slope)
        t *= math.exp(step)
        if abs(step) < 1e-15:
            break
    return t


def chi_square_survival(x: float, df: float) -> float:
    """P(χ² >= x) with df > 0 degrees of freedom. Abramowitz and Stegun 26.4.19."""
    return regularized_upper_gamma(df / 2, x / 2)
