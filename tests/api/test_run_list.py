"""Listing and searching runs: filters, orders, pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, bad_fields, found, gone, refused
from tests.api.harness import EXPERIMENTS, RUNS, Service

SEARCH = f"{RUNS}/search"


def listed(service: Service, experiment_id: str, **query: Any) -> Json:
    return found(service.read.get(RUNS, params={"experiment_id": experiment_id, **query}))


def searched(service: Service, *experiment_ids: str, **body: Any) -> Json:
    body["experiment_ids"] = list(experiment_ids)
    return found(service.read.post(SEARCH, json=body))


def names(page: Json) -> list[str]:
    return [run["name"] for run in page["runs"]]


@pytest.fixture
def experiment_id(service: Service) -> str:
    """Four runs, `a` the oldest."""
    experiment_id = service.experiment()["id"]
    rows: list[tuple[str, Json, dict[str, str], dict[str, str]]] = [
        ("a", {"loss": 0.3, "acc": 0.5}, {"lr": "0.1", "opt": "sgd"}, {"team": "vision"}),
        ("b", {"loss": 0.1, "acc": "NaN"}, {"lr": "0.01"}, {"team name": "x%y"}),
        ("c", {"loss": "Infinity"}, {"lr": "0.1"}, {"team": "VISION"}),
        ("d", {}, {}, {}),
    ]
    for name, metrics, params, tags in rows:
        run_id = service.run(experiment_id, name=name, tags=tags)["run_id"]
        points = [{"key": key, "value": value} for key, value in metrics.items()]
        found(service.log(run_id, points, params))
        service.clock.advance(1)
        if name in "ab":
            status = {"a": "finished", "b": "failed"}[name]
            found(service.write.post(f"{RUNS}/{run_id}/end", json={"status": status}))
    return experiment_id


def test_the_newest_comes_first_as_a_get_shows_it(service: Service, experiment_id: str) -> None:
    page = listed(service, experiment_id)
    assert names(page) == ["d", "c", "b", "a"]
    assert page["runs"] == [service.get_run(run["run_id"]) for run in page["runs"]]
    assert (page["limit"], page["offset"], page["next_cursor"]) == (100, 0, None)


FILTERS = [
    ("", "dcba"),
    ("metrics.loss < 0.3", "b"),
    ("metrics.loss <= 0.3", "ba"),
    ("metrics.loss >= 0.3", "ca"),
    ("metrics.loss = 0.3", "a"),
    ("metrics.loss != 0.3", "cb"),
    ("metrics.acc > 0", "a"),
    ("metrics.loss IS NULL", "d"),
    ("metric.acc IS NOT NULL", "ba"),
    ("params.lr = '0.1'", "ca"),
    ("params.lr = \"0.1\" and params.opt = 'sgd'", "a"),
    ("params.lr IN ('0.01', '9')", "b"),
    ("params.lr LIKE '0.0%'", "b"),
    ("params.lr != '0.1'", "b"),
    ("params.opt IS NULL", "dcb"),
    ("tags.team = 'vision'", "a"),
    ("tags.team ILIKE 'vis%'", "ca"),
    ("tags.`team name` LIKE 'x%y'", "b"),
    ("attributes.status = 'FINISHED'", "a"),
    ("attributes.status = 'finished' AND metrics.loss < 1", "a"),
    ("status = 'running'", "dc"),
    ("attributes.run_name = 'c'", "c"),
    ("attributes.end_time IS NULL", "dc"),
    ("attributes.start_time > 0", "dcba"),
]


def test_a_filter_keeps_the_same_runs_on_both_routes(service: Service, experiment_id: str) -> None:
    def kept(page: Json) -> str:
        return "".join(names(page))

    listings = [(text, kept(listed(service, experiment_id, filter=text))) for text, _ in FILTERS]
    assert listings == FILTERS
    finds = [(text, kept(searched(service, experiment_id, filter=text))) for text, _ in FILTERS]
    assert finds == FILTERS


ORDERS = [
    (["metrics.loss"], "bacd"),
    (["metrics.loss DESC"], "cabd"),
    (["metrics.acc ASC"], "abdc"),
    (["metrics.acc DESC"], "abdc"),
    (["params.lr", "metrics.loss DESC"], "bcad"),
    (["attributes.start_time ASC"], "abcd"),
    (["attributes.run_name DESC"], "dcba"),
    (["tags.team"], "cadb"),
]


def test_an_order_is_the_same_on_both_routes_and_on_every_walk(
    service: Service, experiment_id: str
) -> None:
    for order_by, order in ORDERS:
        assert names(listed(service, experiment_id, order_by=order_by)) == list(order)
        assert names(searched(service, experiment_id, order_by=order_by)) == list(order)
        for limit in (1, 3):
            walked = walk(service, experiment_id, order_by=order_by, limit=limit)
            assert walked == list(order)


def walk(service: Service, experiment_id: str, **query: Any) -> list[str]:
    """Names of all runs over all pages."""
    seen: list[str] = []
    while True:
        page = listed(service, experiment_id, **query)
        seen += names(page)
        if page["next_cursor"] is None:
            return seen
        assert len(page["runs"]) == query["limit"]
        query["cursor"] = page["next_cursor"]


def test_cursors_walk_over_every_run_once(service: Service, experiment_id: str) -> None:
    for limit in (1, 2, 3, 4):
        for query in ({}, {"filter": "attributes.start_time > 0"}):
            assert walk(service, experiment_id, limit=limit, **query) == list("dcba")


def test_an_offset_skips(service: Service, experiment_id: str) -> None:
    page = listed(service, experiment_id, offset=1, limit=2)
    assert names(page) == ["c", "b"]
    assert (page["limit"], page["offset"]) == (2, 1)
    last = listed(service, experiment_id, offset=1, limit=2, cursor=page["next_cursor"])
    assert names(last) == ["a"]
    assert names(listed(service, experiment_id, offset=4)) == []
    assert names(listed(service, experiment_id, offset=2, order_by="metrics.loss")) == ["c", "d"]


def test_runs_are_listed_by_status(service: Service, experiment_id: str) -> None:
    for status, kept in (("running", "dc"), ("finished", "a"), ("killed", "")):
        assert names(listed(service, experiment_id, status=status)) == list(kept)


def test_deleted_runs_are_listed_apart(service: Service, experiment_id: str) -> None:
    by_name = {run["name"]: run["run_id"] for run in listed(service, experiment_id)["runs"]}
    for name in "bd":
        gone(service.write.delete(f"{RUNS}/{by_name[name]}"))
    for query in ({}, {"order_by": "attributes.start_time DESC"}):
        assert names(listed(service, experiment_id, **query)) == ["c", "a"]
        deleted = listed(service, experiment_id, lifecycle_stage="deleted", **query)
        assert names(deleted) == ["d", "b"]
    assert names(searched(service, experiment_id)) == ["c", "a"]
    assert names(searched(service, experiment_id, lifecycle_stage="deleted")) == ["d", "b"]
    found(service.write.post(f"{RUNS}/{by_name['b']}/restore"))
    assert names(searched(service, experiment_id)) == names(listed(service, experiment_id))


def test_a_search_sees_at_once_what_was_logged(service: Service, experiment_id: str) -> None:
    text = "metrics.loss < 0.05"
    assert names(searched(service, experiment_id, filter=text)) == []
    run_id = listed(service, experiment_id)["runs"][0]["run_id"]
    found(service.log(run_id, [{"key": "loss", "value": 0.01}]))
    assert names(searched(service, experiment_id, filter=text)) == ["d"]


def test_several_experiments_are_searched_at_once(service: Service, experiment_id: str) -> None:
    other = service.experiment("other", slug="other")
    service.run(other["id"], name="e", tags={"team": "vision"})
    text = "tags.team = 'vision'"
    assert names(searched(service, experiment_id, "other", filter=text)) == ["e", "a"]
    page = searched(service, other["id"], experiment_id, limit=3)
    assert names(page) == ["e", "d", "c"]
    rest = searched(service, other["id"], experiment_id, limit=3, cursor=page["next_cursor"])
    assert names(rest) == ["b", "a"]
    assert names(listed(service, "other")) == ["e"]


def test_runs_of_a_deleted_experiment_are_still_listed(
    service: Service, experiment_id: str
) -> None:
    gone(service.write.delete(f"{EXPERIMENTS}/{experiment_id}"))
    assert len(listed(service, experiment_id)["runs"]) == 4
    assert len(searched(service, experiment_id)["runs"]) == 4


@pytest.mark.parametrize(
    "text, position",
    [
        ("metrics.loss <", 14),
        ("metrics.loss < 'x'", 15),
        ("metrics.loss ~ 1", 13),
        ("nonsense.loss = 1", 0),
        ("metrics.loss < 1 OR metrics.loss > 2", 17),
        ("params.lr = 0.1", 12),
        ("attributes.colour = 'red'", 11),
        ("metrics.loss < 1 and", 20),
    ],
)
def test_a_bad_filter_tells_where_it_is_bad(laptop: Service, text: str, position: int) -> None:
    experiment_id = laptop.experiment()["id"]
    for answer in (
        laptop.read.get(RUNS, params={"experiment_id": experiment_id, "filter": text}),
        laptop.read.post(SEARCH, json={"experiment_ids": [experiment_id], "filter": text}),
    ):
        error = refused(answer, 400)
        assert error["details"]["position"] == position
        assert [field["path"] for field in error["details"]["fields"]] == ["filter"]


@pytest.mark.parametrize("order_by", [["metrics"], ["metrics.loss UP"], ["x.y"], [""]])
def test_a_bad_order_is_named(laptop: Service, order_by: list[str]) -> None:
    experiment_id = laptop.experiment()["id"]
    body = {"experiment_ids": [experiment_id], "order_by": ["metrics.loss", *order_by]}
    answer = laptop.read.post(SEARCH, json=body)
    assert bad_fields(answer) == ["order_by.1"]


def test_a_cursor_is_good_for_its_own_query_only(service: Service, experiment_id: str) -> None:
    plain = listed(service, experiment_id, limit=1)["next_cursor"]
    ordered = listed(service, experiment_id, limit=1, order_by="metrics.loss")["next_cursor"]
    other = service.experiment("other")["id"]
    for query in (
        {"cursor": plain[:-2]},
        {"cursor": plain, "lifecycle_stage": "deleted"},
        {"cursor": plain, "experiment_id": other},
        {"cursor": plain, "order_by": "metrics.loss"},
        {"cursor": plain, "filter": "metrics.loss < 1"},
        {"cursor": plain, "status": "running"},
        {"cursor": ordered},
        {"cursor": ordered, "order_by": "metrics.acc"},
    ):
        answer = service.read.get(RUNS, params={"experiment_id": experiment_id, **query})
        assert bad_fields(answer) == ["cursor"]
    body = {"experiment_ids": [experiment_id], "order_by": ["metrics.loss"], "cursor": ordered}
    assert bad_fields(service.read.post(SEARCH, json=body)) == ["cursor"]


@pytest.mark.parametrize(
    "query, paths",
    [
        ("", ["experiment_id"]),
        ("experiment_id=", ["experiment_id"]),
        ("experiment_id=a&experiment_id=b", ["experiment_id"]),
        ("experiment_id=a&limit=0&offset=10001", ["limit", "offset"]),
        ("experiment_id=a&limit=1001&status=FINISHED", ["limit", "status"]),
        ("experiment_id=a&lifecycle_stage=all&sort=x", ["lifecycle_stage", "sort"]),
        ("experiment_id=a&cursor=x&filter=" + "x" * 10_001, ["filter"]),
        ("experiment_id=a" + "&order_by=metrics.a" * 11, ["order_by"]),
    ],
)
def test_every_bad_query_parameter_is_named(laptop: Service, query: str, paths: list[str]) -> None:
    assert bad_fields(laptop.read.get(f"{RUNS}?{query}")) == paths


@pytest.mark.parametrize(
    "body, paths",
    [
        ({}, ["experiment_ids"]),
        ({"experiment_ids": []}, ["experiment_ids"]),
        ({"experiment_ids": [f"e{n}" for n in range(101)]}, ["experiment_ids"]),
        ({"experiment_ids": ["", 5]}, ["experiment_ids.0", "experiment_ids.1"]),
        ({"experiment_ids": ["a"], "limit": 0, "offset": 1}, ["limit", "offset"]),
        ({"experiment_ids": ["a"], "limit": True}, ["limit"]),
        ({"experiment_ids": ["a"], "order_by": "metrics.a"}, ["order_by"]),
        (
            {"experiment_ids": ["a"], "filter": 5, "lifecycle_stage": "x"},
            ["filter", "lifecycle_stage"],
        ),
    ],
)
def test_every_bad_field_of_a_search_is_named(
    laptop: Service, body: Json, paths: list[str]
) -> None:
    assert bad_fields(laptop.read.post(SEARCH, json=body)) == paths
