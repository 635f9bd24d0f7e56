"""Searches of indexed artifacts: the best by a metric, the newest in a window of time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, bad_fields, found, refused
from tests.api.harness import Service
from tests.api.indexed import ARTIFACTS, indexed, listed

HOUR_S = 3600


def search(service: Service, **body: Any) -> list[Json]:
    return found(service.read.post(f"{ARTIFACTS}/search", json=body))["hits"]


def best(service: Service, mode: str = "max", **body: Any) -> Json:
    wanted = {"kind": "model", "metric": "f1", "metric_mode": mode, **body}
    return found(service.read.post(f"{ARTIFACTS}/best", json=wanted))


def ids(hits: list[Json]) -> list[str]:
    return [hit["artifact"]["artifact_id"] for hit in hits]


def test_hits_are_ordered_by_the_metric(service: Service) -> None:
    made = [indexed(service, metrics={"f1": value}) for value in (0.5, -1, 0.9, 0.9)]
    low, lowest, high, newest_high = (one["artifact_id"] for one in made)
    assert ids(search(service, metric="f1")) == [newest_high, high, low, lowest]
    hits = search(service, metric="f1", metric_mode="min", limit=2)
    assert ids(hits) == [lowest, low]
    assert hits[0] == {
        "artifact": made[1],
        "score": -1,
        "why": {"metric": "f1", "value": -1},
    }


def test_without_a_metric_the_newest_come_first(service: Service) -> None:
    made = [indexed(service, tags=["a"], labels={"x": 1}) for _ in range(3)]
    indexed(service)
    hits = search(service, tags=["a"], labels={"x": "1"}, kind="model", pinned=False, limit=2)
    assert hits == [{"artifact": one, "score": None, "why": {}} for one in (made[2], made[1])]


def test_only_finite_numbers_compete(service: Service) -> None:
    for value in ("NaN", "Infinity", "-Infinity", "0.9", True, False, None):
        indexed(service, metrics={"f1": value})
    indexed(service, metrics={"f2": 1})
    for mode in ("max", "min"):
        body = {"kind": "model", "metric": "f1", "metric_mode": mode}
        refused(service.read.post(f"{ARTIFACTS}/best", json=body), 404)
    assert search(service, metric="f1") == []
    zero = indexed(service, metrics={"f1": 0})
    assert best(service) == best(service, "min") == zero


def test_the_newest_of_equals_is_the_best(service: Service) -> None:
    indexed(service, metrics={"f1": 1})
    newest = indexed(service, metrics={"f1": 1.0})
    assert best(service) == best(service, "min") == newest


def test_the_best_is_looked_for_where_the_filters_say(service: Service) -> None:
    wanted = indexed(service, run_id="r", tags=["a"], metrics={"f1": 0.5})
    indexed(service, run_id="s", tags=["a"], metrics={"f1": 0.6})
    indexed(service, run_id="r", metrics={"f1": 0.7})
    indexed(service, run_id="r", tags=["a"], kind="dataset", metrics={"f1": 0.8})
    assert best(service, run_id="r", tags=["a"]) == wanted
    assert best(service, "min", run_id="r", tags=["a"]) == wanted


def test_a_changed_metric_changes_the_best(service: Service) -> None:
    one, other = (indexed(service, metrics={"f1": value}) for value in (0.1, 0.2))
    url = f"{ARTIFACTS}/{one['artifact_id']}"
    changed = found(service.write.patch(url, json={"metrics": {"f1": 0.3}}))
    assert best(service) == changed
    found(service.write.patch(url, json={"metrics": {"f1": None}}))
    assert best(service) == other


@pytest.mark.parametrize(
    "window, seconds",
    [("90s", 90), ("30m", 1800), ("1h", HOUR_S), ("2d", 48 * HOUR_S)],
)
def test_a_window_of_time_leaves_out_what_is_older(
    laptop: Service, window: str, seconds: int
) -> None:
    old = indexed(laptop, metrics={"f1": 1})
    laptop.clock.advance(seconds - 1)
    new = indexed(laptop, metrics={"f1": 0})
    assert len(search(laptop, time_window=window)) == 2
    laptop.clock.advance(2)
    assert ids(search(laptop, time_window=window)) == [new["artifact_id"]]
    assert ids(search(laptop, metric="f1", time_window=window)) == [new["artifact_id"]]
    assert len(search(laptop, time_window="999999999d")) == 2
    assert listed(laptop)["artifacts"] == [new, old]


@pytest.mark.parametrize(
    "body, bad",
    [
        ({"query": "a cat", "mode": "structured"}, ["mode"]),
        ({"mode": "psychic"}, ["mode"]),
        ({"metric": ""}, ["metric"]),
        ({"metric_mode": "best"}, ["metric_mode"]),
        ({"time_window": "1y"}, ["time_window"]),
        ({"time_window": "2w"}, ["time_window"]),
        ({"time_window": "-1h"}, ["time_window"]),
        ({"time_window": "1.5h"}, ["time_window"]),
        ({"limit": 1001}, ["limit"]),
        ({"labels": {"a": 1}}, ["labels.a"]),
        ({"tags": "a"}, ["tags"]),
        ({"cursor": "x"}, ["cursor"]),
    ],
)
def test_a_bad_search_is_refused(laptop: Service, body: Json, bad: list[str]) -> None:
    assert bad_fields(laptop.read.post(f"{ARTIFACTS}/search", json=body)) == bad


def test_a_bad_best_is_refused(laptop: Service) -> None:
    url = f"{ARTIFACTS}/best"
    assert bad_fields(laptop.read.post(url, json={})) == ["kind", "metric", "metric_mode"]
    body = {"kind": "model", "metric": "f1", "metric_mode": "middle"}
    assert bad_fields(laptop.read.post(url, json=body)) == ["metric_mode"]


def test_an_empty_query_and_any_mode_are_structured(laptop: Service) -> None:
    artifact = indexed(laptop)
    for mode in ("structured", "lexical", "semantic", "hybrid"):
        assert ids(search(laptop, query="", mode=mode)) == [artifact["artifact_id"]]


def test_a_search_over_too_much_asks_for_filters(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.domain.artifact_search.SEARCHED_REQUESTS", 2)
    for number in range(101):
        indexed(laptop, run_id=str(number % 2), metrics={"f1": number})
    error = refused(laptop.read.post(f"{ARTIFACTS}/search", json={"metric": "f1"}), 400)
    assert "narrow the filters" in error["message"]
    assert search(laptop, metric="f1", run_id="0", limit=1)[0]["score"] == 100
    assert len(search(laptop, limit=100)) == 100
