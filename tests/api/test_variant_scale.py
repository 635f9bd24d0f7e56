"""Very many logs: their results are exact, and read with the requests of a thousand's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from chalicelib import wiring
from chalicelib.core.ids import ExperimentId, UserId
from chalicelib.core.log_ids import LogId, log_id
from chalicelib.core.model.variant_log import Facts, VariantLog
from chalicelib.domain import feed
from chalicelib.storage.item_size import key_of
from chalicelib.storage.table import Change, Changes, Item, Table
from chalicelib.storage.variant_keys import log_sort
from tests.api.answers import found
from tests.api.budget import CountingTable, Counts
from tests.api.engines import START_MS
from tests.api.harness import EXPERIMENTS, Service
from tests.api.test_variants import ab

PERIOD = 3 * 1001
"""Logs until a variant measures what it measured before."""


class LogsOnTap(CountingTable):
    """A table whose feed tells of logs that nobody stored. What adds them up reads the feed and
    never a log, and storing as many would take most of the time."""

    def __init__(self, table: Table, changes: Iterator[Change]) -> None:
        super().__init__(table, Counts())
        self._changes = changes
        self._told = 0

    def changes(self, after: str | None, limit: int = 500) -> Changes:
        some = list(islice(self._changes, limit))
        self._told += len(some)
        return Changes(some, str(self._told))


def variant_of(number: int) -> str:
    return "AAB"[number % 3]


def tenths_of(number: int) -> int:
    """What a log measured, in tenths: no sum of doubles is exact."""
    return number * 37 % 1001


def changes_of(service: Service, experiment_id: ExperimentId, count: int) -> Iterator[Change]:
    """Logs that are units of their own, all of one millisecond. The items of the first are the
    store's; the others take their turn under ids of their own."""
    added = service.services.variants.logs.added
    first_id = log_id(START_MS, bytes(10))
    items: list[Item] = []
    for number in range(count):
        own_id = LogId(f"{first_id[:-7]}{number:07}")
        if number < PERIOD:
            metrics = {"score": tenths_of(number) / 10}
            facts = Facts(own_id, variant_of(number), None, 0, {}, metrics, {}, "0")
            log = VariantLog(facts, digest=b"", logged_at_ms=START_MS, logged_by=UserId("ada"))
            items.append(added(service.tenant, experiment_id, log).item)
        item = {**items[number % PERIOD], "sk": log_sort(own_id)}
        yield Change(str(number), key_of(item), None, item)


def shown_of(count: int, variant: str) -> dict[str, float]:
    """Units, logs and mean of a variant after so many logs."""
    numbers = [number for number in range(count) if variant_of(number) == variant]
    total = sum(map(tenths_of, numbers))
    return {"units": len(numbers), "logs": len(numbers), "mean": total / (10 * len(numbers))}


@pytest.mark.slow
@pytest.mark.no_cover  # it would take three times as long, and shows no line that others do not
def test_results_of_very_many_logs_are_exact_and_read_as_those_of_a_thousand(
    laptop: Service,
) -> None:
    url = f"{EXPERIMENTS}/{ab(laptop)['id']}"
    few, many = 1000, 300_000
    feed_of_logs = changes_of(laptop, ExperimentId(url.rpartition("/")[2]), many)
    tap = LogsOnTap(laptop.services.table, feed_of_logs)
    to = replace(wiring.projections(laptop.services), table=tap)
    added_up = 0
    for count in (few, many):
        while added_up < count:
            added_up += feed.pull(to)
        found(laptop.read.get(url))  # the key's role and name are kept now
        with laptop.budget(reads=2, queries=1):
            results = found(laptop.read.get("/experiment/ab/results"))
        for variant, shown in results["metrics"]["score"]["variants"].items():
            assert {name: shown[name] for name in ("units", "logs", "mean")} == shown_of(
                count, variant
            )
