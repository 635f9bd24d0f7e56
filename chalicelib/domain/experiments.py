"""Experiments: creation with unique names, changes, soft deletion, listing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Conflict, NotFound, PreconditionFailed
from chalicelib.core.ids import ExperimentId, is_hex_id
from chalicelib.core.model.experiment import (
    DEFAULT_PLANNED_UNITS,
    Experiment,
    ExperimentCounts,
    ExperimentStatus,
    Goal,
    Guardrail,
    Stage,
    Variant,
)
from chalicelib.domain import names, variant_rules
from chalicelib.domain.lost_answers import again_if_lost
from chalicelib.storage import keys
from chalicelib.storage.experiments import (
    ExperimentStore,
    NameTaken,
    SlugTaken,
    experiment_of,
)
from chalicelib.storage.projection import Projection
from chalicelib.storage.table import Item, Table

MAX_KEPT_ROWS = 100_000
MAX_SLUG_TRIES = 50


@dataclass(frozen=True, slots=True)
class NewExperiment:
    """What is asked for; the slug is made from the name when None."""

    name: str
    slug: str | None = None
    description: str | None = None
    artifact_location: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    metric_goals: Mapping[str, Goal] = field(default_factory=dict[str, Goal])
    variants: tuple[Variant, ...] = ()
    status: ExperimentStatus = "draft"
    unit_key: str | None = None
    dimensions: tuple[str, ...] = ()
    guardrails: Mapping[str, Guardrail] = field(default_factory=dict[str, Guardrail])
    planned_units: int = DEFAULT_PLANNED_UNITS
    id: ExperimentId | None = None
    """Where whoever asks has made it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A slice of the experiments that match, newest first; `total` counts all that match, `more`
    tells that some come after the slice."""

    experiments: Sequence[tuple[Experiment, ExperimentCounts]]
    total: int
    more: bool


ExperimentRows = Projection[Experiment]


def experiment_rows(table: Table, max_rows: int = MAX_KEPT_ROWS) -> ExperimentRows:
    """The projection that lists and searches experiments."""
    store = ExperimentStore(table)

    def load(partition: str) -> list[Item]:
        tenant = keys.parse_experiments_changed(partition)
        return [*store.listed(tenant, "active"), *store.listed(tenant, "deleted")]

    return Projection(table, load, experiment_of, max_rows)


def create(store: ExperimentStore, context: Context, wanted: NewExperiment) -> Experiment:
    """One transaction, and one more for each clash of a slug made from the name; a read before it
    when repeated.

    Raises Conflict when the name, or the slug asked for, is taken.
    """
    experiment_id = wanted.id or ExperimentId(context.new_id())
    if context.is_repeat:
        with suppress(NotFound):
            return store.get(context.tenant, experiment_id)
    now_ms = context.now_ms()
    base = wanted.slug or names.slugify(wanted.name) or _random_slug(context)
    experiment = Experiment(
        id=experiment_id,
        slug=base,
        name=wanted.name,
        created_at_ms=now_ms,
        last_updated_ms=now_ms,
        created_by=context.user,
        description=wanted.description,
        artifact_location=wanted.artifact_location,
        tags=wanted.tags,
        metric_goals=wanted.metric_goals,
        status=wanted.status,
        variants=wanted.variants,
        unit_key=wanted.unit_key,
        dimensions=wanted.dimensions,
        guardrails=wanted.guardrails,
        planned_units=wanted.planned_units,
    )
    experiment = variant_rules.defined(experiment)
    for number in range(1, MAX_SLUG_TRIES):
        try:
            _create(store, context, experiment)
        except NameTaken as error:
            raise Conflict("an experiment of this name exists", name=wanted.name) from error
        except SlugTaken as error:
            if wanted.slug is not None:
                raise Conflict("an experiment with this slug exists", slug=base) from error
            experiment = replace(experiment, slug=names.numbered(base, number + 1))
        else:
            return experiment
    experiment = replace(experiment, slug=_random_slug(context))
    _create(store, context, experiment)
    return experiment


def _create(store: ExperimentStore, context: Context, experiment: Experiment) -> None:
    # Two that want one name at once are in each other's way: one of them then finds it taken.
    retry_races(context, lambda: store.create(context.tenant, experiment))


def _random_slug(context: Context) -> str:
    return f"experiment-{context.clock.random_bytes(3).hex()}"


def resolve(store: ExperimentStore, context: Context, id_or_slug: str) -> ExperimentId:
    """The id of an id or slug. One read for a slug. Raises NotFound."""
    if is_hex_id(id_or_slug):
        return ExperimentId(id_or_slug)
    found = store.id_of_slug(context.tenant, id_or_slug) if names.is_slug(id_or_slug) else None
    if found is None:
        raise NotFound("there is no such experiment", experiment_id=id_or_slug)
    return found


def get(
    store: ExperimentStore, context: Context, id_or_slug: str
) -> tuple[Experiment, ExperimentCounts]:
    """Deleted ones too. Raises NotFound, Forbidden."""
    return store.get_counted(context.tenant, resolve(store, context, id_or_slug))


def list_experiments(
    store: ExperimentStore,
    rows: ExperimentRows,
    context: Context,
    *,
    search: str | None,
    stage: Stage,
    offset: int,
    limit: int,
    before: str | None,
) -> Listed:
    """Newest first; `before` is the id that the page before ended with, None for the first."""
    wanted = (search or "").casefold()
    found = [
        row
        for row in rows.rows(keys.experiments_changed(context.tenant))
        if row.lifecycle_stage == stage and wanted in row.name.casefold()
    ]
    total = len(found)
    found.sort(key=lambda row: row.id, reverse=True)
    if before is not None:
        found = [row for row in found if row.id < before]
        offset = 0
    page = found[offset : offset + limit]
    counts = store.counts(context.tenant, page)
    return Listed(list(zip(page, counts, strict=True)), total, more=len(found) > offset + len(page))


@dataclass(frozen=True, slots=True)
class Changes:
    """Fields to change; `replaced` holds only those that were sent, `tags` merge (None deletes)."""

    replaced: Mapping[str, object] = field(default_factory=dict[str, object])
    tags: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])


def change(
    store: ExperimentStore,
    context: Context,
    id_or_slug: str,
    changes: Changes,
    if_version: int | None = None,
) -> Experiment:
    """One read and one write; a read more and a transaction when variants are removed. Raises
    Conflict (name taken, status not reachable, deleted, a removed variant has logs),
    PreconditionFailed, NotFound, Forbidden."""

    def edit(old: Experiment) -> Experiment:
        check_writable(old)
        if if_version is not None and old.version != if_version:
            raise PreconditionFailed(
                "the experiment changed since; read it again", version=old.version
            )
        new = replace(old, **changes.replaced, tags=merge_tags(old.tags, changes.tags))
        return variant_rules.changed(old, new, context.now_ms())

    return _edit(store, context, id_or_slug, edit)


def set_stage(
    store: ExperimentStore, context: Context, id_or_slug: str, stage: Stage
) -> Experiment:
    """Delete softly or restore; doing it again changes nothing."""
    return _edit(store, context, id_or_slug, lambda old: replace(old, lifecycle_stage=stage))


def move_stage(
    store: ExperimentStore, context: Context, id_or_slug: str, stage: Stage
) -> Experiment:
    """As `set_stage`. Raises NotFound for one that is there already."""
    was_elsewhere = False

    def edit(old: Experiment) -> Experiment:
        nonlocal was_elsewhere
        if old.lifecycle_stage != stage:
            was_elsewhere = True
        elif not was_elsewhere:  # else moved since: a write of ours came twice, or got no answer
            raise NotFound("there is no such experiment to do it to", experiment_id=old.id)
        return replace(old, lifecycle_stage=stage)

    return again_if_lost(context, lambda: _edit(store, context, id_or_slug, edit))


def drop_tag(store: ExperimentStore, context: Context, id_or_slug: str, name: str) -> Experiment:
    """One read and one write. Raises NotFound with the `tag` that it has not, Conflict."""
    was_there = False

    def edit(old: Experiment) -> Experiment:
        nonlocal was_there
        check_writable(old)
        was_there = was_there or name in old.tags
        if not was_there:
            raise NotFound("the experiment has no such tag", tag=name[:250])
        return replace(old, tags=merge_tags(old.tags, {name: None}))

    return again_if_lost(context, lambda: _edit(store, context, id_or_slug, edit))


def writable(store: ExperimentStore, context: Context, id_or_slug: str) -> Experiment:
    """One read. Raises Conflict when it is deleted, NotFound, Forbidden."""
    experiment = store.get(context.tenant, resolve(store, context, id_or_slug))
    check_writable(experiment)
    return experiment


def check_writable(experiment: Experiment) -> None:
    """Raises Conflict when it is deleted."""
    if experiment.lifecycle_stage == "deleted":
        raise Conflict("the experiment is deleted; restore it first", experiment_id=experiment.id)


def _edit(
    store: ExperimentStore,
    context: Context,
    id_or_slug: str,
    edit: Callable[[Experiment], Experiment],
) -> Experiment:
    experiment_id = resolve(store, context, id_or_slug)

    def attempt() -> Experiment:
        old = store.get(context.tenant, experiment_id)
        new = edit(old)
        if new == old:
            return old
        new = replace(new, last_updated_ms=context.now_ms())
        removed = variant_rules.removed(old, new)
        if not removed:
            return store.replace(context.tenant, old, new)
        register = store.register(context.tenant, experiment_id)
        variant_rules.check_removed(removed, register)
        return store.replace(context.tenant, old, new, register)

    try:
        return retry_races(context, attempt)
    except NameTaken as error:
        raise Conflict("an experiment of this name exists") from error


def merge_tags(tags: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Tags with changes applied; None deletes a key."""
    result = dict(tags)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result
