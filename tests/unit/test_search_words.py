"""Words of names, texts and queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.search.words import MAX_QUERY_WORDS, indexed_text, query_words


@pytest.mark.parametrize(
    "text, words",
    [
        ("resnet50_cifar10.pt", ["resnet50", "resnet", "50", "cifar10", "cifar", "10", "pt"]),
        ("confusionMatrix", ["confusionmatrix", "confusion", "matrix"]),
        ("HTTPServerLog", ["httpserverlog", "http", "server", "log"]),
        ("the model with the highest F1", ["model", "highest", "f1", "f", "1"]),
        ("Which of them?", ["which", "of", "them"]),  # nothing else to look for
        ("Straße ÉTÉ 模型", ["straße", "été", "模型"]),
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


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    assert indexed_text(text).startswith(text)
    words = query_words(text)
    assert len(words) == len(set(words))
    assert all('"' not in word for word in words)
