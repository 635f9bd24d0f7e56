"""Who gets which variant. The cases of growthbook_cases.json are GrowthBook's own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.assignment import assign, bucket_ranges, choose, unit_hash

CASES: Final[dict[str, list[Any]]] = json.loads(
    Path(__file__).with_name("growthbook_cases.json").read_text("utf-8")
)


@pytest.mark.parametrize("seed, value, version, expected", CASES["hash"])
def test_growthbooks_hashes(seed: str, value: str, version: Any, expected: float | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="unknown version of the hash: 99"):
            unit_hash(seed, value, version)
    else:
        assert unit_hash(seed, value, version) == expected


@pytest.mark.parametrize("_name, given_, expected", CASES["getBucketRange"])
def test_growthbooks_bucket_ranges(
    _name: str, given_: tuple[int, float, list[float] | None], expected: list[list[float]]
) -> None:
    count, coverage, weights = given_
    if weights is None or len(weights) != count:
        weights = [1.0] * count  # a variant here always has a weight; these are the equal ones
    ranges = bucket_ranges(weights, coverage)
    assert [pytest.approx(each) for each in expected] == [list(each) for each in ranges]


@pytest.mark.parametrize("_name, n, ranges, expected", CASES["chooseVariation"])
def test_growthbooks_choices(
    _name: str, n: float, ranges: list[tuple[float, float]], expected: int
) -> None:
    assert choose(n, ranges) == expected


@pytest.mark.parametrize(
    "seed, value, expected", [("seed", "é", 0.8663), ("exp", "日本", 0.6896), ("exp", "😀", 0.7506)]
)
def test_characters_beyond_ascii_hash_as_in_javascript(
    seed: str, value: str, expected: float
) -> None:
    assert unit_hash(seed, value) == expected


def test_lone_surrogates_hash_as_in_javascript() -> None:
    assert unit_hash("x", "\ud800a") == 0.6711
    assert unit_hash("exp", "\ud83d\ude00") == unit_hash("exp", "😀")


# --- assignment ---------------------------------------------------------------------------------

SLUGS: Final = st.text(max_size=20)
UNITS: Final = st.text(st.characters(), min_size=1, max_size=40)  # lone surrogates among them
WEIGHT: Final = st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)


@st.composite
def weight_vectors(draw: st.DrawFn) -> list[float]:
    """Percent that add up to 100 ± 0.01, some of them 0, each with two digits or all of them."""
    parts = draw(st.lists(st.integers(0, 20), min_size=1, max_size=20).filter(any))
    exact = [100 * part / sum(parts) for part in parts]
    rounded = [round(weight, 2) for weight in exact]
    return rounded if abs(sum(rounded) - 100) <= 0.01 and draw(st.booleans()) else exact


@given(SLUGS, UNITS, weight_vectors())
def test_a_unit_gets_a_variant_that_has_weight_and_always_the_same(
    slug: str, unit: str, weights: list[float]
) -> None:
    position = assign(slug, unit, weights)
    assert weights[position] > 0
    assert assign(slug, unit, tuple(weights)) == position


@given(SLUGS, UNITS, WEIGHT, WEIGHT)
def test_nobody_leaves_the_variant_of_two_whose_weight_is_raised(
    slug: str, unit: str, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    if assign(slug, unit, [less, 100 - less]) == 0:
        assert assign(slug, unit, [more, 100 - more]) == 0
    if assign(slug, unit, [100 - less, less]) == 1:
        assert assign(slug, unit, [100 - more, more]) == 1


def test_the_gap_that_rounded_weights_leave_goes_to_the_last_with_weight() -> None:
    weights = [33.33, 33.33, 33.33, 0.0]
    last = next(unit for unit in map(str, range(100_000)) if unit_hash("gap", unit) == 0.9999)
    assert choose(0.9999, bucket_ranges([weight / 100 for weight in weights])) == -1
    assert assign("gap", last, weights) == 2


def test_shares_are_as_the_weights_say() -> None:
    units, weights = 100_000, [0.5, 0.0, 9.5, 30.0, 60.0]
    counts = Counter(assign("checkout", f"user-{n}", weights) for n in range(units))
    for position, weight in enumerate(weights):
        share = weight / 100
        deviation = (units * share * (1 - share)) ** 0.5
        assert abs(counts[position] - units * share) <= 4 * deviation


def test_experiments_split_the_same_units_independently() -> None:
    units = [f"user-{n}" for n in range(10_000)]
    both = sum(assign("one", unit, [50, 50]) == assign("two", unit, [50, 50]) for unit in units)
    assert abs(both - 5_000) <= 4 * 50
