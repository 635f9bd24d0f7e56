"""Finding artifacts by level, tags, labels and metrics: the same at a service and without one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import pytest

from tests.client.artifact_places import DAY_S, Place
from trialbook import Artifact, Invalid
from trialbook.artifacts import AsyncArtifactIndex

pytestmark = pytest.mark.anyio


def names(found: Sequence[Artifact]) -> list[str | None]:
    return [artifact.name for artifact in found]


def index_of(place: Place) -> AsyncArtifactIndex:
    index = place.of().index
    assert index is not None
    return index


async def test_a_level_filters_by_its_id_alone(place: Place) -> None:
    mine = {"run_id": "r1", "session_id": "s1", "user_id": "u1", "org_id": "o1"}
    others = {
        "same run": {"run_id": "r1", "session_id": "s2", "user_id": "u2", "org_id": "o2"},
        "same session": {"run_id": "r2", "session_id": "s1", "user_id": "u2", "org_id": "o2"},
        "same user": {"run_id": "r2", "session_id": "s2", "user_id": "u1", "org_id": "o2"},
        "same org": {"run_id": "r2", "session_id": "s2", "user_id": "u2", "org_id": "o1"},
    }
    await place.artifacts(**mine).save_text("x", name="mine")
    for name, ids in others.items():
        await place.artifacts(**ids).save_text("x", name=name)
    artifacts = place.artifacts(**mine)
    for level in ("run", "session", "user", "org"):
        found = [f"same {level}", "mine"]
        assert names(await artifacts.list(level=cast("Any", level))) == found
        assert names(await artifacts.search(level=cast("Any", level))) == found
    assert names(await artifacts.list()) == ["same run", "mine"]
    assert names(await artifacts.list(level="scope")) == ["mine"]
    assert names(await artifacts.list(level=None)) == [*reversed(others), "mine"]


async def test_scope_is_every_id_that_is_set(place: Place) -> None:
    ids = {"client_id": "c1", "app_id": "a1", "experiment_id": "e1"}
    await place.artifacts(**ids).save_text("x", name="all")
    await place.artifacts(**ids | {"app_id": "a2"}).save_text("x", name="other app")
    assert names(await place.artifacts(**ids).list(level="scope")) == ["all"]
    assert names(await place.artifacts(client_id="c1").list(level="scope")) == ["other app", "all"]
    assert len(await place.artifacts().search(level="scope")) == 2


async def test_node_and_graph_narrow_where_they_are_asked_to(place: Place) -> None:
    def at(graph: str | None, node: str | None) -> Any:
        return place.artifacts(run_id="r", graph_id=graph, node_id=node)

    for graph, node in (("g1", "n1"), ("g1", "n2"), ("g2", "n1"), (None, None)):
        await at(graph, node).save_text("x", name=f"{graph} {node}")
    here = at("g1", "n1")
    assert names(await here.list()) == ["g1 n1"]
    assert len(await here.list(include_node=False)) == 4
    assert len(await here.search()) == 4
    assert names(await here.search(include_graph=True)) == ["g1 n2", "g1 n1"]
    assert names(await here.search(include_node=True)) == ["g1 n1"]
    assert names(await here.list(level="scope")) == ["g1 n1"]
    assert len(await place.artifacts(run_id="r").list()) == 4
    for graph, node in ((True, False), (False, True)):
        with pytest.raises(ValueError, match="=True needs"):
            await place.artifacts(run_id="r").search(include_graph=graph, include_node=node)


async def test_a_level_without_its_id_is_a_value_error(place: Place) -> None:
    artifacts = place.artifacts()
    for level in ("run", "session", "user", "org", "planet"):
        wrong = cast("Any", level)
        with pytest.raises(ValueError, match="level"):
            await artifacts.list(level=wrong)
        with pytest.raises(ValueError, match="level"):
            await artifacts.search(level=wrong)
        with pytest.raises(ValueError, match="level"):
            await artifacts.best(kind="k", metric="m", metric_mode="max", level=wrong)
    with pytest.raises(ValueError, match="run_id"):
        await artifacts.list()


async def test_tags_mean_all_of_them_and_labels_must_be_equal(place: Place) -> None:
    artifacts = place.artifacts(run_id="r")
    await artifacts.save_text("1", name="one", tags=["a", "b"], labels={"x": "1", "d": "v"})
    await artifacts.save_text("2", name="two", tags=["a"], labels={"x": 1, "d": "v"})
    await artifacts.save_text("3", name="three", tags=["b"], labels={"x": [1, 2], "ok": True})
    assert names(await artifacts.list(tags=["a", "b"])) == ["one"]
    assert names(await artifacts.search(tags=["a"])) == ["two", "one"]
    assert names(await artifacts.list(filters={"x": "1"})) == ["two", "one"]
    assert names(await artifacts.list(filters={"x": "[1,2]", "ok": "true"})) == ["three"]
    assert names(await artifacts.search(labels={"d": "v"}, extra_scope_labels={"x": "1"})) == [
        "two",
        "one",
    ]
    assert await artifacts.list(filters={"missing": "x"}) == []
    assert await artifacts.list(tags=["a"], filters={"ok": "true"}) == []


async def test_limit_counts_what_passed_the_filters(place: Place) -> None:
    artifacts = place.artifacts(run_id="r")
    for number in range(12):
        await artifacts.save_text(
            str(number), name=str(number), tags=["even"] if number % 2 == 0 else ["odd"]
        )
    assert names(await artifacts.list(tags=["even"], limit=3)) == ["10", "8", "6"]
    assert names(await artifacts.search(tags=["odd"], limit=2)) == ["11", "9"]
    assert len(await artifacts.list()) == 12
    assert await artifacts.list(limit=0) == []
    assert await artifacts.search(limit=0) == []
    with pytest.raises(ValueError, match="negative"):
        await artifacts.list(limit=-1)


async def test_search_by_kind_and_metric_ranks_what_has_a_number(place: Place) -> None:
    artifacts = place.artifacts(run_id="r")
    values: dict[str, Any] = {
        "low": 0.1,
        "high": 0.9,
        "mid": 1 / 3,
        "nan": math.nan,
        "inf": math.inf,
        "text": "0.99",
        "flag": True,
        "none": None,
    }
    for name, value in values.items():
        await artifacts.save_text(name, name=name, kind="model", metrics={"f1": value})
    await artifacts.save_text("x", name="other kind", kind="other", metrics={"f1": 5})
    found = await artifacts.search(kind="model", metric="f1")
    assert names(found) == ["high", "mid", "low"]
    assert names(await artifacts.search(kind="model", metric="f1", metric_mode="min", limit=2)) == [
        "low",
        "mid",
    ]
    assert names(await artifacts.search(metric="f1", limit=1)) == ["other kind"]
    best = await artifacts.best(kind="model", metric="f1", metric_mode="max")
    assert best is not None
    assert best.name == "high"
    worst = await artifacts.best(kind="model", metric="f1", metric_mode="min", level=None)
    assert worst is not None
    assert worst.name == "low"
    assert await artifacts.best(kind="model", metric="other", metric_mode="max") is None


async def test_best_takes_filters_and_of_equals_the_newest(place: Place) -> None:
    artifacts = place.artifacts(run_id="r")
    for name, domain in (("a", "finance"), ("b", "finance"), ("c", "vision")):
        await artifacts.save_text(
            name, name=name, kind="model", labels={"domain": domain}, metrics={"f1": 1}, tags=[name]
        )
    found = await artifacts.best(
        kind="model", metric="f1", metric_mode="max", filters={"domain": "finance"}
    )
    assert found is not None
    assert found.name == "b"
    tagged = await artifacts.best(kind="model", metric="f1", metric_mode="min", tags=["a"])
    assert tagged is not None
    assert tagged.name == "a"


async def test_a_bad_metric_mode_is_a_value_error(place: Place) -> None:
    artifacts = place.artifacts(run_id="r")
    wrong = cast("Any", "median")
    with pytest.raises(ValueError, match="'max' or 'min'"):
        await artifacts.best(kind="k", metric="m", metric_mode=wrong)
    with pytest.raises(ValueError, match="'max' or 'min'"):
        await artifacts.search(metric="m", metric_mode=wrong)


async def test_a_time_window_keeps_the_younger_ones(place: Place) -> None:
    artifacts = place.artifacts(run_id="r")
    await artifacts.save_text("x", name="old")
    place.wait(2 * DAY_S)
    await artifacts.save_text("x", name="new")
    assert names(await artifacts.search(time_window="24h")) == ["new"]
    for window in ("86400s", "1440m", "1d"):
        assert names(await artifacts.search(time_window=window)) == ["new"]
    for window in ("176400s", "2940m", "49h", "3d", "999999999d"):
        assert names(await artifacts.search(time_window=window)) == ["new", "old"]
    for wrong in ("yesterday", "2w", "1y", "-1h", "1.5h", "1 h", "h", "1H", "1000000000s", "1d\n"):
        with pytest.raises(Invalid, match="time_window"):
            await artifacts.search(time_window=wrong)


async def test_what_is_not_there_is_none(place: Place) -> None:
    artifacts = place.artifacts()
    for nothing in ("0" * 32, "artifact_123", "", ".", "../uploads", "a/b", "ä"):
        assert await artifacts.get_by_id(nothing) is None


async def test_pinning_is_seen_and_undone(place: Place) -> None:
    artifacts = place.artifacts()
    saved = await artifacts.save_text("x")
    await artifacts.pin(saved.artifact_id)
    await artifacts.pin(saved.artifact_id)
    found = await artifacts.get_by_id(saved.artifact_id)
    assert found is not None
    assert found.pinned
    await artifacts.pin(saved.artifact_id, pinned=False)
    found = await artifacts.get_by_id(saved.artifact_id)
    assert found is not None
    assert not found.pinned
    with pytest.raises(FileNotFoundError):
        await artifacts.pin("0" * 32)


async def test_the_index_patches_and_deletes(place: Place) -> None:
    saved = await place.artifacts().save_text(
        "x", tags=["a"], labels={"x": 1, "y": 2}, metrics={"m": 1, "n": 2}
    )
    index = index_of(place)
    changed = await index.patch(
        saved.artifact_id,
        tags=["b"],
        labels={"x": None, "z": 3},
        metrics={"m": math.nan},
        description="said later",
    )
    assert (changed.tags, changed.labels) == (["b"], {"y": 2, "z": 3})
    assert changed.description == "said later"
    assert changed.metrics is not None
    assert math.isnan(changed.metrics["m"])
    assert changed.metrics["n"] == 2
    assert (await index.patch(saved.artifact_id, pinned=True)).description == "said later"
    assert (await index.patch(saved.artifact_id, description="")).description is None
    with pytest.raises(ValueError, match="at most 4000"):
        await index.patch(saved.artifact_id, description="x" * 4001)
    await index.delete(saved.artifact_id)
    await index.delete(saved.artifact_id)
    assert await index.get(saved.artifact_id) is None
    with pytest.raises(FileNotFoundError):
        await index.patch(saved.artifact_id, pinned=True)


async def test_ids_of_a_context_are_checked_and_replaced(place: Place) -> None:
    context = place.of(run_id="r1", node_id="n1")
    assert context.scoped(run_id="r2", node_id=None).ids == {"run_id": "r2"}
    assert context.ids == {"run_id": "r1", "node_id": "n1"}
    with pytest.raises(ValueError, match="1 to 250"):
        context.scoped(run_id="")
    with pytest.raises(TypeError, match="must be a string"):
        context.scoped(run_id=cast("Any", 5))
