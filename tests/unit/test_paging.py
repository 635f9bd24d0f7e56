"""Cursors that callers can keep but not change."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.core.paging import CursorCodec, JsonValue

CODEC = CursorCodec(b"a secret")
POSITIONS = cast(
    "st.SearchStrategy[JsonValue]",
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
)  # fmt: skip
ANY_TEXT = st.text(st.characters())  # lone surrogates too


@given(ANY_TEXT, POSITIONS | ANY_TEXT)
def test_a_position_comes_back_as_it_was(scope: str, position: JsonValue) -> None:
    cursor = CODEC.encode(scope, position)
    assert CODEC.decode(scope, cursor) == position
    assert all(c.isascii() and (c.isalnum() or c in "-_") for c in cursor)


@given(st.text(), POSITIONS, st.data())
def test_a_cursor_with_another_character_anywhere_is_refused(
    scope: str, position: JsonValue, data: st.DataObject
) -> None:
    cursor = CODEC.encode(scope, position)
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.characters().filter(lambda c: c != cursor[at]))
    for changed in (
        cursor[:at] + other + cursor[at + 1 :],
        cursor[:at] + other + cursor[at:],
        cursor[:at] + cursor[at + 1 :],
    ):
        if changed != cursor:
            with pytest.raises(Invalid):
                CODEC.decode(scope, changed)


@given(ANY_TEXT)
def test_other_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        CODEC.decode("scope", text)
    assert caught.value.fields[0].path == "cursor"
    assert caught.value.message.startswith("cursor: not one that this query gave")


@given(st.text(), st.text(), POSITIONS)
def test_a_cursor_is_good_in_its_own_scope_only(a: str, b: str, position: JsonValue) -> None:
    cursor = CODEC.encode(a, position)
    if a != b:
        with pytest.raises(Invalid):
            CODEC.decode(b, cursor)


def test_a_scope_cannot_borrow_from_the_position() -> None:
    cursor = CODEC.encode("tenant", 12)
    with pytest.raises(Invalid):
        CODEC.decode("tenant1", cursor)


def test_another_secret_refuses_the_cursor() -> None:
    with pytest.raises(Invalid):
        CursorCodec(b"another secret").decode("s", CODEC.encode("s", [1]))


@pytest.mark.parametrize("padding", ["=", "==", "\n", " ", "."])
def test_only_the_spelling_that_was_given_out_is_good(padding: str) -> None:
    with pytest.raises(Invalid):
        CODEC.decode("s", CODEC.encode("s", [1]) + padding)


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="a cursor needs a secret"):
        CursorCodec(b"")


def test_a_number_that_json_cannot_spell_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        CODEC.encode("s", [float("nan")])
