"""Words of names, texts and queries."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.search.words import (
    MAX_QUERY_WORDS,
    any_of,
    indexed_text,
    query_words,
    rarer,
    rarities,
)


@pytest.mark.parametrize(
    "text, words",
    [
        ("resnet50_cifar10.pt", ["resnet50", "resnet", "50", "cifar10", "cifar", "10", "pt"]),
        ("confusionMatrix", ["confusionmatrix", "confusion", "matrix"]),
        ("HTTPServerLog", ["httpserverlog", "http", "server", "log"]),
        ("the model with the highest F1", ["model", "highest", "f1", "f", "1"]),
        ("Which of them?", ["which", "of", "them"]),  # nothing else to look for
        ("Straße ÉTÉ 模型", ["straße", "été", "模型"]),
        ("re\u0301gression", ["r\xe9gression"]),
        ("a-b/c", ["b", "c"]),
        ("!? ...", []),
        ("", []),
    ],
)
def test_words_of_a_query(text: str, words: list[str]) -> None:
    assert query_words(text) == words


def test_a_long_query_is_cut() -> None:
    assert len(query_words(" ".join(f"w{'x' * n}" for n in range(500)))) == MAX_QUERY_WORDS


def test_parts_of_words_are_indexed_behind_the_text() -> None:
    assert indexed_text("a resnet50 run") == "a resnet50 run resnet 50"
    assert indexed_text("plain text") == "plain text"


def test_the_rarest_words_weigh_most() -> None:
    weights = rarities({"model": 5000, "leaf": 20, "unheard": 0}, 10_000)
    assert weights["model"] < weights["leaf"] < weights["unheard"]
    assert rarities({"the": 10}, 10)["the"] > 0


def test_common_words_are_left_out_while_they_weigh_too_little_together() -> None:
    weights = {"leaf": 5.0, "model": 1.0, "report": 2.0}
    assert rarer(weights, 1.0) == ["model", "report", "leaf"]
    assert rarer(weights, 3.0) == ["report", "leaf"]
    assert rarer(weights, 3.5) == ["leaf"]
    assert rarer({}, 1.0) == []


def test_a_query_of_several_words_is_for_any() -> None:
    assert any_of(["leaf", "or"]) == '"leaf" OR "or"'


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    assert indexed_text(text).startswith(normalize("NFC", text))
    words = query_words(text)
    assert len(words) == len(set(words))
    assert all('"' not in word for word in words)
