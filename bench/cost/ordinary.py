"""The things that are measured: runs, batches and points of an ordinary size.

An ordinary run has 10 metrics, 10 params and 5 tags. Values of metrics are random doubles, which
pack worse than the smooth curves of a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeAlias

from bench.cost.service import START_MS, Costed
from chalicelib.core.ids import ExperimentId, RunId, UserId
from chalicelib.core.model.run import MetricSummary, Run

Json: TypeAlias = dict[str, Any]
EXPERIMENTS: Final = "/api/v1/experiments"
RUNS: Final = "/api/v1/experiments/runs"
BATCH: Final = 1000
ARTIFACT_BYTES: Final = 100 * 1024
METRICS: Final = [f"metric_{number}" for number in range(10)]
PARAMS: Final = {f"param_{number}": f"value {number}" for number in range(10)}
TAGS: Final = {f"tag_{number}": f"value {number}" for number in range(5)}


class Values:
    """Chance that is the same in every run."""

    def __init__(self) -> None:
        self._random = Random(2)

    def double(self) -> float:
        return self._random.random()

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)

    def text(self, count: int) -> str:
        """Hex digits, which zlib packs about as far as it packs prose."""
        return self._random.randbytes(count // 2).hex()

    def file(self) -> bytes:
        return self._random.randbytes(ARTIFACT_BYTES)

    def points(self, names: Sequence[str], count: int, first_step: int = 0) -> list[Json]:
        """Points of these metrics in turn; a step is a second."""
        return [
            {
                "key": names[at % len(names)],
                "value": self.double(),
                "step": first_step + at // len(names),
                "timestamp": START_MS + 1000 * (first_step + at // len(names)),
            }
            for at in range(count)
        ]


def ordinary_batch(values: Values) -> Json:
    return {
        "metrics": values.points(METRICS, len(METRICS)),
        "params": [{"key": key, "value": value} for key, value in PARAMS.items()],
        "tags": [{"key": key, "value": value} for key, value in TAGS.items()],
    }


def new_run(on: Costed, experiment_id: str) -> str:
    """The URL of a new run."""
    return f"{RUNS}/{on.post(RUNS, {'experiment_id': experiment_id})['run_id']}"


def ordinary_run(on: Costed, values: Values, experiment_id: str) -> str:
    url = new_run(on, experiment_id)
    on.post(f"{url}/log-batch", ordinary_batch(values))
    return url


def stored_run(on: Costed, values: Values, experiment_id: ExperimentId) -> Run:
    """A run as it is after `ordinary_batch`."""
    summaries = {name: values.double() for name in METRICS}
    return Run(
        run_id=RunId(on.clock.new_id()),
        experiment_id=experiment_id,
        name="a name of two words",
        start_time_ms=on.clock.now_ms(),
        created_by=UserId("ada"),
        tags=TAGS,
        params=PARAMS,
        metrics={n: MetricSummary(v, 0, START_MS, v, v, 1) for n, v in summaries.items()},
    )
