"""Beta, gamma, t and chi-square against SciPy, and where SciPy is the less accurate, by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from chalicelib.domain.special_functions import (
    chi_square_survival,
    normal_cdf,
    regularized_beta,
    regularized_upper_gamma,
    stirling_remainder,
    student_t_two_sided_p,
    student_t_two_sided_quantile,
)

DEGREES = [1, 1.0001, 1.5, 2, 3.7, 9, 30.3, 100, 1234.5, 1e5, 1e7]


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("t", [1e-12, 1e-3, 0.1, 0.9, 1.5, 1.75, 2, 3, 6, 20, 1e3, 1e9, 1e80])
def test_a_p_value_of_t_is_that_of_scipy(t: float, df: float) -> None:
    p = student_t_two_sided_p(t, df)
    assert p == pytest.approx(2 * float(special.stdtr(df, -t)), rel=1e-11, abs=1e-290)
    assert student_t_two_sided_p(-t, df) == p


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("p", [0.999, 0.9, 0.5, 0.3, 0.1, 0.05, 0.01, 1e-3, 1e-6, 1e-10, 1e-30])
def test_a_quantile_of_t_is_that_of_scipy_and_leads_back(p: float, df: float) -> None:
    t = student_t_two_sided_quantile(p, df)
    assert t == pytest.approx(-float(special.stdtrit(df, p / 2)), rel=1e-10)
    assert student_t_two_sided_p(t, df) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(
    "df, p, t",
    [
        (1, 0.05, 12.706204736174707),  # tan(0.475π)
        (2, 0.05, 4.302652729749462),  # 0.95 √2 / √(1 - 0.95²)
        (1, 1e-100, 6.366197723675813e99),  # 2 / (π p)
        (2, 1e-100, 1e50),  # 1 / √p
    ],
)
def test_quantiles_of_t_with_a_closed_form(df: float, p: float, t: float) -> None:
    assert student_t_two_sided_quantile(p, df) == pytest.approx(t, rel=1e-12)


@pytest.mark.parametrize("df", [1e9, 1e12, 1e15, 1e300])
@pytest.mark.parametrize("t", [1.0, 1.7, 2.0, 5.0])
def test_with_no_end_of_degrees_t_is_normal(df: float, t: float) -> None:
    # the first term of the difference: A&S 26.7.8
    normal = math.erfc(t / math.sqrt(2))
    density = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    expected = normal + density * (t**3 + t) / (2 * df)
    assert student_t_two_sided_p(t, df) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("df", [1, 2.5, 1e7])
def test_t_of_any_size_has_a_p_value(df: float) -> None:
    assert student_t_two_sided_p(0.0, df) == 1
    assert student_t_two_sided_p(5e-324, df) == 1
    assert student_t_two_sided_p(math.inf, df) == 0
    assert student_t_two_sided_quantile(1.0, df) == 0


def test_the_far_tail_of_t_with_one_degree_is_that_of_cauchy() -> None:
    for t in (1e7, 1e8, 1.1e8, 1e150, 1e200, 1e300):
        assert student_t_two_sided_p(t, 1) == pytest.approx(2 / math.pi / t, rel=1e-12)


@pytest.mark.parametrize("df", [1, 2, 3.5, 7, 40, 1e4])
@pytest.mark.parametrize("times", [0.0, 1e-9, 0.1, 0.9, 1.0, 1.1, 3.0, 20.0])
def test_a_p_value_of_chi_square_is_that_of_scipy(times: float, df: float) -> None:
    x = times * df
    expected = float(special.chdtrc(df, x))
    assert chi_square_survival(x, df) == pytest.approx(expected, rel=1e-10, abs=1e-290)


def test_chi_square_of_two_degrees_is_exponential() -> None:
    for x in (0.0, 1e-300, 1e-5, 1.0, 13.815510557964274, 700.0):
        assert chi_square_survival(x, 2) == pytest.approx(math.exp(-x / 2), rel=1e-13)
    assert chi_square_survival(1e300, 2) == 0
    assert chi_square_survival(math.inf, 2) == 0


@pytest.mark.parametrize("a", [0.01, 0.5, 1, 2.5, 10, 57, 1e3, 1e5])
@pytest.mark.parametrize("b", [0.01, 0.5, 1, 2.5, 10, 57, 1e3, 1e5])
def test_the_incomplete_beta_is_that_of_scipy(a: float, b: float) -> None:
    mean = a / (a + b)
    sd = math.sqrt(mean * (1 - mean) / (a + b + 1))
    for z in (-5.0, -1.0, -0.1, 0.0, 0.1, 1.0, 5.0):
        x = mean + z * sd
        if 0 < x < 1:
            expected = float(special.betainc(a, b, x))
            assert regularized_beta(a, b, x, 1 - x) == pytest.approx(expected, rel=1e-9), (z, x)


@pytest.mark.parametrize("a", [0.01, 0.5, 1, 2.5, 10, 57, 1e3])
def test_the_incomplete_gamma_is_that_of_scipy(a: float) -> None:
    for times in (1e-10, 0.01, 0.5, 0.9, 0.99, 1, 1.0001, 1.1, 2, 5):
        expected = float(special.gammaincc(a, times * a))
        assert regularized_upper_gamma(a, times * a) == pytest.approx(expected, rel=1e-10), times


def test_the_ends_of_beta_and_gamma() -> None:
    assert regularized_beta(2, 3, 0.0, 1.0) == 0
    assert regularized_beta(2, 3, 1.0, 0.0) == 1
    assert regularized_upper_gamma(2, 0.0) == 1


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.floats(0.0, 1.0))
def test_the_incomplete_beta_is_a_probability_and_its_own_mirror(
    a: float, b: float, x: float
) -> None:
    y = 1 - x
    here, there = regularized_beta(a, b, x, y), regularized_beta(b, a, y, x)
    assert 0 <= here <= 1
    assert here + there == pytest.approx(1, abs=1e-12)


@given(st.floats(0.01, 1e6), st.floats(0.0, 1e7), st.floats(0.0, 1e7))
def test_the_incomplete_gamma_never_rises(a: float, x: float, other: float) -> None:
    low, high = sorted((x, other))
    assert 0 <= regularized_upper_gamma(a, high) <= regularized_upper_gamma(a, low) + 1e-11 <= 1.1


def test_the_normal_distribution_is_right_far_below() -> None:
    for z in (-38.0, -20.0, -5.0, -1.0, 0.0, 1.0, 5.0):
        assert normal_cdf(z) == pytest.approx(float(special.ndtr(z)), rel=1e-12)
    assert (normal_cdf(-math.inf), normal_cdf(math.inf)) == (0, 1)


def test_the_remainder_of_stirling_has_no_step_where_the_series_begins() -> None:
    below = math.nextafter(10.0, 0.0)
    assert stirling_remainder(below) == pytest.approx(stirling_remainder(10.0), rel=1e-12)
    assert stirling_remainder(1.0) == pytest.approx(1 - math.log(2 * math.pi) / 2, rel=1e-14)
    assert stirling_remainder(1e300) == pytest.approx(1 / 12e300)
