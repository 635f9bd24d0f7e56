"""Experiments and runs through the client, asynchronous and not."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.client.harness import Bench
from trialbook import AsyncClient, Conflict, NotFound, PreconditionFailed
from trialbook.models import Experiment

pytestmark = pytest.mark.anyio


async def test_an_experiment_is_made_found_changed_deleted_and_restored(bench: Bench) -> None:
    async with bench.client() as tb:
        made = await tb.experiments.create(
            "CIFAR 10",
            description="pictures",
            tags={"team": "vision"},
            metric_goals={"loss": "min"},
        )
        assert made.slug == "cifar-10"
        assert made.created_at.tzinfo is UTC or made.created_at.utcoffset() is not None
        for name in (made.id, made.slug):
            assert (await tb.experiments.get(name)).id == made.id
        changed = await tb.experiments.update(
            made.id, description="", tags={"team": None, "x": "y"}, version=made.version
        )
        assert (changed.description, changed.tags) == (None, {"x": "y"})
        with pytest.raises(PreconditionFailed):
            await tb.experiments.update(made.id, name="late", version=made.version)
        await tb.experiments.delete(made.id)
        await tb.experiments.delete(made.id)
        assert await tb.experiments.list() == []
        assert [e.id for e in await tb.experiments.list(lifecycle_stage="deleted")] == [made.id]
        assert (await tb.experiments.restore(made.id)).lifecycle_stage == "active"
        assert (await tb.experiment("cifar-10").get()).id == made.id


async def test_get_or_create_finds_by_id_slug_and_name_and_makes_one(bench: Bench) -> None:
    async with bench.client() as tb:
        made = await tb.experiments.get_or_create("Fish & Chips", tags={"a": "b"})
        for name in ("Fish & Chips", made.slug, made.id):
            assert (await tb.experiments.get_or_create(name)).id == made.id
        assert await tb.experiments.list(search="chips") == [await tb.experiments.get(made.id)]
        await tb.experiments.delete(made.id)
        with pytest.raises(Conflict, match="exists"):
            await tb.experiments.get_or_create("Fish & Chips")


async def test_a_list_asks_for_every_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trialbook._pages._PAGE", 2)
    async with bench.client() as tb:
        names = [f"experiment {number}" for number in range(5)]
        for name in names:
            await tb.experiments.create(name)
        newest_first = names[::-1]
        assert [e.name for e in await tb.experiments.list()] == newest_first
        assert [e.name for e in await tb.experiments.list(limit=3)] == newest_first[:3]
        assert await tb.experiments.list(limit=0) == []
        experiment = (await tb.experiments.list(limit=1))[0]
        made = [(await tb.runs.create(experiment.id)).run_id for _ in range(5)]
        for found in (
            await tb.runs.list(experiment.slug, order_by=["start_time"]),
            await tb.runs.search([experiment.id], order_by=["start_time"]),
        ):
            assert [run.run_id for run in found] == made
        assert [run.run_id async for run in tb.runs.iterate(experiment.id, limit=2)] == made[:2:-1]


async def test_a_run_is_logged_to_searched_compared_and_ended(bench: Bench) -> None:
    async with bench.client() as tb:
        experiment = await tb.experiments.create("a")
        one = await tb.runs.create(experiment.id, name="one", tags={"k": "v"})
        two = await tb.runs.create(experiment.id, parent_run_id=one.run_id)
        assert two.parent_run_id == one.run_id
        await tb.runs.log_metrics(one.run_id, {"loss": 0.5, "acc": math.nan}, step=3, timestamp=7)
        await tb.runs.log_params(one.run_id, {"lr": 0.1, "deep": True})
        logged = await tb.runs.log_batch(
            two.run_id,
            metrics=[{"key": "loss", "value": math.inf, "step": 1}],
            params={"lr": "0.2"},
            tags={"t": "u"},
        )
        assert (logged.metrics_logged, logged.params_logged, logged.tags_logged) == (1, 1, 1)
        await tb.runs.set_tags(one.run_id, {"k": None, "new": "tag"})
        found = await tb.runs.get(one.run_id)
        assert found.params == {"lr": "0.1", "deep": "true"}
        assert found.tags == {"new": "tag"}
        assert math.isnan(found.metrics["acc"])
        assert found.metric_summary["loss"].step == 3
        assert (await tb.runs.get(two.run_id)).metrics == {"loss": math.inf}
        matching = await tb.runs.search([experiment.slug], filter="metrics.loss < 1")
        assert [run.run_id for run in matching] == [one.run_id]
        compared = await tb.runs.compare([one.run_id, two.run_id])
        assert compared.comparison.best_run == one.run_id
        assert compared.comparison.param_differences["lr"][two.run_id] == "0.2"
        series = await tb.runs.histories([one.run_id, two.run_id], ["loss"])
        assert [(s.run_id, s.steps, s.values) for s in series] == [
            (one.run_id, [3], [0.5]),
            (two.run_id, [1], [math.inf]),
        ]
        points = await tb.runs.history(one.run_id, "loss", max_points=10)
        assert [(p.step, p.timestamp, p.value) for p in points] == [(3, 7, 0.5)]
        ended = await tb.runs.end(one.run_id, "failed")
        assert ended.status == "failed"
        assert isinstance(ended.end_time, datetime)
        with pytest.raises(Conflict):
            await tb.runs.end(one.run_id, "finished")
        renamed = await tb.runs.update(one.run_id, name="uno", description="d", status="killed")
        assert (renamed.name, renamed.status) == ("uno", "killed")
        await tb.runs.delete(one.run_id)
        assert (await tb.runs.restore(one.run_id)).lifecycle_stage == "active"
        assert await tb.runs.files(one.run_id) == []


async def test_a_long_history_is_read_in_pages(bench: Bench) -> None:
    run_id = bench.service.run()["run_id"]
    for first in range(0, 26_000, 1000):
        bench.service.log_values(run_id, "loss/a b", list(range(first, first + 1000)), first)
    async with bench.client() as tb:
        points = await tb.runs.history(run_id, "loss/a b")
        assert [p.step for p in points] == list(range(26_000))
        assert [p.step for p in await tb.runs.history(run_id, "loss/a b", start_step=25_999)] == [
            25_999
        ]


def test_the_synchronous_client_is_the_same_without_await(bench: Bench) -> None:
    with bench.sync_client() as tb:
        experiment = tb.experiments.create("a", tags={"x": "y"})
        run = tb.runs.create(experiment.slug, name="r")
        tb.runs.log_metrics(run.run_id, {"loss": 1.0})
        assert tb.runs.history(run.run_id, "loss")[0].value == 1.0
        assert [r.name for r in tb.runs.iterate(experiment.id)] == ["r"]
        assert next(iter(tb.experiments.iterate())).id == experiment.id
        with pytest.raises(NotFound):
            tb.runs.get("0" * 32)
        assert tb.experiment("a").get() == tb.experiments.get("a")


def test_a_newer_service_may_say_more_than_this_client_knows() -> None:
    now = "2026-01-02T03:04:05.678Z"
    seen = Experiment.model_validate(
        {"id": "i", "slug": "s", "name": "n", "created_at": now, "last_updated": now, "new": [1]}
    )
    assert seen.created_at == datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


async def test_another_tenants_run_is_refused(bench: Bench) -> None:
    run_id = bench.service.run()["run_id"]
    stranger = bench.client(bench.service.other.headers["x-api-key"])
    async with stranger as tb:
        assert isinstance(tb, AsyncClient)
        with pytest.raises(Exception, match="tenant access denied"):
            await tb.runs.get(run_id)


def test_a_runs_files_are_uploaded_listed_and_downloaded(bench: Bench, tmp_path: Path) -> None:
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        entry = run.upload(model, "models/best.bin")
        assert (entry.path, entry.size_bytes, entry.verified) == ("models/best.bin", 7, True)
        assert [(f.path, f.is_dir) for f in run.files()] == [("models", True)]
        [found] = tb.runs.files(run.id, "models")
        assert found.sha256 == entry.sha256
        (tmp_path / "back").mkdir()
        back = run.download("models/best.bin", tmp_path / "back")
        assert back.read_bytes() == b"weights"


def test_artifacts_are_saved_in_the_scope_of_ids(bench: Bench) -> None:
    with bench.sync_client() as tb, tb.start_run("digits") as run:
        saved = tb.context(run_id=run.id).artifacts().save_text("hello", suggested_uri="a.txt")
        assert saved.run_id == run.id
        assert tb.context().artifacts().load_text_by_id(saved.artifact_id) == "hello"
