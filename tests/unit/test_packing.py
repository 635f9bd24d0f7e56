"""Points come back bit for bit, in order, and small."""

from __future__ import annotations

import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.model.run import Point
from chalicelib.storage import packing
from chalicelib.storage.packing import Series

INT64 = st.integers(-(2**63), 2**63 - 1)
ODD_VALUES = [math.nan, -math.nan, -0.0, 0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308]
VALUES = st.one_of(
    st.floats(), st.sampled_from(ODD_VALUES), st.integers(0, 2**64 - 1).map(
        lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]
    )
)  # fmt: skip
POINTS = st.lists(
    st.builds(
        Point,
        st.sampled_from(["loss", "acc", "π/µ", 'a"b\\c', "\x00", ""]),
        VALUES,
        st.one_of(st.integers(-2, 2), INT64),
        st.one_of(st.integers(0, 1), INT64),
    ),
    max_size=40,
)

Row = tuple[int, int, bytes]


def row(point: Point) -> Row:
    return point.step, point.timestamp, struct.pack("<d", point.value)


def rows(series: Series) -> list[Row]:
    return [
        (step, timestamp, struct.pack("<d", value))
        for step, timestamp, value in zip(
            series.steps, series.timestamps, series.values, strict=True
        )
    ]


def expected_rows(points: list[Point], key: str) -> list[Row]:
    """Of equal points the last one, then by (step, timestamp)."""
    written = [row(point) for point in points if point.key == key]
    distinct = [one for at, one in enumerate(written) if one not in written[at + 1 :]]
    return sorted(distinct, key=lambda one: one[:2])


@given(POINTS.filter(bool))
def test_points_come_back_bit_for_bit_and_in_order(points: list[Point]) -> None:
    found = packing.unpack(packing.pack(packing.group(points)), order=7)
    assert [series.key for series in found] == list(dict.fromkeys(p.key for p in points))
    for series in found:
        assert rows(series) == expected_rows(points, series.key)
        assert series.orders.tolist() == [7] * len(series.steps)
        assert series.min_step == min(p.step for p in points if p.key == series.key)
        assert series.max_step == max(p.step for p in points if p.key == series.key)


@given(POINTS.filter(bool))
def test_flags_tell_the_truth(points: list[Point]) -> None:
    for series in packing.unpack(packing.pack(packing.group(points))):
        pairs = zip(series.steps, series.steps[1:], strict=False)
        assert series.strict == all(one < next_one for one, next_one in pairs)
        if series.finite:
            assert all(map(math.isfinite, series.values))


@given(POINTS.filter(bool), st.sets(st.sampled_from(["loss", "acc", "other"])))
def test_only_the_series_asked_for_are_unpacked(points: list[Point], wanted: set[str]) -> None:
    body = packing.pack(packing.group(points))
    some = packing.unpack(body, frozenset(wanted))
    assert [(one.key, rows(one)) for one in some] == [
        (one.key, rows(one)) for one in packing.unpack(body) if one.key in wanted
    ]


@given(st.lists(POINTS.filter(bool), min_size=1, max_size=4))
def test_merged_points_are_a_set_in_the_order_of_writing(batches: list[list[Point]]) -> None:
    pieces: dict[str, list[Series]] = {}
    for order, batch in enumerate(batches, start=1):
        for series in packing.unpack(packing.pack(packing.group(batch)), order=order):
            pieces.setdefault(series.key, []).append(series)
    for key, some in pieces.items():
        first_written: dict[Row, int] = {}
        for order, batch in enumerate(batches, start=1):
            for one in expected_rows(batch, key):
                first_written.setdefault(one, order)
        expected = sorted(first_written.items(), key=lambda item: (*item[0][:2], item[1]))
        # whatever the order in which the pieces were found, and when they are found twice
        merged = packing.merged_series([*reversed(some), *some])
        (stored,) = packing.unpack(packing.pack([merged]), order=99)
        assert list(zip(rows(stored), stored.orders, strict=True)) == expected


@given(POINTS.filter(bool), st.randoms(use_true_random=False))
def test_a_batch_has_one_name_whatever_the_order_of_its_keys(
    points: list[Point], chance: random.Random
) -> None:
    series = packing.group(points)
    shuffled = series[:]
    chance.shuffle(shuffled)
    assert packing.digest(shuffled) == packing.digest(series)


@given(POINTS.filter(bool), POINTS.filter(bool))
def test_different_batches_have_different_names(one: list[Point], other: list[Point]) -> None:
    def content(points: list[Point]) -> dict[str, list[Row]]:
        return {series.key: rows(series) for series in packing.group(points)}

    same_name = packing.digest(packing.group(one)) == packing.digest(packing.group(other))
    assert same_name == (content(one) == content(other))


def test_merging_again_gives_another_name_when_the_points_were_written_anew() -> None:
    (series,) = packing.group([Point("loss", 1.0, 0, 0)])
    body = packing.pack([series])
    (early,), (late,) = packing.unpack(body, order=1), packing.unpack(body, order=9)
    names = {packing.digest([packing.merged_series([one])]) for one in (early, late)}
    assert len(names) == 2


def test_equal_pairs_stay_in_the_order_of_writing() -> None:
    values = [3.0, 1.0, 2.0]
    (series,) = packing.group([Point("loss", value, 5, 100) for value in values])
    assert series.values.tolist() == values


def test_of_equal_points_of_a_batch_the_last_one_stays() -> None:
    (series,) = packing.group([Point("loss", value, 5, 100) for value in (1.0, 2.0, 1.0)])
    assert series.values.tolist() == [2.0, 1.0]


def test_zero_and_minus_zero_are_two_points_and_nan_is_one() -> None:
    values = [0.0, -0.0, math.nan, math.nan]
    (series,) = packing.group([Point("loss", value, 5, 100) for value in values])
    assert [str(value) for value in series.values] == ["0.0", "-0.0", "nan"]


@pytest.mark.parametrize("keys", [1, 10, 100])
def test_a_thousand_points_fit_in_13_kb(keys: int) -> None:
    chance = random.Random(1)
    points = [
        Point(f"metric-{at % keys}", chance.random(), at // keys, 1_790_000_000_000 + at * 37)
        for at in range(1000)
    ]
    assert len(packing.pack(packing.group(points))) <= 13_000


def test_merging_costs_little_more_than_the_points() -> None:
    chance = random.Random(1)
    pieces: list[Series] = []
    for order in range(1, 11):
        first = order * 1000
        batch = [
            Point("loss", chance.random(), at, 1_790_000_000_000 + at * 37)
            for at in range(first, first + 1000)
        ]
        pieces += packing.unpack(packing.pack(packing.group(batch)), order=order)
    assert len(packing.pack([packing.joined_series(pieces)])) <= 10 * 13_000


def test_few_points_are_left_raw() -> None:
    points = [Point("loss", 1.0, at, 0) for at in range(packing.COMPRESS_FROM - 1)]
    assert packing.pack(packing.group(points))[:1] == packing.FORMAT_RAW
    points.append(Point("loss", 1.0, 99, 0))
    assert packing.pack(packing.group(points))[:1] == packing.FORMAT_SHUFFLED


def test_picked_points_keep_all_of_their_columns() -> None:
    points = [
        Point("loss", value, step, 10 * step) for step, value in enumerate([1.0, math.nan, 3.0])
    ]
    (series,) = packing.unpack(packing.pack(packing.group(points)), order=4)
    some = packing.picked(series, [0, 2])
    assert (some.steps.tolist(), some.timestamps.tolist()) == ([0, 2], [0, 20])
    assert (some.values.tolist(), some.orders.tolist()) == ([1.0, 3.0], [4, 4])
    assert some.finite
    assert not series.finite
