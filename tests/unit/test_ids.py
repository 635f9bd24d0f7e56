"""Ids are ordered by time, and labels hold nothing that could break a key."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.context import Clock
from chalicelib.core.ids import is_hex_id, is_label, uuid7_hex

TIMES = st.integers(0, 2**48 - 1)
RANDOM = st.binary(min_size=10, max_size=16)


@given(TIMES, RANDOM)
def test_an_id_is_a_uuid_of_version_7(now_ms: int, random_bytes: bytes) -> None:
    made = uuid7_hex(now_ms, random_bytes)
    assert is_hex_id(made)
    parsed = uuid.UUID(made)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == now_ms


@given(TIMES, TIMES, RANDOM, RANDOM)
def test_a_later_id_sorts_after_an_earlier_one(
    one_ms: int, other_ms: int, some: bytes, more: bytes
) -> None:
    if one_ms < other_ms:
        assert uuid7_hex(one_ms, some) < uuid7_hex(other_ms, more)


@given(TIMES, st.integers(0, 2**74 - 1), st.integers(0, 2**74 - 1))
def test_74_random_bits_are_kept(now_ms: int, one: int, other: int) -> None:
    first, second = (uuid7_hex(now_ms, bits.to_bytes(10, "big")) for bits in (one, other))
    assert (first == second) == (one == other)


def test_the_example_of_the_rfc() -> None:
    # RFC 9562, appendix A.6: time 0x017F22E279B0, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F
    bits = 0xCC3 << 62 | 0x18C4DC0C0C07398F
    made = uuid7_hex(0x017F22E279B0, bits.to_bytes(10, "big"))
    assert made == "017f22e279b07cc398c4dc0c0c07398f"


def test_new_ids_differ() -> None:
    clock = Clock()
    assert len({clock.new_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "a" * 32 + "\n"])
def test_what_is_no_id(text: str) -> None:
    assert not is_hex_id(text)


@pytest.mark.parametrize("text", ["a", "Ada.Lovelace@example.com", "0", "a" * 63])
def test_what_may_name_a_tenant(text: str) -> None:
    assert is_label(text)


@pytest.mark.parametrize("text", ["", "#", "a#b", "a/b", "a\n", " a", "-a", ".a", "a" * 64, "ä"])
def test_what_may_not_name_a_tenant(text: str) -> None:
    assert not is_label(text)
