"""Copying experiments and their runs, so that a second time goes on where the first one stopped.

A run keeps its id. When all of it is there, and is read back and found equal, it gets a tag that
says so: nothing else needs to be remembered, and whoever goes on may be another machine.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from trialbook._http import Api
from trialbook.errors import ConnectionFailed, Forbidden, TrialbookError, Unauthenticated
from trialbook.imports.destination import PARENT_TAG, Destination
from trialbook.imports.report import Counts, Differs, ImportReport, Wanted, Watch
from trialbook.imports.source import Point, Source, SourceExperiment, SourceFailed, SourceRun
from trialbook.transfer.concurrency import concurrently, in_thread
from trialbook.transfer.digests import sha256_of

DONE_TAG: Final = "trialbook.imported"
_AT_ONCE: Final = 4
_OPEN: Final = frozenset({"RUNNING", "SCHEDULED"})
_HEX: Final = re.compile(r"[0-9a-f]{32}")
# the service makes these of what it keeps in other fields
_NOT_COMPARED: Final = frozenset({DONE_TAG, "mlflow.runName", "mlflow.user"})


async def import_runs(
    api: Api, source: Source, wanted: Wanted, watch: Watch | None = None
) -> ImportReport:
    """Copy what is wanted. A run that cannot be copied is in the report, and the rest goes on.

    Cost for each run: about eight requests, one for each 1,000 points and each 25,000 read back,
    and those of its files. For one that was copied before: one. Raises SourceFailed, OSError and
    TrialbookError when an experiment cannot be read or made.
    """
    report = ImportReport(source.name, wanted.dry_run)
    destination = Destination(api)
    missing = set(wanted.experiments)
    async for experiment in source.experiments():
        named = {experiment.name, experiment.id}
        if wanted.experiments and not named & set(wanted.experiments):
            continue
        missing -= named
        await _Copying(destination, source, wanted, report, watch).experiment(experiment)
    if missing:
        raise SourceFailed(f"the source has no such experiments: {', '.join(sorted(missing))}")
    return report


class _Copying:
    def __init__(
        self,
        destination: Destination,
        source: Source,
        wanted: Wanted,
        report: ImportReport,
        watch: Watch | None,
    ) -> None:
        self._to = destination
        self._source = source
        self._wanted = wanted
        self._report = report
        self._watch = watch
        self._ids: dict[str, str] = {}
        """Of runs, here by there."""

    async def experiment(self, experiment: SourceExperiment) -> None:
        if self._wanted.dry_run:
            found = await self._to.find_experiment(experiment)
        else:
            found = await self._to.make_experiment(experiment)
        self._report.experiments[experiment.name] = found
        seed = None if found is None else await self._to.seed_of(found)

        async def one(run: SourceRun) -> None:
            if run.status in _OPEN:
                # it has ended before and goes on
                run = replace(run, end_time=None)
            try:
                await self._run(found, seed, run)
            except (TrialbookError, SourceFailed, Differs, OSError) as error:
                self._report.failed[run.id] = " ".join(str(error).split())
                if isinstance(error, ConnectionFailed | Unauthenticated | Forbidden):
                    raise  # the others fare no better
            if self._watch is not None:
                self._watch(self._report, experiment.name)

        for runs in _generations([run async for run in self._source.runs(experiment)]):
            await concurrently(runs, one, _AT_ONCE)

    async def _run(self, experiment_id: str | None, seed: str | None, run: SourceRun) -> None:
        run_id = run_id_of(run)
        there = await self._to.get_run(run_id)
        if there is None and seed is not None:
            run_id, there = await self._started(experiment_id, seed, run)
        self._ids[run.id] = run_id
        if there is not None and _is_done(there, run):
            self._report.there_already += 1
            return
        if self._wanted.dry_run or experiment_id is None:
            self._report.copied += 1
            return
        if there is not None and str(there["info"]["experiment_id"]) != experiment_id:
            raise Differs("a run with this id is in another experiment here")
        run = self._with_parent(run, run_id, seed or "")
        counts = Counts(params=len(run.params), tags=len(run.tags))
        await self._to.log_texts(run_id, "tags", run.tags)
        await self._to.log_texts(run_id, "params", run.params)
        counts.points = await self._points(run_id, run)
        if self._wanted.artifacts:
            await self._files(run_id, run, counts)
        if run.status != "RUNNING":
            await self._to.end(run_id, run)
        await self._compare(run_id, run)
        done = {"from": self._source.name, **asdict(counts)}
        if not self._wanted.artifacts:
            done["artifacts"] = "left out"
        await self._to.log_texts(run_id, "tags", {DONE_TAG: json.dumps(done)})
        self._report.copied += 1
        self._report.counts.add(counts)

    async def _started(
        self, experiment_id: str | None, seed: str, run: SourceRun
    ) -> tuple[str, Mapping[str, Any] | None]:
        """Start a run under its own id, or under another where that id is somebody else's here; it,
        and the run when it was there already."""
        own, other = run_id_of(run), _derived(seed, run.id)
        if self._wanted.dry_run or experiment_id is None:
            return other, await self._to.get_run(other)
        if await self._to.create_run(experiment_id, own, self._with_parent(run, own, seed)):
            return own, None
        there = await self._to.get_run(other)
        if there is None:
            run = self._with_parent(run, other, seed)
            await self._to.create_run(experiment_id, other, run)
        return other, there

    def _with_parent(self, run: SourceRun, run_id: str, seed: str) -> SourceRun:
        """Its parent under the id that it has here."""
        parent = run.tags.get(PARENT_TAG)
        if parent is None:
            return run
        here = self._ids.get(parent)
        if here is None and run_id != run_id_of(run):
            here = _derived(seed, parent)
        return replace(run, tags={**run.tags, PARENT_TAG: here or parent})

    async def _points(self, run_id: str, run: SourceRun) -> int:
        """Those that are not there yet are logged; how many there are."""
        waiting: list[tuple[str, Point]] = []
        digests: dict[str, tuple[int, str]] = {}
        for key in run.metrics:
            points = await self._source.history(run, key)
            digests[key] = _digest(points)
            known = {point.spelled for point in await self._to.history(run_id, key)}
            waiting += [(key, point) for point in points if point.spelled not in known]
        await self._to.log_points(run_id, waiting)
        for key, (count, digest) in digests.items():
            found = _digest(await self._to.history(run_id, key))
            if found != (count, digest):
                raise Differs(f"metric {key!r} differs: {found[0]} points here, {count} there")
        return sum(count for count, _ in digests.values())

    async def _files(self, run_id: str, run: SourceRun, counts: Counts) -> None:
        wanted = await self._source.files(run)
        if not wanted:
            return
        known = await self._to.files(run_id)
        digests: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix="trialbook-import-") as folder:
            for file in wanted:
                place = await self._source.fetch(run, file, Path(folder))
                digest = await in_thread(sha256_of, place)
                if known.get(file.path) != digest:
                    await self._to.upload(run_id, place, file.path)
                digests[file.path] = digest
                counts.files += 1
                counts.bytes += file.size_bytes
        found = await self._to.files(run_id)
        wrong = [path for path, digest in digests.items() if found.get(path) != digest]
        if wrong:
            raise Differs(f"files differ: {', '.join(wrong[:5])}")

    async def _compare(self, run_id: str, run: SourceRun) -> None:
        """What is read back of the run itself."""
        there = await self._to.get_run(run_id)
        assert there is not None
        info, data = there["info"], there.get("data", {})
        found = {
            "params": _texts(data.get("params")),
            "tags": _compared(_texts(data.get("tags"))),
            "status": info["status"],
            "start time": int(info["start_time"]),
            "end time": int(info.get("end_time") or 0),
        }
        wanted = {
            "params": dict(run.params),
            "tags": _compared(run.tags),
            "status": run.status,
            "start time": run.start_time,
            "end time": run.end_time or 0,
        }
        wrong = [name for name, value in wanted.items() if found[name] != value]
        if wrong:
            raise Differs(f"what was read back differs: {', '.join(wrong)}")


def run_id_of(run: SourceRun) -> str:
    """The run's own id; one that follows from it where that is none here."""
    if _HEX.fullmatch(run.id):
        return run.id
    return hashlib.sha256(f"mlflow run {run.id}".encode()).hexdigest()[:32]


def _derived(seed: str, source_id: str) -> str:
    """What follows from the experiment here and the run there."""
    return hashlib.sha256(f"{seed} {source_id}".encode()).hexdigest()[:32]


def _generations(runs: Iterable[SourceRun]) -> Iterator[list[SourceRun]]:
    """Parents before their children, each generation in the order of its starts."""
    left = sorted(runs, key=lambda run: (run.start_time, run.id))
    while left:
        waiting = {run.id for run in left}
        ready = [run for run in left if run.tags.get(PARENT_TAG) not in waiting]
        # a circle has no first
        yield ready or left
        done = {run.id for run in ready or left}
        left = [run for run in left if run.id not in done]


def _is_done(there: Mapping[str, Any], run: SourceRun) -> bool:
    """A run that goes on in the source is looked at again."""
    info = there["info"]
    return (
        DONE_TAG in _texts(there.get("data", {}).get("tags"))
        and run.status != "RUNNING"
        and info["status"] == run.status
        and int(info.get("end_time") or 0) == (run.end_time or 0)
    )


def _digest(points: Iterable[Point]) -> tuple[int, str]:
    """Of the distinct ones: how many, and their sha256."""
    lines = sorted({point.spelled for point in points})
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _texts(pairs: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in pairs or ()}


def _compared(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _NOT_COMPARED}
