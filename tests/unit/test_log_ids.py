"""Ids of logs: their time is in them, and they sort by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.log_ids import before, first_at, is_log_id, last_at, log_id, time_of

TIMES = st.integers(0, 2**48 - 1)
CHANCE = st.binary(min_size=10, max_size=10)


@given(TIMES, CHANCE)
def test_the_time_comes_back(time_ms: int, chance: bytes) -> None:
    made = log_id(time_ms, chance)
    assert is_log_id(made)
    assert time_of(made) == time_ms
    assert first_at(time_ms) <= made <= last_at(time_ms)


@given(TIMES, TIMES, CHANCE, CHANCE)
def test_ids_sort_by_time(one: int, other: int, a: bytes, b: bytes) -> None:
    if one < other:
        assert log_id(one, a) < log_id(other, b)
        assert last_at(one) < first_at(other)


@given(TIMES, CHANCE)
def test_nothing_is_between_an_id_and_the_one_before(time_ms: int, chance: bytes) -> None:
    made = log_id(time_ms, chance)
    lower = before(made)
    if lower is not None:
        assert is_log_id(lower)
        assert lower < made


def test_before_borrows_and_ends() -> None:
    assert before(first_at(5)) == last_at(4)
    assert before(first_at(0)) is None


def test_the_example_of_the_ulid_specification() -> None:
    assert time_of(log_id(1469922850259, bytes(10))) == 1469922850259
    assert log_id(1469922850259, bytes(10)).startswith("log_01ARZ3NDEK")


@pytest.mark.parametrize(
    "text",
    [
        "", "log_", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "log_01arz3ndektsv4rrffq69g5fav",
        "log_81ARZ3NDEKTSV4RRFFQ69G5FAV", "log_01ARZ3NDEKTSV4RRFFQ69G5FA",
        "log_01ARZ3NDEKTSV4RRFFQ69G5FAVX", "log_01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "log_01ARZ3NDEKTSV4RRFFQ69G5FAV\n",
    ],
)  # fmt: skip
def test_what_is_no_id(text: str) -> None:
    assert not is_log_id(text)
