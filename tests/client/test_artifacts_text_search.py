"""Finding artifacts by text: at a service in every mode, in a folder by their words."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.search import words as words_of_the_service
from tests.client.artifact_places import DAY_S, Place, local, plant, remote
from tests.client.harness import Bench
from trialbook import Artifact, Hit, Invalid, Unavailable
from trialbook.artifacts import AsyncArtifactIndex, Filters, Ranked, Why, words
from trialbook.artifacts.facade import ArtifactFacade
from trialbook.artifacts.local import LocalArtifactIndex, LocalArtifactStore
from trialbook.context import Context, local_context

pytestmark = pytest.mark.anyio

in_every_mode = pytest.mark.parametrize(
    "place, mode",
    [
        *(("remote", mode) for mode in (None, "lexical", "semantic", "hybrid")),
        *(("local", mode) for mode in (None, "lexical")),
    ],
    indirect=["place"],
)
DESCRIPTION = "Tells which customers are about to cancel their subscription."


def names(found: Sequence[Artifact]) -> list[str | None]:
    return [artifact.name for artifact in found]


def index_of(place: Place) -> AsyncArtifactIndex:
    index = place.of().index
    assert index is not None
    return index


async def saved_some(place: Place) -> ArtifactFacade:
    """Artifacts of a run `r`, and one of another."""
    artifacts = place.artifacts(run_id="r", session_id="s", tool_name="fitter")
    await artifacts.save_text(
        "1", name="vision.pt", kind="model", tags=["image"], metrics={"f1": 0.9}
    )
    await artifacts.save_text(
        "2", name="churn.pkl", kind="model", labels={"team": "growth"}, description=DESCRIPTION
    )
    await artifacts.save_text(
        "A table of the revenue of each shop in June.", name="june.txt", kind="report", pin=True
    )
    elsewhere = place.artifacts(run_id="r2", session_id="s")
    await elsewhere.save_json({"optimizer": "adamw"}, name="resnet50.json", kind="config")
    return artifacts


@in_every_mode
async def test_every_mode_is_narrowed_by_all_that_a_search_takes(place: Place, mode: Any) -> None:
    artifacts = await saved_some(place)

    async def found(level: Any = "run", **asked: Any) -> set[str | None]:
        query = "vision churn revenue optimizer model report"
        return set(names(await artifacts.search(query=query, mode=mode, level=level, **asked)))

    assert await found() == {"vision.pt", "churn.pkl", "june.txt"}
    for level in ("session", None):
        assert await found(level) == {"vision.pt", "churn.pkl", "june.txt", "resnet50.json"}
    assert await found(kind="model") == {"vision.pt", "churn.pkl"}
    assert await found(tags=["image"]) == {"vision.pt"}
    assert await found(labels={"team": "growth"}) == {"churn.pkl"}
    assert await found(extra_scope_labels={"team": "growth"}) == {"churn.pkl"}
    assert await found(kind="model", labels={"team": "other"}) == set()
    assert await found(metric="f1") == {"vision.pt"}
    assert len(await found(limit=2)) == 2
    assert await found(limit=0) == set()
    place.wait(2 * DAY_S)
    await artifacts.save_text("late revenue", name="late.txt")
    assert await found(time_window="24h") == {"late.txt"}
    assert len(await found(time_window="3d")) == 4
    node = place.artifacts(run_id="r", graph_id="g", node_id="n")
    await node.save_text("revenue", name="of the node")
    for narrowed in ("include_graph", "include_node"):
        by: Any = {narrowed: True}
        assert names(await node.search(query="revenue", mode=mode, **by)) == ["of the node"]


@in_every_mode
async def test_what_was_just_saved_changed_or_deleted_is_known(place: Place, mode: Any) -> None:
    artifacts, index = await saved_some(place), index_of(place)

    async def found(query: str, **asked: Any) -> list[str | None]:
        return names(await artifacts.search(query=query, mode=mode, level=None, **asked))

    assert (await found("vision"))[0] == "vision.pt"
    artifact = (await artifacts.search(query="vision", mode=mode))[0]
    await index.patch(artifact.artifact_id, description="of a giraffe", tags=["zoo"])
    assert (await found("giraffe"))[0] == "vision.pt"
    assert await found("giraffe", tags=["zoo"]) == ["vision.pt"]
    assert await found("giraffe", tags=["image"]) == []
    await index.delete(artifact.artifact_id)
    assert "vision.pt" not in await found("giraffe")
    await artifacts.save_text("x", name="giraffe.png")
    assert (await found("giraffe"))[0] == "giraffe.png"


@pytest.mark.parametrize("mode", [None, "lexical"])
async def test_words_of_everything_that_is_told_are_found(place: Place, mode: Any) -> None:
    artifacts = await saved_some(place)
    for query, name in {
        "vision": "vision.pt",
        "image": "vision.pt",
        "f1": "vision.pt",
        "growth": "churn.pkl",
        "cancelled subscriptions": "churn.pkl",
        "report": "june.txt",
        "Revenue, of JUNE": "june.txt",
        "adamw": "resnet50.json",
        "resnet": "resnet50.json",
        "config": "resnet50.json",
    }.items():
        found = await artifacts.search(query=query, mode=mode, level=None)
        assert names(found)[:1] == [name], query
    by_tool = await artifacts.search(query="fitter", mode="lexical", level=None)
    assert set(names(by_tool)) == {"vision.pt", "churn.pkl", "june.txt"}
    assert await artifacts.search(query="giraffe", mode="lexical") == []


async def test_a_hit_says_why_and_search_is_its_artifacts(place: Place) -> None:
    artifacts = await saved_some(place)
    (hit,) = await artifacts.search_hits(query="the revenue of giraffes", mode="lexical")
    assert hit.artifact.name == "june.txt"
    assert hit.score is not None
    assert hit.why == Why(words=("revenue",), lexical=Ranked(1, hit.score))
    hits = await artifacts.search_hits(query="vision model churn")
    assert [hit.artifact for hit in hits] == await artifacts.search(query="vision model churn")
    scores = [hit.score for hit in hits if hit.score is not None]
    assert scores == sorted(scores, reverse=True)
    for hit in hits:
        assert Hit.from_dict(json.loads(json.dumps(hit.to_dict()))) == hit


async def test_a_hit_of_no_text_has_the_metric_or_no_score(place: Place) -> None:
    artifacts = await saved_some(place)
    (hit,) = await artifacts.search_hits(metric="f1")
    assert (hit.score, hit.why) == (0.9, Why(metric="f1", value=0.9))
    assert hit.why.to_dict() == {"metric": "f1", "value": 0.9}
    for asked in ({}, {"time_window": "1h"}):
        hits = await artifacts.search_hits(**cast("Any", asked))
        assert len(hits) == 3
        assert {(hit.score, hit.why) for hit in hits} == {(None, Why())}
    assert hits[0].why.to_dict() == {}


async def test_meaning_needs_no_common_word(bench: Bench, tmp_path: Path) -> None:
    artifacts = await saved_some(remote(bench, tmp_path))
    query = "clients who will leave soon"
    hits = await artifacts.search_hits(query=query, mode="semantic")
    assert hits[0].artifact.name == "churn.pkl"
    assert hits[0].score is not None
    assert hits[0].why == Why(semantic=Ranked(1, hits[0].score))
    assert await artifacts.search(query=query, mode="lexical") == []
    (both,) = await artifacts.search_hits(query="subscriptions to cancel", limit=1)
    assert both.why.lexical is not None
    assert both.why.semantic is not None
    assert (both.why.lexical.rank, both.why.semantic.rank) == (1, 1)
    assert both.why.words == ("subscriptions", "cancel")


async def test_an_empty_query_is_structured_whatever_the_mode(place: Place) -> None:
    artifacts = await saved_some(place)
    newest = ["june.txt", "churn.pkl", "vision.pt"]
    for query in (None, "", " \n"):
        for mode in (None, "structured", "lexical", "semantic", "hybrid"):
            found = await artifacts.search(query=query, mode=cast("Any", mode))
            assert names(found) == newest
            found = await index_of(place).search_hits(
                Filters({"run_id": "r"}), query=query, mode=cast("Any", mode)
            )
            assert [hit.artifact.name for hit in found] == newest
            by_f1 = await artifacts.search(query=query, mode=cast("Any", mode), metric="f1")
            assert names(by_f1) == ["vision.pt"]


async def test_a_mode_that_there_is_not_is_refused(place: Place) -> None:
    artifacts = place.artifacts(run_id="r")
    with pytest.raises(Invalid, match="structured search takes no query"):
        await artifacts.search(query="x", mode="structured")
    for query in ("x", None):
        with pytest.raises(ValueError, match="'fuzzy'; one of structured, lexical"):
            await artifacts.search(query=query, mode=cast("Any", "fuzzy"))


async def test_strange_queries_are_answered(place: Place) -> None:
    artifacts = await saved_some(place)
    for query in ('"', "a AND OR NOT (", "name:vision*", "\u2028 \U0001f992", "the of", "x" * 9999):
        await artifacts.search(query=query)
        await artifacts.search(query=query, mode="lexical")


async def test_an_index_that_is_being_built_is_asked_again(bench: Bench, tmp_path: Path) -> None:
    artifacts = await saved_some(remote(bench, tmp_path))
    bench.weather.next.extend(["busy", "busy"])
    assert names(await artifacts.search(query="vision", limit=1)) == ["vision.pt"]
    assert not bench.weather.next
    bench.weather.next.extend(["busy"] * 6)
    with pytest.raises(Unavailable):
        await artifacts.search(query="vision")


async def test_meaning_needs_a_service(tmp_path: Path) -> None:
    artifacts = local(tmp_path).artifacts(run_id="r")
    for mode in ("semantic", "hybrid"):
        with pytest.raises(Invalid, match=f"mode={mode} needs a service.*mode=lexical"):
            await artifacts.search(query="x", mode=cast("Any", mode))


async def test_a_hundred_match_unless_more_are_asked_for(tmp_path: Path) -> None:
    artifacts = local(tmp_path).artifacts(run_id="r")
    for number in range(101):
        await artifacts.save_text("", name=f"revenue {number}")
    found = await artifacts.search(query="revenue")
    assert names(found) == [f"revenue {number}" for number in reversed(range(1, 101))]
    assert len(await artifacts.search(query="revenue", limit=200)) == 101


async def test_of_a_folder_the_beginnings_of_texts_are_searched(tmp_path: Path) -> None:
    artifacts = local(tmp_path).artifacts(run_id="r")
    beginning = b"giraffe " + b"x" * (64 * 1024 - 9)
    for name, body in {
        "no name tells": b"a giraffe",
        "long.txt": beginning + "\u00fc".encode() + b" elephant",
        "binary.txt": b"giraffe \0",
        "latin.txt": "giraffe \u00fc".encode("latin-1"),
    }.items():
        path = tmp_path / "staged"
        path.write_bytes(body)
        await artifacts.save_file(path, kind="blob", name=name)
    await artifacts.ingest_dir(plant(tmp_path / "zoo", {"giraffe.txt": b"giraffe"}), name="zoo")
    assert set(names(await artifacts.search(query="giraffe"))) == {"no name tells", "long.txt"}
    assert await artifacts.search(query="elephant") == []
    assert names(await artifacts.search(query="zoo")) == ["zoo"]


async def test_a_folder_that_was_never_searched_is_searched_by_many_at_once(
    tmp_path: Path,
) -> None:
    writer = local(tmp_path).artifacts(run_id="r")
    for _ in range(101):
        await writer.save_text("revenue")
    readers = [local_context(tmp_path / "artifacts", run_id="r").artifacts() for _ in range(4)]
    found = await asyncio.gather(
        *(reader.search(query="revenue", limit=200) for reader in readers),
        *(writer.save_text("revenue", name=f"late {number}") for number in range(5)),
    )
    assert all(len(cast("list[Artifact]", each)) >= 101 for each in found[:4])
    assert len(await writer.search(query="revenue", limit=200)) == 106


async def test_what_an_older_version_changes_after_a_search_is_known(tmp_path: Path) -> None:
    artifacts = local(tmp_path).artifacts(run_id="r")
    await artifacts.save_text("x", name="vision.pt")
    assert names(await artifacts.search(query="vision")) == ["vision.pt"]
    with sqlite3.connect(tmp_path / "artifacts" / "index.sqlite") as db:
        db.execute("UPDATE artifacts SET document = replace(document, 'vision.pt', 'churn.pkl')")
    db.close()
    assert await artifacts.search(query="vision") == []
    assert names(await artifacts.search(query="churn")) == ["churn.pkl"]


async def test_bytes_that_are_elsewhere_are_not_searched(tmp_path: Path) -> None:
    store, index = LocalArtifactStore(tmp_path / "a"), LocalArtifactIndex(tmp_path / "b")
    artifacts = Context(store, index, run_id="r").artifacts()
    await artifacts.save_text("giraffe", name="zoo")
    assert await artifacts.search(query="giraffe") == []
    assert names(await artifacts.search(query="zoo")) == ["zoo"]


@given(st.text())
def test_words_are_those_of_the_service(text: str) -> None:
    assert words.indexed_text(text) == words_of_the_service.indexed_text(text)
    assert words.query_words(text) == words_of_the_service.query_words(text)
    assert words.STOP_WORDS == words_of_the_service.STOP_WORDS
