"""MLflow's calls that read histories."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from tests.api.answers import Json, found
from tests.api.harness import Service
from tests.api.mlflow.tracking import UNKNOWN, get, new_run, not_found, point, post, said

AT = 1_700_000_000_000
AJAX = "/ajax-api/2.0/mlflow/metrics"


def logged(service: Service, points: list[Json]) -> str:
    """A new run with these points."""
    run_id = new_run(service)["info"]["run_id"]
    for first in range(0, len(points), 1000):
        some = points[first : first + 1000]
        found(post(service.write, "runs/log-batch", run_id=run_id, metrics=some))
    return run_id


def line(count: int, key: str = "loss") -> list[Json]:
    return [point(key, n / 7, n, AT + n) for n in range(count)]


def history(service: Service, run_id: str, key: str = "loss", **more: Any) -> Json:
    asked = {"run_id": run_id, "metric_key": key, **more}
    return found(get(service.read, "metrics/get-history", **asked))


def paged(service: Service, run_id: str, key: str = "loss", **more: Any) -> list[list[Json]]:
    pages: list[list[Json]] = []
    while True:
        answer = history(service, run_id, key, **more)
        pages.append(answer["metrics"])
        if "next_page_token" not in answer:
            return pages
        more["page_token"] = answer["next_page_token"]


def test_pages_have_every_point_once_in_order(service: Service) -> None:
    points = line(2500)
    run_id = logged(service, points)
    pages = paged(service, run_id, max_results=1000)
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert [*chain(*pages)] == points
    assert paged(service, run_id) == [points]
    assert paged(service, run_id, max_results=25_000) == [points]


def test_points_of_equal_steps_are_paged_too(service: Service) -> None:
    points = [point("loss", n * 1.0, 0, AT) for n in range(7)]
    run_id = logged(service, points)
    pages = paged(service, run_id, max_results=3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [*chain(*pages)] == points


def test_values_that_json_cannot_spell_are_strings(service: Service) -> None:
    values = ["NaN", 1.5, "Infinity", "-Infinity"]
    run_id = logged(service, [point("m", value, n) for n, value in enumerate(values)])
    assert [one["value"] for one in history(service, run_id, "m")["metrics"]] == values


def test_a_page_fits_an_answer_whatever_the_key(laptop: Service) -> None:
    key = "k" * 250
    run_id = logged(laptop, line(13_000, key))
    pages = paged(laptop, run_id, key, max_results=25_000)
    assert len(pages) == 2
    assert sum(map(len, pages)) == 13_000


def test_a_metric_that_was_not_logged_has_no_points(service: Service) -> None:
    run_id = logged(service, line(1))
    assert history(service, run_id, "nope") == {"metrics": []}
    asked = {"run_id": UNKNOWN, "metric_key": "loss"}
    not_found(get(service.read, "metrics/get-history", **asked))


@pytest.mark.parametrize(
    "asked, told",
    [
        ({"metric_key": ""}, "required parameter 'metric_key'"),
        ({"max_results": 0}, "It must be a positive integer."),
        ({"max_results": "many"}, "for parameter 'max_results'"),
        ({"page_token": "nonsense"}, "Invalid page token"),
    ],
)
def test_a_history_that_cannot_be_is_refused(laptop: Service, asked: Json, told: str) -> None:
    run_id = logged(laptop, line(1))
    wanted = {"run_id": run_id, "metric_key": "loss", **asked}
    assert told in said(get(laptop.read, "metrics/get-history", **wanted))


def test_a_token_is_good_for_its_metric_alone(laptop: Service) -> None:
    run_id = logged(laptop, line(3))
    token = history(laptop, run_id, max_results=2)["next_page_token"]
    wanted = {"run_id": run_id, "metric_key": "other", "page_token": token}
    said(get(laptop.read, "metrics/get-history", **wanted))


def test_histories_of_several_runs(service: Service) -> None:
    ids = sorted(logged(service, line(count)) for count in (3, 2, 4))
    asked = {"run_id": [*ids, UNKNOWN, "no id"], "metric_key": "loss"}
    points = found(service.read.get(f"{AJAX}/get-history-bulk", params=asked))["metrics"]
    by_run = {run_id: [one for one in points if one["run_id"] == run_id] for run_id in ids}
    for run_id in ids:
        alone = history(service, run_id)["metrics"]
        assert by_run[run_id] == [{**one, "run_id": run_id} for one in alone]
    assert [one["run_id"] for one in points] == sorted(one["run_id"] for one in points)
    few = found(service.read.get(f"{AJAX}/get-history-bulk", params={**asked, "max_results": 4}))
    assert few["metrics"] == points[:4]


def test_histories_thinned_out(service: Service) -> None:
    ids = [logged(service, line(500)), logged(service, line(5))]
    asked: Json = {"run_ids": ids, "metric_key": "loss", "max_results": 100}

    def steps(run_id: str, **more: Any) -> list[int]:
        url = f"{AJAX}/get-history-bulk-interval"
        points = found(service.read.get(url, params={**asked, **more}))["metrics"]
        return [one["step"] for one in points if one["run_id"] == run_id]

    thinned = steps(ids[0])
    assert 90 <= len(thinned) <= 100
    assert (thinned[0], thinned[-1]) == (0, 499)
    assert steps(ids[1]) == [0, 1, 2, 3, 4]
    assert steps(ids[0], start_step=10, end_step=20) == list(range(10, 21))
    assert steps(ids[1], max_results=1) == [4]


@pytest.mark.parametrize(
    "path, asked, told",
    [
        ("get-history-bulk", {"metric_key": "a"}, "at least one run_id"),
        ("get-history-bulk", {"run_id": UNKNOWN}, "must specify a metric_key"),
        ("get-history-bulk", {"run_id": ["a"] * 101, "metric_key": "a"}, "more than 100 run_ids"),
        ("get-history-bulk-interval", {"metric_key": "a"}, "required parameter 'run_ids'"),
        ("get-history-bulk-interval", {"run_ids": UNKNOWN}, "required parameter 'metric_key'"),
        (
            "get-history-bulk-interval",
            {"run_ids": ["a"] * 101, "metric_key": "a"},
            "at most 100 run_ids",
        ),
        (
            "get-history-bulk-interval",
            {"run_ids": UNKNOWN, "metric_key": "a", "max_results": 2501},
            "between 1 and 2500",
        ),
        (
            "get-history-bulk-interval",
            {"run_ids": UNKNOWN, "metric_key": "a", "start_step": 1},
            "both must be specified",
        ),
        (
            "get-history-bulk-interval",
            {"run_ids": UNKNOWN, "metric_key": "a", "start_step": 2, "end_step": 1},
            "end_step must be greater than start_step",
        ),
    ],
)
def test_histories_that_cannot_be_are_refused(
    laptop: Service, path: str, asked: Json, told: str
) -> None:
    assert told in said(laptop.read.get(f"{AJAX}/{path}", params=asked))


def test_costs(laptop: Service) -> None:
    run_id = logged(laptop, line(10))
    history(laptop, run_id)
    with laptop.budget(reads=1, queries=3):
        history(laptop, run_id)
