"""What experiment artifacts cost, in storage requests; see test_costs.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import found
from tests.api.harness import EXPERIMENTS, Service
from tests.api.named import data_url, delete, listed, log, read, send, where
from tests.api.test_experiment_artifact_bytes import uploaded


@pytest.fixture(autouse=True)
def _warm(laptop: Service) -> None:
    for client in (laptop.read, laptop.write):
        found(client.get(EXPERIMENTS))


@pytest.mark.parametrize(
    "kind, value",
    [("value", 1), ("text", "x" * 32_000), ("dict", {}), ("timeseries", [(1, 2)] * 1000)],
)
def test_logging_a_value(laptop: Service, kind: str, value: Any) -> None:
    experiment_id = laptop.experiment()["id"]
    for _ in range(2):
        with laptop.budget(reads=1, transactions=1):
            log(laptop, experiment_id, "it", kind, value)


def test_a_slug_costs_a_read_more(laptop: Service) -> None:
    laptop.experiment(slug="digits")
    with laptop.budget(reads=2, transactions=1):
        log(laptop, "digits", "it", "value", 1)
    with laptop.budget(reads=2):
        read(laptop, "digits", "it")


@pytest.mark.parametrize("kind, value", [("file", data_url(b"x")), ("text", "x" * 33_000)])
def test_logging_what_goes_to_a_blob(laptop: Service, kind: str, value: str) -> None:
    experiment_id = laptop.experiment()["id"]
    with laptop.budget(reads=2, writes=1, transactions=1, blobs=1):
        log(laptop, experiment_id, "it", kind, value)
    with laptop.budget(reads=2, transactions=1):  # the tenant has the bytes
        log(laptop, experiment_id, "it", kind, value)


def test_logging_bytes_that_were_uploaded(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    sha256 = uploaded(laptop, b"bytes")
    with laptop.budget(reads=2, transactions=1, blobs=1):
        assert send(laptop, experiment_id, name="it", kind="file", sha256=sha256).is_success


@pytest.mark.parametrize("characters, reads, blobs", [(1000, 1, 0), (1100, 2, 0), (33_000, 1, 1)])
def test_reading_a_value(laptop: Service, characters: int, reads: int, blobs: int) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "text", "x" * characters)
    with laptop.budget(reads=reads, blobs=blobs):
        read(laptop, experiment_id, "it")
    with laptop.budget(reads=reads, queries=1, blobs=blobs):
        listed(laptop, experiment_id)


def test_reading_a_timeseries(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    for number in range(100):
        log(laptop, experiment_id, "it", "value", number)
    with laptop.budget(reads=1, queries=1):
        assert len(read(laptop, experiment_id, "it")["points"]) == 100
    log(laptop, experiment_id, "it", "timeseries", [(1, 2)])
    with laptop.budget(reads=1, queries=1):
        assert len(read(laptop, experiment_id, "it")["points"]) == 1
    points = [(x, x / 7) for x in range(10_000)]
    for first in range(3):
        shifted = [(x + first * 100_000, y) for x, y in points]
        log(laptop, experiment_id, "large", "timeseries", shifted)
    with laptop.budget(reads=1, queries=1, blobs=2):  # the page, and whether there is more
        read(laptop, experiment_id, "large")


def test_where_bytes_are(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "file", data_url(b"x"))
    with laptop.budget(reads=1):
        assert where(laptop, experiment_id, "it").status_code == 307


def test_listing_a_hundred_names(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    for number in range(100):
        log(laptop, experiment_id, f"n{number}", "text", "x" * (2000 if number < 50 else 10))
    with laptop.budget(reads=2, queries=1):
        assert len(listed(laptop, experiment_id)["artifacts"]) == 100


def test_deleting_a_name_of_two_hundred_entries(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    for number in range(200):
        log(laptop, experiment_id, "it", "value", number)
    with laptop.budget(reads=1, queries=1, transactions=1 + 2 + 1):
        delete(laptop, experiment_id, "it")
    with laptop.budget(reads=1):
        delete(laptop, experiment_id, "it")
