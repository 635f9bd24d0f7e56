"""Many small requests of one kind, the same for every server."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from bench.dialect import ANY_RUN, Dialect, Point, SeenRun
from bench.load import Plan
from bench.measures import BATCH, MIXED, SEARCH
from bench.raw_client import Response
from bench.subject import (
    ANY_NUMBER,
    FILL_S,
    FIRST_NUMBER,
    Requests,
    Sizes,
    Subject,
    Work,
    expect,
)

PARAMS: Final = {f"param_{n}": f"{n / 7:.6f}" for n in range(10)}
GROUPS: Final = 50
"""Values of the param by which runs are searched."""
TAGS: Final = {f"tag_{n}": f"team-{n}" for n in range(5)}


class CreateRun(Requests):
    name = "create"
    label = "create run"

    def work(self, subject: Subject, clients: int) -> Work:
        made: list[Response] = []
        plans = [subject.creations(made) for _ in range(clients)]
        return Work(plans, lambda: subject.keep_created(made))


class LogMetric(Requests):
    """One value a request; each client on a run of its own."""

    name = "log-metric"
    label = "log one metric"

    def work(self, subject: Subject, clients: int) -> Work:
        runs = subject.take_runs(clients)
        logged = dict.fromkeys(runs, 0)
        plans = [metric_plan(subject.dialect, run, logged) for run in runs]

        def check() -> None:
            steps = [step for step, _ in subject.history(runs[0], "loss")]
            wanted = range(FIRST_NUMBER, FIRST_NUMBER + logged[runs[0]])
            expect(sorted(steps), list(wanted), "steps logged one by one")

        return Work(plans, check)


def metric_plan(dialect: Dialect, run: str, logged: dict[str, int]) -> Plan:
    """Log `loss` once a step from FIRST_NUMBER on, without end; counts what was acknowledged."""
    point = Point("loss", 0.17654321, 7654321, 1767654321000)
    template = dialect.log_metric(run, point)
    for number in itertools.count(FIRST_NUMBER):
        yield template.replace(ANY_NUMBER, b"%d" % number)
        logged[run] += 1


class LogBatch(Requests):
    """1,000 points a request: 100 steps of ten metrics; runs are filled up one after another."""

    name = "log-batch"
    label = "log 1,000 points"
    target = BATCH
    points_per_request = 1000
    batches_per_run: ClassVar[int] = 50
    runs_per_round: ClassVar[int] = 40

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        draw = random.Random(1)
        steps = self.batches_per_run * 100
        self._values = [[draw.random() for _ in range(10)] for _ in range(steps)]
        self._requests: dict[str, list[bytes]] = {}

    def prepare(self, subject: Subject) -> None:
        self._requests[subject.name] = [
            subject.dialect.log_batch(ANY_RUN, self._points(batch))
            for batch in range(self.batches_per_run)
        ]
        super().prepare(subject)

    def _points(self, batch: int) -> list[Point]:
        return [
            Point(f"metric_{n}", value, step, 1_767_000_000_000 + step * 250)
            for step in range(batch * 100, batch * 100 + 100)
            for n, value in enumerate(self._values[step])
        ]

    def work(self, subject: Subject, clients: int) -> Work:
        runs = subject.take_runs(self.runs_per_round)
        logged = dict.fromkeys(runs, 0)
        requests = self._requests[subject.name]

        def plan(own: Sequence[str]) -> Plan:
            for run in own:
                for request in requests:
                    yield request.replace(ANY_RUN.encode(), run.encode())
                    logged[run] += 1

        def check() -> None:
            wanted = [(step, self._values[step][3]) for step in range(logged[runs[0]] * 100)]
            expect(sorted(subject.history(runs[0], "metric_3")), wanted, "points of a batch")

        return Work([plan(runs[lane::clients]) for lane in range(clients)], check)


class Mixed(Requests):
    """What a run logs at its end, 10 metrics, 10 params and 5 tags; each on a fresh run."""

    name = "mixed"
    label = "log 10 metrics + 10 params + 5 tags"
    target = MIXED

    def work(self, subject: Subject, clients: int) -> Work:
        # Creating runs is quicker than this, so two rounds of it are enough for one.
        subject.stock_runs(200, 2 * self.sizes.seconds)
        done: list[str] = []
        plans = [mixed_plan(subject.dialect, subject.runs, done) for _ in range(clients)]

        def check() -> None:
            request = subject.dialect.get_run(done[-1])
            seen = subject.dialect.read_run(subject.ask(request).body)
            expect(seen, mixed_run(done[-1]), "a run's metrics, params and tags")

        return Work(plans, check)


def mixed_points() -> list[Point]:
    return [Point(f"metric_{n}", (n + 1) / 7, 100, 1_767_000_000_000) for n in range(10)]


def mixed_plan(dialect: Dialect, runs: list[str], done: list[str]) -> Plan:
    """Log it once to each of `runs`, taking them off the list, shared by several plans or not."""
    template = dialect.log_batch(ANY_RUN, mixed_points(), PARAMS, TAGS)
    while runs:
        run = runs.pop()
        yield template.replace(ANY_RUN.encode(), run.encode())
        done.append(run)


def mixed_run(run: str) -> SeenRun:
    """How such a run reads."""
    return SeenRun(run, {point.key: point.value for point in mixed_points()}, PARAMS, TAGS)


class GetRun(Requests):
    """Runs of 10 metrics, 10 params and 5 tags, in turn."""

    name = "get"
    label = "get run"
    stored: ClassVar[int] = 50

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self._runs: dict[str, list[str]] = {}

    def prepare(self, subject: Subject) -> None:
        self._runs[subject.name] = runs = subject.take_runs(self.stored)
        subject.drive([mixed_plan(subject.dialect, [*runs], [])], FILL_S)
        super().prepare(subject)

    def work(self, subject: Subject, clients: int) -> Work:
        runs = self._runs[subject.name]
        seen: dict[str, Response] = {}

        def plan(lane: int) -> Plan:
            requests = [(run, subject.dialect.get_run(run)) for run in runs[lane:] + runs[:lane]]
            for run, request in itertools.cycle(requests):
                seen[run] = yield request

        def check() -> None:
            for run, response in seen.items():
                expect(subject.dialect.read_run(response.body), mixed_run(run), "a run's document")

        return Work([plan(lane) for lane in range(clients)], check)


class Search(Requests):
    """The 100 best of thousands of runs: a metric's threshold as filter, ordered by another."""

    name = "search"
    target = SEARCH
    tail = False
    limit: ClassVar[int] = 100
    what: ClassVar[str] = "search {:,} runs"
    stored: ClassVar[dict[str, tuple[str, list[str]]]] = {}
    """Experiment and runs by server; all searches are in the same runs."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.label = self.what.format(sizes.searched_runs)
        draw = random.Random(2)
        self.values = [[draw.random() for _ in range(10)] for _ in range(sizes.searched_runs)]

    def asked(self) -> Mapping[str, Callable[[int], bool]]:
        """Filters, and which runs (by number) each lets through."""

        def above(threshold: float) -> Callable[[int], bool]:
            return lambda number: self.values[number][0] > threshold

        return {f"metrics.metric_0 > {n / 100}": above(n / 100) for n in range(50, 58)}

    def prepare(self, subject: Subject) -> None:
        if subject.name not in self.stored:
            experiment = subject.new_experiment("search")
            runs = [""] * self.sizes.searched_runs
            # One client: mlflow server stores more from one than from eight.
            subject.drive([self._fill(subject.dialect, experiment, runs)], FILL_S)
            self.stored[subject.name] = experiment, runs
        super().prepare(subject)

    def _fill(self, dialect: Dialect, experiment: str, runs: list[str]) -> Plan:
        for number in range(len(runs)):
            created = yield dialect.create_run(experiment, f"run-{number}")
            runs[number] = dialect.read_created_run(created.body)
            points = [
                Point(f"metric_{n}", value, 100, 1_767_000_000_000)
                for n, value in enumerate(self.values[number])
            ]
            yield dialect.log_batch(runs[number], points, _params_of(number), TAGS)

    def work(self, subject: Subject, clients: int) -> Work:
        experiment, runs = self.stored[subject.name]
        asked = self.asked()
        requests = {
            where: subject.dialect.search(experiment, where, "metrics.metric_1 DESC", self.limit)
            for where in asked
        }
        seen: dict[str, Response] = {}

        def plan(lane: int) -> Plan:
            order = list(asked)
            lane %= len(order)
            for where in itertools.cycle(order[lane:] + order[:lane]):
                seen[where] = yield requests[where]

        def check() -> None:
            for where, response in seen.items():
                found = subject.dialect.read_search(response.body)
                expect(found, self._wanted(runs, asked[where]), "runs that a search finds")

        return Work([plan(lane) for lane in range(clients)], check)

    def _wanted(self, runs: Sequence[str], passes: Callable[[int], bool]) -> list[SeenRun]:
        numbers = [n for n in range(len(runs)) if passes(n)]
        numbers.sort(key=lambda n: self.values[n][1], reverse=True)
        return [
            SeenRun(runs[n], _named(self.values[n]), _params_of(n), TAGS)
            for n in numbers[: self.limit]
        ]


class SearchByParam(Search):
    """The same runs, by a param that one in fifty has."""

    name = "search-param"
    what = "search {:,} runs by a param"

    def asked(self) -> Mapping[str, Callable[[int], bool]]:
        def of_group(group: int) -> Callable[[int], bool]:
            return lambda number: number % GROUPS == group

        return {f"params.group = '{group}'": of_group(group) for group in range(8)}


class SearchOrdered(Search):
    """The same runs, all of them, ordered by a metric."""

    name = "search-order"
    what = "order {:,} runs"

    def asked(self) -> Mapping[str, Callable[[int], bool]]:
        return {"": lambda _: True}


def _params_of(number: int) -> dict[str, str]:
    return {**PARAMS, "group": str(number % GROUPS)}


def _named(values: Sequence[float]) -> dict[str, float]:
    return {f"metric_{n}": value for n, value in enumerate(values)}
