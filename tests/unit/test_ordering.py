"""The order of a search, and pages through it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.core.paging import JsonValue
from chalicelib.domain.ordering import Ordering, parse_order_by
from tests.unit.run_rows_given import ROWS, GivenRow

NAN, INF = math.nan, math.inf


def ids(rows: Sequence[GivenRow], *order_by: str) -> list[str]:
    return [row.run_id for row in parse_order_by(order_by).top(rows, len(rows))]


def by_loss(**values: float | None) -> list[GivenRow]:
    return [
        GivenRow(run_id, metrics={} if value is None else {"loss": value})
        for run_id, value in values.items()
    ]


def test_the_newest_runs_come_first_and_ids_decide_between_equals() -> None:
    rows = [GivenRow("b", start_time_ms=1), GivenRow("c", start_time_ms=2)]
    rows.append(GivenRow("a", start_time_ms=1))
    assert ids(rows) == ["c", "a", "b"]


def test_nan_then_missing_come_last_in_both_directions() -> None:
    rows = by_loss(a=None, b=NAN, c=INF, d=-INF, e=0.0)
    assert ids(rows, "metrics.loss ASC") == ["d", "e", "c", "b", "a"]
    assert ids(rows, "metrics.loss DESC") == ["c", "e", "d", "b", "a"]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_pages_go_on_behind_nan_infinity_and_missing(direction: str) -> None:
    rows = by_loss(a=None, b=NAN, c=INF, d=-INF, e=0.0, f=None, g=NAN, h=INF)
    ordering = parse_order_by([f"metrics.loss {direction}"])
    assert [row.run_id for row in walk(ordering, rows, 1)] == ids(rows, f"metrics.loss {direction}")


def test_equals_are_decided_by_the_next_clause_and_then_by_time() -> None:
    rows = [
        GivenRow("a", params={"p": "x"}, tags={"t": "1"}, start_time_ms=1),
        GivenRow("b", params={"p": "x"}, tags={"t": "2"}, start_time_ms=1),
        GivenRow("c", params={"p": "w"}, tags={"t": "1"}, start_time_ms=1),
        GivenRow("d", params={"p": "x"}, tags={"t": "1"}, start_time_ms=2),
    ]
    assert ids(rows, "params.p DESC", "tags.t") == ["d", "a", "b", "c"]


def test_a_run_that_still_goes_comes_after_those_that_ended() -> None:
    rows = [GivenRow("a"), GivenRow("b", end_time_ms=5), GivenRow("c", end_time_ms=7)]
    assert ids(rows, "attributes.end_time DESC") == ["c", "b", "a"]


def test_strings_compare_by_their_first_128_characters() -> None:
    rows = [
        GivenRow("a", params={"p": "x" * 128 + "b"}, start_time_ms=1),
        GivenRow("b", params={"p": "x" * 128 + "a"}, start_time_ms=1),
        GivenRow("c", params={"p": "x" * 127 + "a"}, start_time_ms=1),
    ]
    assert ids(rows, "params.p") == ["c", "a", "b"]
    position = parse_order_by(["params.p"]).position(rows[0])
    assert len(json.dumps(position)) < 200


def test_a_run_that_is_given_twice_counts_twice() -> None:
    assert parse_order_by([]).top([GivenRow("a")] * 3, 2) == [GivenRow("a")] * 2


@pytest.mark.parametrize("count", [-1, 0])
def test_no_rows_are_the_first_none(count: int) -> None:
    assert parse_order_by([]).top([GivenRow("a")], count) == []


def test_at_most_8_clauses() -> None:
    assert parse_order_by(["metrics.a"] * 8)
    with pytest.raises(Invalid, match="order_by: too many clauses: count=9 max=8"):
        parse_order_by(["metrics.a"] * 9)


def test_the_bad_clause_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        parse_order_by(["metrics.a", "metrics.b sideways"])
    assert caught.value.fields[0].path == "order_by.1"
    assert caught.value.details == {"position": 10}


@pytest.mark.parametrize(
    "place",
    [
        "x",
        {},
        [],
        [1.0, 1],
        ["x", 1, "a"],
        [True, 1, "a"],
        [1.0, 1, 2],
        [1.0, 1, "a", "b"],
        [[1.0], 1, "a"],
    ],
)
def test_a_place_of_another_order_is_invalid(place: JsonValue) -> None:
    with pytest.raises(Invalid, match="cursor: of another order"):
        parse_order_by(["metrics.loss"]).top([GivenRow("a")], 1, place)


def test_a_place_stays_good_when_its_run_is_gone() -> None:
    ordering = parse_order_by(["metrics.loss"])
    rows = by_loss(a=1.0, b=2.0, c=3.0)
    place: JsonValue = list(ordering.position(rows[1]))
    assert ordering.top([rows[0], rows[2]], 5, place) == [rows[2]]


CLAUSES = st.lists(
    st.builds(
        "{} {}".format,
        st.sampled_from(
            [
                "metrics.loss",
                "metrics.`a b`",
                "params.loss",
                "tags.`x.y`",
                "status",
                "run_name",
                "start_time",
                "end_time",
                "duration_ms",
                "run_id",
            ]
        ),
        st.sampled_from(["", "ASC", "desc"]),
    ),
    max_size=3,
)


def reference(rows: Sequence[GivenRow], order_by: Sequence[str]) -> list[GivenRow]:
    """All rows, by comparing them two by two as the rules say."""

    def value(row: GivenRow, field: str) -> float | str | None:
        ended = row.end_time_ms
        return {
            "metrics.loss": row.metrics.get("loss"),
            "metrics.`a b`": row.metrics.get("a b"),
            "params.loss": row.params.get("loss"),
            "tags.`x.y`": row.tags.get("x.y"),
            "status": row.status,
            "run_name": row.name,
            "start_time": row.start_time_ms,
            "end_time": ended,
            "duration_ms": None if ended is None else max(0, ended - row.start_time_ms),
            "run_id": row.run_id,
        }[field]

    def less(x: float | str | None, y: float | str | None) -> bool:
        if isinstance(x, str):
            return isinstance(y, str) and x < y
        assert not isinstance(y, str)
        return x is not None and y is not None and x < y

    def rank(value: float | str | None) -> int:
        if value is None:
            return 2
        return 1 if isinstance(value, float) and math.isnan(value) else 0

    def compare(a: GivenRow, b: GivenRow) -> int:
        for clause in [*order_by, "start_time desc", "run_id "]:
            field, _, direction = clause.rpartition(" ")
            x, y = value(a, field), value(b, field)
            if rank(x) != rank(y):
                return rank(x) - rank(y)
            if rank(x) == 0 and x != y:
                return -1 if less(x, y) != (direction == "desc") else 1
        return 0

    return sorted(rows, key=cmp_to_key(compare))


def walk(ordering: Ordering, rows: Sequence[GivenRow], size: int) -> list[GivenRow]:
    """Page after page, each place passing through JSON."""
    seen: list[GivenRow] = []
    place: JsonValue = None
    while page := ordering.top(rows, size, place):
        assert len(page) <= size
        seen += page
        place = json.loads(json.dumps(ordering.position(page[-1]), allow_nan=False))
    return seen


@given(ROWS, CLAUSES, st.integers(1, 35))
def test_the_top_is_the_head_of_the_whole_order(
    rows: list[GivenRow], order_by: list[str], count: int
) -> None:
    assert parse_order_by(order_by).top(rows, count) == reference(rows, order_by)[:count]


@given(ROWS, CLAUSES, st.integers(1, 7))
def test_pages_give_every_row_once_and_in_order(
    rows: list[GivenRow], order_by: list[str], size: int
) -> None:
    assert walk(parse_order_by(order_by), rows, size) == reference(rows, order_by)


def test_a_small_top_of_many_rows_is_the_head_of_the_whole_order() -> None:
    rows = [GivenRow(f"{n:03}", metrics={"loss": n * 37 % 101}) for n in range(1000)]
    for order in ("metrics.loss asc", "metrics.loss desc"):
        assert parse_order_by([order]).top(rows, 15) == reference(rows, [order])[:15]
