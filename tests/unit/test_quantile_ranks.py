"""Which of the ordered values bound a quantile."""

from __future__ import annotations

import pytest
from scipy import special

from chalicelib.domain.statistics import Ranks, quantile_ranks


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.001])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.99, 0.01])
@pytest.mark.parametrize("n", [2, 5, 30, 300, 3000, 30_000, 3_000_000])
def test_ranks_enclose_the_quantile_as_often_as_they_say(n: int, q: float, alpha: float) -> None:
    def at_most(count: int) -> float:
        """Of n values, that no more are below the quantile."""
        return float(special.bdtr(min(count, n), n, q)) if count >= 0 else 0.0

    ranks = quantile_ranks(n, q, alpha)
    assert ranks is not None
    # a bound that there is none of is value 0, or n + 1
    low, high = ranks.low or 0, ranks.high or n + 1
    assert 0 <= low <= n * q + 1
    assert n * q <= high <= n + 1
    assert at_most(low - 1) <= alpha / 2
    assert 1 - at_most(high - 1) <= alpha / 2
    # and closer ranks would not do; by the normal approximation, ranks closer by a few
    spare = 4 if n * q * (1 - q) > 1000 else 0
    assert at_most(low + spare) > alpha / 2
    assert 1 - at_most(high - 2 - spare) > alpha / 2


def test_ranks_of_the_median_as_in_the_tables() -> None:
    # 95 %: Conover, Practical Nonparametric Statistics, 3rd edition, table A3
    assert quantile_ranks(10, 0.5, 0.05) == Ranks(2, 9)
    assert quantile_ranks(20, 0.5, 0.05) == Ranks(6, 15)


def test_nothing_bounds_a_quantile_beyond_the_values() -> None:
    assert quantile_ranks(5, 0.99, 0.05) == Ranks(4, None)
    assert quantile_ranks(5, 0.01, 0.05) == Ranks(None, 2)
    assert quantile_ranks(1, 0.5, 0.05) is None
    assert quantile_ranks(0, 0.5, 0.05) is None
