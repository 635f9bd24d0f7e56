"""What A/B experiments may cost, in storage requests; counted on one engine for all."""

from __future__ import annotations

import random

import pytest

from chalicelib import wiring
from chalicelib.domain import feed
from chalicelib.domain.feed import CHANGES_AT_ONCE
from tests.api.answers import Json, found
from tests.api.budget import at_most
from tests.api.harness import EXPERIMENTS, Service
from tests.api.test_variants import ab, new_id, post_log


@pytest.fixture(autouse=True)
def _warm(laptop: Service) -> None:
    for client in (laptop.read, laptop.write):
        found(client.get(EXPERIMENTS))


def test_the_first_look_at_a_definition(laptop: Service) -> None:
    ab(laptop)
    with laptop.budget(reads=2):
        found(laptop.read.post("/experiment/ab/assign", json={"userId": "u"}))
    with laptop.budget():
        found(laptop.read.post("/experiment/ab/assign", json={"userId": "v"}))
    laptop.clock.advance(6)
    with laptop.budget(reads=2):
        found(laptop.read.post("/experiment/ab/assign", json={"userId": "w"}))


def test_logging(laptop: Service) -> None:
    ab(laptop, unit_key="user", dimensions=["country"])
    body: Json = {"metrics": {"score": 1}, "context": {"user": "ada", "country": "DE"}}
    with laptop.budget(reads=2, transactions=1, writes=1):  # the first to name all of this
        found(post_log(laptop, **body))
    with laptop.budget(writes=1):
        found(post_log(laptop, **body, logId=new_id()))
    with laptop.budget(writes=1, reads=1):  # the same again
        found(post_log(laptop, **body, logId=new_id()))
    long_text = random.Random(1).randbytes(60_000).hex()
    with laptop.budget(writes=1, blobs=1):
        found(post_log(laptop, **body, input={"text": long_text}))
    late = f"/experiment/ab/log/{new_id()}/metrics"
    with laptop.budget(reads=1, writes=1):
        found(laptop.write.post(late, json={"score": 2}))
    with laptop.budget(reads=1):  # nothing changes
        found(laptop.write.post(late, json={"score": 2}))


def batch(count: int, units: int) -> Json:
    return {
        "logs": [
            {
                "variantKey": "AB"[n % units % 2],
                "unitId": f"u{n % units}",
                "metrics": {"score": n, "cost": n},
                "context": {"country": "DE" if n % 2 else "FR"},
            }
            for n in range(count)
        ]
    }


def test_adding_up_what_was_logged(laptop: Service) -> None:
    """Pulled: the position and the page, and for each transaction's worth of units one read of
    them, one of the cells, and where the page has more than that, one of where it ends."""
    ab(laptop, dimensions=["country"])
    laptop.pull()  # what other tests left
    found(laptop.write.post("/experiment/ab/log/batch", json=batch(500, 60)))
    to = wiring.projections(laptop.services)
    with laptop.budget(reads=3, queries=1, transactions=1):
        assert feed.pull(to) == 500  # overall, and two countries
    found(laptop.write.post("/experiment/ab/log/batch", json=batch(500, 500)))
    with laptop.budget(reads=at_most(25), queries=at_most(7), transactions=at_most(6)):
        assert feed.pull(to) == 500


def test_adding_up_what_is_pushed(laptop: Service) -> None:
    ab(laptop)
    found(laptop.write.post("/experiment/ab/log/batch", json=batch(200, 200)))
    to = wiring.projections(laptop.services)
    changes = laptop.services.table.changes(None, 10_000).changes
    with laptop.budget(reads=2 * 200 // CHANGES_AT_ONCE, transactions=200 // CHANGES_AT_ONCE):
        feed.dispatch(to, changes[-200:])


def test_reading(laptop: Service) -> None:
    ab(laptop, dimensions=["country"])
    found(laptop.write.post("/experiment/ab/log/batch", json=batch(50, 20)))
    laptop.pull()
    with laptop.budget(reads=2, queries=1):
        found(laptop.read.get("/experiment/ab/results"))
    with laptop.budget(reads=2, queries=2):
        found(laptop.read.get("/experiment/ab/results?dimension=country"))
    with laptop.budget(reads=2, queries=16):
        found(laptop.read.get("/experiment/ab/logs"))
    with laptop.budget(reads=2, queries=16, transactions=1, writes=2, blobs=1):
        found(laptop.read.post("/experiment/ab/logs/export", json={}))


def test_defining(laptop: Service) -> None:
    url = f"{EXPERIMENTS}/{ab(laptop)['id']}"
    weights = [{"key": "A", "weight": 30}, {"key": "B", "weight": 70}]
    with laptop.budget(reads=2, writes=1):
        found(laptop.write.patch(url, json={"variants": weights}))
    with laptop.budget(reads=3, transactions=1):
        found(laptop.write.patch(url, json={"variants": [{"key": "A", "weight": 100}]}))
