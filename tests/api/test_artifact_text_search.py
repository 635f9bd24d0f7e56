"""Artifacts found by text: their own words, their content, their meaning."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.core.model.search import SearchQuery
from chalicelib.search import built_in
from chalicelib.search.snapshots import Snapshots
from tests.api.answers import Json, found
from tests.api.harness import Service
from tests.api.indexed import ARTIFACTS, directory, indexed, publish_due

MODES = ("lexical", "semantic", "hybrid")
in_every_mode = pytest.mark.parametrize("mode", MODES)


def hits(service: Service, query: str, mode: str | None = None, **body: Any) -> list[Json]:
    sent = {"query": query, **({} if mode is None else {"mode": mode}), **body}
    return found(service.read.post(f"{ARTIFACTS}/search", json=sent))["hits"]


def names(service: Service, query: str, mode: str | None = None, **body: Any) -> list[str]:
    return [hit["artifact"]["name"] for hit in hits(service, query, mode, **body)]


@pytest.fixture
def some(service: Service) -> Service:
    """With a few artifacts of different kinds."""
    indexed(service, b"1", name="vision.pt", kind="model", metrics={"f1": 0.9}, tags=["image"])
    indexed(
        service,
        b"2",
        name="churn.pkl",
        kind="model",
        labels={"team": "growth"},
        description="Tells which customers are about to cancel their subscription.",
    )
    indexed(
        service,
        b"A table of the revenue of each shop in June.",
        name="june.txt",
        kind="report",
        run_id="r1",
    )
    indexed(service, b'{"optimizer": "adamw", "warmup": 200}', name="train.json", kind="config")
    return service  # fmt: skip


@in_every_mode
def test_what_was_just_saved_is_found(service: Service, mode: str) -> None:
    assert names(service, "a giraffe", mode) == []
    indexed(service, name="giraffe.png", kind="image")
    assert names(service, "a giraffe", mode) == ["giraffe.png"]
    indexed(service, name="giraffe2.png", kind="image")
    assert set(names(service, "giraffe", mode)) == {"giraffe.png", "giraffe2.png"}


def test_words_of_everything_that_is_told_are_found(some: Service) -> None:
    for query, name in {
        "vision": "vision.pt",
        "image": "vision.pt",
        "f1": "vision.pt",
        "growth": "churn.pkl",
        "cancelled subscriptions": "churn.pkl",
        "report": "june.txt",
        "revenue": "june.txt",
        "warmup": "train.json",
    }.items():
        assert names(some, query, "lexical")[:1] == [name], query


def test_meaning_needs_no_common_word(some: Service) -> None:
    assert names(some, "clients who will leave soon", "semantic")[0] == "churn.pkl"
    assert names(some, "clients who will leave soon", "lexical") == []
    assert names(some, "earnings per store", "hybrid")[0] == "june.txt"


def test_a_hit_says_why(some: Service) -> None:
    (hit,) = hits(some, "revenue of giraffes", "lexical")
    assert hit["why"] == {"words": ["revenue"], "lexical": {"rank": 1, "score": hit["score"]}}
    first = hits(some, "vision model")[0]
    assert first["artifact"]["name"] == "vision.pt"
    assert first["why"]["words"] == ["vision", "model"]
    assert first["why"]["lexical"]["rank"] == first["why"]["semantic"]["rank"] == 1
    assert first["score"] == pytest.approx(2 / 61)
    assert 0 < first["why"]["semantic"]["score"] <= 1.01


@in_every_mode
def test_filters_narrow_every_mode(some: Service, mode: str) -> None:
    query = "vision churn revenue optimizer model report"
    assert set(names(some, query, mode, kind="model")) == {"vision.pt", "churn.pkl"}
    assert names(some, query, mode, run_id="r1") == ["june.txt"]
    assert names(some, query, mode, tags=["image"]) == ["vision.pt"]
    assert names(some, query, mode, labels={"team": "growth"}) == ["churn.pkl"]
    assert names(some, query, mode, metric="f1") == ["vision.pt"]
    assert names(some, query, mode, pinned=True) == []
    assert len(names(some, query, mode, pinned=False, limit=2)) == 2
    assert len(names(some, query, mode, time_window="1h")) == 4
    assert names(some, query, mode, kind="model", tags=["nobody"]) == []


@in_every_mode
def test_a_change_shows_at_once(some: Service, mode: str) -> None:
    artifact = hits(some, "vision", mode)[0]["artifact"]
    assert names(some, "giraffe", mode, tags=["zoo"]) == []
    url = f"{ARTIFACTS}/{artifact['artifact_id']}"
    found(some.write.patch(url, json={"description": "of a giraffe", "tags": ["zoo"]}))
    assert names(some, "giraffe", mode)[0] == "vision.pt"
    assert names(some, "giraffe", mode, tags=["zoo"]) == ["vision.pt"]
    assert names(some, "vision", mode, tags=["image"]) == []
    found(some.write.put(f"{url}/pin", json={"pinned": True}))
    assert names(some, "vision", mode, pinned=True) == ["vision.pt"]
    found(some.write.patch(url, json={"description": ""}))
    assert names(some, "giraffe", "lexical") == []
    assert some.write.delete(url).status_code == 204
    assert "vision.pt" not in names(some, "vision", mode)


@in_every_mode
def test_another_tenant_finds_nothing(some: Service, mode: str) -> None:
    body = {"query": "vision model", "mode": mode}
    assert found(some.other.post(f"{ARTIFACTS}/search", json=body)) == {"hits": []}


def test_a_directory_is_found_by_its_name(service: Service) -> None:
    directory(service, {"a.txt": b"giraffe"}, name="savanna photos")
    assert names(service, "savanna", "hybrid") == ["savanna photos"]


def test_what_is_no_text_has_no_content(service: Service) -> None:
    indexed(service, b"giraffe", name="a.bin", mime="application/octet-stream")
    indexed(service, b"\xff\xfe \0 elephant", name="broken.txt", mime="text/plain")
    indexed(service, b"x" * 70_000 + b" giraffe", name="long.txt", mime="text/plain")
    assert names(service, "giraffe", "lexical") == []
    assert names(service, "elephant", "lexical") == ["broken.txt"]


@in_every_mode
def test_strange_queries_are_answered(some: Service, mode: str) -> None:
    for query in (
        '"',
        "a AND OR NOT (",
        "name:vision*",
        "\u2028 \U0001f992",
        "x" * 10_000,
        "the of",
    ):
        hits(some, query, mode)


def test_an_index_that_was_published_is_gone_on_from(
    some: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(built_in, "PUBLISHED_FROM", 3)
    services = some.services
    snapshots = Snapshots(services.table, services.blobs, services.clock)
    some.pull()
    assert publish_due(services) >= 1
    newest = snapshots.newest(some.tenant)
    assert newest is not None
    assert newest.documents == 4
    assert publish_due(services) == 0
    gone = hits(some, "churn")[0]["artifact"]["artifact_id"]
    assert some.write.delete(f"{ARTIFACTS}/{gone}").status_code == 204
    indexed(some, name="giraffe.png", kind="image")
    some.pull()
    # another process: what it fetches is older than what was done since
    other = wiring.services_on(services.table, services.blobs, services.clock)
    matches = other.search().search(some.context(), SearchQuery("churn giraffe", "lexical"))
    ids = [match.artifact_id for match in matches]
    assert gone not in ids
    assert len(ids) == 1
