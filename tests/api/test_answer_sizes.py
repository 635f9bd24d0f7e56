"""Answers are cut into pages at 4 MB: a function cannot answer with more than 6."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.answers import Json, found
from tests.api.harness import EXPERIMENTS, RUNS, Service

MAX_BYTES = 4_100_000
LARGE_TAGS = {f"tag {number}": "x" * 8000 for number in range(45)}


def walk(service: Service, url: str, noun: str, **query: Any) -> tuple[list[Json], int]:
    """Everything over all pages, and how many pages that took."""
    seen: list[Json] = []
    pages = 0
    while True:
        answer: httpx.Response = service.read.get(url, params=query)
        assert len(answer.content) <= MAX_BYTES
        page = found(answer)
        seen += page[noun]
        pages += 1
        if page["next_cursor"] is None:
            return seen, pages
        assert page[noun]
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize(
    "query", [{}, {"order_by": "attributes.run_name"}, {"filter": "status = 'running'"}]
)
def test_lists_of_large_runs_are_cut(laptop: Service, query: dict[str, str]) -> None:
    experiment_id = laptop.experiment()["id"]
    made = [laptop.run(experiment_id, tags=LARGE_TAGS)["run_id"] for _ in range(15)]
    runs, pages = walk(laptop, RUNS, "runs", experiment_id=experiment_id, **query)
    assert sorted(run["run_id"] for run in runs) == made
    assert pages == 2


def test_a_search_over_large_runs_is_cut(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    made = [laptop.run(experiment_id, tags=LARGE_TAGS)["run_id"] for _ in range(15)]
    body: Json = {"experiment_ids": [experiment_id]}
    first = laptop.read.post(f"{RUNS}/search", json=body)
    assert len(first.content) <= MAX_BYTES
    body["cursor"] = found(first)["next_cursor"]
    rest = found(laptop.read.post(f"{RUNS}/search", json=body))
    ids = [run["run_id"] for run in found(first)["runs"] + rest["runs"]]
    assert ids == made[::-1]


def test_lists_of_large_experiments_are_cut(laptop: Service) -> None:
    made = [laptop.experiment(f"{n}", tags=LARGE_TAGS)["id"] for n in range(15)]
    experiments, pages = walk(laptop, EXPERIMENTS, "experiments")
    assert [one["id"] for one in experiments] == made[::-1]
    assert pages == 2


def test_comparing_large_runs_fits(laptop: Service) -> None:
    runs = [laptop.run(tags=LARGE_TAGS)["run_id"] for _ in range(10)]
    answer = laptop.read.post(f"{RUNS}/compare", json={"run_ids": runs})
    assert len(answer.content) <= MAX_BYTES
