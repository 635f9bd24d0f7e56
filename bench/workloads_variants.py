"""A/B experiments, which the peers do not have: assigning, logging, and results."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bench.dialects import TrialbookDialect
from bench.load import Plan, WrongAnswer
from bench.measures import NO_TARGET, OURS, Measure
from bench.subject import ANY_NUMBER, FILL_S, FIRST_NUMBER, Requests, Sizes, Subject, Work, expect

BATCH: Final = 500
BATCHES: Final = 20
ADDED_UP_S: Final = 300
"""A log that is not in the results by then never will be."""
_numbers = itertools.count(1)


class Experiment:
    """An A/B experiment of two variants, and how many logs of it were acknowledged."""

    def __init__(self, subject: Subject) -> None:
        assert isinstance(subject.dialect, TrialbookDialect)
        self.subject = subject
        self.dialect = subject.dialect
        self.slug = f"variants-{next(_numbers)}"
        self.logged = 0
        subject.ask(self.dialect.create_variants(self.slug))

    def fill(self, requests: Sequence[bytes], lane: int, count: int | None = None) -> Plan:
        """Log batches in turn from the lane's on, `count` or without end."""
        turns = itertools.islice(itertools.cycle(requests), lane, None)
        for request in itertools.islice(turns, count):
            yield request
            self.logged += BATCH

    def wait_until_added_up(self) -> None:
        """Until every log is in the results, and none twice. Raises WrongAnswer."""
        until = time.perf_counter() + ADDED_UP_S
        while (seen := self.logs_of(self.subject.ask(self.results()).body)) < self.logged:
            if time.perf_counter() > until:
                raise WrongAnswer(f"{seen} of {self.logged} logs are in the results")
            time.sleep(0.01)
        expect(seen, self.logged, "logs in the results")

    def results(self) -> bytes:
        return self.dialect.results(self.slug)

    def logs_of(self, body: bytes | bytearray) -> int:
        return sum(self.dialect.read_results(body).values())


class Variants(Requests):
    """What only Trialbook is asked."""

    target = NO_TARGET

    def prepare(self, subject: Subject) -> None:
        if subject.name == OURS:
            super().prepare(subject)

    def measure(self, subject: Subject) -> Iterator[tuple[Measure, float]]:
        if subject.name == OURS:
            yield from super().measure(subject)


class Assign(Variants):
    """Users in turn, each client the same ones."""

    name = "assign"
    label = "assign a variant"

    def work(self, subject: Subject, clients: int) -> Work:
        experiment = Experiment(subject)
        seen: dict[int, bytes | bytearray] = {}

        def plan() -> Plan:
            template = experiment.dialect.assign(experiment.slug, f"user-{ANY_NUMBER.decode()}")
            for number in itertools.count(FIRST_NUMBER):
                response = yield template.replace(ANY_NUMBER, b"%d" % number)
                expect(response.body, seen.setdefault(number, response.body), "a user's variant")

        def check() -> None:
            expect(len({bytes(body) for body in seen.values()}), 2, "different variants")

        return Work([plan() for _ in range(clients)], check)


class LogExecution(Variants):
    """A log of 1 KB with 3 metrics a request, each of a user of its own."""

    name = "log-execution"
    label = "log one execution"

    def work(self, subject: Subject, clients: int) -> Work:
        experiment = Experiment(subject)
        dialect, slug = experiment.dialect, experiment.slug
        draw = random.Random(7)
        user = int(ANY_NUMBER)
        templates = [dialect.log_execution(slug, execution(draw, v, user)) for v in "AB"]

        def plan(lane: int) -> Plan:
            for number in itertools.count(FIRST_NUMBER + lane, clients):
                yield templates[number % 2].replace(ANY_NUMBER, b"%d" % number)
                experiment.logged += 1

        return Work([plan(lane) for lane in range(clients)], experiment.wait_until_added_up)


class LogExecutions(Variants):
    """500 such logs a request, of 10,000 users."""

    name = "log-executions"
    label = f"log {BATCH} executions"
    points_per_request = BATCH
    points_unit = "logs"

    def work(self, subject: Subject, clients: int) -> Work:
        experiment = Experiment(subject)
        requests = batches(experiment)
        plans = [experiment.fill(requests, lane) for lane in range(clients)]
        return Work(plans, experiment.wait_until_added_up)


class ReadResults(Variants):
    """Results of many logs of 10,000 users: two variants, 3 metrics."""

    name = "results"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.label = f"results of {sizes.variant_logs:,} logs"
        self._filled: Experiment | None = None

    def work(self, subject: Subject, clients: int) -> Work:
        experiment = self._experiment(subject)
        bodies: list[bytes | bytearray] = []

        def plan() -> Plan:
            while True:
                bodies.append((yield experiment.results()).body)

        def check() -> None:
            logs = {experiment.logs_of(body) for body in bodies}
            expect(logs, {experiment.logged}, "logs in the results")

        return Work([plan() for _ in range(clients)], check)

    def _experiment(self, subject: Subject) -> Experiment:
        if self._filled is None:
            self._filled = Experiment(subject)
            count = self.sizes.variant_logs // BATCH
            subject.drive([self._filled.fill(batches(self._filled), 0, count)], FILL_S)
            self._filled.wait_until_added_up()
        return self._filled


def batches(experiment: Experiment) -> list[bytes]:
    """Requests of 500 logs."""
    draw = random.Random(8)
    users = iter(range(BATCH * BATCHES))
    return [
        experiment.dialect.log_executions(
            experiment.slug,
            [execution(draw, "AB"[user % 2], user) for user in itertools.islice(users, BATCH)],
        )
        for _ in range(BATCHES)
    ]


def execution(draw: random.Random, variant: str, user: int) -> dict[str, Any]:
    """A log of 1 KB."""
    return {
        "variantKey": variant,
        "unitId": f"user-{user}",
        "input": {"prompt": draw.randbytes(250).hex()},
        "output": {"answer": draw.randbytes(250).hex()},
        "metrics": {
            "latency_ms": round(100 + 900 * draw.random(), 1),
            "cost_usd": round(draw.random() / 100, 6),
            "user_rating": draw.randint(1, 5),
        },
    }
