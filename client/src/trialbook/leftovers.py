"""Sending what earlier processes left in the spool."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trialbook._http import Api
from trialbook.delivery import send, told
from trialbook.errors import ConnectionFailed, TrialbookError
from trialbook.spool import Journal, journals

_log = logging.getLogger("trialbook.client")


@dataclass
class SyncReport:
    """What became of the spool's files; each is of one process: a run, or an experiment's logs."""

    sent: int = 0
    """Files of which nothing is left."""
    left: int = 0
    """Files that are kept for another time; `problems` says why."""
    busy: int = 0
    """Files of processes that are still logging, or that somebody else is sending."""
    batches: int = 0
    points: int = 0
    logs: int = 0
    """Of variants."""
    rejected: int = 0
    """Values and batches that the service refused for good; kept in `rejected_files`."""
    waiting_bytes: int = 0
    """Of the file that is being sent."""
    problems: list[str] = field(default_factory=list[str])
    rejected_files: list[Path] = field(default_factory=list[Path])


Progress = Callable[[SyncReport], object]


async def send_leftovers(api: Api, folder: Path, progress: Progress | None = None) -> SyncReport:
    """Send every file of the folder that nobody has open, in order, oldest file first.

    May be killed and started again at any point: nothing is lost, and nothing counts twice. What
    fails is in the report. `progress` sees the report after every record.
    """
    report = SyncReport()
    away = False
    for path in journals(folder):
        try:
            journal = Journal.open(path)
        except TrialbookError as error:
            report.problems.append(str(error))
            report.left += 1
            continue
        if journal is None:
            report.busy += path.exists()
            continue
        try:
            if not away:
                await _send_file(api, journal, report, progress)
        except TrialbookError as error:
            away = isinstance(error, ConnectionFailed)
            report.problems.append(str(error) if away else f"{path.stem}: {error}")
        finally:
            done = journal.close()
            report.waiting_bytes = 0
        report.sent += done
        report.left += not done
    return report


async def _send_file(
    api: Api, journal: Journal, report: SyncReport, progress: Progress | None
) -> None:
    while (record := journal.first()) is not None:
        try:
            outcome = await send(api, journal.run_id, record, journal.slug)
            for line in told(outcome.refusals):
                _log.warning("%s: the service refused: %s", journal.path.stem, line)
            for refusal in outcome.refusals:
                journal.reject(record, refusal.body, refusal.error)
        except (LookupError, TypeError, ValueError, OSError) as error:
            raise TrialbookError(f"the record stays: {error!r}") from error
        journal.run_id = outcome.run_id or journal.run_id
        journal.mark_sent(record)
        report.batches += record.do in {"batch", "logs"}
        report.points += outcome.points
        report.logs += outcome.logs
        report.waiting_bytes = journal.waiting_bytes
        if outcome.refusals:
            report.rejected += len(outcome.refusals)
            if journal.rejected_path not in report.rejected_files:
                report.rejected_files.append(journal.rejected_path)
        if progress is not None:
            progress(report)
