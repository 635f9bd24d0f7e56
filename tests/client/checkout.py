"""An A/B test that several tests log to, and what became of the logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.client.harness import Bench
from trialbook import Experiment

VARIANTS: Final = [
    {"key": "A", "weight": 50, "payload": {"color": "blue"}},
    {"key": "B", "name": "bold", "weight": 50},
]


def checkout(bench: Bench, **fields: Any) -> Experiment:
    """An experiment of two variants, active unless told otherwise."""
    definition = {"variants": VARIANTS, "status": "active", **fields}
    return Experiment.model_validate(bench.service.experiment("checkout", **definition))


def batches(bench: Bench) -> list[list[Any]]:
    """The logs of each batch so far."""
    return [json.loads(r.content)["logs"] for r in bench.weather.sent("POST", "/log/batch")]


def files(bench: Bench, ending: str = "jsonl") -> list[Path]:
    return sorted(bench.spool_dir.rglob(f"*.{ending}"))


def logged(bench: Bench, slug: str = "checkout") -> list[str]:
    """Ids of the logs that the service has, oldest first."""
    with bench.sync_client() as tb:
        return [log.log_id for log in tb.experiment(slug).logs()][::-1]
