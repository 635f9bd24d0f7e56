"""Doing once what the lines of a file ask for.

Lines of one run are applied in their order, many of them in one transaction with a mark that names
them: a worker that takes a file up again leaves out what is marked, and of two workers at the same
file one fails at the first line that both would apply. Ids that a line does not name follow from
the file and the line's number, so whatever is made twice is made once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.core.context import Clock, Context, Principal, retry_races
from chalicelib.core.errors import (
    PASSING,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Repeated,
    TrialbookError,
)
from chalicelib.core.ids import ExperimentId, RunId
from chalicelib.core.log_ids import log_id
from chalicelib.core.model.ingestion import Source
from chalicelib.domain import (
    artifact_directories,
    artifacts,
    experiments,
    logging,
    runs,
    variant_logs,
)
from chalicelib.domain.artifacts import ArtifactStores
from chalicelib.domain.ingest_lines import (
    ArtifactLine,
    BatchLine,
    Gathered,
    Numbered,
    Operation,
    Refused,
    RunLine,
    VariantLine,
    run_of,
    seed_of,
)
from chalicelib.domain.runs import Changes, NewRun
from chalicelib.domain.variant_intake import NewLog, VariantStores
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.ingestions import IngestionStore
from chalicelib.storage.points import PointStore
from chalicelib.storage.runs import RunStore
from chalicelib.storage.table import Put

OPERATION_S: Final = 25.0
"""As long as a request of the API is tried."""
MAX_LOGS: Final = 500
MAX_REASON_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class LineStores:
    """The stores that lines are written to. Those for variants and artifacts do their work in turn:
    it is the lanes of a file that are spread."""

    ingestions: IngestionStore
    experiments: ExperimentStore
    runs: RunStore
    points: PointStore
    artifacts: ArtifactStores
    variants: VariantStores
    clock: Clock


class Applier:
    """Applies lines of one file, as one worker."""

    def __init__(
        self, stores: LineStores, source: Source, principal: Principal, applied: Collection[int]
    ) -> None:
        """`applied` are lines that are marked, by this worker or another before it."""
        self._stores = stores
        self._source = source
        self._principal = principal
        self._applied = applied
        self._name = stores.clock.new_id()

    def apply(self, lane: Sequence[Numbered[Operation]]) -> Refused:
        """Apply the lines of a lane in their order; those that cannot be, with the reason.

        A read and a transaction for at most 1,000 points of a run, a transaction for 100 logs, and
        for anything else what the API takes for it. Raises what `PASSING` lists, and Repeated when
        another worker is at the same file.
        """
        refused: Refused = {}
        gathered = Gathered()
        logs: list[Numbered[VariantLine]] = []
        for number, operation in lane:
            if number in self._applied:
                continue
            match operation:
                case BatchLine():
                    if not gathered.takes(operation):
                        self._log(gathered, refused)
                        gathered = Gathered()
                    gathered.add(number, operation)
                case VariantLine():
                    if len(logs) == MAX_LOGS:
                        self._log_variants(logs, refused)
                        logs = []
                    logs.append((number, operation))
                case RunLine():
                    self._log(gathered, refused)
                    gathered = Gathered()
                    self._refusing([number], refused, self._run, number, operation)
                case ArtifactLine():
                    self._refusing([number], refused, self._artifact, number, operation)
        self._log(gathered, refused)
        self._log_variants(logs, refused)
        return refused

    # -- runs -----------------------------------------------------------------------------------

    def _run(self, number: int, line: RunLine) -> None:
        context = self._context(number)
        run_id = run_of(self._source, number, line)
        # Started by another meanwhile, it is there the next time.
        retry_races(context, lambda: self._start_or_change(context, run_id, number, line))

    def _start_or_change(self, context: Context, run_id: RunId, number: int, line: RunLine) -> None:
        stores = self._stores
        try:
            document = stores.runs.open(context.tenant, run_id)
        except NotFound:
            if line.experiment is None:
                if line.run_id is None:
                    raise
                raise NotFound(
                    "there is no such run; name the experiment_id to start it", run_id=run_id
                ) from None
            if line.end_time_ms is not None and line.end_time_ms < context.now_ms():
                # Before anything is written: it starts now.
                raise Invalid.field("end_time", "must not be before the run's start") from None
            new = NewRun(
                line.experiment, line.name, line.description, line.tags, line.parent_run_id, run_id
            )
            runs.start(stores.runs, stores.experiments, context, new)
            named: dict[str, object] = {}
            tags: Mapping[str, str] = {}
        else:
            self._check_experiment(context, line, document.experiment_id)
            named = {"name": line.name, "description": line.description}
            tags = line.tags
        fields = {name: value for name, value in named.items() if value is not None}
        if line.status is not None:
            fields["status"] = line.status
        if fields or tags:
            changes = Changes(fields, tags, line.end_time_ms)
            self._once(
                [number],
                lambda mark: runs.change(stores.runs, context, run_id, changes, once=mark),
            )

    def _check_experiment(self, context: Context, line: RunLine, actual: ExperimentId) -> None:
        if line.experiment is None:
            return
        named = experiments.resolve(self._stores.experiments, context, line.experiment)
        if named != actual:
            raise Conflict("the run is one of another experiment", experiment_id=actual)

    def _log(self, gathered: Gathered, refused: Refused) -> None:
        if not gathered.lines:
            return
        numbers = [number for number, _ in gathered.lines]
        run_id, batch = gathered.lines[0][1].run_id, gathered.batch()
        stores, context = self._stores, self._context(numbers[0])

        def log() -> None:
            self._once(
                numbers,
                lambda mark: logging.log(
                    stores.runs, stores.points, context, run_id, batch, once=mark
                ),
            )

        if len(numbers) == 1:
            self._refusing(numbers, refused, log)
            return
        try:
            log()
        except PASSING:
            raise
        except (NotFound, Forbidden) as error:  # the run's, and so of every line
            refused.update(dict.fromkeys(numbers, reason_of(error)))
        except TrialbookError:
            for number, line in gathered.lines:
                alone = Gathered()
                alone.add(number, line)
                self._log(alone, refused)

    # -- the rest -------------------------------------------------------------------------------

    def _log_variants(self, logs: Sequence[Numbered[VariantLine]], refused: Refused) -> None:
        if not logs:
            return
        context = self._context(logs[0][0])
        new = [self._identified(number, line.new) for number, line in logs]
        numbers = [number for number, _ in logs]

        def log() -> None:
            results = variant_logs.log_many(self._stores.variants, context, logs[0][1].slug, new)
            for number, result in zip(numbers, results, strict=True):
                if isinstance(result, PASSING):
                    raise result
                if isinstance(result, TrialbookError):
                    refused[number] = reason_of(result)

        self._refusing(numbers, refused, log)

    def _identified(self, number: int, new: NewLog) -> NewLog:
        """With an id, by which the log meets itself when it comes again."""
        if new.log_id is not None:
            return new
        time_ms = self._source.arrived_ms if new.timestamp_ms is None else new.timestamp_ms
        chance = hashlib.sha256(b"log\n" + seed_of(self._source, number)).digest()
        return replace(new, log_id=log_id(time_ms, chance))

    def _artifact(self, number: int, line: ArtifactLine) -> None:
        stores, context = self._stores.artifacts, self._context(number)
        if line.sha256 is not None:
            artifacts.index(stores, context, line.sha256, line.wanted)
        else:
            artifact_directories.index(stores, context, line.files, line.wanted)

    def _context(self, number: int) -> Context:
        clock = self._stores.clock
        context = Context(self._principal, clock, clock.monotonic_s() + OPERATION_S)
        # What is done again is looked for first: whether it is the first time is not known.
        seed = seed_of(self._source, number)
        return context.settled(seed, self._source.arrived_ms, is_repeat=True)

    def _once(self, numbers: Sequence[int], work: Callable[[Put], object]) -> None:
        """Do the work with the mark of these lines. Raises Repeated when it was another's."""
        now_ms = self._stores.clock.now_ms()
        mark = self._stores.ingestions.mark(self._source, numbers, self._name, now_ms)
        try:
            work(mark)
        except Repeated:
            # The store's client sends a write again when its answer got lost.
            if not self._stores.ingestions.is_marked_by(mark, self._name):
                raise

    def _refusing(
        self,
        numbers: Sequence[int],
        refused: Refused,
        work: Callable[..., None],
        *arguments: object,
    ) -> None:
        try:
            work(*arguments)
        except PASSING:
            raise
        except TrialbookError as error:
            refused.update(dict.fromkeys(numbers, reason_of(error)))


def reason_of(error: TrialbookError) -> str:
    """Why a line is refused."""
    text = error.in_words()
    return text if len(text) <= MAX_REASON_CHARACTERS else text[: MAX_REASON_CHARACTERS - 1] + "…"
