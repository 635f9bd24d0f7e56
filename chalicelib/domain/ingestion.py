"""Ingesting a file of lines: each line once, however often the file is delivered.

A file is read in windows of lines. Those of a window are applied in lanes beside each other; then
how far the file has come is noted, and the next window begins. Whoever takes the file up again
starts with the window that was not finished, and leaves out the lines that are marked in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from chalicelib.core.context import Principal, Role
from chalicelib.core.errors import PASSING, ConditionFailed, Repeated, TrialbookError
from chalicelib.core.ids import TenantId, UserId, is_label
from chalicelib.core.model.ingestion import Ingestion, Source
from chalicelib.domain import ingest_lines, ingest_reader
from chalicelib.domain.ingest_applying import Applier, LineStores, reason_of
from chalicelib.domain.ingest_lines import Numbered, Operation, Refused, RunLine
from chalicelib.domain.ingest_reader import Line, Unreadable
from chalicelib.domain.stored_bytes import Spread, in_turn
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.ingestions import IngestionStore
from chalicelib.storage.retention import RetentionStore

WINDOW_LINES: Final = 10_000
WINDOW_BYTES: Final = 2 * 1024 * 1024
WINDOW_SEEN: Final = 1_000_000
"""Empty lines included."""
MAX_ERRORS: Final = 1000
"""Refused lines that are told one by one."""
NOBODY: Final = UserId("ingest")
"""As whom lines are applied whose file nobody announced."""

_NOTHING: Final[Mapping[int, str]] = {}

Parse: TypeAlias = Callable[[bytes, int], Operation]
"""A line, and the time (ms) of what names none. Raises TrialbookError for what is no line."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What one call did: lines applied and refused, and whether the file is done."""

    is_done: bool
    applied: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class IngestStores:
    """The stores that ingesting works on; `spread` is for the lanes of a window."""

    lines: LineStores
    tenants: RetentionStore
    blobs: Blobs
    spread: Spread = in_turn

    @property
    def ingestions(self) -> IngestionStore:
        return self.lines.ingestions


def ingest(stores: IngestStores, source: Source, parse: Parse, *, deadline_s: float) -> Progress:
    """Apply the lines of a file, from where it was left, until it ends or the deadline (on the
    clock's `monotonic_s`) has come.

    For each window (10,000 lines or 2 MiB) what `Applier.apply` says and one write, and a report
    when the file ends. Raises Unreadable when the rest cannot be read, Repeated while another
    worker is at it, and what may pass if nothing was done before: what was applied is noted, and
    calling again goes on from there.
    """
    work = _begun(stores, source)
    if work.ingestion.state == "done":
        return Progress(is_done=True)
    work.ingestion = replace(work.ingestion, state="reading", reason=None, ended_ms=None)
    source = work.ingestion.source  # as it was delivered first: ids follow from it
    clock = stores.lines.clock
    principal = Principal(source.tenant, work.ingestion.user, Role.WRITE)
    applier = Applier(stores.lines, source, principal, work.applied)
    found = ingest_reader.lines(stores.blobs, source, work.ingestion.line, work.ingestion.offset)
    before = work.ingestion
    try:
        for window in _windows(found, source, parse):
            _apply(stores, work, applier, window)
            if clock.monotonic_s() > deadline_s:
                return _progress(before, work.ingestion)
    except PASSING:
        if work.ingestion.line == before.line:
            raise
        return _progress(before, work.ingestion)
    # The report first: whoever reads `done` finds it. Two workers that come here write the same.
    ended = replace(work.ingestion, state="done", ended_ms=clock.now_ms())
    stores.ingestions.put_report(stores.ingestions.report(ended))
    _advance(stores, work, ended)
    return _progress(before, ended)


def fail(stores: IngestStores, source: Source, reason: str) -> None:
    """Note that a file is given up, and why. What was applied of it stays. Again is fine, and a
    file that is given back goes on where it stopped."""
    if not _is_known(stores, source.tenant):
        return
    work = _begun(stores, source)
    if work.ingestion.state == "done":
        return
    now_ms = stores.lines.clock.now_ms()
    failed = replace(work.ingestion, state="failed", reason=reason, ended_ms=now_ms)
    _advance(stores, work, failed)
    stores.ingestions.put_report(stores.ingestions.report(work.ingestion))


def _progress(before: Ingestion, after: Ingestion) -> Progress:
    return Progress(
        after.state == "done", after.applied - before.applied, after.refused - before.refused
    )


@dataclass(slots=True)
class _Work:
    """A file under way. `applied` are the lines after `ingestion.line` that are marked."""

    ingestion: Ingestion
    applied: set[int]


def _begun(stores: IngestStores, source: Source) -> _Work:
    """A read and a transaction the first time (and two reads: who announced it, and whether there
    is such a tenant), later a read, and a query for the marks unless it is done."""
    ingestions = stores.ingestions
    known = ingestions.get(source)
    if known is None:
        if not _is_known(stores, source.tenant):
            raise Unreadable(f"there is no tenant {source.tenant[:63]!r}")
        announced = ingestions.announced(source.tenant, source.ingest_id)
        user = NOBODY if announced is None else announced.user
        now_ms = stores.lines.clock.now_ms()
        begun_ms = now_ms if announced is None else announced.begun_ms
        try:
            return _Work(ingestions.start(Ingestion(source, user, "reading", begun_ms)), set())
        except ConditionFailed:
            known = ingestions.get(source)
            if known is None:
                raise Repeated from None
    is_done = known.state == "done"
    return _Work(known, set() if is_done else ingestions.marked_lines(source, known.line))


def _is_known(stores: IngestStores, tenant: TenantId) -> bool:
    return is_label(tenant) and stores.tenants.get(tenant) is not None


@dataclass(slots=True)
class _Window:
    """Lines that are applied together. `stop` is where the next window starts."""

    wanted: list[Numbered[Operation]] = field(default_factory=list[Numbered[Operation]])
    refused: Refused = field(default_factory=dict[int, str])
    last: int = 0
    stop: int = 0
    seen: int = 0
    size_bytes: int = 0
    started: set[str] = field(default_factory=set[str])
    """Runs that its lines may start."""

    def is_full(self) -> bool:
        lines = len(self.wanted) + len(self.refused)
        return lines >= WINDOW_LINES or self.size_bytes >= WINDOW_BYTES or self.seen >= WINDOW_SEEN


def _windows(lines: Iterator[Line], source: Source, parse: Parse) -> Iterator[_Window]:
    """Lines in the order of the file. A run is started before the window that names it as a parent:
    within a window other runs are not waited for."""
    window = _Window()
    for line in lines:
        if window.is_full():
            yield window
            window = _Window()
        if line.text is None:
            most = ingest_reader.MAX_LINE_BYTES
            window.refused[line.number] = f"the line has more than {most} bytes"
        elif line.text and not line.text.isspace():
            try:
                operation = parse(line.text, source.arrived_ms)
            except TrialbookError as error:
                window.refused[line.number] = reason_of(error)
            else:
                if isinstance(operation, RunLine):
                    if operation.parent_run_id in window.started:
                        yield window
                        window = _Window()
                    window.started.add(ingest_lines.run_of(source, line.number, operation))
                window.wanted.append((line.number, operation))
            window.size_bytes += len(line.text)
        window.last, window.stop = line.number, line.stop
        window.seen += 1
    if window.last:
        yield window


def _apply(stores: IngestStores, work: _Work, applier: Applier, window: _Window) -> None:
    lanes = ingest_lines.lanes(work.ingestion.source, window.wanted)
    failed: Refused = {}
    for some in stores.spread(applier.apply, lanes):
        failed |= some
    refused = window.refused | failed
    before = work.ingestion
    room = max(0, MAX_ERRORS - before.refused)
    told = {number: refused[number] for number in sorted(refused)[:room]}
    after = replace(
        before,
        line=window.last,
        offset=window.stop,
        applied=before.applied + len(window.wanted) - len(failed),
        refused=before.refused + len(refused),
    )
    _advance(stores, work, after, told)


def _advance(
    stores: IngestStores, work: _Work, to: Ingestion, refused: Mapping[int, str] = _NOTHING
) -> None:
    try:
        work.ingestion = stores.ingestions.advance(to, refused)
    except ConditionFailed:
        raise Repeated from None
