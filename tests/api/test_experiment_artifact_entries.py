"""Ten thousand entries under one name, logged and read back in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.harness import Service
from tests.api.named import delete, listed, log, read, read_points, send


@pytest.mark.slow
def test_ten_thousand_entries_are_read_back_in_order(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    count = 10_003
    for number in range(count):
        log(laptop, experiment_id, "loss", "value", number / 7)
    read(laptop, experiment_id, "loss")  # the key is in the cache again
    with laptop.budget(reads=1, queries=3):  # one per MB of entries
        first = read(laptop, experiment_id, "loss")
    assert len(first["points"]) == 10_000
    assert first["entries"] == count
    points = read_points(laptop, experiment_id, "loss")
    assert [y for _, y in points] == [number / 7 for number in range(count)]
    assert sorted(points) == points
    with laptop.budget(reads=1, queries=1):
        assert listed(laptop, experiment_id)["artifacts"] == [
            first | {"points": None, "next_cursor": None}
        ]
    delete(laptop, experiment_id, "loss")
    assert listed(laptop, experiment_id)["artifacts"] == []


@pytest.mark.slow
def test_ten_thousand_writes_of_points_are_one_curve(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    count = 10_000
    for number in range(count):
        x = (number * 7919) % count  # every x once, in no order
        log(laptop, experiment_id, "curve", "timeseries", [(x, number), (x + 0.5, number)])
    points = read_points(laptop, experiment_id, "curve")
    assert [x for x, _ in points] == [half / 2 for half in range(2 * count)]


def test_writers_at_the_same_moment_keep_every_entry(service: Service) -> None:
    experiment_id = service.experiment()["id"]

    def write(first: int) -> None:
        for number in range(first, first + 10):
            assert send(service, experiment_id, name="it", kind="value", value=number).is_success

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, (0, 100)))
    ys = [y for _, y in read_points(service, experiment_id, "it")]
    assert sorted(ys) == [*range(10), *range(100, 110)]
    assert read(service, experiment_id, "it")["entries"] == 20
