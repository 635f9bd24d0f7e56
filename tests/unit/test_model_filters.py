"""Filtering and ordering what is not a run: the same language, looked at one by one."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.domain.filter_parser import Field, Language, parse_clauses
from chalicelib.domain.model_filters import (
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    arranged,
    kept,
    parse_orders,
)

Thing = dict[str, list[str | float]]


def read(thing: Thing, field: Field) -> Sequence[str | float]:
    return thing.get(f"{field.kind}.{field.key}", [])


def test_a_clause_holds_when_one_of_several_values_fits() -> None:
    things: list[Thing] = [
        {"metric.f1": [0.1, 0.9]},
        {"metric.f1": [0.5]},
        {"metric.f1": [nan]},
        {},
    ]

    def found(text: str) -> list[int]:
        left = kept(parse_clauses(text, LOGGED_MODELS), things, read)
        return [things.index(thing) for thing in left]

    assert found("metrics.f1 > 0.6") == [0]
    assert found("metrics.f1 < 0.6") == [0, 1]
    assert found("metrics.f1 > 0.6 AND metrics.f1 < 0.2") == [0]
    assert found("metrics.f1 = 0.5") == [1]
    assert found("metrics.f1 IS NULL") == [3]
    assert found("metrics.f1 IS NOT NULL") == [0, 1, 2]


@pytest.mark.parametrize(
    "text, language",
    [
        ("run_name = 'x'", LOGGED_MODELS),
        ("dataset.name = 'x'", LOGGED_MODELS),
        ("metrics.f1 > 1", REGISTERED_MODELS),
        ("run_id = 'x'", REGISTERED_MODELS),
        ("params.a = 'x'", MODEL_VERSIONS),
        ("status = 'READY'", MODEL_VERSIONS),
        ("version_number = 'x'", MODEL_VERSIONS),
        ("version_number = '1.5'", MODEL_VERSIONS),
        ("version_number = ''", MODEL_VERSIONS),
        ("creation_timestamp = '1'", MODEL_VERSIONS),
    ],
)
def test_each_kind_of_thing_has_a_language_of_its_own(text: str, language: Language) -> None:
    with pytest.raises(Invalid, match="at position"):
        parse_clauses(text, language)


def test_the_entities_of_a_language_are_named() -> None:
    with pytest.raises(Invalid, match="use tags or attributes"):
        parse_clauses("metrics.f1 > 1", REGISTERED_MODELS)


VALUES = st.none() | st.floats(allow_nan=True) | st.integers(-3, 3).map(float)


@given(st.lists(st.tuples(VALUES, VALUES)), st.booleans(), st.booleans())
def test_values_come_in_order_then_nan_then_nothing(
    things: list[tuple[float | None, float | None]], down: bool, other_down: bool
) -> None:
    found = arranged(things, [(lambda thing: thing[0], down), (lambda thing: thing[1], other_down)])

    def rank(value: float | None, descending: bool) -> tuple[int, float]:
        if value is None:
            return 2, 0
        if isnan(value):
            return 1, 0
        return 0, -value if descending else value

    places = [(rank(one, down), rank(other, other_down)) for one, other in found]
    assert places == sorted(places)
    assert sorted(map(repr, found)) == sorted(map(repr, things))


def test_an_order_names_attributes_once_each() -> None:
    assert parse_orders(["name DESC", "timestamp"], REGISTERED_MODELS) == [
        (Field("attribute", "name"), True),
        (Field("attribute", "last_updated_timestamp"), False),
    ]
    for texts in (["name", "name DESC"], ["tags.a"], ["name"] * 9, ["nothing"], ["name x"]):
        with pytest.raises(Invalid):
            parse_orders(texts, REGISTERED_MODELS)
