"""Rows kept in memory are those a fresh load would give."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core import field_tags
from chalicelib.core.context import Clock
from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import ExperimentId, RunId
from chalicelib.core.model.run import Point, Run
from chalicelib.domain import experiments, runs
from chalicelib.domain.experiments import NewExperiment
from chalicelib.storage import keys
from chalicelib.storage.run_rows import RunRow, run_rows
from tests.unit.stores import Stores, WatchedTable, close, open_stores

SLOW = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stores]:
    """One pair of stores for all examples: each has experiments of its own."""
    stores = open_stores(tmp_path_factory.mktemp("stores"))
    yield stores
    close(stores)


def new_run(stores: Stores, experiment_id: ExperimentId) -> RunId:
    run_id = RunId(stores.clock.new_id())
    run = Run(run_id, experiment_id, "a-run", stores.clock.now_ms(), stores.context.user)
    stores.runs.create(stores.tenant, run)
    return run_id


def seen(row: RunRow) -> object:
    return (
        row.item, row.run_id, row.name, row.user, row.status, row.stage, row.start_time_ms,
        row.end_time_ms, row.metrics, row.params, row.tags,
    )  # fmt: skip


def by_id(rows: object) -> list[object]:
    assert isinstance(rows, list)
    some: list[RunRow] = rows  # pyright: ignore[reportUnknownVariableType] # rows of runs
    return [seen(row) for row in sorted(some, key=lambda row: row.run_id)]


class Requests:
    """Counts the requests to a table by operation."""

    def __init__(self, stores: Stores) -> None:
        self.made: list[str] = []
        self.table = WatchedTable(stores.table, self.made.append)

    def taken(self) -> list[str]:
        made = self.made[:]
        self.made.clear()
        return made


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["create", "log", "delete", "restore", "end", "spill", "look"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


@SLOW
@given(ACTIONS)
def test_rows_are_those_of_a_fresh_load(shared: Stores, actions: list[tuple[str, int]]) -> None:
    stores = shared
    experiment_id = stores.new_experiment_id()
    partition = keys.runs_changed(stores.tenant, experiment_id)
    projection = run_rows(stores.table)
    ids = [new_run(stores, experiment_id)]
    for number, (action, which) in enumerate(actions):
        run_id = ids[which % len(ids)]
        match action:
            case "create":
                ids.append(new_run(stores, experiment_id))
            case "log":
                if stores.runs.get(stores.tenant, run_id).lifecycle_stage == "active":
                    stores.log(run_id, Point("loss", float(number), number, 0), tags={"a": "b"})
            case "spill":
                if stores.runs.get(stores.tenant, run_id).lifecycle_stage == "active":
                    stores.log(run_id, params={f"param {number}": "x" * 20_000})
            case "delete" | "restore":
                stage = "deleted" if action == "delete" else "active"
                runs.set_stage(stores.runs, stores.context, run_id, stage)
            case "end":
                if stores.runs.get(stores.tenant, run_id).lifecycle_stage == "active":
                    runs.end(stores.runs, stores.context, run_id, "finished", None)
            case _:
                fresh = run_rows(stores.table).rows(partition)
                assert by_id(projection.rows(partition)) == by_id(fresh)
    rows = projection.rows(partition)
    assert by_id(rows) == by_id(run_rows(stores.table).rows(partition))
    assert {row.run_id for row in rows} == set(ids)
    for row in rows:
        run = stores.runs.get(stores.tenant, row.run_id)
        tags = field_tags.of_run(run.tags, run.name, run.description, run.parent_run_id)
        assert (row.params, row.tags, row.stage) == (run.params, tags, run.lifecycle_stage)
        assert row.metrics == {name: summary.last for name, summary in run.metrics.items()}


def test_a_look_at_what_did_not_change_is_one_request(stores: Stores) -> None:
    experiment_id = stores.new_experiment_id()
    run_id = new_run(stores, experiment_id)
    partition = keys.runs_changed(stores.tenant, experiment_id)
    requests = Requests(stores)
    projection = run_rows(requests.table)
    first = projection.rows(partition)
    requests.taken()
    assert projection.rows(partition) is first
    assert requests.taken() == ["changed_since"]
    stores.log(run_id, Point("loss", 1.0, 0, 0))
    assert projection.rows(partition)[0].metrics == {"loss": 1.0}
    assert requests.taken() == ["changed_since", "get_many"]
    assert first[0].metrics == {}


def test_readers_beside_writers_see_what_was_answered_before_they_looked(tmp_path: Path) -> None:
    stores = open_stores(tmp_path, Clock())
    experiment_id = stores.new_experiment_id()
    partition = keys.runs_changed(stores.tenant, experiment_id)
    projection = run_rows(stores.table)
    written: set[RunId] = set()
    stopped = threading.Event()

    def write() -> None:
        for _ in range(60):
            run_id = new_run(stores, experiment_id)
            stores.log(run_id, Point("loss", 1.0, 0, 0))
            written.add(run_id)

    def read() -> None:
        while not stopped.is_set():
            before = set(written)
            rows = {row.run_id: row for row in projection.rows(partition)}
            assert before <= rows.keys()
            assert all(rows[run_id].metrics == {"loss": 1.0} for run_id in before)

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for writer in [pool.submit(write) for _ in range(3)]:
            writer.result()
        stopped.set()
        for reader in readers:
            reader.result()
    assert by_id(projection.rows(partition)) == by_id(run_rows(stores.table).rows(partition))
    close(stores)


def test_partitions_past_the_bound_are_forgotten_least_recently_used_first(stores: Stores) -> None:
    requests = Requests(stores)
    projection = run_rows(requests.table, max_rows=8)
    partitions: list[str] = []
    for _ in range(3):
        experiment_id = stores.new_experiment_id()
        partitions.append(keys.runs_changed(stores.tenant, experiment_id))
        for _ in range(2):
            new_run(stores, experiment_id)
    first, second, third = partitions
    for partition in (first, second, first, third):
        assert len(projection.rows(partition)) == 2
    requests.taken()
    for partition, is_kept in ((third, True), (first, True), (second, False)):
        assert len(projection.rows(partition)) == 2
        assert ("query" not in requests.taken()) == is_kept


def test_what_is_too_large_to_keep_is_loaded_for_each_look(stores: Stores) -> None:
    experiment_id = stores.new_experiment_id()
    for _ in range(5):
        new_run(stores, experiment_id)
    partition = keys.runs_changed(stores.tenant, experiment_id)
    projection = run_rows(stores.table, max_rows=3)
    for _ in range(2):
        assert len(projection.rows(partition)) == 5
    new_run(stores, experiment_id)
    assert len(projection.rows(partition)) == 6


def test_empty_partitions_are_forgotten_too(stores: Stores) -> None:
    projection = run_rows(stores.table, max_rows=10)
    for _ in range(50):
        projection.rows(keys.runs_changed(stores.tenant, stores.new_experiment_id()))
    assert len(projection._partitions) <= 10  # pyright: ignore[reportPrivateUsage] # memory is the point


def test_an_item_that_is_older_than_the_row_replaces_it(stores: Stores) -> None:
    # restored from a backup, say: the table is right, whatever was seen before
    experiment_id = stores.new_experiment_id()
    run_id = new_run(stores, experiment_id)
    key = keys.run(stores.tenant, run_id)
    backup = stores.table.get(key)
    assert backup is not None
    projection = run_rows(stores.table)
    partition = keys.runs_changed(stores.tenant, experiment_id)
    for number in range(3):
        stores.log(run_id, Point("loss", 1.0, number, 0))
    assert projection.rows(partition)[0].metrics == {"loss": 1.0}
    stores.table.put(backup)
    assert projection.rows(partition)[0].metrics == {}


def test_an_item_that_goes_during_the_look_is_left_out(stores: Stores) -> None:
    experiment_id = stores.new_experiment_id()
    ids = [new_run(stores, experiment_id) for _ in range(2)]
    partition = keys.runs_changed(stores.tenant, experiment_id)

    def before(operation: str) -> None:
        if operation == "get_many":
            stores.table.delete(keys.run(stores.tenant, ids[0]))

    projection = run_rows(WatchedTable(stores.table, before))
    assert len(projection.rows(partition)) == 2
    stores.log(ids[0], Point("loss", 1.0, 0, 0))
    assert [row.run_id for row in projection.rows(partition)] == [ids[1]]


@pytest.mark.parametrize("operation", ["changed_since", "query", "get_many"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_look_that_failed_leaves_nothing_wrong(
    stores: Stores, operation: str, times: int
) -> None:
    experiment_id = stores.new_experiment_id()
    ids = [new_run(stores, experiment_id) for _ in range(3)]
    partition = keys.runs_changed(stores.tenant, experiment_id)
    left = 0

    def before(made: str) -> None:
        nonlocal left
        if made == operation and left:
            left -= 1
            if left == 0:
                raise Unavailable("gone for a moment")

    projection = run_rows(WatchedTable(stores.table, before))
    for _ in range(3):
        left = times
        stores.log(ids[0], Point("loss", float(stores.clock.now_ms()), 0, 0))
        stores.clock.sleep_s(1)
        for _ in range(2):
            try:
                rows = projection.rows(partition)
            except Unavailable:
                continue
            assert by_id(rows) == by_id(run_rows(stores.table).rows(partition))


def test_experiments_are_projected_as_runs_are(stores: Stores) -> None:
    rows = experiments.experiment_rows(stores.table)
    made = [
        experiments.create(stores.experiments, stores.context, NewExperiment(f"name {number}"))
        for number in range(3)
    ]

    def listed(search: str | None = None) -> list[str]:
        found = experiments.list_experiments(
            stores.experiments, rows, stores.context, search=search, stage="active",
            offset=0, limit=10, before=None,
        )  # fmt: skip
        return [one.name for one, _ in found.experiments]

    assert sorted(listed()) == ["name 0", "name 1", "name 2"]
    experiments.change(
        stores.experiments, stores.context, made[0].id, experiments.Changes({"name": "Other"})
    )
    experiments.set_stage(stores.experiments, stores.context, made[1].id, "deleted")
    assert sorted(listed()) == ["Other", "name 2"]
    assert listed("OTHER") == ["Other"]
