"""The Table's contract: what is stored comes back as it was."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.storage.table import Item, Key, Value
from tests.contract.table_engines import TableEngine

KEY = Key("t#acme", "value")


def kept(engine: TableEngine, value: Value) -> Value:
    """The value after a way through the table."""
    engine.table.put({"pk": KEY.pk, "sk": KEY.sk, "value": value})
    stored = engine.table.get(KEY)
    assert stored is not None
    assert stored.keys() == {"pk", "sk", "value"}
    return stored["value"]


def nested(levels: int, around: Value = 1) -> Value:
    return around if levels == 0 else [nested(levels - 1, around)]


@pytest.mark.parametrize(
    "number",
    [0.0, -0.0, 0.1, 1.0, -1.5, 1e308, 5e-324, 2.2250738585072014e-308, math.pi, 2.0**53 + 2],
)
def test_a_double_comes_back_bit_for_bit(engine: TableEngine, number: float) -> None:
    found = kept(engine, [number, {"inside": number}])
    assert isinstance(found, list)
    for each in (found[0], cast("dict[str, Value]", found[1])["inside"]):
        assert type(each) is float
        assert struct.pack(">d", each) == struct.pack(">d", number)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(engine: TableEngine, number: float) -> None:
    values: list[Value] = [number, [number], {"a": [{"b": number}]}, Decimal(number)]
    for value in values:
        with pytest.raises(ValueError, match="finite"):
            kept(engine, value)


@pytest.mark.parametrize(
    "number", [0, -1, 2**63 - 1, -(2**63), 2**63, 2**64, 10**37, -(10**38) + 1, 10**125]
)
def test_a_whole_number_comes_back_as_an_int(engine: TableEngine, number: int) -> None:
    for written in (number, Decimal(number)):
        found = kept(engine, written)
        assert type(found) is int
        assert found == number


@pytest.mark.parametrize(
    "digits",
    [
        "0.5",
        "-0.1",
        "1E-130",
        "-9.9999999999999999999999999999999999999E-100",
        "1234567890123456789012345678901234567.8",
        "0.12345678901234567890123456789012345678",
    ],
)
def test_a_decimal_is_exact_to_38_digits(engine: TableEngine, digits: str) -> None:
    found = kept(engine, Decimal(digits))
    assert type(found) is Decimal
    assert found == Decimal(digits)


@pytest.mark.parametrize("text", ["1.0", "1E+2", "-0", "100.00"])
def test_a_decimal_that_is_whole_comes_back_as_an_int(engine: TableEngine, text: str) -> None:
    found = kept(engine, [Decimal(text)])
    assert found == [int(Decimal(text))]
    assert type(cast("list[Value]", found)[0]) is int


@pytest.mark.parametrize(
    "number", [10**38 + 1, Decimal("1.00000000000000000000000000000000000001"), 10**126]
)
@pytest.mark.parametrize("depth", [0, 2])
def test_a_number_past_38_digits_is_refused(
    engine: TableEngine, number: int | Decimal, depth: int
) -> None:
    with pytest.raises(ValueError, match="number"):
        kept(engine, nested(depth, number))


def test_a_bool_is_no_number(engine: TableEngine) -> None:
    found = kept(engine, [True, 1, 1.0, False, 0, None])
    assert isinstance(found, list)
    assert [type(each) for each in found] == [bool, int, float, bool, int, type(None)]


def test_binary_comes_back_as_bytes(engine: TableEngine) -> None:
    every = bytes(range(256))
    assert kept(engine, [every, b"", {"b": every}]) == [every, b"", {"b": every}]


def test_bytes_that_look_like_a_nan_are_only_bytes(engine: TableEngine) -> None:
    look_alike = b"\xcb\x7f\xf8" + bytes(6) + b"~double"
    assert kept(engine, look_alike) == look_alike
    assert kept(engine, "~double") == "~double"


def test_empty_values_are_values(engine: TableEngine) -> None:
    assert kept(engine, ["", [], {}, b"", None]) == ["", [], {}, b"", None]
    assert kept(engine, "") == ""


def test_values_nest_31_levels_and_no_deeper(engine: TableEngine) -> None:
    for value in (nested(31), nested(30, {"a": "b"}), nested(30, 0.5)):
        assert kept(engine, value) == value
    for value in (nested(32), nested(31, []), nested(31, 0.5), nested(30, {"a": {}}), nested(500)):
        with pytest.raises(ValueError, match="nested"):
            kept(engine, value)


def test_changing_an_item_afterwards_changes_nothing_stored(engine: TableEngine) -> None:
    item: Item = {"pk": KEY.pk, "sk": KEY.sk, "tags": {"a": "b"}}
    engine.table.put(item)
    cast("dict[str, Value]", item["tags"])["a"] = "changed"
    first = engine.table.get(KEY)
    assert first is not None
    assert first == {"pk": KEY.pk, "sk": KEY.sk, "tags": {"a": "b"}}
    cast("dict[str, Value]", first["tags"])["a"] = "changed"
    assert engine.table.get(KEY) == {"pk": KEY.pk, "sk": KEY.sk, "tags": {"a": "b"}}


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
attribute_names = text.filter(lambda name: name not in ("", "~double", "csk"))
decimals = st.builds(
    Decimal.scaleb, st.integers(-(10**27), 10**27).map(Decimal), st.integers(-60, 60)
)
scalars = (
    st.none()
    | st.booleans()
    | text
    | st.binary(max_size=8)
    | st.integers(-(10**38) + 1, 10**38 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | decimals
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(attribute_names, inner, max_size=4),
    max_leaves=12,
)


def exactly(value: Value) -> object:
    """Tells apart what == does not: bool, int, float and its bits."""
    match value:
        case list():
            return [exactly(each) for each in value]
        case dict():
            return {name: exactly(each) for name, each in value.items()}
        case float():
            return struct.pack(">d", value)
        case Decimal() if value == int(value):
            return (int, int(value))
        case _:
            return (type(value), value)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(value=values)
def test_any_value_comes_back_as_it_was(engine: TableEngine, value: Value) -> None:
    assert exactly(kept(engine, value)) == exactly(value)
