"""What `python -m bench.search` counts, against examples worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.search.corpus import ONE_IN_HUNDRED, ONE_IN_TEN, artifact_id, documents, queries
from bench.search.quality import ndcg, recall
from bench.search.scale import build, percentile, recalls


def test_ndcg_is_that_of_the_well_known_example() -> None:
    """Grades 3, 2, 3, 0, 1, 2 in this order: 13.848 of 14.595."""
    relevant = {"a": 3, "b": 2, "c": 3, "e": 1, "f": 2}
    assert ndcg("abcdef", relevant) == pytest.approx(13.848 / 14.595, abs=1e-4)


def test_ndcg_knows_best_and_worst_and_looks_at_ten() -> None:
    assert ndcg(["a", "b"], {"a": 3, "b": 1}) == 1
    assert ndcg(["b", "a"], {"a": 3, "b": 1}) == pytest.approx(0.7098, abs=1e-4)
    assert ndcg(["c"], {"a": 3}) == ndcg([], {"a": 3}) == 0
    assert ndcg([*"0123456789", "a"], {"a": 3}) == 0
    assert ndcg("abcdefghij", dict.fromkeys("abcdefghijkl", 2)) == 1


def test_recall_is_the_share_of_the_exact_ones() -> None:
    assert recall("abcdefghij", "jihgfedcba") == 1
    assert recall("abcdefghij", "abcdefghXY") == 0.8
    assert recall("xa", "ab") == 0.5
    assert recall([], "ab") == 0
    assert recall("0123456789a", "a") == 0


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentile([5, 1, 4, 2, 3], 50) == 3
    assert percentile(range(1, 201), 99) == 198
    assert percentile([7], 99) == 7


def test_the_same_number_is_the_same_document_however_many_there_are() -> None:
    some = [*documents(0, 300)]
    assert [*documents(250, 50)] == some[250:]
    assert [one.artifact_id for one in some] == [artifact_id(number) for number in range(300)]
    assert sum(ONE_IN_TEN in one.terms for one in some) == 30
    assert sum(ONE_IN_HUNDRED in one.terms for one in some) == 3
    contents = [len(one.content) for one in some if one.content]
    assert 60 < len(contents) < 120
    assert min(contents) >= 200
    assert max(contents) <= 2000
    (changed,) = documents(7, 1, version=2)
    assert changed.artifact_id == some[7].artifact_id
    assert changed.about != some[7].about


def test_queries_are_the_same_each_time_and_short() -> None:
    asked = queries(50, 300)
    assert asked == queries(50, 300)
    assert all(2 <= len(text.split()) <= 8 for text in asked)


def test_rounded_vectors_find_nearly_what_exact_ones_find(tmp_path: Path) -> None:
    built = build(tmp_path / "index", 200, 0)
    assert 500 < built["bytes_per_document"] < 5000
    found = recalls(tmp_path / "index", 200, 10)
    assert 0.8 <= found["int8_at_10"] <= 1
    assert found["depth_at_10"] == 1
