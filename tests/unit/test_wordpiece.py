"""Texts are cut into tokens as BERT cuts them, and identifiers into their words first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.search.wordpiece import MAX_WORD, WordPiece, parts, words

TOKENS = [
    *("the", "loss", "of", "un", "##aff", "##able", "##ab", "res", "##net", "train", "cur", "##ve"),
    *("py", "##torch", "github", "mp3", "50", "10", "cifar", "a", "##b", "##c", "pt", "cafe", "1"),
]


@pytest.fixture
def word_piece() -> WordPiece:
    return WordPiece({token: at for at, token in enumerate(TOKENS)})


def cut(word_piece: WordPiece, text: str) -> list[str]:
    return [TOKENS[at] for at in word_piece.ids(text)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("the Loss, of\tthe\r\nloss.", ["the", "Loss", ",", "of", "the", "loss", "."]),
        ("don't stop", ["don", "'", "t", "stop"]),
        ("a+b=c $5", ["a", "+", "b", "=", "c", "$", "5"]),
        ("resnet50_cifar10.pt", ["resnet50", "_", "cifar10", ".", "pt"]),
        ("Café naïve", ["Cafe", "naive"]),
        ("cafe\u0301", ["cafe"]),
        ("漢字kana", ["漢", "字", "kana"]),
        ("«so» – yes…", ["«", "so", "»", "–", "yes", "…"]),
        ("a\u00a0b\u2003c\u3000d\u2028e", ["a", "b", "c", "d", "e"]),
        ("soft\u00adhyphen nul\x00 bell\x07 bad\ufffd", ["softhyphen", "nul", "bell", "bad"]),
        ("≠", ["="]),
        ("", []),
        (" \n ", []),
    ],
)
def test_words_marks_and_ideographs_stand_alone(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    "word, expected",
    [
        ("resnet50", ["resnet", "50"]),
        ("trainLossCurve", ["train", "Loss", "Curve"]),
        ("parseHTTPHeaders2", ["parse", "HTTP", "Headers", "2"]),
        ("GPUs", ["GPUs"]),
        ("PyTorch", ["Py", "Torch"]),
        ("ordinary", ["ordinary"]),
        ("LOUD", ["LOUD"]),
        ("2026", ["2026"]),
        ("größe2", ["größe2"]),
        ("_", ["_"]),
    ],
)
def test_an_identifier_is_cut_at_digits_and_capitals(word: str, expected: list[str]) -> None:
    assert parts(word) == expected


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_parts_of_an_identifier_leave_nothing_out(word: str) -> None:
    assert "".join(parts(word)) == word
    assert all(parts(word))


@given(st.text())
def test_words_have_no_space_and_no_control_character_in_them(text: str) -> None:
    for word in words(text):
        assert word
        assert word.split() == [word]
        assert "\x00" not in word


@pytest.mark.parametrize(
    "text, expected",
    [
        ("unaffable", ["un", "##aff", "##able"]),  # the longest piece that fits, each time
        ("THE LOSS", ["the", "loss"]),
        ("resnet50_cifar10.pt", ["res", "##net", "50", "cifar", "10", "pt"]),
        ("trainCurve", ["train", "cur", "##ve"]),
        ("PyTorch", ["py"]),  # torch does not start a word in this vocabulary
        ("GitHub MP3", ["github", "mp3"]),
        ("Café", ["cafe"]),
        ("abc", ["a", "##b", "##c"]),
        ("abz", []),  # a word of which a piece is not known is not known
        ("!?", []),
    ],
)
def test_tokens(word_piece: WordPiece, text: str, expected: list[str]) -> None:
    assert cut(word_piece, text) == expected


def test_a_word_longer_than_any_gives_no_token(word_piece: WordPiece) -> None:
    assert cut(word_piece, "a" + "b" * (MAX_WORD - 1)) == ["a"] + ["##b"] * (MAX_WORD - 1)
    assert cut(word_piece, "a" + "b" * MAX_WORD) == []


def test_no_more_tokens_than_asked_for(word_piece: WordPiece) -> None:
    assert len(word_piece.ids("the loss " * 1000, limit=5)) == 5
    assert len(word_piece.ids("the loss " * 1000)) == 2000


def test_of_an_empty_vocabulary_nothing_is_known() -> None:
    assert WordPiece({}).ids("the loss") == []


@given(st.text(), st.text())
def test_tokens_of_two_texts_are_those_of_each(one: str, other: str) -> None:
    word_piece = WordPiece({token: at for at, token in enumerate(TOKENS)})
    assert word_piece.ids(f"{one} {other}") == word_piece.ids(one) + word_piece.ids(other)
