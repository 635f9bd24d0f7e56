"""Programs that use the client in a process of their own: `python -m tests.client.programs NAME`.

The service is named by the environment, as for any program. What they print is read by a test.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import trialbook
from trialbook.leftovers import SyncReport

STEPS = 3000
LOGS = 1200


def _log(run: trialbook.ActiveRun, steps: int = STEPS) -> None:
    for step in range(steps):
        run.log({"loss": float(step)}, step=step)


def _say(text: str) -> None:
    print(text, flush=True)


def ends() -> None:
    """Neither the run nor the client is closed."""
    run = trialbook.Client().start_run("digits")
    _say(run.id)
    _log(run)


def fails() -> None:
    """By an exception that nobody catches."""
    run = trialbook.Client().start_run("digits")
    _say(run.id)
    _log(run)
    raise ValueError("a bug in the program")


def is_interrupted() -> None:
    with trialbook.Client() as tb, tb.start_run("digits") as run:
        _say(run.id)
        _log(run)
        signal.raise_signal(signal.SIGINT)


def waits() -> None:
    """Logs, then does something long. The last line says that everything is logged."""
    run = trialbook.Client().start_run("digits")
    _say(run.id)
    _log(run)
    _say("logged")
    while True:
        time.sleep(60)


def waits_asynchronously() -> None:
    async def main() -> None:
        async with trialbook.AsyncClient() as tb:
            run = await tb.start_run("digits")
            _say(run.id)
            for step in range(STEPS):
                run.log({"loss": float(step)}, step=step)
            _say("logged")
            await asyncio.Event().wait()

    asyncio.run(main())


def has_its_own_handler() -> None:
    """What a program does on SIGTERM is its own business."""

    def handle(*_: object) -> None:
        _say("handled")
        sys.exit(3)

    signal.signal(signal.SIGTERM, handle)
    waits()


def forks() -> None:
    """The child logs to its parent's run, and ends without ending it."""
    tb = trialbook.Client()
    with tb.start_run("digits") as run:
        _say(run.id)
        _log(run)
        child = os.fork()
        if child == 0:
            run.log({"child": 1.0}, step=0)
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        _say(tb.runs.get(run.id).status)
        run.log({"parent": 1.0}, step=0)
    tb.close()


def forks_workers() -> None:
    """As a data loader does: children that never log, and are terminated."""
    with trialbook.Client() as tb, tb.start_run("digits") as run:
        _say(run.id)
        _log(run)
        waits, ready = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(ready, b"!")
            while True:
                time.sleep(60)
        os.read(waits, 1)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        _say(tb.runs.get(run.id).status)


def _log_variants(handle: trialbook.ExperimentHandle, who: str, first: int = 0) -> None:
    for number in range(first, first + LOGS):
        handle.log("AB"[number % 2], unit=f"{who}-{number}", metrics={"n": number})


def logs_variants() -> None:
    """The client is not closed."""
    _log_variants(trialbook.Client().experiment("checkout"), "ends")


def logs_variants_and_waits() -> None:
    """As a service does. The last line says that everything is logged."""
    _log_variants(trialbook.Client().experiment("checkout"), "waits")
    _say("logged")
    while True:
        time.sleep(60)


def forks_and_logs_variants() -> None:
    """As a server of several processes does, that warmed up before it forked."""
    handle = trialbook.Client().experiment("checkout")
    _log_variants(handle, "parent")
    child = os.fork()
    if child == 0:
        _log_variants(handle, "child")
        assert handle.flush()
        sys.exit(0)
    _log_variants(handle, "parent", LOGS)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert handle.flush()


def syncs_logs() -> None:
    """Says how many logs are sent, after every batch."""

    def say(report: SyncReport) -> None:
        _say(str(report.logs))

    with trialbook.Client() as tb:
        report = tb.sync(say)
    assert not report.left
    assert not report.rejected


def syncs() -> None:
    """Says how many points are sent, after every batch."""

    def say(report: SyncReport) -> None:
        _say(str(report.points))

    with trialbook.Client() as tb:
        report = tb.sync(say)
    _say(f"sent={report.sent} left={report.left} busy={report.busy} rejected={report.rejected}")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
