"""The history of one metric: in order, in pages, between steps, downsampled."""

from __future__ import annotations

import random
from typing import Any

import pytest

from chalicelib.core.ids import RunId
from chalicelib.domain import compaction
from tests.api.answers import Json, bad_fields, found, gone, refused
from tests.api.engines import START_MS
from tests.api.harness import RUNS, Service

UNKNOWN_ID = "0" * 32


def history(service: Service, run_id: str, key: str = "loss", **query: Any) -> Json:
    return found(service.read.get(f"{RUNS}/{run_id}/metrics/{key}", params=query))


def steps(answer: Json) -> list[int]:
    return [point["step"] for point in answer["points"]]


def walk(service: Service, run_id: str, key: str = "loss", **query: Any) -> list[Json]:
    """Every point, page by page."""
    points: list[Json] = []
    while True:
        page = history(service, run_id, key, **query)
        points += page["points"]
        if page["next_cursor"] is None:
            return points
        assert len(page["points"]) == 25_000
        query["cursor"] = page["next_cursor"]


def test_points_come_by_step_and_time_whatever_the_order_of_writing(service: Service) -> None:
    run_id = service.run()["run_id"]
    logged = [(step % 7, step % 3, float(step)) for step in range(30)]
    random.Random(1).shuffle(logged)
    for start in range(0, 30, 10):
        batch = [
            {"key": "loss", "value": value, "step": step, "timestamp": time}
            for step, time, value in logged[start : start + 10]
        ]
        found(service.log(run_id, batch))
    answer = history(service, run_id)
    pairs = [(point["step"], point["timestamp"]) for point in answer["points"]]
    assert pairs == sorted((step, time) for step, time, _ in logged)
    assert (answer["key"], answer["total"], answer["next_cursor"]) == ("loss", 30, None)


def test_equal_steps_and_times_stay_in_the_order_of_writing(service: Service) -> None:
    run_id = service.run()["run_id"]
    values = [3.0, 1.0, 2.0, -1.0, 5.0]
    for value in values:
        point = {"key": "loss", "value": value, "step": 1, "timestamp": 1}
        found(service.log(run_id, [point]))
    assert [point["value"] for point in history(service, run_id)["points"]] == values


def test_an_identical_point_is_shown_once_and_a_zero_of_another_sign_is_another(
    service: Service,
) -> None:
    run_id = service.run()["run_id"]
    base = {"key": "loss", "step": 1, "timestamp": 1}
    for values in ([0.5, 0.5], [0.5, 0.25], [0.0], [-0.0], ["NaN"], ["NaN", 0.5]):
        found(service.log(run_id, [{**base, "value": value} for value in values]))
    values = [point["value"] for point in history(service, run_id)["points"]]
    assert [str(value) for value in values] == ["0.5", "0.25", "0.0", "-0.0", "NaN"]


@pytest.mark.parametrize(
    "start, end, wanted",
    [
        (None, None, range(-3, 12)),
        (4, None, range(4, 12)),
        (None, 4, range(-3, 5)),
        (-1, 2, range(-1, 3)),
        (5, 5, range(5, 6)),
        (6, 5, range(0)),
        (100, None, range(0)),
        (None, -100, range(0)),
    ],
)
def test_steps_are_bounded_inclusively(
    laptop: Service, start: int | None, end: int | None, wanted: range
) -> None:
    run_id = laptop.run()["run_id"]
    for first in (2, -3, 7):
        laptop.log_values(run_id, "loss", [0.0] * 5, first_step=first)
    bounds = {"start_step": start, "end_step": end}
    query: Json = {name: value for name, value in bounds.items() if value is not None}
    answer = history(laptop, run_id, "loss", **query)
    assert steps(answer) == list(wanted)
    assert answer["total"] == len(wanted)
    assert steps(history(laptop, run_id, "loss", max_points=100, **query)) == list(wanted)


@pytest.mark.parametrize("max_points", [4, 10, 99, 100, 101])
def test_downsampling_keeps_first_last_least_and_greatest(laptop: Service, max_points: int) -> None:
    run_id = laptop.run()["run_id"]
    values = [float(step % 10) for step in range(100)]
    values[37], values[38] = -50.0, 70.0
    laptop.log_values(run_id, "loss", values)
    answer = history(laptop, run_id, max_points=max_points)
    assert answer["total"] == 100
    assert answer["next_cursor"] is None
    assert len(answer["points"]) <= max_points
    assert {0, 37, 38, 99} <= set(steps(answer))
    assert steps(answer) == sorted(steps(answer))
    assert [point["value"] for point in answer["points"]] == [values[n] for n in steps(answer)]


@pytest.mark.parametrize("max_points", [1, 2, 3])
def test_very_few_points_are_still_no_more_than_asked(laptop: Service, max_points: int) -> None:
    run_id = laptop.run()["run_id"]
    laptop.log_values(run_id, "loss", ["NaN", 1.0, "Infinity", 2.0, "NaN"])
    kept = steps(history(laptop, run_id, max_points=max_points))
    assert len(kept) == max_points
    assert kept[-1] == 4
    assert max_points == 1 or kept[0] == 0


def test_what_is_not_finite_survives_downsampling(service: Service) -> None:
    run_id = service.run()["run_id"]
    service.log_values(run_id, "loss", [float(n) for n in range(50)] + ["NaN"] * 50)
    values = [point["value"] for point in history(service, run_id, max_points=20)["points"]]
    assert values[-1] == "NaN"
    assert 49.0 in values


def log_many(service: Service, run_id: str, count: int, a_step: int = 1) -> list[float]:
    """`count` points, so many at a step, in batches of 1,000; the value tells their order."""
    for first in range(0, count, 1000):
        batch = [
            {"key": "loss", "value": number, "step": number // a_step, "timestamp": START_MS}
            for number in range(first, min(count, first + 1000))
        ]
        found(service.log(run_id, batch))
    return [float(number) for number in range(count)]


@pytest.mark.parametrize("a_step", [1, 1500, 100_000])
def test_pages_of_25_000_visit_every_point_once(laptop: Service, a_step: int) -> None:
    run_id = laptop.run()["run_id"]
    wanted = log_many(laptop, run_id, 52_000, a_step)
    assert [point["value"] for point in walk(laptop, run_id)] == wanted
    assert history(laptop, run_id)["total"] == 52_000


def test_a_walk_visits_every_point_once_while_chunks_are_merged(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    wanted = log_many(laptop, run_id, 26_000, 3)
    first = history(laptop, run_id)
    laptop.clock.advance(3600)
    points, now_ms = laptop.services.points, laptop.clock.now_ms()
    compaction.compact_run(points, laptop.tenant, RunId(run_id), now_ms)
    rest = history(laptop, run_id, cursor=first["next_cursor"])
    values = [point["value"] for point in first["points"] + rest["points"]]
    assert values == wanted
    assert [point["value"] for point in walk(laptop, run_id)] == wanted


def test_points_that_are_sent_again_after_they_were_merged_are_shown_once(service: Service) -> None:
    run_id = service.run()["run_id"]
    for _ in range(3):
        for first in (0, 10):
            service.log_values(run_id, "loss", [float(n) for n in range(10)], first_step=first)
        service.clock.advance(3600)
        points, now_ms = service.services.points, service.clock.now_ms()
        compaction.compact_run(points, service.tenant, RunId(run_id), now_ms)
        assert steps(history(service, run_id)) == list(range(20))
        assert history(service, run_id, max_points=100)["total"] == 20


def test_exactly_one_page_has_no_next(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    log_many(laptop, run_id, 25_000)
    answer = history(laptop, run_id)
    assert len(answer["points"]) == answer["total"] == 25_000
    assert answer["next_cursor"] is None


def test_a_walk_keeps_to_its_steps(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    log_many(laptop, run_id, 28_000)
    points = walk(laptop, run_id, start_step=1000, end_step=26_999)
    assert [point["step"] for point in points] == list(range(1000, 27_000))


def test_a_cursor_is_good_for_its_own_query_only(laptop: Service) -> None:
    run_id, other_id = laptop.run()["run_id"], laptop.run()["run_id"]
    log_many(laptop, run_id, 26_000)
    laptop.log_values(run_id, "acc", [1.0])
    laptop.log_values(other_id, "loss", [1.0])
    cursor = history(laptop, run_id)["next_cursor"]
    for path, query in (
        (f"{run_id}/metrics/acc", {}),
        (f"{other_id}/metrics/loss", {}),
        (f"{run_id}/metrics/loss", {"start_step": "1"}),
        (f"{run_id}/metrics/loss", {"end_step": "1"}),
    ):
        answer = laptop.read.get(f"{RUNS}/{path}", params={"cursor": cursor, **query})
        assert bad_fields(answer) == ["cursor"]
    url = f"{RUNS}/{run_id}/metrics/loss"
    assert bad_fields(laptop.read.get(url, params={"cursor": cursor[1:]})) == ["cursor"]
    refused(laptop.read.get(url, params={"cursor": cursor, "max_points": 5}), 400)


@pytest.mark.parametrize(
    "query, paths",
    [
        ("max_points=0", ["max_points"]),
        ("max_points=10001", ["max_points"]),
        ("max_points=many", ["max_points"]),
        ("start_step=1.5", ["start_step"]),
        ("end_step=9223372036854775808", ["end_step"]),
        ("start_step=&points=1", ["points", "start_step"]),
        ("cursor=x", ["cursor"]),
        ("end_step=1&end_step=2", ["end_step"]),
    ],
)
def test_every_bad_query_parameter_is_named(laptop: Service, query: str, paths: list[str]) -> None:
    run_id = laptop.run()["run_id"]
    laptop.log_values(run_id, "loss", [1.0])
    assert bad_fields(laptop.read.get(f"{RUNS}/{run_id}/metrics/loss?{query}")) == paths


def test_a_metric_or_run_that_is_not_there_is_not_found(service: Service) -> None:
    run_id = service.run()["run_id"]
    service.log_values(run_id, "loss", [1.0])
    refused(service.read.get(f"{RUNS}/{run_id}/metrics/Loss"), 404)
    refused(service.read.get(f"{RUNS}/{UNKNOWN_ID}/metrics/loss"), 404)
    refused(service.read.get(f"{RUNS}/{run_id}/metrics/{'k' * 300}"), 404)


@pytest.mark.parametrize(
    "key, spelled",
    [
        ("train/loss", "train%2Floss"),
        ("train loss", "train%20loss"),
        ("損失 ü", "%E6%90%8D%E5%A4%B1%20%C3%BC"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("a+b", "a+b"),
        ("history", "history"),
    ],
)
def test_keys_are_percent_decoded_once(laptop: Service, key: str, spelled: str) -> None:
    run_id = laptop.run()["run_id"]
    laptop.log_values(run_id, key, [1.0])
    assert history(laptop, run_id, spelled)["key"] == key


def test_the_history_of_a_deleted_run_is_still_there(service: Service) -> None:
    run_id = service.run()["run_id"]
    service.log_values(run_id, "loss", [1.0, 2.0])
    gone(service.write.delete(f"{RUNS}/{run_id}"))
    assert steps(history(service, run_id)) == [0, 1]
