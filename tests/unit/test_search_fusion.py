"""Reciprocal rank fusion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.search.fusion import fused


def test_scores_are_those_of_the_paper() -> None:
    found = fused({"words": [7, 8], "vectors": [8, 9]})
    assert found == [
        (8, pytest.approx(1 / 62 + 1 / 61)),
        (7, pytest.approx(1 / 61)),
        (9, pytest.approx(1 / 62)),
    ]


def test_equals_are_told_apart_the_same_way_each_time() -> None:
    assert [one for one, _ in fused({"a": [2, 1], "b": [1, 2]})] == [1, 2]
    assert fused({"a": [], "b": []}) == []


@given(st.permutations(range(8)))
def test_rankings_that_agree_are_kept(order: list[int]) -> None:
    assert [one for one, _ in fused({"a": order, "b": order})] == order
