"""Which runs a filter keeps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.filter_parser import Clause, Field, Operator
from chalicelib.domain.filters import like_test, parse_filter
from tests.unit.run_rows_given import KEYS, NUMBERS, ROWS, STRINGS, GivenRow

NAN = float("nan")


def kept(text: str | None, *rows: GivenRow) -> list[str]:
    return [row.run_id for row in parse_filter(text).select(rows)]


def test_no_filter_keeps_everything_in_order() -> None:
    rows = [GivenRow("b"), GivenRow("a")]
    assert kept(None, *rows) == kept("  ", *rows) == ["b", "a"]


def test_every_clause_must_hold() -> None:
    rows = [GivenRow(str(n), metrics={"loss": n}, params={"odd": str(n % 2)}) for n in range(6)]
    assert kept("metrics.loss >= 2 and params.odd = '1' AND metrics.loss < 5", *rows) == ["3"]


@pytest.mark.parametrize("comparison", ["=", "!=", "<", "<=", ">", ">="])
def test_a_run_without_the_metric_matches_no_comparison(comparison: str) -> None:
    assert kept(f"metrics.loss {comparison} 1", GivenRow("a", metrics={"acc": 1.0})) == []


@pytest.mark.parametrize(
    "clause", ["= 'x'", "!= 'x'", "LIKE '%'", "ILIKE '%'", "IN ('x')", "NOT IN ('x')"]
)
@pytest.mark.parametrize("entity", ["params", "tags"])
def test_a_run_without_the_param_or_tag_matches_no_comparison(entity: str, clause: str) -> None:
    assert kept(f"{entity}.team {clause}", GivenRow("a")) == []


@pytest.mark.parametrize("field", ["metrics.m", "params.p", "tags.t", "dataset.name", "end_time"])
def test_null_is_what_a_run_does_not_have(field: str) -> None:
    full = GivenRow(
        "full", metrics={"m": NAN}, params={"p": ""}, tags={"t": ""}, end_time_ms=0,
        datasets=[{"name": ""}],
    )  # fmt: skip
    assert kept(f"{field} IS NULL", full, GivenRow("bare")) == ["bare"]
    assert kept(f"{field} IS NOT NULL", full, GivenRow("bare")) == ["full"]


def test_nan_is_unlike_everything_and_infinity_is_a_number() -> None:
    rows = [GivenRow(str(v), metrics={"m": v}) for v in (NAN, float("inf"), 1.0)]
    assert kept("metrics.m != 1", *rows) == ["nan", "inf"]
    assert kept("metrics.m > 0", *rows) == ["inf", "1.0"]
    assert kept("metrics.m = 1e999", *rows) == ["inf"]


def test_a_status_is_compared_in_either_case() -> None:
    rows = [GivenRow("a", status="finished"), GivenRow("b", status="running")]
    for text in (
        "status = 'FINISHED'",
        "attributes.status = 'finished'",
        "status != 'Running'",
        "status IN ('FINISHED', 'FAILED')",
        "status NOT IN ('RUNNING')",
        "status LIKE 'FIN%'",
        "status ILIKE '%SHED'",
    ):
        assert kept(text, *rows) == ["a"], text


def test_other_strings_are_compared_exactly() -> None:
    assert kept("run_name = 'Base'", GivenRow("a", name="Base"), GivenRow("b", name="base")) == [
        "a"
    ]


def test_times_and_durations_are_milliseconds() -> None:
    rows = [GivenRow("a", start_time_ms=5, end_time_ms=15), GivenRow("b", start_time_ms=6)]
    assert kept("start_time > 5", *rows) == ["b"]
    assert kept("end_time = 15", *rows) == ["a"]
    assert kept("duration_ms >= 10", *rows) == ["a"]


def test_any_dataset_of_a_run_may_match() -> None:
    rows = [
        GivenRow("a", datasets=[{"name": "train"}, {"name": "test", "context": "eval"}]),
        GivenRow("b", datasets=[{"name": "train"}]),
        GivenRow("c"),
    ]
    assert kept("dataset.name = 'test'", *rows) == ["a"]
    assert kept("datasets.name IN ('train') and dataset.context LIKE 'e%'", *rows) == ["a"]


@pytest.mark.parametrize(
    "pattern, matches, differs",
    [
        ("abc", ["abc"], ["ABC", "xabc", "abcx", "abc\n"]),
        ("a%", ["a", "abc", "a\nb"], ["ba", ""]),
        ("%c", ["c", "abc", "c\nc"], ["cb", "c\n"]),
        ("%b%", ["b", "abc", "\nb\n"], ["", "a"]),
        ("a_c", ["abc", "a\nc", "a_c"], ["ac", "abbc"]),
        ("%a_c%", ["xxabcxx"], ["ac"]),
        ("a%b%c", ["abc", "axbxc", "abcbc"], ["acb", "ab"]),
        ("%%", ["", "x"], []),
        ("", [""], ["x"]),
        ("a.c*[x]", ["a.c*[x]"], ["abc*[x]", "a.ccx"]),
    ],
)
def test_like_covers_the_whole_string(pattern: str, matches: list[str], differs: list[str]) -> None:
    like = like_test(pattern)
    assert [text for text in [*matches, *differs] if like(text)] == matches


def test_ilike_ignores_case() -> None:
    rows = [GivenRow("a", params={"p": "ÜBER Net"}), GivenRow("b", params={"p": "net"})]
    assert kept("params.p ILIKE 'über%NET'", *rows) == ["a"]


def test_a_pattern_of_many_wildcards_does_not_hang() -> None:
    like = like_test("%a" * 4000 + "b")
    assert not like("a" * 8000)


# A reference that reads like the rules and cares for nothing else.


def reference_like(pattern: str, text: str) -> bool:
    @cache
    def fits(p: int, t: int) -> bool:
        if p == len(pattern):
            return t == len(text)
        if pattern[p] == "%":
            return fits(p + 1, t) or (t < len(text) and fits(p, t + 1))
        return t < len(text) and pattern[p] in ("_", text[t]) and fits(p + 1, t + 1)

    return fits(0, 0)


def values_of(row: GivenRow, field: Field) -> Sequence[float | str]:
    if field.kind == "dataset":
        return [dataset[field.key] for dataset in row.datasets if field.key in dataset]
    if field.kind == "attribute":
        ended = row.end_time_ms
        value = {
            "run_id": row.run_id,
            "run_name": row.name,
            "user_id": row.user,
            "status": row.status,
            "artifact_uri": row.artifact_uri,
            "start_time": row.start_time_ms,
            "end_time": ended,
            "duration_ms": None if ended is None else max(0, ended - row.start_time_ms),
        }[field.key]
    else:
        columns = {"metric": row.metrics, "param": row.params, "tag": row.tags}
        value = columns[field.kind].get(field.key)
    return [] if value is None else [value]


def holds(operator: Operator, value: float | str, wanted: object) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        if operator == "ILIKE":
            return reference_like(wanted.lower(), value.lower())
        if operator == "LIKE":
            return reference_like(wanted, value)
    if isinstance(wanted, tuple):
        return (value in wanted) is (operator == "IN")
    if operator in ("=", "!="):
        return (value == wanted) is (operator == "=")
    assert isinstance(value, int | float)
    assert isinstance(wanted, float)
    if operator in ("<", "<="):
        return value < wanted or (operator == "<=" and value == wanted)
    return value > wanted or (operator == ">=" and value == wanted)


def expected(row: GivenRow, clause: Clause) -> bool:
    values = values_of(row, clause.field)
    if clause.value is None:
        return bool(values) is (clause.operator == "IS NOT NULL")
    return any(holds(clause.operator, value, clause.value) for value in values)


FIELDS = st.one_of(
    st.builds(Field, st.sampled_from(("metric", "param", "tag")), st.sampled_from(KEYS)),
    st.builds(
        Field,
        st.just("attribute"),
        st.sampled_from(
            (
                *("run_id", "run_name", "user_id", "status", "artifact_uri"),
                *("start_time", "end_time", "duration_ms"),
            )
        ),
    ),
    st.builds(Field, st.just("dataset"), st.sampled_from(("name", "digest", "context"))),
)
TEXTS = STRINGS | st.text(st.sampled_from("aAbB%_X"), max_size=5) | st.just("finished")


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    field = draw(FIELDS)
    nullness: tuple[Operator, ...] = ("IS NULL", "IS NOT NULL")
    operators: tuple[Operator, ...] = (
        ("=", "!=", "<", "<=", ">", ">=") if field.is_number else ("=", "!=", "LIKE", "ILIKE")
    )
    lists: tuple[Operator, ...] = () if field.is_number else ("IN", "NOT IN")
    operator = draw(st.sampled_from((*nullness, *operators, *lists)))
    if operator in nullness:
        return Clause(field, operator, None)
    if operator in lists:
        return Clause(field, operator, tuple(draw(st.lists(TEXTS, min_size=1, max_size=3))))
    if field.is_number:
        numbers = [number for number in NUMBERS if abs(number) < 1e9]
        return Clause(field, operator, float(draw(st.sampled_from(numbers) | st.integers(0, 5))))
    return Clause(field, operator, draw(TEXTS))


@st.composite
def spelled(draw: st.DrawFn, clause: Clause) -> str:
    """One of the ways to write the clause."""
    space = draw(st.sampled_from((" ", "  ", "\n")))
    key_quote = draw(st.sampled_from('`"'))
    key = key_quote + clause.field.key.replace(key_quote, key_quote * 2) + key_quote
    entity = clause.field.kind + draw(st.sampled_from(("", "s")))

    def string(text: str) -> str:
        quote = draw(st.sampled_from("'\""))
        return quote + text.replace(quote, quote * 2) + quote

    operator: str = clause.operator
    if operator == "!=":
        operator = draw(st.sampled_from(("!=", "<>")))
    words = [f"{entity}.{key}", draw(st.sampled_from((operator, operator.lower())))]
    if isinstance(clause.value, tuple):
        words.append("(" + ",".join(string(text) for text in clause.value) + ")")
    elif isinstance(clause.value, str):
        words.append(string(clause.value))
    elif clause.value is not None:
        words.append(draw(st.sampled_from((repr(clause.value), f"{clause.value:e}"))))
    return space.join(words)


@given(ROWS, st.lists(clauses(), max_size=3), st.data())
def test_a_filter_keeps_what_the_rules_say(
    rows: list[GivenRow], asked: list[Clause], data: st.DataObject
) -> None:
    text = " and ".join(data.draw(spelled(clause)) for clause in asked)
    parsed = parse_filter(text)
    assert list(parsed.clauses) == asked
    assert parsed.select(rows) == [
        row for row in rows if all(expected(row, clause) for clause in asked)
    ]


@given(st.text(st.sampled_from("ab%_"), max_size=8), st.text(st.sampled_from("ab"), max_size=8))
def test_like_agrees_with_its_definition(pattern: str, text: str) -> None:
    assert bool(like_test(pattern)(text)) == reference_like(pattern, text)
