"""`trialbook sync`: sends what could not be sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from trialbook.cli.failures import Failed, say
from trialbook.cli.options import command
from trialbook.cli.output import print_json
from trialbook.cli.session import Session
from trialbook.cli.texts import size

if TYPE_CHECKING:
    from trialbook.leftovers import SyncReport


def register(app: typer.Typer, panel: str) -> None:
    command(app, "sync", panel=panel)(sync)


def sync(session: Session) -> None:
    """Send what was logged while the service was away.

    May be stopped and started again: nothing is lost, and nothing counts twice. Ends with 1 when
    something is left, or was refused by the service for good.
    """
    with session.client() as client, _progress(session) as tell:
        report = client.sync(tell)
    if session.as_json:
        print_json(vars(report))
    else:
        print(_summary(report))
    for problem in report.problems:
        say(problem)
    for path in report.rejected_files:
        say(f"what the service refused is in {path}, with the reasons")
    if report.left or report.rejected:
        raise Failed(
            f"{report.left} files are left, {report.rejected} values or batches were refused"
        )


def _summary(report: SyncReport) -> str:
    if not (report.sent or report.left or report.busy):
        return "Nothing is waiting"
    told = f"Sent {_sent(report)} in {report.batches} batches; {report.sent} files are done"
    if report.busy:
        told += f", {report.busy} are in use by a process that still logs"
    return told


def _sent(report: SyncReport) -> str:
    points = f"{report.points} points"
    if not report.logs:
        return points
    logs = f"{report.logs} logs of variants"
    return f"{points} and {logs}" if report.points else logs


@contextmanager
def _progress(session: Session) -> Generator[Callable[[SyncReport], object] | None]:
    """On a terminal, a line that says how far it is."""
    if session.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True, no_color=session.is_plain)
    with console.status("sending…") as status:

        def tell(report: SyncReport) -> None:
            status.update(f"sent {_sent(report)}, {size(report.waiting_bytes)} to go")

        yield tell
