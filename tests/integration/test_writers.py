"""Many processes on one table: what several functions of a deployment do to each other."""

from __future__ import annotations

import pytest

from chalicelib.core.context import Clock, Role
from chalicelib.core.log_ids import log_id
from chalicelib.storage.table import Key
from tests.api.answers import Json, found
from tests.api.harness import RUNS, Service
from tests.integration.stores import Stores
from tests.integration.worker import ACCOUNTS, THREADS

PROCESSES = 3
A_B: list[Json] = [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}]

pytestmark = pytest.mark.engines


def test_processes_that_log_to_one_run_lose_no_point(stores: Stores, service: Service) -> None:
    run_id, key = service.run()["run_id"], service.key(Role.WRITE)
    batches, size = 5 * THREADS, 20
    jobs = [
        {
            "key": key,
            "run_id": run_id,
            "size": size,
            "first_steps": [(process * batches + number) * size for number in range(batches)],
        }
        for process in range(PROCESSES)
    ]
    stores.in_processes("log_points", jobs)
    total = PROCESSES * batches * size
    summary = service.get_run(run_id)["metric_summary"]["shared"]
    assert (summary["count"], summary["min"], summary["max"]) == (total, 0, total - 1)
    assert (summary["step"], summary["last"]) == (total - 1, total - 1)
    history = found(service.read.get(f"{RUNS}/{run_id}/metrics/shared"))
    assert [point["step"] for point in history["points"]] == list(range(total))


def test_one_variant_log_sent_by_many_processes_counts_once(
    stores: Stores, service: Service
) -> None:
    service.experiment("ab", variants=A_B, status="active")
    clock = Clock()
    log: Json = {
        "variantKey": "A",
        "logId": log_id(clock.now_ms(), clock.random_bytes(10)),
        "unitId": "user-1",
        "metrics": {"latency_ms": 120},
        "output": {"response": "x" * 50_000},
    }
    job = {"key": service.key(Role.WRITE), "log": log}
    answers = stores.in_processes("log_variant", [job] * PROCESSES)
    assert answers == [{"200": THREADS}] * PROCESSES
    (stored,) = found(service.read.get("/experiment/ab/logs"))["logs"]
    assert stored["logId"] == log["logId"]
    service.pull()
    results = found(service.read.get("/experiment/ab/results"))
    assert results["exposures"] == {"A": {"units": 1, "logs": 1}, "B": {"units": 0, "logs": 0}}


def test_conflicting_transactions_are_made_whole_or_not_at_all(
    stores: Stores, service: Service
) -> None:
    table, times = service.services.table, 10
    for account in ACCOUNTS:
        table.put({**account._asdict(), "version": 1, "balance": 1000})
    stores.in_processes("transfer", [{"times": times}] * PROCESSES)
    items = [item for item in table.get_many(ACCOUNTS) if item is not None]
    # every thread went around all accounts: whatever was taken from one came to it as well
    assert sum(int(str(item["balance"])) for item in items) == 1000 * len(ACCOUNTS)
    writes = sum(int(str(item["version"])) - 1 for item in items)
    assert writes == 2 * PROCESSES * THREADS * times


def test_a_transaction_that_many_send_with_one_token_is_made_once(
    stores: Stores, service: Service
) -> None:
    stores.in_processes("once", [{"token": "one-token"}] * PROCESSES)
    assert service.services.table.get(Key("count", "once")) == {"pk": "count", "sk": "once", "n": 1}
