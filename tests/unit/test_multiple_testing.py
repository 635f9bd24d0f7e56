"""Several tests at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.multiple_testing import benjamini_hochberg, holm

BENJAMINI_HOCHBERG_1995 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
    0.6528, 0.7590, 1.0000,
]  # fmt: skip
"""15 hypotheses about two treatments of myocardial infarction: Bonferroni rejects 3, BH 4."""
Adjust: TypeAlias = Callable[[Sequence[float | None]], list[float | None]]
P_VALUES = st.lists(st.none() | st.floats(0, 1), max_size=20)


def rejected(adjusted: list[float | None], alpha: float) -> int:
    return sum(p is not None and p <= alpha for p in adjusted)


def test_the_example_of_benjamini_and_hochberg() -> None:
    assert rejected(benjamini_hochberg(BENJAMINI_HOCHBERG_1995), 0.05) == 4
    # their Bonferroni rejects the first three at 0.05 / 15, and Holm no more
    assert rejected(holm(BENJAMINI_HOCHBERG_1995), 0.05) == 3


def test_adjusted_by_hand() -> None:
    # Holm: 4 x 0.01, 3 x 0.02, then no less than that: 2 x 0.025 and 0.04 are below 0.06
    assert holm([0.04, 0.01, 0.025, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    # BH: 4/4 x 0.04; 4/3 x 0.025, 4/2 x 0.02 and 4/1 x 0.01, and no more than the greater ones'
    assert benjamini_hochberg([0.04, 0.01, 0.025, 0.02]) == pytest.approx(
        [0.04, 0.1 / 3, 0.1 / 3, 0.1 / 3]
    )


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_what_was_not_tested_does_not_count(adjust: Adjust) -> None:
    assert adjust([]) == []
    assert adjust([None, None]) == [None, None]
    assert adjust([None, 0.03, None]) == [None, 0.03, None]


@given(P_VALUES)
def test_adjusting_keeps_the_order_and_lowers_nothing(p_values: list[float | None]) -> None:
    count = len(p_values) - p_values.count(None)
    strict, lenient = holm(p_values), benjamini_hochberg(p_values)
    for adjusted in (strict, lenient):
        pairs = [
            (p, q)
            for p, q in zip(p_values, adjusted, strict=True)
            if p is not None and q is not None
        ]
        assert len(pairs) == count
        assert all(p <= q * (1 + 1e-12) and q <= 1 for p, q in pairs)
        in_order = [q for _, q in sorted(pairs)]
        assert in_order == sorted(in_order)
    for p, s, b in zip(p_values, strict, lenient, strict=True):
        if p is None or s is None or b is None:
            assert (p, s, b) == (None, None, None)
        else:
            assert b <= s * (1 + 1e-12)
            assert s <= p * count * (1 + 1e-12)
