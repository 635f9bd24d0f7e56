"""What files of lines cost, in requests to the stores."""

from __future__ import annotations

from typing import Any

from tests.api.answers import Json, found, made
from tests.api.harness import Service
from tests.api.test_ingest import INGEST, RUN, dropped, handle, packed, told_of


def warm(laptop: Service) -> None:
    found(laptop.write.get(INGEST))
    found(laptop.read.get(INGEST))


def test_a_file_costs_little_until_it_is_there(laptop: Service) -> None:
    warm(laptop)
    with laptop.budget(writes=1):
        answer = laptop.write.post(INGEST, json={"filename": "a", "size_bytes": 1})
    path = f"{INGEST}/{made(answer)['ingest_id']}"
    with laptop.budget(reads=1, queries=1):
        found(laptop.read.get(path))
    with laptop.budget(queries=1):
        found(laptop.read.get(INGEST))


def run_with(laptop: Service, lines: int) -> list[Json]:
    run_id = laptop.run()["run_id"]
    assert run_id != RUN
    wanted: dict[str, Any] = {"type": "metrics", "run_id": run_id}
    return [wanted | {"metrics": {"loss": n}, "step": n} for n in range(lines)]


def message(laptop: Service, name: str, lines: list[Any]) -> str:
    return told_of(laptop, dropped(laptop, name, packed(lines)))


def test_lines_of_a_run_share_a_transaction(laptop: Service) -> None:
    """A read and a transaction for each 1,000 points, as over the API. Besides: who announced it,
    whether there is such a tenant, the file's row; its first bytes and its 4 MiB, its report."""
    warm(laptop)
    one = message(laptop, "one", run_with(laptop, 1))
    with laptop.budget(reads=4, transactions=2, writes=2, blobs=3):
        assert handle(laptop, one).applied == 1
    many = message(laptop, "many", run_with(laptop, 3500))
    with laptop.budget(reads=7, transactions=5, writes=2, blobs=3):
        assert handle(laptop, many).applied == 3500


def test_refused_lines_cost_a_transaction_in_place_of_a_write(laptop: Service) -> None:
    warm(laptop)
    bad = message(laptop, "bad", ["bad"] * 300)
    with laptop.budget(reads=3, queries=1, transactions=2, writes=1, blobs=3):
        assert handle(laptop, bad).refused == 300


def test_a_file_that_is_done_costs_a_read(laptop: Service) -> None:
    warm(laptop)
    done = message(laptop, "done", run_with(laptop, 1))
    handle(laptop, done)
    with laptop.budget(reads=1):
        handle(laptop, done)
