"""A progress bar on stderr. rich is imported here and nowhere else of the transfers."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Bar:
    """One line: what, how far, how fast, how long yet."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` is stderr when not given."""
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
        )
        self._task: TaskID | None = None

    def begin(self, total_bytes: int, label: str) -> None:
        self._task = self._bars.add_task(label, total=total_bytes)
        self._bars.start()

    def advance(self, n: int) -> None:
        if self._task is not None:
            self._bars.advance(self._task, n)

    def end(self) -> None:
        self._bars.stop()
