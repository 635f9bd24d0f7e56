"""Runs: start, change, end, delete and restore."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from chalicelib.core import field_tags
from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import (
    ConditionFailed,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Repeated,
)
from chalicelib.core.ids import RunId
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.run import EndStatus, Run, RunStatus
from chalicelib.domain import experiments, names
from chalicelib.domain.logging import COMPACT_ENDED_CHUNKS, compaction_due, put_once, writable
from chalicelib.domain.lost_answers import again_if_lost
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.run_document import RunDocument
from chalicelib.storage.runs import FEED, RunPage, RunStore
from chalicelib.storage.table import Put, Write

_FIELD_OF_TAG = {**field_tags.RUN_FIELDS, field_tags.PARENT: "parent"}
ENDED: frozenset[RunStatus] = frozenset({"finished", "failed", "killed"})


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is asked for; a name is made up when None."""

    experiment_id: str
    name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    parent_run_id: str | None = None
    run_id: RunId | None = None
    """Where whoever asks has made it."""
    start_time_ms: int | None = None
    """Now when None."""
    user_label: str | None = None
    parent_is_required: bool = True
    """Else one that is not here is left out."""


def start(
    runs: RunStore, experiment_store: ExperimentStore, context: Context, wanted: NewRun
) -> Run:
    """One read and one transaction; one read more for a parent, when given a slug or repeated.

    Raises Conflict when the experiment is deleted, NotFound, Forbidden.
    """
    run_id = wanted.run_id or RunId(context.new_id())
    if context.is_repeat:
        with suppress(NotFound):
            return runs.get(context.tenant, run_id)
    experiment = experiments.writable(experiment_store, context, wanted.experiment_id)
    now_ms = context.now_ms()
    run = Run(
        run_id=run_id,
        experiment_id=experiment.id,
        name=wanted.name or names.two_word_name(context.clock.random_bytes(8)),
        start_time_ms=now_ms if wanted.start_time_ms is None else wanted.start_time_ms,
        created_by=context.user,
        description=wanted.description,
        parent_run_id=_parent(runs, context, wanted),
        tags=wanted.tags,
        user_label=wanted.user_label,
        artifact_location=experiment.artifact_location,
    )
    runs.create(context.tenant, run)
    return run


def _parent(runs: RunStore, context: Context, wanted: NewRun) -> RunId | None:
    if wanted.parent_run_id is None:
        return None
    try:
        return runs.get(context.tenant, RunId(wanted.parent_run_id)).run_id
    except (NotFound, Forbidden):
        if wanted.parent_is_required:
            raise
        return None


def get(runs: RunStore, context: Context, run_id: RunId) -> Run:
    """Deleted ones too. Raises NotFound, Forbidden."""
    return runs.get(context.tenant, run_id)


def page(
    runs: RunStore,
    experiment_store: ExperimentStore,
    context: Context,
    experiment_id: str,
    stage: Stage,
    limit: int,
    after: tuple[str, ...] | None,
) -> RunPage:
    """Runs of an experiment, newest first. One read and one query."""
    experiment = experiment_store.get(
        context.tenant, experiments.resolve(experiment_store, context, experiment_id)
    )
    return runs.page(context.tenant, experiment.id, stage, limit, after)


@dataclass(frozen=True, slots=True)
class Changes:
    """`fields` holds those of name, description and status that were sent; tags merge, None
    deletes one. A run that ends does so at `end_time_ms`, now when None."""

    fields: Mapping[str, object] = field(default_factory=dict[str, object])
    tags: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    end_time_ms: int | None = None


def change(
    runs: RunStore, context: Context, run_id: RunId, changes: Changes, *, once: Put | None = None
) -> Run:
    """Two reads and one write. Raises Conflict when the run is deleted.

    A status that ends the run sets its end time, one that does not clears it. `once` is written
    with the change, or nothing is: Repeated when its condition fails. Raises Invalid for an end
    before the start.
    """

    def edit(document: RunDocument) -> bool:
        writable(document)
        fields = {
            name: value for name, value in changes.fields.items() if document.root[name] != value
        }
        if "status" in fields:
            is_over = fields["status"] in ENDED
            fields["end"] = _end_ms(document, context, changes.end_time_ms) if is_over else None
        document.set_fields(fields)
        tags = {n: v for n, v in changes.tags.items() if document.tag(n) != v}
        for name, value in tags.items():
            document.set_tag(name, value)
        return bool(fields or tags)

    def also(document: RunDocument) -> list[Write]:
        return _when_ended(document, context) if "status" in changes.fields else []

    _edit(runs, context, run_id, edit, changes.tags, also=also, once=once)
    return runs.get(context.tenant, run_id)


def end(
    runs: RunStore, context: Context, run_id: RunId, status: EndStatus, end_time_ms: int | None
) -> Run:
    """Ending twice with the same status changes nothing; with another it is a Conflict. Two reads
    and a write, or a transaction that queues a run of many chunks to be compacted."""

    def edit(document: RunDocument) -> bool:
        writable(document)
        if document.status in ENDED:
            if document.status == status:
                return False
            raise Conflict(
                f"the run has already ended as {document.status}", status=document.status
            )
        document.set_fields({"status": status, "end": _end_ms(document, context, end_time_ms)})
        return True

    _edit(runs, context, run_id, edit, also=lambda document: _when_ended(document, context))
    return runs.get(context.tenant, run_id)


def update(
    runs: RunStore,
    context: Context,
    run_id: RunId,
    fields: Mapping[str, object],
    end_time_ms: int | None = None,
) -> Run:
    """As `change` without tags, by whoever keeps a run's time: an end is taken as it is told, also
    without a status. One read and one write.

    The run that is answered may lack tags, params and metrics. Raises Conflict when it is deleted.
    """

    def edit(document: RunDocument) -> bool:
        writable(document)
        wanted = dict(fields)
        if end_time_ms is not None:
            wanted["end"] = end_time_ms
        elif "status" in wanted and wanted["status"] != document.status:
            wanted["end"] = context.now_ms() if wanted["status"] in ENDED else None
        changed = any(document.root[name] != value for name, value in wanted.items())
        document.set_fields(wanted)
        return changed

    def also(document: RunDocument) -> list[Write]:
        return _when_ended(document, context) if "status" in fields else []

    return _edit(runs, context, run_id, edit, also=also).head()


def drop_tag(runs: RunStore, context: Context, run_id: RunId, name: str) -> None:
    """One read and one write. A tag that says a field empties it, but for the name, which stays.
    Raises NotFound with the `tag` that the run has not, Conflict."""
    was_there = False

    def edit(document: RunDocument) -> bool:
        nonlocal was_there
        writable(document)
        if name == field_tags.NAME:
            return False
        field = _FIELD_OF_TAG.get(name)
        is_field = field is not None and document.root[field] is not None
        if document.tag(name) is None and not is_field:
            if was_there:  # dropped since: a write of ours came twice, or got no answer
                return False
            raise NotFound("the run has no such tag", tag=name[:250])
        was_there = True
        document.set_tag(name, None)
        if field is not None:
            document.set_fields({field: None})
        return True

    again_if_lost(context, lambda: _edit(runs, context, run_id, edit, [name]))


def _end_ms(document: RunDocument, context: Context, asked_ms: int | None) -> int:
    start_ms: int = document.root["start"]
    if asked_ms is not None and asked_ms < start_ms:
        raise Invalid.field("end_time", "must not be before the run's start")
    return context.now_ms() if asked_ms is None else asked_ms


def _when_ended(document: RunDocument, context: Context) -> list[Write]:
    """What is written with a run's end: many chunks are put on the queue to be compacted."""
    many = document.status in ENDED and document.root["chunks"] >= COMPACT_ENDED_CHUNKS
    return [compaction_due(document, context.now_ms())] if many else []


def set_stage(runs: RunStore, context: Context, run_id: RunId, stage: Stage) -> None:
    """Delete softly or restore; doing it again changes nothing."""

    def edit(document: RunDocument) -> bool:
        if document.stage == stage:
            return False
        document.set_fields({"stage": stage})
        return True

    _edit(runs, context, run_id, edit, feed=FEED)


def _edit(
    runs: RunStore,
    context: Context,
    run_id: RunId,
    edit: Callable[[RunDocument], bool],
    names_touched: Collection[str] = (),
    *,
    feed: str | None = None,
    also: Callable[[RunDocument], Sequence[Write]] = lambda _: (),
    once: Put | None = None,
) -> RunDocument:
    def attempt() -> RunDocument:
        document = runs.open(context.tenant, run_id, names_touched)
        if not edit(document):
            put_once(runs, once)
            return document
        first = [] if once is None else [once]
        try:
            runs.save(document, [*first, *also(document)], feed=feed)
        except ConditionFailed as error:
            if first and 0 in error.failed:
                raise Repeated from None
            raise
        return document

    return retry_races(context, attempt)
