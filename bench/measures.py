"""What is measured, what it should reach, and the values that the rounds brought."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

OURS: Final = "trialbook"
Better = Literal["higher", "lower", "neither"]


class Target(NamedTuple):
    """How many times better than a peer, by its name; `at_most` is an absolute bound for us."""

    times: Mapping[str, float]
    at_most: float | None = None


NO_TARGET: Final = Target({})
SINGLE: Final = Target({"fasttrackml": 2, "mlflow": 15})
MIXED: Final = Target({"fasttrackml": 4})
BATCH: Final = Target({"fasttrackml": 8, "mlflow": 30})
HISTORY: Final = Target({"fasttrackml": 10, "mlflow": 15})
HISTORY_PARSED: Final = Target({"fasttrackml": 4})
SEARCH: Final = Target({"fasttrackml": 3, "mlflow": 60})
BYTES: Final = Target({"mlflow": 1})
CLIENT_CALL: Final = Target({}, at_most=20)
START: Final = Target({}, at_most=1.0)
IDLE_MEMORY: Final = Target({}, at_most=120)


@dataclass(frozen=True)
class Measure:
    """One row: `group` says what was done, `label` what of it is counted."""

    group: str
    label: str
    unit: str
    better: Better
    target: Target = field(default=NO_TARGET, compare=False)


class Spread(NamedTuple):
    """The median of the rounds, the extremes, and the rounds themselves in order."""

    median: float
    low: float
    high: float
    rounds: tuple[float, ...]

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Spread:
        return cls(statistics.median(rounds), min(rounds), max(rounds), tuple(rounds))


class Results:
    """Values by measure and server, in the order in which they were first added."""

    def __init__(self) -> None:
        self._rounds: dict[Measure, dict[str, list[float]]] = {}

    def add(self, measure: Measure, server: str, value: float) -> None:
        self._rounds.setdefault(measure, {}).setdefault(server, []).append(value)

    def __iter__(self) -> Iterator[tuple[Measure, dict[str, Spread]]]:
        for measure, servers in self._rounds.items():
            yield measure, {name: Spread.of(rounds) for name, rounds in servers.items()}


def ratio(measure: Measure, spreads: Mapping[str, Spread], peer: str) -> float | None:
    """How many times better our median is than the peer's; None when one is missing."""
    if measure.better == "neither" or OURS not in spreads or peer not in spreads:
        return None
    ours, theirs = spreads[OURS].median, spreads[peer].median
    over, under = (ours, theirs) if measure.better == "higher" else (theirs, ours)
    return over / under if under else None


def met(measure: Measure, spreads: Mapping[str, Spread]) -> bool | None:
    """Whether every target that can be judged is met; None when there is none to judge."""
    judged = [
        times >= wanted
        for peer, wanted in measure.target.times.items()
        if (times := ratio(measure, spreads, peer)) is not None
    ]
    if measure.target.at_most is not None and OURS in spreads:
        judged.append(spreads[OURS].median <= measure.target.at_most)
    return all(judged) if judged else None
