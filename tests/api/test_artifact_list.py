"""Lists of indexed artifacts: filters, all of which must hold, and pages without gaps."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.model.artifact import ARTIFACT_IDS
from tests.api.answers import Json, bad_fields, found
from tests.api.harness import Service
from tests.api.indexed import ARTIFACTS, ids_of, indexed, listed, walked


def test_the_newest_come_first_page_by_page(service: Service) -> None:
    made = [indexed(service, labels={"n": n})["artifact_id"] for n in range(7)]
    assert ids_of(listed(service)["artifacts"]) == made[::-1]
    for limit in (1, 2, 7):
        assert walked(service, limit=limit) == made[::-1]
    assert listed(service, limit=7)["next_cursor"] is None


@pytest.mark.parametrize("name", [*ARTIFACT_IDS, "kind"])
def test_each_field_of_the_scope_finds(laptop: Service, name: str) -> None:
    one = indexed(laptop, b"bytes", **{name: "x#1"})
    indexed(laptop, b"bytes", **{name: "x"})
    indexed(laptop)
    assert listed(laptop, **{name: "x#1"})["artifacts"] == [one]
    other = "org_id" if name != "org_id" else "run_id"
    assert listed(laptop, **{name: "x#1", other: "y"})["artifacts"] == []


def test_all_filters_must_hold(service: Service) -> None:
    wanted = indexed(
        service, run_id="r", node_id="n", tags=["a", "b"], labels={"x": "1"}, pinned=True
    )
    indexed(service, run_id="r", node_id="m", tags=["a", "b"], labels={"x": "1"}, pinned=True)
    indexed(service, run_id="r", node_id="n", tags=["a"], labels={"x": "1"}, pinned=True)
    indexed(service, run_id="r", node_id="n", tags=["a", "b"], labels={"x": "2"}, pinned=True)
    indexed(service, run_id="r", node_id="n", tags=["a", "b"], labels={"x": "1"})
    query: dict[str, Any] = {
        "run_id": "r",
        "node_id": "n",
        "kind": "model",
        "tags": ["a", "b"],
        "label.x": "1",
        "pinned": "true",
    }
    assert listed(service, **query)["artifacts"] == [wanted]


@pytest.mark.parametrize(
    "label, text",
    [
        ("text", "text"),
        ("1", "1"),
        (1, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ({"a": [1]}, '{"a":[1]}'),
        ("a b&c=d", "a b&c=d"),
    ],
)
def test_a_label_is_compared_as_a_string_or_as_json(laptop: Service, label: Any, text: str) -> None:
    artifact = indexed(laptop, labels={"the.label": label})
    assert listed(laptop, **{"label.the.label": text})["artifacts"] == [artifact]
    assert listed(laptop, **{"label.the.label": text + "x"})["artifacts"] == []
    assert listed(laptop, **{"label.other": text})["artifacts"] == []


@pytest.mark.parametrize(
    "query, bad",
    [
        ({"limit": 0}, ["limit"]),
        ({"limit": 1001}, ["limit"]),
        ({"run_id": ""}, ["run_id"]),
        ({"run_id": "x" * 251}, ["run_id"]),
        ({"label.a": ""}, ["label.a"]),
        ({"label.": "x"}, ["label..[key]"]),
        ({"label": "x"}, ["label"]),
        ({"tags": ["a", ""]}, ["tags.1"]),
        ({"pinned": "perhaps"}, ["pinned"]),
        ({"run_id": ["a", "b"]}, ["run_id"]),
        ({"cursor": "x"}, ["cursor"]),
        ({"unknown": "x"}, ["unknown"]),
    ],
)
def test_a_bad_filter_is_named(laptop: Service, query: Json, bad: list[str]) -> None:
    assert bad_fields(laptop.read.get(ARTIFACTS, params=query)) == bad


def test_a_cursor_is_good_for_its_own_filters_and_tenant(laptop: Service) -> None:
    for _ in range(2):
        indexed(laptop, run_id="r", tags=["a"])
    cursor = listed(laptop, limit=1, run_id="r")["next_cursor"]
    for query in ({"run_id": "s"}, {"run_id": "r", "tags": "a"}, {}):
        answer = laptop.read.get(ARTIFACTS, params={"cursor": cursor, **query})
        assert bad_fields(answer) == ["cursor"]
    answer = laptop.other.get(ARTIFACTS, params={"cursor": cursor, "run_id": "r"})
    assert bad_fields(answer) == ["cursor"]
    assert len(listed(laptop, run_id="r", cursor=cursor, limit=7)["artifacts"]) == 1


def test_a_page_is_cut_at_four_megabytes(laptop: Service) -> None:
    made = [indexed(laptop, labels={"a": "x" * 60_000})["artifact_id"] for _ in range(70)]
    page = listed(laptop)
    assert 0 < len(page["artifacts"]) < 70
    assert walked(laptop) == made[::-1]


def test_artifacts_that_come_and_go_while_a_list_is_walked_move_none(laptop: Service) -> None:
    made = [indexed(laptop)["artifact_id"] for _ in range(6)]
    page = listed(laptop, limit=2)
    indexed(laptop)
    for gone in (made[4], made[2]):  # one that was shown, one that was not
        assert laptop.write.delete(f"{ARTIFACTS}/{gone}").is_success
    assert walked(laptop, limit=2, cursor=page["next_cursor"]) == [made[3], made[1], made[0]]


def test_a_rare_tag_is_found_over_short_pages(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.domain.artifact_search.LISTED_REQUESTS", 2)
    monkeypatch.setattr("chalicelib.domain.artifact_search.LISTED_ROWS", 3)
    rare = indexed(laptop, tags=["rare"])
    for _ in range(8):
        indexed(laptop)
    first = listed(laptop, tags="rare")
    assert first["artifacts"] == []
    assert first["next_cursor"] is not None
    assert walked(laptop, tags="rare") == [rare["artifact_id"]]
    assert found(laptop.read.get(ARTIFACTS, params={"tags": "rarer"}))["artifacts"] == []
