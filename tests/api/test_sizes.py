"""Large runs and many writers at once: all of it works, and nothing is lost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib import wiring
from chalicelib.core.context import Clock
from tests import real_engines
from tests.api.answers import Json, found
from tests.api.engines import ENGINES
from tests.api.harness import RUNS, Service
from tests.api.transports import quiet_logs

pytestmark = pytest.mark.slow


@pytest.fixture(params=real_engines.marked(ENGINES))
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Service]:
    """A service whose time flows, so that who loses a race really waits."""
    quiet_logs()
    with ENGINES[request.param](tmp_path, Clock()) as fresh:
        engine = fresh()
        wiring.install(engine.services)
        yield Service(engine)
        wiring.install(None)


def points(key: str, first: int, count: int) -> list[Json]:
    return [
        {"key": key, "value": math.sin(step), "step": step, "timestamp": step}
        for step in range(first, first + count)
    ]


def test_a_run_with_10_000_metric_names_is_read_back_whole(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    for first in range(0, 10_000, 1000):
        batch = [
            {"key": f"layer.{n}/grad norm", "value": n / 7, "step": n, "timestamp": n}
            for n in range(first, first + 1000)
        ]
        found(laptop.log(run_id, batch))
    run = laptop.get_run(run_id)
    assert run["metrics"] == {f"layer.{n}/grad norm": n / 7 for n in range(10_000)}
    assert sum(one["count"] for one in run["metric_summary"].values()) == 10_000
    history = found(laptop.read.get(f"{RUNS}/{run_id}/metrics/layer.4321%2Fgrad%20norm"))
    assert history["points"] == [{"step": 4321, "timestamp": 4321, "value": 4321 / 7}]
    listed = found(laptop.read.get(RUNS, params={"experiment_id": run["experiment_id"]}))
    assert listed["runs"] == [run]


def test_a_metric_with_a_million_points_is_walked_and_downsampled(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    for first in range(0, 1_000_000, 1000):
        found(laptop.log(run_id, points("loss", first, 1000)))
    assert laptop.get_run(run_id)["metric_summary"]["loss"]["count"] == 1_000_000
    url = f"{RUNS}/{run_id}/metrics/loss"
    next_step, pages = 0, 0
    query: dict[str, str] = {}
    while True:
        page = found(laptop.read.get(url, params=query))
        assert page["total"] == 1_000_000
        steps = [point["step"] for point in page["points"]]
        assert steps == list(range(next_step, next_step + 25_000))
        next_step += 25_000
        pages += 1
        if page["next_cursor"] is None:
            break
        query = {"cursor": page["next_cursor"]}
    assert pages == 40
    few = found(laptop.read.get(url, params={"max_points": 1000}))
    assert few["total"] == 1_000_000
    assert 990 < len(few["points"]) <= 1000
    assert (few["points"][0]["step"], few["points"][-1]["step"]) == (0, 999_999)
    summary = laptop.get_run(run_id)["metric_summary"]["loss"]
    values = {point["value"] for point in few["points"]}
    assert {summary["min"], summary["max"]} <= values


def test_writers_at_once_on_one_run_lose_no_point(live: Service) -> None:
    writers, batches, size = (16, 50, 20) if live.engine == "sqlite" else (6, 8, 20)
    run_id = live.run()["run_id"]
    assert live.write

    def write(writer: int) -> None:
        for number in range(batches):
            first = (writer * batches + number) * size
            batch = points("shared", first, size) + points(f"own-{writer}", number, 1)
            found(live.log(run_id, batch))

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    run = live.get_run(run_id)
    counts = {key: one["count"] for key, one in run["metric_summary"].items()}
    total = writers * batches * size
    assert counts == {"shared": total} | {f"own-{n}": batches for n in range(writers)}
    history = found(live.read.get(f"{RUNS}/{run_id}/metrics/shared"))
    assert [point["step"] for point in history["points"]] == list(range(total))
    assert run["metric_summary"]["shared"]["step"] == total - 1


def test_writers_at_once_on_one_run_lose_no_param(live: Service) -> None:
    writers, params = (8, 50) if live.engine == "sqlite" else (4, 8)
    run_id = live.run()["run_id"]
    assert live.write

    def write(writer: int) -> None:
        for number in range(params):
            own = {f"w{writer}-{number}": str(number), f"shared-{number}": "same"}
            found(live.log(run_id, params=own, tags={f"t{writer}": str(number)}))

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    run = live.get_run(run_id)
    own = {f"w{w}-{n}": str(n) for w in range(writers) for n in range(params)}
    assert run["params"] == own | {f"shared-{n}": "same" for n in range(params)}
    assert run["tags"] == {f"t{w}": str(params - 1) for w in range(writers)}


def test_of_writers_that_disagree_on_a_param_one_wins(live: Service) -> None:
    writers = 8 if live.engine == "sqlite" else 4
    run_id = live.run()["run_id"]
    assert live.write

    def write(writer: int) -> int:
        return live.log(run_id, params={"lr": str(writer)}).status_code

    with ThreadPoolExecutor(writers) as pool:
        statuses = list(pool.map(write, range(writers)))
    assert Counter(statuses) == {200: 1, 409: writers - 1}
    assert live.get_run(run_id)["params"] == {"lr": str(statuses.index(200))}


def test_experiments_created_at_once_share_neither_name_nor_slug(live: Service) -> None:
    assert live.write
    names = ["Same", "same", "SAME!", "same?"] * (3 if live.engine == "sqlite" else 1)

    def create(name: str) -> tuple[int, str | None]:
        answer = live.write.post("/api/v1/experiments", json={"name": name})
        return answer.status_code, answer.json().get("slug")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, names))
    slugs = [slug for status, slug in answers if status == 201]
    assert sorted(slugs, key=str) == ["same", "same-2", "same-3", "same-4"]
    assert {status for status, _ in answers} <= {201, 409}
