"""Whether units were assigned by the weights."""

from __future__ import annotations

import itertools
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from chalicelib.domain.sample_ratio import Epoch, sample_ratio

EPOCHS = st.lists(
    st.builds(
        Epoch,
        st.lists(st.integers(0, 10**6), min_size=3, max_size=3),
        st.lists(st.floats(0.01, 100), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


def test_the_factor_of_the_package_ssrm() -> None:
    # its test_regression: weights 0.1, 0.5, 0.4, the first ten units of seed 0
    got = sample_ratio([Epoch([2, 1, 7], [0.1, 0.5, 0.4])], concentration=10_000)
    assert got.bayes_factor == pytest.approx(1.0017496120131435, rel=1e-9)
    assert 1 / got.bayes_factor == pytest.approx(0.9980534145723241, rel=2e-3)


@given(EPOCHS, st.floats(0.1, 1e5))
def test_the_factor_is_that_of_the_paper_over_all_epochs(
    epochs: list[Epoch], concentration: float
) -> None:
    log_factor = 0.0
    for counts, weights in epochs:
        total = sum(weights)
        log_factor += math.lgamma(concentration) - math.lgamma(concentration + sum(counts))
        for n, weight in zip(counts, weights, strict=True):
            share = weight / total
            alpha = concentration * share
            log_factor += math.lgamma(alpha + n) - math.lgamma(alpha) - n * math.log(share)
    got = sample_ratio(epochs, concentration).bayes_factor
    if log_factor < 700:
        assert math.log(got) == pytest.approx(log_factor, rel=1e-6, abs=1e-6)
    else:
        assert math.isfinite(got)
        assert got > 1e300


def test_the_factor_is_1_in_the_mean_when_units_go_by_the_weights() -> None:
    # all ways of 3 units, then of 2 by other weights that depend on how the first ones went
    first = [0.5, 0.3, 0.2]
    mean = 0.0
    for units in itertools.product(range(3), repeat=5):
        counts = [units[:3].count(n) for n in range(3)]
        second = [0.2, 0.2, 0.6] if counts[0] > 1 else [0.0, 0.9, 0.1]
        if any(second[unit] == 0 for unit in units[3:]):
            continue
        probability = math.prod([*(first[n] for n in units[:3]), *(second[n] for n in units[3:])])
        later = [units[3:].count(n) for n in range(3)]
        factor = sample_ratio([Epoch(counts, first), Epoch(later, second)], 2.5).bayes_factor
        mean += probability * factor
    assert mean == pytest.approx(1, rel=1e-12)


def test_chi_square_by_hand_and_over_epochs() -> None:
    one, other = Epoch([60, 40], [1, 1]), Epoch([20, 50, 30], [25, 50, 25])
    got = sample_ratio([one], 1000)
    assert (got.chi_square, got.degrees_of_freedom) == (pytest.approx(4), 1)
    assert got.p_value == pytest.approx(0.04550026389635842, rel=1e-12)
    both = sample_ratio([one, other], 1000)
    assert (both.chi_square, both.degrees_of_freedom) == (pytest.approx(6), 3)
    assert both.p_value == pytest.approx(float(special.chdtrc(3, 6)), rel=1e-12)
    assert both.bayes_factor == pytest.approx(
        got.bayes_factor * sample_ratio([other], 1000).bayes_factor
    )


def test_a_unit_where_none_may_be_is_a_mismatch_for_certain() -> None:
    got = sample_ratio([Epoch([500, 500, 0], [50, 50, 0]), Epoch([9, 10, 1], [50, 50, 0])], 1000)
    assert (got.bayes_factor, got.p_value) == (sys.float_info.max, 0)
    assert sample_ratio([Epoch([0, 1], [0, 0])], 1000).bayes_factor == sys.float_info.max


def test_a_variant_without_weight_and_units_is_as_if_it_were_not() -> None:
    assert sample_ratio([Epoch([480, 0, 520], [50, 0, 50])], 300) == sample_ratio(
        [Epoch([480, 520], [1, 1])], 300
    )


def test_too_few_units_say_nothing_by_chi_square() -> None:
    for epochs in ([], [Epoch([0, 0], [50, 50])], [Epoch([3, 1], [50, 50])], [Epoch([9], [100])]):
        got = sample_ratio(epochs, 1000)
        assert (got.chi_square, got.degrees_of_freedom, got.p_value) == (None, 0, None)
        assert got.bayes_factor == pytest.approx(1, rel=0.1)


def test_no_count_is_too_large() -> None:
    for units in (10**9, 10**12, 10**15, 10**18):
        even = sample_ratio([Epoch([units, units, 2 * units], [25, 25, 50])], 1000)
        assert even.bayes_factor < 1e-5
        assert even.p_value == 1
        off = round(3 * math.sqrt(units))
        likely = sample_ratio([Epoch([units + off, units - off], [1, 1])], 1000)
        # 3 √units each way are z = 3 √2: the likelihood's e^9, less the prior's √(c / 2n)
        expected = math.exp(9) * math.sqrt(1000 / (2 * units))
        assert likely.bayes_factor == pytest.approx(expected, rel=1e-3)
        assert likely.p_value == pytest.approx(math.erfc(3), rel=1e-3)
    huge = sample_ratio([Epoch([10**15, 1], [50, 50])] * 3, 1000)
    assert (huge.bayes_factor, huge.p_value) == (sys.float_info.max, 0)
    assert huge.chi_square is not None
    assert math.isfinite(huge.chi_square)


@given(EPOCHS, st.floats(0.1, 1e5), st.sampled_from([0.25, 0.5, 64.0]))
def test_neither_the_order_of_variants_nor_the_scale_of_weights_matters(
    epochs: list[Epoch], concentration: float, scale: float
) -> None:
    turned = [
        Epoch(counts[::-1], [scale * weight for weight in weights[::-1]])
        for counts, weights in epochs
    ]
    one, other = sample_ratio(epochs, concentration), sample_ratio(turned, concentration)
    assert one.bayes_factor == pytest.approx(other.bayes_factor, rel=1e-6)
    assert one.degrees_of_freedom == other.degrees_of_freedom
    assert one.chi_square == (other.chi_square and pytest.approx(other.chi_square, rel=1e-6))
