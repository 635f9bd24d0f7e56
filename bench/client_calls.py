"""What a tracker's client costs the program that calls it: `python -m bench.client_calls <task>`.

It runs in a process of its own, ours with this interpreter and mlflow's with that of the peers, so
it imports nothing else of this package. The task is JSON in the only argument, the answer JSON in
the last line on stdout.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

BLOCK: Final = 10
"""Calls that are timed together: one of ours alone is short for a clock."""
METRICS: Final = 5


def metrics_of(step: int) -> dict[str, float]:
    """What is logged at a step."""
    return {f"metric_{n}": (step * METRICS + n) / 7 for n in range(METRICS)}


def timed_blocks(call: Callable[[int], object], calls: int, seconds: float) -> list[int]:
    """Nanoseconds of each block of calls, `call(0)`, `call(1)`, …; none begins after `seconds`."""
    took: list[int] = []
    for start in range(0, calls, BLOCK):
        began = time.perf_counter_ns()
        for step in range(start, start + BLOCK):
            call(step)
        took.append(time.perf_counter_ns() - began)
        if sum(took) > seconds * 1e9:
            break
    return took


class Caller(ABC):
    """A client at work for one task; `run` is the run that it logs to."""

    run: str

    @abstractmethod
    def log(self, metrics: Mapping[str, float], step: int) -> None: ...

    @abstractmethod
    def flush(self) -> None:
        """Wait until the server has all that was logged."""

    @abstractmethod
    def upload(self, file: Path) -> None: ...

    @abstractmethod
    def download(self, name: str, folder: Path) -> Path: ...

    def close(self) -> None:
        return


class Trialbook(Caller):
    """A run of its own, and indexed artifacts: hashed, uploaded in parts, verified."""

    def __init__(self, task: Mapping[str, Any]) -> None:
        import trialbook

        self._client = trialbook.Client(
            task["url"], api_key=task["api_key"], spool_dir=Path(task["folder"], "spool")
        )
        self._run = self._client.start_run(task["experiment"])
        self.run = self._run.id
        self._artifacts = self._client.context(run_id=self.run).artifacts()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._run.log(metrics, step)

    def flush(self) -> None:
        if not self._run.flush():
            raise RuntimeError("the service was away")

    def upload(self, file: Path) -> None:
        self._artifacts.save_file(file, kind="model", name=file.name, cleanup=False)

    def download(self, name: str, folder: Path) -> Path:
        """To the cache, which TRIALBOOK_CACHE_DIR puts into the task's folder."""
        found = self._artifacts.list()
        return Path(self._artifacts.as_local_file(next(one for one in found if one.name == name)))

    def close(self) -> None:
        self._client.close()


class Mlflow(Caller):
    """mlflow's own client as it comes: `log_metrics` returns when the server has answered."""

    def __init__(self, task: Mapping[str, Any]) -> None:
        # installed for the interpreter of the peers alone
        self._mlflow: Any = importlib.import_module("mlflow")
        self._mlflow.set_tracking_uri(task["url"])
        self.run = task["run"]

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._mlflow.log_metrics(metrics, step, run_id=self.run)

    def flush(self) -> None:
        return

    def upload(self, file: Path) -> None:
        self._mlflow.log_artifact(str(file), run_id=self.run)

    def download(self, name: str, folder: Path) -> Path:
        load = self._mlflow.artifacts.download_artifacts
        return Path(load(run_id=self.run, artifact_path=name, dst_path=str(folder)))


def main(task: Mapping[str, Any]) -> dict[str, Any]:
    """With `calls` it logs: the run, nanoseconds of each block, seconds of the flush after them.

    With `file` it uploads and downloads that: the run, seconds of each, where the file came to.
    """
    caller = Trialbook(task) if task["client"] == "trialbook" else Mlflow(task)
    try:
        return _logged(caller, task) if "calls" in task else _exchanged(caller, task)
    finally:
        caller.close()


def _logged(caller: Caller, task: Mapping[str, Any]) -> dict[str, Any]:
    rows = [metrics_of(step) for step in range(task["calls"])]
    took = timed_blocks(lambda step: caller.log(rows[step], step), len(rows), task["seconds"])
    began = time.perf_counter()
    caller.flush()
    return {"run": caller.run, "blocks_ns": took, "flush_s": time.perf_counter() - began}


def _exchanged(caller: Caller, task: Mapping[str, Any]) -> dict[str, Any]:
    file, folder = Path(task["file"]), Path(task["folder"], "back")
    folder.mkdir()
    began = time.perf_counter()
    caller.upload(file)
    sent = time.perf_counter()
    back = caller.download(file.name, folder)
    done = time.perf_counter()
    return {"run": caller.run, "up_s": sent - began, "down_s": done - sent, "back": str(back)}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
