"""The search language as text: what is understood, and how mistakes are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.domain.filter_parser import Clause, Field, parse_clauses, parse_order


def only(text: str) -> Clause:
    (clause,) = parse_clauses(text)
    return clause


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_blank_filter_has_no_clauses(text: str) -> None:
    assert parse_clauses(text) == ()


@pytest.mark.parametrize(
    "spelling",
    [
        "metrics.loss < 0.5",
        "metric.loss<.5",
        "  METRICS.loss  <  5e-1 ",
        "metrics.`loss` < +0.5",
        'metrics."loss" < 0.50',
        "`metrics`.loss\n<\n00.5",
    ],
)
def test_one_clause_has_many_spellings(spelling: str) -> None:
    assert only(spelling) == Clause(Field("metric", "loss"), "<", 0.5)


@pytest.mark.parametrize(
    "text, field",
    [
        ("params.lr = 'x'", Field("param", "lr")),
        ("parameter.lr = 'x'", Field("param", "lr")),
        ("tags.mlflow.source.name = 'x'", Field("tag", "mlflow.source.name")),
        ("tag.`a b'\"c` = 'x'", Field("tag", "a b'\"c")),
        ("tags.`a``b` = 'x'", Field("tag", "a`b")),
        ("params.val/top-5:x@y = 'x'", Field("param", "val/top-5:x@y")),
        ("params.größe = 'x'", Field("param", "größe")),
        ("attributes.status = 'x'", Field("attribute", "status")),
        ("attr.Status = 'x'", Field("attribute", "status")),
        ("run.user_id = 'x'", Field("attribute", "user_id")),
        ("created_by = 'x'", Field("attribute", "created_by")),
        ("run_id = 'x'", Field("attribute", "run_id")),
        ("name = 'x'", Field("attribute", "run_name")),
        ("attributes.`Run Name` = 'x'", Field("attribute", "run_name")),
        ("`run name` = 'x'", Field("attribute", "run_name")),
        ("artifact_uri = 'x'", Field("attribute", "artifact_uri")),
        ("start_time = 1", Field("attribute", "start_time")),
        ("Created = 1", Field("attribute", "start_time")),
        ("attributes.end_time = 1", Field("attribute", "end_time")),
        ("duration_ms = 1", Field("attribute", "duration_ms")),
        ("datasets.name = 'x'", Field("dataset", "name")),
        ("dataset.context = 'x'", Field("dataset", "context")),
    ],
)
def test_fields_have_aliases_and_quotes(text: str, field: Field) -> None:
    assert only(text).field == field


@pytest.mark.parametrize(
    "text, operator, value",
    [
        ("metrics.a == 1", "=", 1.0),
        ("metrics.a <> -1e3", "!=", -1000.0),
        ("metrics.a >=-.5", ">=", -0.5),
        ("metrics.a IS null", "IS NULL", None),
        ('params.a = "it\'s"', "=", "it's"),
        ("params.a = 'it''s'", "=", "it's"),
        ("params.a = ''", "=", ""),
        ("params.a = ''''", "=", "'"),
        ("params.a like '%x_'", "LIKE", "%x_"),
        ("params.a iLike 'X'", "ILIKE", "X"),
        ("params.a IN ('x')", "IN", ("x",)),
        ("params.a IN ('x',)", "IN", ("x",)),
        ("params.a not  in('x',\"y\" , 'z, w')", "NOT IN", ("x", "y", "z, w")),
        ("tags.a is not null", "IS NOT NULL", None),
        ("tags.in in ('in')", "IN", ("in",)),
    ],
)
def test_operators_and_values(text: str, operator: str, value: object) -> None:
    clause = only(text)
    assert (clause.operator, clause.value) == (operator, value)


def test_and_joins_in_either_case_and_strings_may_hold_it() -> None:
    clauses = parse_clauses("params.a = 'x and y'AND metrics.b > 1 and tags.and = 'and'")
    assert [clause.field.key for clause in clauses] == ["a", "b", "and"]


def test_digits_without_end_are_a_number_too() -> None:
    assert only("metrics.a < " + "9" * 5000).value == float("inf")


@pytest.mark.parametrize(
    "text, position, expected",
    [
        ("metrics.loss", 12, "expected one of =, !=, <, <=, >, >=, IS [NOT] NULL, found the end"),
        ("metrics.loss <", 14, "expected a number without quotes, found the end"),
        ("metrics.loss < '0.5'", 15, "expected a number without quotes, found ''0.5''"),
        ("metrics.loss < nan", 15, "expected a number"),
        ("metrics.loss < 0.5x", 15, "expected a number"),
        ("metrics.loss LIKE '1'", 13, "expected one of =, !=, <"),
        ("metrics.loss =< 1", 13, "expected one of"),
        ("metrics. < 1", 8, "expected a key after the dot"),
        ("metrics.`` < 1", 8, "expected a key after the dot"),
        ("metric$.a < 1", 0, "unknown attribute 'metric'"),
        ("foo.bar = 'x'", 0, "unknown entity 'foo'; use metrics, params"),
        ("metrics.a > 1 and foo.bar = 'x'", 18, "unknown entity 'foo'"),
        ("loss < 1", 0, "unknown attribute 'loss'; use one of run_id"),
        ("attributes.loss < 1", 11, "unknown attribute 'loss'"),
        ("dataset.size = 'x'", 8, "unknown dataset key 'size'; use one of name"),
        ("params.a = 1", 11, "expected a string in single or double quotes, found '1'"),
        ("params.a > 'x'", 9, "expected one of =, !=, LIKE, ILIKE, [NOT] IN"),
        ("params.a = 'x", 11, "expected a string"),
        ("params.a IN 'x'", 12, "expected a list such as"),
        ("params.a IN ()", 13, "expected a string"),
        ("params.a IN ('x'", 16, "expected a comma or a closing parenthesis"),
        ("params.a NOT LIKE 'x'", 9, "expected one of"),
        ("start_time = 'x'", 13, "expected a number"),
        ("metrics.a > 1 or metrics.b > 1", 14, "OR and parentheses are not supported"),
        ("metrics.a > 1 and", 17, "expected a field such as metrics.loss"),
        ("and metrics.a > 1", 0, "unknown attribute 'and'"),
        ("(metrics.a > 1)", 0, "expected a field"),
        ("metrics.a > 1;", 13, "expected AND or the end"),
    ],
)
def test_a_mistake_is_told_with_its_position(text: str, position: int, expected: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_clauses(text)
    assert caught.value.details == {"position": position}
    assert expected in caught.value.message
    assert caught.value.message.endswith(f"at position {position}")
    assert [(f.path, f.message) for f in caught.value.fields] == [("filter", caught.value.message)]


def test_a_filter_of_10000_characters_is_the_longest() -> None:
    text = "params.a = '"
    text += "x" * (10_000 - len(text) - 1) + "'"
    assert parse_clauses(text)
    with pytest.raises(Invalid, match="too long; say it with less: length=10001 max=10000"):
        parse_clauses(text + " ")


def test_a_filter_of_100_clauses_is_the_fullest() -> None:
    text = " and ".join(["metrics.a > 1"] * 100)
    assert len(parse_clauses(text)) == 100
    with pytest.raises(Invalid, match="too many clauses"):
        parse_clauses(f"{text} and metrics.a > 1")


@pytest.mark.parametrize(
    "text, field, descending",
    [
        ("metrics.loss", Field("metric", "loss"), False),
        ("metrics.`a b` DESC", Field("metric", "a b"), True),
        ('params."lr" asc', Field("param", "lr"), False),
        ("attributes.start_time Desc", Field("attribute", "start_time"), True),
        ("  created  ", Field("attribute", "start_time"), False),
        ("metrics.desc desc", Field("metric", "desc"), True),
    ],
)
def test_an_order_names_a_field_and_a_direction(text: str, field: Field, descending: bool) -> None:
    assert parse_order(text, "order_by.0") == (field, descending)


@pytest.mark.parametrize(
    "text, position",
    [
        ("", 0),
        ("metrics.loss up", 13),
        ("metrics.loss ASC, params.lr", 16),
        ("metrics.loss DESC DESC", 18),
        ("loss", 0),
        ("dataset.name", 0),
        ("x" * 10_001, 10_000),
    ],
)
def test_a_mistake_in_an_order_is_told_with_its_position(text: str, position: int) -> None:
    with pytest.raises(Invalid) as caught:
        parse_order(text, "order_by.2")
    assert caught.value.details == {"position": position}
    assert caught.value.fields[0].path == "order_by.2"


WORDS = """
    metrics params tags attributes dataset status start_time loss . ` ' " ( ) , AND and OR NOT IN
    IS NULL LIKE ILIKE DESC = == != < <= > >= 1 -.5 1e9 nan 'x' "y" `z` % _ é \\ ; --
"""
PIECES = st.sampled_from(WORDS.split())


@given(st.one_of(st.text(), st.lists(PIECES).map(" ".join), st.lists(PIECES).map("".join)))
def test_junk_is_understood_or_invalid_and_nothing_else(text: str) -> None:
    def order(text: str) -> object:
        return parse_order(text, "order_by.0")

    for parse in (parse_clauses, order):
        try:
            parse(text)
        except Invalid as error:
            position = error.details["position"]
            assert isinstance(position, int)
            assert 0 <= position <= len(text)
