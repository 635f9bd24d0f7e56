"""The nearest of many vectors, beside what numpy says of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.search.embedding import UNIT
from chalicelib.search.vectors import Vectors

DIMENSIONS = 16


def made(count: int, seed: int = 1) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, DIMENSIONS))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return np.rint(found * UNIT).astype(np.int8)


def rows(matrix: np.ndarray, first: int = 1) -> list[tuple[int, bytes]]:
    return [(number, row.tobytes()) for number, row in enumerate(matrix, first)]


def cosines(matrix: np.ndarray, query: np.ndarray) -> np.ndarray:
    return matrix.astype(float) @ query.astype(float) / UNIT / np.linalg.norm(query.astype(float))


@pytest.mark.parametrize("count", [1, 300, 40_000])
def test_the_nearest_are_found_in_their_order(count: int) -> None:
    matrix, query = made(count), made(1, seed=2)[0]
    expected = cosines(matrix, query)
    found = Vectors(DIMENSIONS, rows(matrix)).nearest(query, 10)
    best = [at for at in np.argsort(-expected)[:10] if expected[at] > 0]
    assert [number - 1 for number, _ in found] == best
    assert [score for _, score in found] == pytest.approx(expected[best], abs=1e-5)


@settings(max_examples=50)
@given(st.data())
def test_what_was_added_and_removed_is_what_there_is(data: st.DataObject) -> None:
    matrix = made(40)
    loaded = data.draw(st.integers(0, 40))
    vectors = Vectors(DIMENSIONS, rows(matrix[:loaded]))
    for number, row in rows(matrix[loaded:], loaded + 1):
        vectors.add(number, row)
    removed = data.draw(st.sets(st.integers(0, 45)))
    for number in removed:
        vectors.remove(number)
    among = data.draw(st.none() | st.sets(st.integers(1, 40)))
    query = made(1, seed=3)[0]
    expected = {
        number
        for number, score in enumerate(cosines(matrix, query), 1)
        if score > 0 and number not in removed and (among is None or number in among)
    }
    assert {number for number, _ in vectors.nearest(query, 100, among)} == expected


def test_many_can_be_added_to_few() -> None:
    matrix, query = made(3000), made(1, seed=2)[0]
    vectors = Vectors(DIMENSIONS, rows(matrix[:10]))
    for number, row in rows(matrix[10:], 11):
        vectors.add(number, row)
    assert len(vectors) == 3000
    whole = Vectors(DIMENSIONS, rows(matrix))
    assert vectors.nearest(query, 50) == whole.nearest(query, 50)
    assert vectors.nearest(query, 50, [7, 2999, 5000]) == whole.nearest(query, 50, {2999, 7})


def test_no_vector_is_near_to_nothing() -> None:
    nothing = np.zeros(DIMENSIONS, dtype=np.int8)
    assert Vectors(DIMENSIONS, rows(made(5))).nearest(nothing, 5) == []
    assert Vectors(DIMENSIONS).nearest(made(1)[0], 5) == []
