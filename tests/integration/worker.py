"""`STORES JOB ARGUMENT`: a process that does one job on the real engines, when all are ready.

It says `ready`, waits for a line on stdin, does its job and prints the answer as JSON.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from chalicelib import wiring
from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed, Contended
from chalicelib.storage.table import Add, Item, Key, Put, Table
from tests.api.answers import Json, found
from tests.api.engines import on_real
from tests.api.harness import RUNS, Service
from tests.api.transports import quiet_logs

THREADS: Final = 3
ACCOUNTS: Final = [Key("accounts", f"{number}") for number in range(4)]


def log_points(service: Service, argument: Json) -> None:
    """Batches of consecutive steps of the metric `shared` from every thread."""
    client, size = service.client(argument["key"]), argument["size"]
    url = f"{RUNS}/{argument['run_id']}/log-batch"

    def write(first: int) -> None:
        metrics = [
            {"key": "shared", "value": step, "step": step, "timestamp": step}
            for step in range(first, first + size)
        ]
        found(client.post(url, json={"metrics": metrics}))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write, argument["first_steps"]))


def log_variant(service: Service, argument: Json) -> dict[str, int]:
    """The same log from every thread: how often each status was answered."""
    client = service.client(argument["key"])

    def send(_: int) -> int:
        return client.post("/experiment/ab/log", json=argument["log"]).status_code

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(str(status) for status in pool.map(send, range(THREADS)))


def transfer(service: Service, argument: Json) -> int:
    """Moves 1 between two accounts and back until `times` transactions went well in each thread.

    Returns how many were refused on the way.
    """
    table = service.services.table

    def move(thread: int) -> int:
        refused = 0
        for number in range(argument["times"]):
            one, other = ACCOUNTS[(thread + number) % 4], ACCOUNTS[(thread + number + 1) % 4]
            while not _moved(table, one, other):
                refused += 1
        return refused

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(move, range(THREADS)))


def _moved(table: Table, one: Key, other: Key) -> bool:
    items = table.get_many([one, other])
    try:
        table.transact([_changed(items[0], -1), _changed(items[1], 1)])
    except (ConditionFailed, Contended):
        return False
    return True


def _changed(item: Item | None, amount: int) -> Put:
    assert item is not None
    version, balance = item["version"], item["balance"]
    assert isinstance(version, int)
    assert isinstance(balance, int)
    return Put({**item, "version": version + 1, "balance": balance + amount}, version)


def once(service: Service, argument: Json) -> None:
    """The same transaction with the same token, from every thread."""
    table = service.services.table

    def send(_: int) -> None:
        while True:
            try:
                table.transact([Add(Key("count", "once"), {"n": 1})], argument["token"])
            except Contended:
                continue
            return

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(send, range(THREADS)))


JOBS: Final[dict[str, Callable[[Service, Json], Any]]] = {
    job.__name__: job for job in (log_points, log_variant, transfer, once)
}


def main(stores: str, job: str, argument: str) -> None:
    quiet_logs()
    engine = on_real(stores, Clock())
    wiring.install(engine.services)
    service = Service(engine)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(JOBS[job](service, json.loads(argument))))


if __name__ == "__main__":
    main(*sys.argv[1:])
