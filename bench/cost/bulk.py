"""What is measured of many runs and many points, and what happens without a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.cost.ordinary import (
    BATCH,
    EXPERIMENTS,
    RUNS,
    Json,
    Values,
    new_run,
    ordinary_run,
    stored_run,
)
from bench.cost.service import TENANT, Costed, WrongAnswer
from chalicelib import wiring
from chalicelib.core.ids import ExperimentId
from chalicelib.domain import compaction, feed
from chalicelib.domain.logging import COMPACT_EVERY_CHUNKS, DEDUPLICATION_MS
from chalicelib.storage.runs import RunStore
from chalicelib.storage.table import Change


def lists(on: Costed, values: Values) -> None:
    group = "lists and comparisons"
    listed = str(on.post(EXPERIMENTS, {"name": "a hundred runs"})["id"])
    urls = [ordinary_run(on, values, listed) for _ in range(100)]
    on.row(group, "list 100 runs", lambda: on.get(f"{RUNS}?experiment_id={listed}&limit=100"))
    run_ids = [url.rpartition("/")[2] for url in urls[:10]]
    on.row(group, "compare 10 runs", lambda: on.post(f"{RUNS}/compare", {"run_ids": run_ids}))


def histories(on: Costed, values: Values, experiment_id: str, count: int) -> None:
    group = f"history of {count:,} points, logged 1,000 at a time"
    url = new_run(on, experiment_id)
    for first in range(0, count, BATCH):
        batch = values.points(["loss"], BATCH, first_step=first)
        on.post(f"{url}/log-batch", {"metrics": batch})
    history = f"{url}/metrics/loss"

    def every_page() -> None:
        found = sum(len(page["points"]) for page in _pages(on, history))
        if found != count:
            raise WrongAnswer(f"the history has {found} points and not {count}")

    on.row(group, "all of it, in pages of 25,000 points", every_page, "every page")
    on.row(group, "drawn with 1,000 points", lambda: on.get(f"{history}?max_points=1000"))


def _pages(on: Costed, url: str) -> Iterator[Json]:
    page = on.get(url)
    yield page
    while page["next_cursor"]:
        page = on.get(f"{url}?cursor={page['next_cursor']}")
        yield page


def searches(on: Costed, values: Values, count: int) -> None:
    group = f"search of {count:,} runs by a metric, ordered, the first 100"
    experiment_id = ExperimentId(on.post(EXPERIMENTS, {"name": "a lot of runs"})["id"])
    store = RunStore(on.table)  # beside the meter and the API: only for speed
    run_ids: list[str] = []
    for _ in range(count):
        on.clock.pass_by(1)
        run = stored_run(on, values, experiment_id)
        store.create(TENANT, run)
        run_ids.append(run.run_id)
    body = {
        "experiment_ids": [experiment_id],
        "filter": "metrics.metric_0 > 0.5",
        "order_by": ["metrics.metric_1 DESC"],
        "limit": 100,
    }
    on.clock.pass_by(600)

    def search() -> Any:
        return on.post(f"{RUNS}/search", body)

    on.row(group, "the first of a function's life", search)
    on.row(group, "any later, nothing changed", search)
    for number in range(10):
        logged = {"metrics": {"metric_0": values.double()}, "step": 1}
        on.post(f"{RUNS}/{run_ids[number]}/log-metrics", logged)
    on.row(group, "any later, 10 of the runs changed", search)


def background(on: Costed, values: Values, experiment_id: str) -> None:
    group = "in the background"
    to = wiring.projections(on.services)
    _, position = on.changes_since(None)
    for count in (1, feed.CHANGES_AT_ONCE):
        for _ in range(count):
            new_run(on, experiment_id)
        changes, position = on.changes_since(position)

        def project(changes: Sequence[Change] = changes) -> None:
            on.event()
            feed.dispatch(to, changes)

        name = "a new run is counted" if count == 1 else f"{count} new runs are counted together"
        on.row(group, name, project)
    url = new_run(on, experiment_id)
    for step in range(COMPACT_EVERY_CHUNKS):
        logged = {"metrics": {"loss": values.double()}, "step": step}
        on.post(f"{url}/log-metrics", logged)
    on.clock.pass_by(DEDUPLICATION_MS / 1000 + 1)

    def compact() -> None:
        on.event()
        if compaction.compact_due(on.services.points, on.clock.now_ms()) != 1:
            raise WrongAnswer("there was not one run to compact")

    on.row(
        group,
        f"{COMPACT_EVERY_CHUNKS} requests' points of a run are merged",
        compact,
        f"once in {COMPACT_EVERY_CHUNKS} logging requests",
    )
