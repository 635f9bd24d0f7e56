"""Few requests that move much: long histories and artifacts."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from typing import ClassVar, Final

from bench.dialect import File, Point
from bench.load import Plan, drive
from bench.measures import BYTES, HISTORY, HISTORY_PARSED, Measure
from bench.raw_client import Connection, Response
from bench.subject import FILL_S, Sizes, Subject, Workload, expect
from bench.workloads import metric_plan

BATCH_POINTS: Final = 1000
MB: Final = 1_000_000
PART_BYTES: Final = 64 * 1024 * 1024


class History(Workload):
    """All points of one key, logged in batches of 1,000; then logging beside such a reader."""

    name = "history"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        draw = random.Random(3)
        self._points = [
            Point("loss", draw.random(), step, 1_767_000_000_000 + step * 40)
            for step in range(sizes.history_points)
        ]
        self._runs: dict[str, str] = {}

    def prepare(self, subject: Subject) -> None:
        self._runs[subject.name] = run = subject.take_runs(1)[0]
        subject.drive([self._fill(subject, run)], FILL_S)
        wanted = [(point.step, point.value) for point in self._points]
        expect(sorted(subject.history(run, "loss")), wanted, "points of a long history")

    def _fill(self, subject: Subject, run: str) -> Plan:
        for at in range(0, len(self._points), BATCH_POINTS):
            yield subject.dialect.log_batch(run, self._points[at : at + BATCH_POINTS])

    def measure(self, subject: Subject) -> Iterator[tuple[Measure, float]]:
        group = f"history of {self.sizes.history_points:,} points"
        raw = Measure(group, "received, not parsed", "ms", "lower", HISTORY)
        yield raw, self._read_ms(subject, parse=False)
        parsed = Measure(group, "through a client that parses", "ms", "lower", HISTORY_PARSED)
        yield parsed, self._read_ms(subject, parse=True)
        run = subject.take_runs(1)[0]
        beside = metric_plan(subject.dialect, run, {run: 0})
        reader = self._pages(subject, [], parse=False)
        load, _ = subject.drive([beside], 2 * self.sizes.seconds, background=[reader])
        group = "log one metric beside a history reader"
        yield Measure(group, "rate", "requests/s", "higher"), load.rate
        yield Measure(group, "p50", "ms", "lower"), load.percentile_ms(50)
        yield Measure(group, "p99", "ms", "lower"), load.percentile_ms(99)

    def _read_ms(self, subject: Subject, *, parse: bool) -> float:
        """Of the median reading; the points received are counted after the clock has stopped."""
        took: list[float] = []
        started = time.perf_counter()
        while time.perf_counter() - started < self.sizes.seconds:
            pages: list[Response] = []
            plan = self._pages(subject, pages, parse=parse, once=True)
            took.append(drive(subject.server.address, [plan], FILL_S).elapsed_s)
            # Each point has one step; the keys and values of the answers contain no such word.
            count = sum(page.body.count(b'"step"') for page in pages)
            expect(count, self.sizes.history_points, "points of a long history")
        return sorted(took)[len(took) // 2] * 1000

    def _pages(
        self, subject: Subject, pages: list[Response], *, parse: bool, once: bool = False
    ) -> Plan:
        """Read the history page by page, once or without end, keeping the pages of one reading."""
        dialect, run = subject.dialect, self._runs[subject.name]
        cursor: str | None = None
        while True:
            pages.append((yield dialect.history(run, "loss", cursor)))
            if parse:
                dialect.read_points(pages[-1].body)
            cursor = dialect.read_cursor(pages[-1].body)
            if cursor is None:
                if once:
                    return
                pages.clear()


class Artifacts(Workload):
    """Upload and download of small and large files, one after another on one connection."""

    name = "artifacts"
    sizes_mb: ClassVar[tuple[int, ...]] = (1, 100)

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self._content = random.Random(4).randbytes(max(self.sizes_mb) * MB)
        self._number = 0

    def prepare(self, subject: Subject) -> None:
        self._exchange(subject, subject.take_runs(1)[0], 1, self.sizes.warm_up_s)

    def measure(self, subject: Subject) -> Iterator[tuple[Measure, float]]:
        run = subject.take_runs(1)[0]
        for size_mb in self.sizes_mb:
            ups, downs = self._exchange(subject, run, size_mb, self.sizes.seconds)
            speed = "MB/s"
            if subject.dialect.uploads:
                label = f"upload of {size_mb} MB"
                yield Measure("artifacts", label, speed, "higher", BYTES), size_mb / ups
            label = f"download of {size_mb} MB"
            yield Measure("artifacts", label, speed, "higher", BYTES), size_mb / downs

    def _exchange(
        self, subject: Subject, run: str, size_mb: int, seconds: float
    ) -> tuple[float, float]:
        """Median seconds up and down of several files, one when they are large."""
        ups: list[float] = []
        downs: list[float] = []
        started = time.perf_counter()
        while not ups or (size_mb < 10 and time.perf_counter() - started < seconds):
            self._number += 1
            # No two files alike: deduplication must not save the transfer. Hashing is the
            # client's, and takes equally long whoever receives the file.
            tail = self._content[: size_mb * MB - 8]
            file = File.of(self._number.to_bytes(8, "big") + tail, PART_BYTES)
            path = f"file-{self._number}.bin"
            with Connection(subject.server.address) as connection:
                at = time.perf_counter()
                subject.dialect.upload(connection, subject.experiment, run, path, file)
                ups.append(time.perf_counter() - at)
                at = time.perf_counter()
                back = subject.dialect.download(connection, subject.experiment, run, path)
                downs.append(time.perf_counter() - at)
            expect(hashlib.sha256(back).hexdigest(), file.sha256, "sha256 of a downloaded file")
        return sorted(ups)[len(ups) // 2], sorted(downs)[len(downs) // 2]
