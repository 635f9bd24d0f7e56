"""Much of it: ten runs with 100,000 points each, and an experiment with 10,000 runs."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.api.process import Serving
from tests.browser.filling import Filler, filler, until

RUNS: Final = 10_000
LONG_RUNS: Final = 10
METRICS: Final = 10_000
POINTS: Final = 100_000
_BATCH: Final = 1000
_BEGAN_MS: Final = 1_750_000_000_000


@dataclass(frozen=True)
class Large:
    many: str
    """The slug of an experiment with RUNS runs, named run-00000 and so on."""
    long: str
    """The slug of one with LONG_RUNS runs of POINTS points of `loss`."""
    long_runs: list[str]
    wide: str
    """A run with METRICS metrics."""


def fill(server: Serving) -> Large:
    with (
        tempfile.TemporaryDirectory() as folder,
        filler(server, Path(folder)) as tb,
        server.client() as http,
    ):
        to = Filler(tb, http, Path(folder))
        many = tb.experiments.create("Ten thousand runs", metric_goals={"loss": "min"})
        lines = Path(folder) / "lines.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in _lines(many.id))
        report = tb.ingest(lines)
        assert report.refused == 0, report
        long = tb.experiments.create("A million points", metric_goals={"loss": "min"})
        runs = [_long_run(to, long.id, number) for number in range(LONG_RUNS)]
        wide = _wide(to)
        until(lambda: tb.experiments.get(many.id).counts.runs == RUNS)
    return Large(many.slug, long.slug, runs, wide)


def _lines(experiment: str) -> Iterator[dict[str, Any]]:
    for number in range(RUNS):
        run = f"{number:032x}"
        yield {
            "type": "run", "run_id": run, "experiment_id": experiment, "name": f"run-{number:05}",
            "tags": {"group": f"g{number % 20}"},
        }  # fmt: skip
        yield {"type": "params", "run_id": run, "params": {"lr": number / RUNS, "seed": number}}
        yield {"type": "metrics", "run_id": run, "metrics": {"loss": 1 + math.sin(number)}}
        yield {"type": "run", "run_id": run, "status": "finished"}


def _long_run(to: Filler, experiment: str, number: int) -> str:
    run = to.tb.runs.create(experiment, name=f"long-{number}").run_id
    for start in range(0, POINTS, _BATCH):
        metrics = [
            {
                "key": "loss",
                "value": _loss(number, step),
                "step": step,
                "timestamp": _BEGAN_MS + 100 * step,
            }
            for step in range(start, start + _BATCH)
        ]
        to.post(f"/api/v1/experiments/runs/{run}/log-batch", {"metrics": metrics})
    to.tb.runs.end(run)
    return run


def _wide(to: Filler) -> str:
    experiment = to.tb.experiments.create("Ten thousand metrics").id
    run = to.tb.runs.create(experiment, name="wide").run_id
    for start in range(0, METRICS, _BATCH):
        names = (f"layer{at // 100}/weight{at % 100}" for at in range(start, start + _BATCH))
        to.tb.runs.log_metrics(run, dict.fromkeys(names, 0.5), step=1)
    to.tb.runs.end(run)
    return run


def _loss(number: int, step: int) -> float:
    return math.exp(-step / 30_000) + 0.05 * math.sin(step / 7 + number) + 0.01 * number
