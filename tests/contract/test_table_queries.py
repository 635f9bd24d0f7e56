"""The Table's contract: queries of a partition and of the index."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.storage.table import (
    PAGE_BYTES,
    Index,
    Item,
    Key,
    Put,
    Query,
    Table,
    query_all,
)
from tests.contract.table_engines import TableEngine

PK = "t#acme"
LISTED = "t#acme#runs"
WORDS = ["a", "ab", "abc", "abd", "b", "ba", "c"]


def fill(table: Table, names: list[str], **attributes: Any) -> None:
    table.transact([Put({"pk": PK, "sk": name, **attributes}) for name in names])


def listed(number: int) -> Item:
    """Stored in one order, listed in the opposite."""
    return {"pk": PK, "sk": f"run{number}", "lpk": LISTED, "lsk": f"{9 - number}", "n": number}


def names(table: Table, query: Query) -> list[str]:
    return [str(item["sk"]) for item in query_all(table, query)]


@pytest.mark.parametrize(
    "query, expected",
    [
        (Query(PK), WORDS),
        (Query(PK, prefix="ab"), ["ab", "abc", "abd"]),
        (Query(PK, prefix="abc"), ["abc"]),
        (Query(PK, prefix="x"), []),
        (Query(PK, start="abc"), ["abc", "abd", "b", "ba", "c"]),
        (Query(PK, stop="abc"), ["a", "ab", "abc"]),
        (Query(PK, start="ab", stop="b"), ["ab", "abc", "abd", "b"]),
        (Query(PK, start="aa", stop="aaa"), []),
        (Query(PK, start="b", stop="a"), []),
        (Query("t#acm"), []),
    ],
)
def test_a_query_answers_its_range_in_either_order(
    engine: TableEngine, query: Query, expected: list[str]
) -> None:
    fill(engine.table, WORDS)
    engine.table.put({"pk": "t#acme2", "sk": "other"})
    assert names(engine.table, query) == expected
    backwards = Query(query.pk, query.prefix, query.start, query.stop, reverse=True)
    assert names(engine.table, backwards) == expected[::-1]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_walking_with_a_cursor_meets_every_item_once(
    engine: TableEngine, reverse: bool, limit: int
) -> None:
    fill(engine.table, WORDS)
    met: list[str] = []
    after = None
    while True:
        page = engine.table.query(Query(PK, limit=limit, reverse=reverse, after=after))
        assert len(page.items) <= limit
        met += [str(item["sk"]) for item in page.items]
        after = page.next
        if after is None:
            break
    assert met == (WORDS[::-1] if reverse else WORDS)


def test_a_cursor_outlives_the_item_it_stands_on(engine: TableEngine) -> None:
    fill(engine.table, WORDS)
    page = engine.table.query(Query(PK, prefix="a", limit=2))
    engine.table.delete(Key(PK, "ab"))
    assert names(engine.table, Query(PK, prefix="a", after=page.next)) == ["abc", "abd"]


def test_a_limit_bounds_the_items_in_all(engine: TableEngine) -> None:
    fill(engine.table, WORDS)
    assert names(engine.table, Query(PK, limit=3)) == WORDS[:3]
    assert names(engine.table, Query(PK, limit=70)) == WORDS


@pytest.mark.parametrize(
    "query",
    [
        Query(""),
        Query(PK, prefix=""),
        Query(PK, start=""),
        Query(PK, stop=""),
        Query(PK, prefix="a", start="b"),
        Query(PK, limit=0),
        Query(PK, after=("a", "b", "c")),
        Query(PK, index=Index.LISTED, after=("a",)),
    ],
)
def test_a_bad_query_is_refused(engine: TableEngine, query: Query) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every case has its own words
        engine.table.query(query)


def test_the_index_lists_whole_items_in_its_own_order(engine: TableEngine) -> None:
    items = [listed(number) for number in range(5)]
    engine.table.transact([Put(each) for each in items])
    engine.table.put({"pk": PK, "sk": "unlisted"})
    assert list(query_all(engine.table, Query(LISTED, index=Index.LISTED))) == items[::-1]
    bounds = Query(LISTED, start="6", stop="8", reverse=True, index=Index.LISTED)
    assert list(query_all(engine.table, bounds)) == items[1:4]


@pytest.mark.parametrize("reverse", [False, True])
def test_walking_the_index_meets_every_item_once(engine: TableEngine, reverse: bool) -> None:
    items = [listed(number) for number in range(5)]
    engine.table.transact([Put(each) for each in items])
    met: list[Item] = []
    after = None
    while True:
        query = Query(LISTED, index=Index.LISTED, limit=2, reverse=reverse, after=after)
        page = engine.table.query(query)
        met += page.items
        after = page.next
        if after is None:
            break
    assert met == (items if reverse else items[::-1])


def test_items_with_one_index_key_are_all_listed(engine: TableEngine) -> None:
    items: list[Item] = [
        {"pk": PK, "sk": f"{number}", "lpk": LISTED, "lsk": "same"} for number in range(4)
    ]
    engine.table.transact([Put(each) for each in items])
    found = query_all(engine.table, Query(LISTED, index=Index.LISTED))
    assert sorted(str(item["sk"]) for item in found) == ["0", "1", "2", "3"]


def test_the_index_follows_the_item(engine: TableEngine) -> None:
    engine.table.put(listed(1))
    engine.table.put({**listed(1), "lsk": "0"})
    assert [i["lsk"] for i in query_all(engine.table, Query(LISTED, index=Index.LISTED))] == ["0"]
    engine.table.put({**listed(1), "lpk": "elsewhere"})
    assert list(query_all(engine.table, Query(LISTED, index=Index.LISTED))) == []
    engine.table.delete(Key(PK, "run1"))
    assert list(query_all(engine.table, Query("elsewhere", index=Index.LISTED))) == []


def test_a_page_is_about_a_megabyte(engine: TableEngine) -> None:
    for number in range(8):
        engine.table.put({"pk": PK, "sk": f"{number}", "body": "x" * 300_000})
    page = engine.table.query(Query(PK))
    assert page.next is not None
    # the item that does not fit any more may be the last of the page
    assert 0 < (len(page.items) - 1) * 300_000 <= PAGE_BYTES
    assert names(engine.table, Query(PK)) == [f"{number}" for number in range(8)]


def test_expired_items_are_not_listed(engine: TableEngine) -> None:
    fill(engine.table, ["a", "c"], expires_at=engine.clock.now_s + 10, lpk=LISTED, lsk="x")
    fill(engine.table, ["b", "d"], expires_at=engine.clock.now_s + 20, lpk=LISTED, lsk="x")
    engine.clock.advance(10)
    assert names(engine.table, Query(PK)) == ["b", "d"]
    assert sorted(names(engine.table, Query(LISTED, index=Index.LISTED))) == ["b", "d"]


sort_keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4) | st.text(
    "a\x00\x7f\u0080\u07ff\ud7ff\ue000\uffff\U00010000\U0010ffff", min_size=1, max_size=3
)


@pytest.mark.slow
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sks=st.lists(sort_keys, unique=True, min_size=1, max_size=8), bound=sort_keys)
def test_sort_keys_compare_by_their_utf8_bytes(
    engine: TableEngine, sks: list[str], bound: str
) -> None:
    pk = f"order{engine.clock.now_ms()}"
    engine.clock.advance(1)
    engine.table.transact([Put({"pk": pk, "sk": sk}) for sk in sks])
    found = names(engine.table, Query(pk))
    assert sorted(found) == sorted(sks)
    assert all(one.encode() < other.encode() for one, other in pairwise(found))
    edge = bound.encode()
    assert names(engine.table, Query(pk, start=bound)) == [k for k in found if k.encode() >= edge]
    assert names(engine.table, Query(pk, stop=bound)) == [k for k in found if k.encode() <= edge]
    assert names(engine.table, Query(pk, prefix=bound)) == [k for k in found if k.startswith(bound)]
    for sk in sks:
        prefixed = [k for k in found if k.startswith(sk[0])]
        assert names(engine.table, Query(pk, prefix=sk[0], reverse=True)) == prefixed[::-1]
