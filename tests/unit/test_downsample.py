"""What is left of a curve that is drawn with fewer points."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.downsample import band, lttb_indices

NAN, INF = math.nan, math.inf
ANY_VALUE = st.floats(width=64) | st.sampled_from([NAN, INF, -INF, 0.0, 1.0, 1.7e308, -1.7e308])


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), ANY_VALUE), max_size=60),
    st.integers(1, 40),
)
def test_ends_and_extremes_are_kept_in_order_and_the_limit_holds(
    points: list[tuple[int, float]], max_points: int
) -> None:
    steps, values = [step for step, _ in points], [value for _, value in points]
    kept = lttb_indices(steps, values, max_points)
    assert kept == sorted(set(kept))
    assert len(kept) <= max_points
    if len(points) <= max_points:
        assert kept == list(range(len(points)))
        return
    assert kept[-1] == len(points) - 1
    if max_points >= 2:
        assert kept[0] == 0
    if max_points >= 4:
        assert len(kept) >= max_points - 2
        finite = [value for value in values if math.isfinite(value)]
        chosen = [values[at] for at in kept]
        assert not finite or {min(finite), max(finite)} <= set(chosen)


def test_a_peak_survives() -> None:
    values = [0.0] * 1000
    values[613] = 1.0
    assert 613 in lttb_indices(range(1000), values, 10)


def test_a_small_curve_is_cut_as_by_hand() -> None:
    # buckets 1-3 and 4-6: from (0, 0) with the mean (5, -4/3) the point (1, 5) spans most; from
    # there with the last point (7, 0) it is (4, -4); they are the extremes too
    assert lttb_indices(range(8), [0.0, 5.0, 1.0, 4.0, -4.0, 0.0, 0.0, 0.0], 6) == [0, 1, 4, 7]


def test_a_curve_is_cut_as_in_the_paper() -> None:
    steps = [n * n for n in range(1000)]
    values = [math.sin(n / 40) + n * 7919 % 1009 / 500 for n in range(1000)]
    extremes = {values.index(min(values)), values.index(max(values))}
    assert lttb_indices(steps, values, 102) == sorted({*paper(steps, values, 100), *extremes})


def paper(xs: list[int], ys: list[float], count: int) -> list[int]:
    """The paper's pseudo code, with exact bounds of the buckets."""
    last = len(xs) - 1
    bounds = [1 + (last - 1) * n // (count - 2) for n in range(count - 1)]
    buckets = [range(a, b) for a, b in pairwise(bounds)] + [range(last, last + 1)]
    kept = [0]
    for bucket, following in pairwise(buckets):
        a = kept[-1]
        cx = sum(xs[n] for n in following) / len(following)
        cy = sum(ys[n] for n in following) / len(following)

        def area(n: int, a: int = a, cx: float = cx, cy: float = cy) -> float:
            return abs((xs[a] - cx) * (ys[n] - ys[a]) - (xs[a] - xs[n]) * (cy - ys[a])) / 2

        kept.append(max(bucket, key=area))
    return [*kept, last]


@pytest.mark.parametrize("max_points, kept", [(1, [9]), (2, [0, 9]), (3, [0, 4, 9])])
def test_fewer_than_four_points(max_points: int, kept: list[int]) -> None:
    values = [0.0] * 10
    values[4] = 7.0
    assert lttb_indices(range(10), values, max_points) == kept


def test_no_points_are_refused_as_a_limit() -> None:
    with pytest.raises(ValueError, match="max_points must be at least 1"):
        lttb_indices([1], [1.0], 0)


def test_a_stretch_of_nan_leaves_nan() -> None:
    values = [float(n % 7) for n in range(400)] + [NAN] * 200 + [1.0] * 400
    kept = lttb_indices(range(1000), values, 50)
    assert any(math.isnan(values[at]) for at in kept)
    assert any(math.isfinite(values[at]) for at in kept)


def test_nothing_but_nan_leaves_nan() -> None:
    assert lttb_indices(range(100), [NAN] * 100, 3) == [0, 1, 99]
    assert len(lttb_indices(range(100), [NAN, INF] * 50, 10)) == 10


def test_four_points_are_the_ends_and_the_extremes() -> None:
    values = [float(n * 37 % 101) for n in range(100)]
    assert lttb_indices(range(100), values, 4) == sorted(
        {0, 99, values.index(min(values)), values.index(max(values))}
    )


def test_equal_steps_are_spread_by_position() -> None:
    values = [math.sin(n / 50) for n in range(1000)]
    assert lttb_indices([0] * 1000, values, 20) == lttb_indices(range(1000), values, 20)


def test_arrays_and_lists_give_the_same() -> None:
    steps, values = array("q", range(500)), array("d", (n * 37 % 101 for n in range(500)))
    assert lttb_indices(steps, values, 50) == lttb_indices(list(steps), list(values), 50)


@given(st.lists(ANY_VALUE, min_size=1, max_size=60), st.data())
def test_a_band_holds_every_finite_value_of_its_stretch_and_no_more(
    values: list[float], data: st.DataObject
) -> None:
    positions = st.sets(st.integers(0, len(values) - 1), min_size=1)
    kept = sorted(data.draw(positions))
    lows, highs = band(values, kept)
    stretches = [values[start:end] for start, end in pairwise([*kept, kept[-1] + 1])]
    assert len(lows) == len(highs) == len(stretches)
    for low, high, stretch in zip(lows, highs, stretches, strict=True):
        finite = [value for value in stretch if math.isfinite(value)]
        if finite:
            assert low in finite
            assert high in finite
            assert all(low <= value <= high for value in finite)
        else:
            assert math.isnan(low)
            assert math.isnan(high)


def test_a_band_ends_before_the_next_point_that_is_kept() -> None:
    values = array("d", [1.0, 7.0, NAN, -2.0, 9.0, INF, 3.0])
    lows, highs = band(values, [0, 4, 6])
    assert (lows, highs) == ([-2.0, 9.0, 3.0], [7.0, 9.0, 3.0])
