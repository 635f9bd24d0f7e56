"""A run that outgrew its item is the same run as one that did not."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import ConditionFailed, Conflict, Forbidden, NotFound
from chalicelib.core.ids import RunId, TenantId
from chalicelib.core.model.run import MetricSummary, Point, Run
from chalicelib.domain import runs
from chalicelib.domain.runs import Changes
from chalicelib.storage import keys, run_document, run_pages
from chalicelib.storage.run_document import RunDocument
from chalicelib.storage.table import Query, query_all
from tests.unit.histories import new_story
from tests.unit.stores import Stores, close, open_stores

NAMES = st.sampled_from(["lr", "loss", "acc", "π", "a b", "model.layers.0/weight", "x" * 250])
NUMBERS = st.sampled_from([0.5, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1e308])
BATCHES = st.tuples(
    st.lists(st.builds(Point, NAMES, NUMBERS, st.integers(-2, 2), st.integers(0, 2)), max_size=6),
    st.sets(NAMES, max_size=4).map(lambda names: {name: "é" * 50 * len(name) for name in names}),
    st.dictionaries(
        NAMES, st.sampled_from(["", "1", "é" * 256, "y" * 257, "z" * 9000]), max_size=4
    ),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stores]:
    """One pair of stores for all examples: each has runs of its own."""
    stores = open_stores(tmp_path_factory.mktemp("stores"))
    yield stores
    close(stores)


def buckets(stores: Stores, run_id: RunId) -> int:
    pk = keys.run(stores.tenant, run_id).pk
    return len(list(query_all(stores.table, Query(pk, prefix=keys.RUN_BUCKET_PREFIX))))


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(BATCHES, max_size=6), st.integers(0, 5))
def test_nobody_can_tell_whether_a_run_spilled(
    shared: Stores,
    monkeypatch: pytest.MonkeyPatch,
    batches: list[tuple[list[Point], dict[str, str], dict[str, str]]],
    spills_at: int,
) -> None:
    stories = [new_story(shared), new_story(shared)]
    for number, (points, params, tags) in enumerate(batches):
        for story, limit in zip(stories, (10**6, 1 if number >= spills_at else 10**6), strict=True):
            with monkeypatch.context() as patch:
                patch.setattr(run_document, "SPILL_BYTES", limit)
                patch.setattr(run_pages, "PAGE_BYTES", 2000)
                shared.log(story.run_id, *points, params=params, tags=tags)
    small, spilled = (shared.runs.get(shared.tenant, story.run_id) for story in stories)
    same = {"run_id": small.run_id, "experiment_id": small.experiment_id, "start_time_ms": 0}
    # repr, for NaN is not equal to itself
    assert repr(sorted_run(replace(spilled, **same))) == repr(sorted_run(replace(small, **same)))
    assert buckets(shared, small.run_id) == 0


def sorted_run(run: Run) -> Run:
    return replace(
        run,
        tags=dict(sorted(run.tags.items())),
        params=dict(sorted(run.params.items())),
        metrics=dict(sorted(run.metrics.items())),
    )


@pytest.mark.slow
def test_ten_thousand_metric_names_are_kept(stores: Stores) -> None:
    story = new_story(stores)
    for first in range(0, 10_000, 1000):
        story.log([Point(f"metric {first + at}", float(first + at), 1, 2) for at in range(1000)])
    run = stores.runs.get(stores.tenant, story.run_id)
    assert {name: summary.last for name, summary in run.metrics.items()} == {
        f"metric {number}": float(number) for number in range(10_000)
    }
    assert buckets(stores, story.run_id) == keys.RUN_BUCKETS
    root = stores.table.get(keys.run(stores.tenant, story.run_id))
    assert root is not None
    assert len(str(root["doc"])) < run_document.SPILL_BYTES


def test_long_params_and_tags_are_kept(stores: Stores) -> None:
    story = new_story(stores)
    sent = {f"param {number}": f"{number}" * 2000 for number in range(100)}
    for _ in range(2):
        stores.log(story.run_id, params=sent, tags=sent)
    run = stores.runs.get(stores.tenant, story.run_id)
    assert (run.params, run.tags) == (sent, sent)


def test_params_of_a_run_never_outgrow_a_transaction(stores: Stores) -> None:
    run_id = new_story(stores).run_id
    sent = {f"param {number}": f"{number:05d}" * 1600 for number in range(1000)}
    names = list(sent)
    for first in range(0, len(names), 100):
        stores.log(run_id, params={name: sent[name] for name in names[first : first + 100]})
    assert stores.runs.get(stores.tenant, run_id).params == sent
    stores.log(run_id, params={names[0]: sent[names[0]]})
    with pytest.raises(Conflict):
        stores.log(run_id, params={names[0]: "another"})


def test_a_long_tag_that_changes_leaves_nothing_behind(stores: Stores) -> None:
    run_id = new_story(stores).run_id
    for number in range(60):
        stores.log(run_id, tags={"note": f"{number} " * 2000, "other": "x" * 8000})
    assert stores.runs.get(stores.tenant, run_id).tags["note"] == "59 " * 2000
    partition = keys.run(stores.tenant, run_id).pk
    items = query_all(stores.table, Query(partition, prefix=keys.RUN_BUCKET_PREFIX))
    assert sum(len(str(item)) for item in items) < 2 * run_pages.PAGE_BYTES
    runs.change(stores.runs, stores.context, run_id, Changes({}, {"note": None, "other": "short"}))
    assert stores.runs.get(stores.tenant, run_id).tags == {"other": "short"}


def test_a_run_may_be_too_large_from_its_start(stores: Stores) -> None:
    story = new_story(stores)
    run = replace(
        stores.runs.get(stores.tenant, story.run_id),
        run_id=RunId(stores.clock.new_id()),
        tags={f"tag {number}": "x" * 1000 for number in range(100)},
    )
    stores.runs.create(stores.tenant, run)
    assert stores.runs.get(stores.tenant, run.run_id) == run


def test_a_spilled_run_keeps_its_immutable_params_and_changes_its_tags(stores: Stores) -> None:
    story = new_story(stores)
    stores.log(story.run_id, params={"long": "x" * 20_000, "lr": "0.1"}, tags={"a": "1", "b": "2"})
    with pytest.raises(Conflict):
        stores.log(story.run_id, params={"lr": "0.2"}, tags={"a": "other"})
    changed = runs.change(
        stores.runs, stores.context, story.run_id, Changes({"name": "new"}, {"a": None, "c": "3"})
    )
    assert changed.tags == {"b": "2", "c": "3"}
    assert (changed.name, changed.params["lr"]) == ("new", "0.1")


def test_a_stale_document_is_not_saved(stores: Stores) -> None:
    story = new_story(stores)
    stores.log(story.run_id, params={"long": "x" * 20_000})
    documents = [stores.runs.open(stores.tenant, story.run_id, ["a", "b"]) for _ in range(2)]
    for document, name in zip(documents, "ab", strict=True):
        document.set_tag(name, "1")
    stores.runs.save(documents[0])
    with pytest.raises(ConditionFailed):
        stores.runs.save(documents[1])
    assert stores.runs.get(stores.tenant, story.run_id).tags == {"a": "1"}


def test_a_run_of_another_tenant_is_forbidden_and_an_unknown_one_not_found(stores: Stores) -> None:
    story = new_story(stores)
    with pytest.raises(Forbidden):
        stores.runs.get(TenantId("other"), story.run_id)
    with pytest.raises(NotFound):
        stores.runs.get(stores.tenant, RunId("f" * 32))
    with pytest.raises(Forbidden):
        stores.runs.get_many(TenantId("other"), [story.run_id])


def test_an_id_is_not_taken_twice(stores: Stores) -> None:
    story = new_story(stores)
    run = stores.runs.get(stores.tenant, story.run_id)
    for tenant in (stores.tenant, TenantId("other")):
        with pytest.raises(ConditionFailed):
            stores.runs.create(tenant, run)


def test_many_runs_come_in_the_order_asked_for(stores: Stores) -> None:
    ids = [new_story(stores).run_id for _ in range(120)]
    stores.log(ids[7], params={"long": "x" * 20_000})
    found = stores.runs.get_many(stores.tenant, ids[::-1])
    assert [run.run_id for run in found] == ids[::-1]
    assert found[-8].params == {"long": "x" * 20_000}


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_summary_comes_back_bit_for_bit(last: float, low: float, high: float) -> None:
    run = Run(RunId("r" * 32), new_id(), "name", 0, user())
    document = RunDocument.of_run(TenantId("t"), run)
    document.set_metric("loss", MetricSummary(last, 1, 2, low, high, 3))
    stored = RunDocument.of_item(document.puts()[0].item)
    assert repr(stored.metric("loss")) == repr(MetricSummary(last, 1, 2, low, high, 3))


def new_id() -> run_document.ExperimentId:
    return run_document.ExperimentId("e" * 32)


def user() -> run_document.UserId:
    return run_document.UserId("ada")
