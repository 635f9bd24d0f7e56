"""A/B experiments: logging, adding up, and the same results of few logs and of many."""

from __future__ import annotations

from typing import Final

from bench.cost.ordinary import EXPERIMENTS, Json, Values
from bench.cost.service import Costed, WrongAnswer
from chalicelib import wiring
from chalicelib.domain import feed

URL: Final = "/experiment/prompt-style"
FEW: Final = 1000
BATCH: Final = 500
"""Logs of a request, and changes that the stream hands to a function together."""
USERS: Final = 100_000


def measure(on: Costed, values: Values, many: int) -> None:
    """Logs are of users drawn from 100,000. `many` is a multiple of 500, and at least 1,500."""
    experiment = {
        "name": "Prompt style",
        "status": "active",
        "variants": [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}],
        "metric_goals": {"user_rating": "max"},
    }
    on.post(EXPERIMENTS, experiment)
    logs = _Logs(on, values)
    logs.add(10)  # names what the others name again
    group = "an A/B experiment, logs of 1 KB with 3 metrics"
    on.row(group, "assign a variant", lambda: on.post(f"{URL}/assign", {"userId": "user-1"}))
    logged = on.row(group, "log one execution", lambda: logs.add(1))
    late = f"{URL}/log/{logged}/metrics"
    on.row(group, "log a late outcome", lambda: on.post(late, {"user_rating": 0}))
    logs.add(BATCH - 11)
    logs.add_up()
    on.row(group, f"log {BATCH} in a batch", lambda: logs.add(BATCH))
    for count in (FEW, many):
        while logs.count < count:
            logs.add_up()
            logs.add(BATCH)
        group = f"results of {count:,} logs"
        on.row(group, "a log is added up", logs.add_up, f"its share of {BATCH} together", of=BATCH)
        on.row(group, "all results", logs.read)
        on.row(group, "list 100 logs", lambda: on.get(f"{URL}/logs?limit=100"))


class _Logs:
    """What was logged so far, and how much of it was added up."""

    def __init__(self, on: Costed, values: Values) -> None:
        self._on = on
        self._values = values
        self._to = wiring.projections(on.services)
        self._position = on.changes_since(None)[1]
        self.count = 0

    def add(self, count: int) -> str:
        """Log so many with one request; the id of the first."""
        self.count += count
        logs = [self._log() for _ in range(count)]
        if count == 1:
            return self._on.post(f"{URL}/log", logs[0])["logId"]
        return self._on.post(f"{URL}/log/batch", {"logs": logs})["results"][0]["logId"]

    def add_up(self) -> None:
        """All that was logged since the last time, as the stream delivers it."""
        self._on.event()
        changes, self._position = self._on.changes_since(self._position)
        feed.dispatch(self._to, changes)

    def read(self) -> None:
        """Results of all. Raises WrongAnswer when a log is not in them."""
        exposures = self._on.get(f"{URL}/results")["exposures"]
        seen = sum(exposure["logs"] for exposure in exposures.values())
        if seen != self.count:
            raise WrongAnswer(f"results are of {seen} logs and not of {self.count}")

    def _log(self) -> Json:
        values = self._values
        user = values.below(USERS)
        return {
            "variantKey": "AB"[user % 2],
            "unitId": f"user-{user}",
            "input": {"prompt": values.text(500)},
            "output": {"answer": values.text(500)},
            "metrics": {
                "latency_ms": round(100 + 900 * values.double(), 1),
                "cost_usd": round(values.double() / 100, 6),
                "user_rating": 1 + values.below(5),
            },
        }
