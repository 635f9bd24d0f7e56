"""Slugs and made-up names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.names import (
    ADJECTIVES,
    NOUNS,
    RESERVED_SLUG,
    is_slug,
    numbered,
    slugify,
    two_word_name,
)


@pytest.mark.parametrize(
    "name, slug",
    [
        ("MNIST baseline", "mnist-baseline"),
        ("  --Läufe & Größen, Nr. 7!--  ", "laufe-grossen-nr-7"),
        ("ＦＵＬＬ ﬁt №5", "full-fit-no5"),
        ("a/b_c.d", "a-b-c-d"),
        ("x" * 80, "x" * 63),
        ("x" * 62 + " y", "x" * 62),
        ("Runs", "runs-2"),
        ("A" * 32, "a" * 32 + "-2"),
        ("実験", None),
        ("!?", None),
        ("", None),
    ],
)
def test_a_name_becomes_a_slug(name: str, slug: str | None) -> None:
    assert slugify(name) == slug


@given(st.text())
def test_what_is_made_of_a_name_is_a_slug(name: str) -> None:
    slug = slugify(name)
    assert slug is None or is_slug(slug)


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True), st.integers(2, 10_000))
def test_a_numbered_slug_is_a_slug(slug: str, number: int) -> None:
    assert is_slug(numbered(slug, number))
    assert numbered(slug, number).endswith(f"-{number}")


def test_numbers_begin_with_the_slug_itself() -> None:
    assert [numbered("x", n) for n in (1, 2, 3)] == ["x", "x-2", "x-3"]
    assert numbered("x" * 63, 10) == "x" * 60 + "-10"
    assert numbered("x" * 59 + "-yyy", 100) == "x" * 59 + "-100"


@pytest.mark.parametrize("text", ["a", "0", "a-", "a--b", "x" * 63, "a" * 31, "runs-2", "run"])
def test_slugs(text: str) -> None:
    assert is_slug(text)


@pytest.mark.parametrize(
    "text", ["", "-a", "A", "a_b", "ä", "a\n", "x" * 64, RESERVED_SLUG, "0123456789abcdef" * 2]
)
def test_what_is_no_slug_or_could_be_taken_for_something_else(text: str) -> None:
    assert not is_slug(text)


def test_made_up_names_are_readable() -> None:
    assert two_word_name(bytes(8)) == "able-acorn-000"
    assert (
        two_word_name(
            (417 + 1000 * (64 * ADJECTIVES.index("quiet") + NOUNS.index("otter"))).to_bytes(
                8, "big"
            )
        )
        == "quiet-otter-417"
    )


@given(st.binary(min_size=4, max_size=16))
def test_made_up_names_are_slugs_of_two_words_and_a_number(random_bytes: bytes) -> None:
    name = two_word_name(random_bytes)
    assert is_slug(name)
    assert re.fullmatch(r"[a-z]+-[a-z]+-[0-9]{3}", name)


def test_every_word_can_come_up() -> None:
    names = {two_word_name((n * 1000).to_bytes(4, "big")) for n in range(64 * 64)}
    assert len(names) == len(set(ADJECTIVES)) * len(set(NOUNS)) == 64 * 64


def test_too_few_random_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="too few random bytes: 3"):
        two_word_name(b"abc")
