"""Quantiles from buckets that are 1 % wide."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.sketch import (
    add,
    bucket,
    highest,
    lowest,
    quantile,
    shown,
    value_at_rank,
)

SMALLEST: Final = 5e-324
LARGEST: Final = sys.float_info.max
FIRST: Final = bucket(SMALLEST)
LAST: Final = bucket(LARGEST)


def nearby(index: int, steps: int) -> float:
    """A double that many steps from the edge between the bucket `index` and the one below."""
    value = float((Decimal("1.01") ** (2 * index - 1)).sqrt())
    to = math.inf if steps > 0 else 0.0
    for _ in range(abs(steps)):
        value = math.nextafter(value, to)
    return value


ANY: Final = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-10_000, 10_000).map(float)
    | st.builds(nearby, st.integers(-71_000, 71_000), st.integers(-9, 9))
)
MANY: Final = st.lists(ANY, max_size=60)
LATENCIES: Final = st.lists(st.floats(1, 1e4), min_size=1, max_size=60)


def sketched(values: list[float]) -> dict[int, int]:
    return dict(Counter(map(bucket, values)))


def is_within_1_percent(one: float, other: float) -> bool:
    a, b = Fraction(one), Fraction(other)
    return abs(a - b) <= min(abs(a), abs(b)) / 100


@given(ANY)
@example(SMALLEST)
@example(-LARGEST)
@example(sys.float_info.min)
def test_what_is_shown_is_in_the_bucket_and_within_1_percent(value: float) -> None:
    number = shown(bucket(value))
    assert bucket(number) == bucket(value)
    assert is_within_1_percent(number, value)


@given(ANY, ANY)
def test_codes_order_as_values_do(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert bucket(less) <= bucket(more)
    assert bucket(-one) == -bucket(one)


@given(st.integers(-71_000, 71_000))
def test_any_two_numbers_of_a_bucket_are_within_1_percent(index: int) -> None:
    code = index + 100_000
    lower = [nearby(index, steps) for steps in range(-9, 10)]
    upper = [nearby(index + 1, steps) for steps in range(-9, 10)]
    inside = [value for value in lower + upper if bucket(value) == code]
    assert {bucket(value) for value in lower} == {code - 1, code}
    assert is_within_1_percent(min(inside), max(inside))


@pytest.mark.parametrize("indices", [range(-300, 300), [-20_000, -5_000, 5_000, 20_000]])
def test_the_doubles_beside_an_edge_are_on_their_side_of_it(indices: Sequence[int]) -> None:
    for index in indices:
        square = Fraction(101, 100) ** (2 * index - 1)
        for value in (nearby(index, steps) for steps in range(-3, 4)):
            is_above = Fraction(value) ** 2 > square
            assert bucket(value) == index - 1 + is_above + 100_000


@pytest.mark.slow
def test_every_code_is_of_the_number_that_it_shows() -> None:
    assert (FIRST, LAST) == (25_184, 171_333)
    nobody = 0
    for code in range(FIRST, LAST + 1):
        try:
            number = shown(code)
        except ValueError:
            nobody += 1  # denormal doubles are further apart than buckets
            assert code < bucket(5e-322)
        else:
            assert bucket(number) == code
            assert shown(-code) == -number
    assert nobody < 400


@pytest.mark.parametrize("code", [1, 99, FIRST - 1, FIRST + 1, -LAST - 1])
def test_a_code_that_no_number_has_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match=f"no number has the bucket code {code}"):
        shown(code)


@given(st.integers(1, 99), st.integers(-300, 306), st.sampled_from(["", "-"]))
def test_numbers_of_two_digits_come_back_as_themselves(
    digits: int, exponent: int, sign: str
) -> None:
    number = float(f"{sign}{digits}e{exponent}")
    assert shown(bucket(number)) == number


def test_ratings_counts_and_round_numbers_come_back_as_themselves() -> None:
    for number in (0.0, *range(1, 101), 0.5, 0.25, 100.0, 1e6, -3.0, 990.0):
        assert shown(bucket(number)) == number
    assert math.copysign(1, shown(bucket(-0.0))) == 1


def test_what_is_not_finite_has_no_bucket() -> None:
    with pytest.raises(ValueError, match="NaN"):
        bucket(math.nan)
    for value in (math.inf, -math.inf):
        with pytest.raises(OverflowError):
            bucket(value)


# --- quantiles ----------------------------------------------------------------------------------


@given(MANY | LATENCIES, st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]) | st.floats(0, 1))
@example([1.0, 2.0], 1 - 2**-53)
def test_a_quantile_is_within_1_percent_of_the_exact_one(values: list[float], q: float) -> None:
    counts = sketched(values)
    found = quantile(counts, q)
    if found is None:
        assert not values
        return
    exact = sorted(values)[math.floor(q * (len(values) - 1))]
    assert is_within_1_percent(found, exact)


@given(MANY.filter(bool))
def test_every_rank_and_both_ends_are_within_1_percent(values: list[float]) -> None:
    counts = sketched(values)
    for rank, exact in enumerate(sorted(values), start=1):
        assert is_within_1_percent(value_at_rank(counts, rank), exact)
    assert lowest(counts) == value_at_rank(counts, 1)
    assert highest(counts) == value_at_rank(counts, len(values))


def test_ratings_have_exact_quantiles() -> None:
    counts = sketched([1.0] * 10 + [3.0] * 45 + [4.0] * 30 + [5.0] * 16)
    assert [quantile(counts, q) for q in (0, 0.1, 0.5, 0.8, 0.9, 1)] == [1, 3, 3, 4, 5, 5]


def test_nothing_has_no_quantile() -> None:
    assert quantile({}, 0.5) is None
    assert lowest({}) is None
    assert highest({}) is None


@pytest.mark.parametrize("rank", [-1, 0, 4])
def test_a_rank_that_no_value_has_is_refused(rank: int) -> None:
    with pytest.raises(ValueError, match=f"no value has this rank: rank={rank} values=3"):
        value_at_rank(sketched([1.0, 1.0, 2.0]), rank)


# --- adding and taking away ---------------------------------------------------------------------


@given(MANY, MANY)
def test_merged_parts_are_the_whole(one: list[float], other: list[float]) -> None:
    counts = sketched(one)
    add(counts, sketched(other))
    assert counts == sketched(one + other)


@given(MANY, MANY)
def test_taking_away_undoes_adding(one: list[float], other: list[float]) -> None:
    counts = sketched(one)
    add(counts, sketched(other))
    add(counts, sketched(other), -1)
    assert counts == sketched(one)


@given(MANY)
def test_what_is_taken_away_before_it_is_added_leaves_nothing(values: list[float]) -> None:
    counts: dict[int, int] = {}
    add(counts, sketched(values), -1)
    add(counts, sketched(values))
    assert counts == {}
