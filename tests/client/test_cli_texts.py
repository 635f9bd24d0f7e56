"""How values read in tables."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trialbook.artifacts.model import CONTEXT_IDS
from trialbook.cli import contexts, texts
from trialbook.cli.output import plain
from trialbook.models import Point


def test_numbers_are_short_and_whole_numbers_whole() -> None:
    values = (1 / 3, 12.0, 3, -0.5, 1e-7, 1e300, math.nan, math.inf, -math.inf)
    assert [texts.number(value) for value in values] == [
        *("0.333333", "12", "3", "-0.5", "1e-07", "1e+300", "NaN", "Infinity", "-Infinity")
    ]


@given(st.floats())
def test_exact_numbers_read_back_as_the_same_double(value: float) -> None:
    back = float(texts.exact(value))
    assert back == value or (math.isnan(back) and math.isnan(value))


def test_durations_and_sizes_have_units() -> None:
    spans = (None, 850, 12_500, 200_000, 93_900_000)
    assert [texts.duration(ms) for ms in spans] == ["", "850 ms", "12.5 s", "3m 20s", "26h 5m"]
    sizes = (None, 0, 1023, 1536, 5 * 2**30, 2**50)
    assert [texts.size(count) for count in sizes] == [
        *("", "0 B", "1023 B", "1.5 KiB", "5.0 GiB", "1024.0 TiB")
    ]


@given(st.text())
def test_text_has_one_line_and_nothing_that_steers_a_terminal(text: str) -> None:
    shown = texts.one_line(text)
    assert not {c for c in shown if ord(c) < 32 or 127 <= ord(c) < 160}
    assert texts.one_line(shown) == shown


@example([1.4e299, -1.797693133424767e308], 2, 1)
@given(st.lists(st.floats(), max_size=50), st.integers(1, 20), st.integers(1, 8))
def test_a_curve_has_as_many_lines_and_columns_as_there_is_room(
    values: list[float], width: int, height: int
) -> None:
    lines = texts.plot(values, width, height)
    if not any(math.isfinite(value) for value in values):
        assert lines == []
        return
    assert len(lines) == height
    assert {len(line) for line in lines} == {min(width, len(values))}


def test_a_curve_rises_with_its_values() -> None:
    assert texts.plot([0.0, 0.5, 1.0, math.nan], 4, 1) == ["▁▅█ "]
    assert texts.plot([0.0, 1.0], 2, 2) == [" █", "▁█"]
    assert texts.plot([5.0, 5.0], 2, 1) == ["▄▄"]


def test_json_spells_times_in_utc_and_numbers_that_are_none() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    point = Point(step=1, timestamp=2, value=math.inf)
    assert plain({"at": now, "points": (point,), "none": None}) == {
        "at": "2026-01-02T03:04:05.678Z",
        "points": [{"step": 1, "timestamp": 2, "value": "Infinity"}],
        "none": None,
    }
    with pytest.raises(TypeError):
        plain(object())


def test_a_moment_is_read_from_text_or_is_none() -> None:
    assert texts.moment("2026-01-02T03:04:05.678Z") is not None
    assert [texts.moment(text) for text in (None, "", "yesterday")] == [None] * 3


def test_the_options_are_the_ids_that_artifacts_have() -> None:
    assert contexts.IDS == CONTEXT_IDS
