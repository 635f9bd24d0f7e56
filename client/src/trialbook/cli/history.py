"""A metric's history: its curve, and its points as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from trialbook.cli.output import Column, is_terminal, print_json, print_lines, print_table
from trialbook.cli.session import Session
from trialbook.cli.texts import number, plot
from trialbook.models import Point

_ROWS: Final = 40
_HEIGHT: Final = 8


def print_history(session: Session, run_id: str, key: str, max_points: int | None) -> None:
    """Raises NotFound when the run has no such metric."""
    if max_points is None and is_terminal() and not session.as_json:
        max_points = _ROWS
    with session.client() as client:
        points = client.runs.history(run_id, key, max_points=max_points)
    if session.as_json:
        print_json(points)
        return
    if is_terminal():
        print_lines(session, _curve(session, points))
    columns = [
        Column("STEP", right=True, keep=True),
        Column("VALUE", right=True, keep=True),
        Column("TIME"),
    ]
    print_table(session, columns, [(p.step, p.value, moment_of(p.timestamp)) for p in points])


def _curve(session: Session, points: Sequence[Point]) -> list[str]:
    from trialbook.cli.output import console

    values = [point.value for point in points]
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return []
    top, bottom = number(max(finite)), number(min(finite))
    margin = max(len(top), len(bottom))
    room = max(8, console(session).width - margin - 3)
    lines = plot(_stretched(values, room), room, _HEIGHT)
    labels = [top, *[""] * (_HEIGHT - 2), bottom]
    drawn = [f"{label:>{margin}} │{line}" for label, line in zip(labels, lines, strict=True)]
    steps = f"steps {points[0].step} to {points[-1].step}"
    return [*drawn, f"{'':>{margin}} └ {steps}", ""]


def _stretched(values: Sequence[float], width: int) -> list[float]:
    """Each as often as makes the curve about as wide as there is room, at most 4 columns."""
    times = max(1, min(4, width // max(1, len(values))))
    return [value for value in values for _ in range(times)]


def moment_of(ms: int) -> datetime | str:
    """As a table shows it."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return str(ms)  # whatever was logged as a time, in years beyond
