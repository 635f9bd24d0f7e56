"""A server under load, and the frame of every workload: prepare once, measure a round, check.

No number is believed before what the server kept has been compared with what it was sent.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from bench.dialect import Dialect
from bench.load import Load, Plan, WrongAnswer, accept, drive
from bench.measures import SINGLE, Measure, Target
from bench.raw_client import Connection, Response
from bench.servers import Server

CLIENTS: Final = (1, 8)
ANY_NUMBER: Final = b"7654321"
"""Stands for a request's number in its precomputed bytes. It may occur several times, as in the
step 7654321, the value 0.17654321 and the time 1767654321000: each then grows with the number."""
FIRST_NUMBER: Final = 7_000_000
FILL_S: Final = 3600
"""Bounds work that ends by itself."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much work; `seconds` is one round of one measurement."""

    rounds: int
    seconds: float
    warm_up_s: float
    starts: int
    history_points: int
    searched_runs: int
    client_calls: int
    variant_logs: int


FULL: Final = Sizes(3, 1.5, 0.3, 3, 100_000, 10_000, 20_000, 100_000)
QUICK: Final = Sizes(1, 0.3, 0.05, 1, 20_000, 500, 5_000, 5_000)


class Measured(NamedTuple):
    """Load and the server's processor seconds under it."""

    load: Load
    server_cpu_s: float


class Subject:
    """A running server, its language, and a stock of runs to work on."""

    def __init__(self, server: Server, dialect: Dialect) -> None:
        self.name = server.name
        self.server = server
        self.dialect = dialect
        self.runs: list[str] = []
        """Created and still empty."""
        self.experiment = self.new_experiment("bench")

    def ask(self, request: bytes) -> Response:
        """One request on a connection of its own. Raises WrongAnswer."""
        with Connection(self.server.address) as connection:
            return accept(connection.exchange(request))

    def drive(
        self, plans: Sequence[Plan], seconds: float, background: Sequence[Plan] = ()
    ) -> Measured:
        before = self.server.cpu_s()
        load = drive(self.server.address, plans, seconds, background)
        return Measured(load, self.server.cpu_s() - before)

    def new_experiment(self, name: str) -> str:
        return self.dialect.read_experiment(self.ask(self.dialect.create_experiment(name)).body)

    def take_runs(self, count: int) -> list[str]:
        """That many empty runs from the stock, which is filled up first when short."""
        if (missing := count - len(self.runs)) > 0:
            made: list[Response] = []
            self.drive([self.creations(made, missing)], FILL_S)
            self.keep_created(made)
        taken, self.runs = self.runs[-count:], self.runs[:-count]
        return taken

    def stock_runs(self, least: int, seconds: float) -> None:
        """When fewer than `least` runs are left, create more for that long."""
        if len(self.runs) < least:
            made: list[Response] = []
            self.drive([self.creations(made) for _ in range(CLIENTS[-1])], seconds)
            self.keep_created(made)

    def creations(self, made: list[Response], count: int | None = None) -> Plan:
        """Create `count` runs, without end when None; the answers go to `made`."""
        template = self.dialect.create_run(self.experiment, f"run-{ANY_NUMBER.decode()}")
        for number in itertools.islice(itertools.count(FIRST_NUMBER), count):
            response = yield template.replace(ANY_NUMBER, b"%d" % number)
            made.append(response)

    def keep_created(self, made: Sequence[Response]) -> None:
        """Add to the stock. Raises WrongAnswer when two have the same id."""
        ids = [self.dialect.read_created_run(response.body) for response in made]
        expect(len(set(ids)), len(ids), "different ids of created runs")
        self.runs += ids

    def history(self, run: str, key: str) -> list[tuple[int, float]]:
        """(step, value) of every point, parsed."""
        points: list[tuple[int, float]] = []
        cursor: str | None = None
        while True:
            body = self.ask(self.dialect.history(run, key, cursor)).body
            points += self.dialect.read_points(body)
            cursor = self.dialect.read_cursor(body)
            if cursor is None:
                return points


def expect(seen: object, wanted: object, what: str) -> None:
    """Raises WrongAnswer when they differ."""
    if seen != wanted:
        raise WrongAnswer(f"{what}: wanted {str(wanted)[:200]}, saw {str(seen)[:200]}")


class Work(NamedTuple):
    """Plans for that many clients, and what to check when they have ended."""

    plans: list[Plan]
    check: Callable[[], None]


class Workload(ABC):
    """One kind of work; `prepare` once for each server, then `measure` once a round."""

    name: ClassVar[str]
    """As `--only` spells it."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes

    @abstractmethod
    def prepare(self, subject: Subject) -> None:
        """Store what the work needs and let the server warm up to it. Raises WrongAnswer."""

    @abstractmethod
    def measure(self, subject: Subject) -> Iterator[tuple[Measure, float]]:
        """One round. Raises WrongAnswer, BrokenAnswer."""


class Requests(Workload):
    """Requests of one kind, by one client and by eight."""

    label: str
    target: ClassVar[Target] = SINGLE
    points_per_request: ClassVar[int] = 0
    points_unit: ClassVar[str] = "points"
    tail: ClassVar[bool] = True
    """Whether there are requests enough for a 99th percentile."""

    @abstractmethod
    def work(self, subject: Subject, clients: int) -> Work: ...

    def prepare(self, subject: Subject) -> None:
        self._run(subject, 1, self.sizes.warm_up_s)

    def measure(self, subject: Subject) -> Iterator[tuple[Measure, float]]:
        for clients in CLIENTS:
            load, server_cpu_s = self._run(subject, clients, self.sizes.seconds)
            group = f"{self.label}, {clients} client{'s' if clients > 1 else ''}"
            yield Measure(group, "rate", "requests/s", "higher", self.target), load.rate
            if self.points_per_request:
                points = load.rate * self.points_per_request
                unit = self.points_unit
                yield Measure(group, unit, f"{unit}/s", "higher"), points
            yield Measure(group, "p50", "ms", "lower"), load.percentile_ms(50)
            if self.tail:
                yield Measure(group, "p99", "ms", "lower"), load.percentile_ms(99)
            cpu_ms = server_cpu_s / len(load.latencies_s) * 1000
            yield Measure(group, "server CPU", "ms/request", "lower"), cpu_ms
            share = load.client_cpu_s / load.elapsed_s * 100
            yield Measure(group, "client CPU", "% of a core", "neither"), share

    def _run(self, subject: Subject, clients: int, seconds: float) -> Measured:
        plans, check = self.work(subject, clients)
        measured = subject.drive(plans, seconds)
        check()
        return measured
