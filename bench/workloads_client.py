"""What each tracker's Python client costs the program that uses it.

Ours is measured against our server, mlflow's against the others: the whole of a call, from the
training loop's side.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bench.client_calls import BLOCK, METRICS, metrics_of
from bench.load import WrongAnswer
from bench.measures import CLIENT_CALL, OURS, Measure
from bench.servers import PEERS, ROOT, TRIALBOOK_KEY
from bench.subject import Sizes, Subject, Workload, expect
from bench.workloads_bulk import MB

FILE_MB: Final = 100
LIMIT_S: Final = 300
"""For a process that hangs; the longest takes a few seconds."""


class Client(Workload):
    """`run.log` of five metrics as fast as a loop can call it, then a large file."""

    name = "client"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self._content = random.Random(5).randbytes(FILE_MB * MB)
        self._number = 0

    def prepare(self, subject: Subject) -> None:
        self._log(subject, BLOCK)

    def measure(self, subject: Subject) -> Iterator[tuple[Measure, float]]:
        group = f"client: log {METRICS} metrics, call after call"
        blocks_us, flush_s = self._log(subject, self.sizes.client_calls)
        mean_us = sum(blocks_us) / len(blocks_us)
        yield Measure(group, "a call, mean", "µs", "lower", CLIENT_CALL), mean_us
        p99 = sorted(blocks_us)[-(-len(blocks_us) * 99 // 100) - 1]
        yield Measure(group, f"a call, p99 of blocks of {BLOCK}", "µs", "lower"), p99
        if subject.name == OURS:
            # The others wait in each call, and have nothing left to send.
            yield Measure(group, "flush after all of them", "ms", "lower"), flush_s * 1000
        if subject.dialect.uploads:
            group = f"client: a file of {FILE_MB} MB, hashed and verified by ours"
            up_s, down_s = self._exchange(subject)
            yield Measure(group, "upload", "MB/s", "higher"), FILE_MB / up_s
            yield Measure(group, "download", "MB/s", "higher"), FILE_MB / down_s

    def _log(self, subject: Subject, calls: int) -> tuple[list[float], float]:
        """Microseconds a call of each block, and seconds of the flush; every point is there."""
        with tempfile.TemporaryDirectory(prefix="bench-client-") as folder:
            limits = {"calls": calls, "seconds": self.sizes.seconds}
            answer = self._called(subject, Path(folder), limits)
        logged = range(len(answer["blocks_ns"]) * BLOCK)
        for key in (f"metric_{n}" for n in range(METRICS)):
            wanted = [(step, metrics_of(step)[key]) for step in logged]
            expect(subject.history(answer["run"], key), wanted, f"points of {key}")
        return [ns / BLOCK / 1000 for ns in answer["blocks_ns"]], answer["flush_s"]

    def _exchange(self, subject: Subject) -> tuple[float, float]:
        """Seconds up and down; what came back is what was sent."""
        with tempfile.TemporaryDirectory(prefix="bench-client-") as folder:
            # No two files alike: deduplication must not save the transfer.
            self._number += 1
            content = self._number.to_bytes(8, "big") + self._content[8:]
            file = Path(folder, f"file-{self._number}.bin")
            file.write_bytes(content)
            answer = self._called(subject, Path(folder), {"file": str(file)})
            back = hashlib.sha256(Path(answer["back"]).read_bytes()).hexdigest()
            expect(back, hashlib.sha256(content).hexdigest(), "sha256 of a downloaded file")
        return answer["up_s"], answer["down_s"]

    def _called(self, subject: Subject, folder: Path, task: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a process that does this task. Raises WrongAnswer when it fails."""
        ours = subject.name == OURS
        place = {
            "client": "trialbook" if ours else "mlflow",
            "url": f"http://{subject.server.address.host}:{subject.server.address.port}",
            "api_key": TRIALBOOK_KEY,
            "experiment": subject.experiment,
            "run": subject.take_runs(1)[0],
            "folder": str(folder),
        }
        python = sys.executable if ours else str(PEERS / "python")
        try:
            done = subprocess.run(
                [python, "-m", "bench.client_calls", json.dumps(place | dict(task))],
                cwd=ROOT,
                env={
                    **os.environ,
                    "TRIALBOOK_STATE_DIR": str(folder / "state"),
                    "TRIALBOOK_CACHE_DIR": str(folder / "cache"),
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    "DO_NOT_TRACK": "true",
                },
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise WrongAnswer(f"its client was not done after {LIMIT_S} s") from None
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise WrongAnswer(f"its client ended with {done.returncode}: {reason}")
        return json.loads(done.stdout.strip().rpartition("\n")[2])
