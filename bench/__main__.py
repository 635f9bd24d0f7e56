"""`python -m bench`: Trialbook, fasttrackml and mlflow server side by side, over HTTP."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import report
from bench.dialects import DIALECTS, TrialbookOverMlflow
from bench.load import WrongAnswer
from bench.measures import IDLE_MEMORY, OURS, START, Measure, Results
from bench.raw_client import BrokenAnswer
from bench.servers import LAUNCHES, ROOT, Server, ServerFailed, install_peers
from bench.subject import FULL, QUICK, Sizes, Subject, Workload
from bench.workloads import (
    CreateRun,
    GetRun,
    LogBatch,
    LogMetric,
    Mixed,
    Search,
    SearchByParam,
    SearchOrdered,
)
from bench.workloads_bulk import Artifacts, History
from bench.workloads_client import Client
from bench.workloads_variants import Assign, LogExecution, LogExecutions, ReadResults

WORKLOADS: Final[Sequence[type[Workload]]] = (
    CreateRun,
    LogMetric,
    LogBatch,
    Mixed,
    GetRun,
    Search,
    SearchByParam,
    SearchOrdered,
    History,
    Artifacts,
    Client,
    Assign,
    LogExecution,
    LogExecutions,
    ReadResults,
)
OVER_MLFLOW: Final = frozenset(kind.name for kind in WORKLOADS[: WORKLOADS.index(Artifacts) + 1])
BUSY_LOAD: Final = 0.5
RESULTS: Final = ROOT / "bench" / "results"


def main() -> int:
    """0 when every number could be taken, 1 when a server failed or answered wrongly."""
    names = [workload.name for workload in WORKLOADS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default=",".join(names), help=f"some of {','.join(names)}")
    parser.add_argument("--servers", default=",".join(LAUNCHES), help="some of %(default)s")
    parser.add_argument(
        "--over",
        choices=("own", "mlflow"),
        default="own",
        help="the API by which Trialbook is asked: its own, or MLflow's as the others (then without"
        " what that has not)",
    )
    parser.add_argument("--quick", action="store_true", help="a minute's smoke test, small sizes")
    parser.add_argument(
        "--output",
        type=Path,
        help="where to write the JSON; by default bench/results/<date>-<commit>.json, and nowhere "
        "with --quick, --only or --servers, whose numbers are not to be kept",
    )
    arguments = parser.parse_args()
    only, servers = arguments.only.split(","), arguments.servers.split(",")
    if arguments.over == "mlflow":
        only = [name for name in only if name in OVER_MLFLOW]
    if unknown := (set(only) - set(names)) | (set(servers) - set(LAUNCHES)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, _interrupt)
    sizes = QUICK if arguments.quick else FULL
    whole = len(OVER_MLFLOW) if arguments.over == "mlflow" else len(names)
    partial = arguments.quick or len(only) < whole or len(servers) < len(LAUNCHES)
    started = time.perf_counter()
    busy = os.getloadavg()[0]
    if busy > BUSY_LOAD:
        print(f"bench: the machine is busy (load {busy:.1f}): not numbers to keep", file=sys.stderr)
    results = Results()
    try:
        if set(servers) - {OURS}:
            install_peers()
        _measure_all(results, servers, only, sizes, arguments.over)
    except (WrongAnswer, BrokenAnswer, ServerFailed, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 1
    took_s = time.perf_counter() - started
    about = {
        "over": arguments.over,
        "machine": {**report.machine(), "load_before": round(busy, 2)},
        "sizes": {field: getattr(sizes, field) for field in sizes.__slots__},
        "took_s": round(took_s),
    }
    _publish(results, servers, about, arguments.output, keep=not partial)
    return 0


def _measure_all(
    results: Results, names: Sequence[str], only: Sequence[str], sizes: Sizes, over: str
) -> None:
    dialects = {**DIALECTS, OURS: TrialbookOverMlflow} if over == "mlflow" else DIALECTS
    servers = [Server(LAUNCHES[name]) for name in names]
    try:
        _start_all(results, servers, sizes)
        subjects: list[Subject] = []
        for server in servers:
            with _awake(server, "first requests"):
                subjects.append(Subject(server, dialects[server.name](server.address, server.home)))
        for kind in WORKLOADS:
            if kind.name in only:
                _measure(results, kind(sizes), subjects, sizes.rounds)
        for server in servers:
            with _awake(server, "memory"):
                _add_memory(results, server, "at the end")
    finally:
        for server in servers:
            server.stop()


def _start_all(results: Results, servers: Sequence[Server], sizes: Sizes) -> None:
    """Start each several times in an empty home; the last time it stays, paused."""
    for turn in range(sizes.starts):
        for server in servers:
            _say("start", server.name, turn)
            server.stop()
            seconds = server.start()
            results.add(
                Measure("start", "spawn to ready", "s", "lower", START), server.name, seconds
            )
            if turn == sizes.starts - 1:
                server.settle()
                _add_memory(results, server, "idle")
            server.pause()


def _measure(
    results: Results, workload: Workload, subjects: Sequence[Subject], rounds: int
) -> None:
    for subject in subjects:
        with _awake(subject.server, f"prepare {workload.name}"):
            workload.prepare(subject)
    for turn in range(rounds):
        # Another goes first each time, so that none always follows the same neighbour.
        shift = turn % len(subjects)
        for subject in (*subjects[shift:], *subjects[:shift]):
            with _awake(subject.server, workload.name, turn):
                for measure, value in workload.measure(subject):
                    results.add(measure, subject.name, value)


@contextmanager
def _awake(server: Server, what: str, turn: int = 0) -> Generator[None]:
    """Let this server run, and no other. A failure inside names it and what it was doing."""
    _say(what, server.name, turn)
    server.resume()
    try:
        yield
    except WrongAnswer as error:
        raise WrongAnswer(f"{what}: {server.name}: {error}") from error
    except (BrokenAnswer, OSError) as error:
        raise server.failure(f"broke in {what}: {error}") from error
    finally:
        server.pause()


def _add_memory(results: Results, server: Server, when: str) -> None:
    memory = server.memory()
    target = IDLE_MEMORY if when == "idle" else START._replace(at_most=None)
    resident = Measure("memory", f"{when}, resident", "MB", "lower", target)
    results.add(resident, server.name, memory.rss_mb)
    shared_once = Measure("memory", f"{when}, shared pages once", "MB", "lower")
    results.add(shared_once, server.name, memory.pss_mb)


def _publish(
    results: Results,
    servers: Sequence[str],
    about: Mapping[str, object],
    output: Path | None,
    *,
    keep: bool,
) -> None:
    print(report.table(results, servers))
    missed = report.missed(results)
    print(f"\n{about['took_s']} s; targets missed: {'; '.join(missed) or 'none'}")
    short, changed = report.commit()
    today = datetime.now(UTC).date().isoformat()
    path = output or (RESULTS / f"{today}-{short}.json" if keep else None)
    if path is None:
        return
    head = {"date": today, "commit": short, "uncommitted_changes": changed, **about}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.document(results, servers, head), indent=1) + "\n")
    print(f"written: {path}")


def _say(what: str, server: str, turn: int) -> None:
    clock = datetime.now().astimezone().strftime("%H:%M:%S")
    print(f"{clock} {what}, round {turn + 1}, {server}", file=sys.stderr)


def _interrupt(_signum: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
