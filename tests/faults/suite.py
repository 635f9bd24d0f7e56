"""The laptop's engine for the tests of the API and of the client, on stores that fail.

Each test has a service of its own, and what befalls it follows from the name of the test, which has
the number of the seed in it. The n-th request of a route has the same fate in every run, whatever
else is asked at the same time, so that a test alone meets what it met in its suite. Nothing befalls
what a test asks the stores itself, beside the app and the workers.
"""

from __future__ import annotations

import itertools
import os
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final, TypeVar

import httpx
import pytest

from chalicelib import wiring
from chalicelib.core.context import Clock
from chalicelib.core.errors import Contended, TrialbookError
from local.blob_endpoint import BlobEndpoint
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable
from tests.api.budget import Amount, Counts
from tests.api.engines import ENGINES, Engine, Fresh, Luck
from tests.api.transports import FilesTransport
from tests.faults.faults import Died, Faults
from tests.faults.faulty_blobs import FaultyBlobs
from tests.faults.faulty_table import FaultyTable
from tests.faults.transports import Endured, Exposed, befell
from tests.faults.world import SeededClock

T = TypeVar("T")
IS_FAST: Final = os.environ.get("TRIALBOOK_TESTS") == "fast"
"""As `make test-fast` sets it: collecting what is deselected would take a third of its time."""
SEEDS: Final = 0 if IS_FAST else max(1, int(os.environ.get("TRIALBOOK_FAULT_SEEDS", "20")) // 20)
NAMES: Final = [f"faulty-{number}" for number in range(SEEDS)]
FAULTY: Final = [pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
"""Parameters of the fixtures that open an engine."""
RATES: Final = (0.03, 0.06, 0.12)
SHOWN: Final = 60
IN_A_ROW: Final = 3
"""Requests of a route that something befalls, where each is tried as often as need be."""
CLIENTS_IN_A_ROW: Final = 1
"""Our client tries what it logs three times. After the one that something befell there may be one
that is told to wait for the first."""


class OfWhatIsAsked:
    """Hands what the stores are asked to the faults of the request that it is part of."""

    def __init__(self) -> None:
        self._faults: ContextVar[Faults | None] = ContextVar("faults", default=None)

    @contextmanager
    def during(self, faults: Faults) -> Generator[None]:
        before = self._faults.set(faults)
        try:
            yield
        finally:
            self._faults.reset(before)

    def request(self, name: str, call: Callable[[], T], among: tuple[str, ...]) -> T:
        faults = self._faults.get()
        return call() if faults is None else faults.request(name, call, among)

    def portion(self, limit: int | None) -> int | None:
        """Pages of a given size are whole: many tests look at one, where they may go on."""
        faults = self._faults.get()
        return limit if faults is None or limit is not None else faults.portion(limit)

    def is_broken(self, what: str) -> bool:
        faults = self._faults.get()
        return faults is not None and faults.is_broken(what)


class Uncounted(Counts):
    """Where requests are made again it does not matter how many there are."""

    @contextmanager
    def budget(self, **amounts: Amount) -> Generator[None]:
        yield


class BadLuck(Luck):
    """What befalls the requests of one test."""

    def __init__(self, seed: str, folder: Path) -> None:
        self.asked = OfWhatIsAsked()
        self.trace: list[str] = []
        self.befallen: Counter[str] = Counter()
        """How many of the last requests of a kind something befell, in a row."""
        self.clock = SeededClock(_number_of(seed))
        self.table = SqliteTable(folder / "table.db", self.clock)
        self.blobs = DiskBlobs(folder / "blobs", "http://files.test", b"a secret", self.clock)
        self.files = FilesTransport(BlobEndpoint(self.blobs, self.clock))
        self.seed = seed
        self._rate = RATES[_number_of(seed) % len(RATES)]
        self._numbers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stores = (
            FaultyTable(self.table, self.asked),
            FaultyBlobs(self.blobs, self.asked),
        )
        self._services = wiring.services_on(*self._stores, self.clock)
        self.engine = Engine(
            "sqlite",
            self.clock,
            self._services,
            Uncounted(),
            httpx.Client(transport=self.endured(self.files)),
            self,
            itertools.count(1),
        )

    def restart(self) -> None:
        """Another process takes over, unless the test has installed services of its own."""
        if wiring.services() is self._services:
            self._services = wiring.services_on(*self._stores, self.clock)
            wiring.install(self._services)

    def number_of(self, what: str) -> int:
        """How many there were of this kind, this one included."""
        with self._lock:
            self._numbers[what] += 1
            return self._numbers[what]

    def faults_of(self, what: str) -> Faults:
        """Of the next request of this kind."""
        name = f"{self.seed} {what} {self.number_of(what)}"
        return Faults(_number_of(name), self._rate)

    def note(self, what: str, faults: Faults) -> None:
        """Keep for the one who reads of a failure what befell a request."""
        fates = [fate for fate in faults.trace if ": " in fate]
        self.trace.append(f"{what}: {', '.join(fates)}" if fates else what)

    def exposed(self, app: httpx.BaseTransport) -> httpx.BaseTransport:
        return Exposed(app, self, CLIENTS_IN_A_ROW)

    def endured(self, app: httpx.BaseTransport) -> httpx.BaseTransport:
        return Endured(Exposed(app, self, IN_A_ROW), self)

    def exposed_files(self, files: httpx.Client) -> httpx.Client:
        return httpx.Client(transport=self.exposed(self.files))

    def work(self, job: Callable[[], T]) -> T:
        for _ in range(IN_A_ROW):
            faults = self.faults_of("work")
            try:
                with self.asked.during(faults):
                    return job()
            except Died:
                self.restart()
            except (TrialbookError, Contended):
                if not befell(faults):
                    raise
            finally:
                self.note("work", faults)
        return job()

    def tell(self) -> None:
        last = "\n".join(self.trace[-SHOWN:])
        print(f"what befell the last requests:\n{last}\nreplay it with: pytest '{self.seed}'")


@contextmanager
def faulty(folder: Path, clock: Clock) -> Generator[Fresh]:
    """SQLite and files that fail; new ones, and a new clock, for each test."""
    del clock
    opened: list[BadLuck] = []

    def fresh() -> Engine:
        # with the name of the parameter, which has the number of the seed in it
        test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
        here = folder / str(len(opened))
        here.mkdir()
        opened.append(BadLuck(test, here))
        return opened[-1].engine

    yield fresh
    for luck in opened:
        luck.table.close()


def opener(name: str) -> Callable[[Path, Clock], AbstractContextManager[Fresh]]:
    """Of the engine that a parameter names."""
    return faulty if name in NAMES else ENGINES[name]


def _number_of(name: str) -> int:
    return zlib.crc32(name.encode())
