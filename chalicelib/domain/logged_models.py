"""Models that runs logged: made, finished, described, measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import ConditionFailed, Conflict, NotFound
from chalicelib.core.ids import ModelId
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.logged_model import LoggedModel, ModelPoint, ModelStatus
from chalicelib.domain import experiments, names
from chalicelib.domain.experiments import merge_tags
from chalicelib.domain.lost_answers import again_if_lost
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.logged_models import LoggedModelStore

MAX_SERIES: Final = 1000
"""A model keeps the latest point of so many metrics (each by run and dataset), of the latest."""
MAX_EARLIER: Final = 200
"""And so many points before these. Its runs have all of them."""


@dataclass(frozen=True, slots=True)
class NewModel:
    """What is asked for; a name is made up when None."""

    experiment_id: str
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def create(
    models: LoggedModelStore, experiment_store: ExperimentStore, context: Context, wanted: NewModel
) -> LoggedModel:
    """One read and one write, and a read of what the store's client sent twice. Raises Conflict
    when the experiment is deleted, NotFound, Forbidden, TooLarge."""
    experiment = experiments.writable(experiment_store, context, wanted.experiment_id)
    now_ms = context.now_ms()
    model = LoggedModel(
        model_id=ModelId(f"m-{context.new_id()}"),
        experiment_id=experiment.id,
        name=wanted.name or names.two_word_name(context.clock.random_bytes(8)),
        created_at_ms=now_ms,
        last_updated_ms=now_ms,
        created_by=context.user,
        model_type=wanted.model_type,
        source_run_id=wanted.source_run_id,
        artifact_location=experiment.artifact_location,
        params=wanted.params,
        tags=wanted.tags,
    )
    try:
        return models.save(context.tenant, model)
    except ConditionFailed:  # nothing but a write of ours has the id
        return models.get(context.tenant, model.model_id)


def get(
    models: LoggedModelStore, context: Context, model_id: str, *, deleted: bool = False
) -> LoggedModel:
    """One read. Raises NotFound; also for a deleted one, unless `deleted`."""
    model = models.get(context.tenant, model_id)
    if model.lifecycle_stage == "deleted" and not deleted:
        raise NotFound("the logged model is deleted", model_id=model_id)
    return model


def set_status(
    models: LoggedModelStore, context: Context, model_id: str, status: ModelStatus
) -> LoggedModel:
    """One read and one write. Raises NotFound."""
    return _edit(models, context, model_id, lambda old: replace(old, status=status))


def set_stage(models: LoggedModelStore, context: Context, model_id: str, stage: Stage) -> None:
    """Delete softly or restore; doing it again changes nothing. One read and one write. Raises
    NotFound."""
    _edit(models, context, model_id, lambda old: replace(old, lifecycle_stage=stage))


def set_tags(
    models: LoggedModelStore, context: Context, model_id: str, tags: Mapping[str, str | None]
) -> LoggedModel:
    """Merge tags, None deletes one. One read and one write. Raises NotFound, also for one to delete
    that is not there, TooLarge."""
    were_there: set[str] = set()  # or are gone: a write of ours came twice, or got no answer

    def edit(old: LoggedModel) -> LoggedModel:
        were_there.update(old.tags)
        for key, value in tags.items():
            if value is None and key not in were_there:
                raise NotFound("the logged model has no such tag", key=key)
        return replace(old, tags=merge_tags(old.tags, tags))

    return again_if_lost(context, lambda: _edit(models, context, model_id, edit))


def edit_tag(
    models: LoggedModelStore,
    context: Context,
    model_id: str,
    key: str,
    edit: Callable[[str | None], str],
) -> None:
    """Set a tag to what follows from its value, whoever else sets it. One read and one write.
    Raises NotFound, TooLarge."""
    _edit(
        models,
        context,
        model_id,
        lambda old: replace(old, tags={**old.tags, key: edit(old.tags.get(key))}),
    )


def log_params(
    models: LoggedModelStore, context: Context, model_id: str, params: Mapping[str, str]
) -> None:
    """One read and one write. Raises Conflict when a param would change its value, NotFound,
    TooLarge."""

    def edit(old: LoggedModel) -> LoggedModel:
        for name, value in params.items():
            if old.params.get(name, value) != value:
                raise Conflict(
                    "a param keeps its first value; log it under another name",
                    param=name, logged=old.params[name][:200], sent=value[:200],
                )  # fmt: skip
        return replace(old, params={**old.params, **params})

    _edit(models, context, model_id, edit)


def log_points(
    models: LoggedModelStore, context: Context, model_id: str, points: Sequence[ModelPoint]
) -> None:
    """Add points that the model's runs have; those that are there already add nothing. One read and
    one write. Raises NotFound."""
    _edit(models, context, model_id, lambda old: _measured(old, points))


def _measured(old: LoggedModel, some: Sequence[ModelPoint]) -> LoggedModel:
    # NaN differs from itself: values are left out of what makes points the same
    known = {(point.key, *point[2:]) for point in old.points}
    added = [point for point in some if (point.key, *point[2:]) not in known]
    return replace(old, points=trimmed([*old.points, *added])) if added else old


def trimmed(points: Sequence[ModelPoint]) -> tuple[ModelPoint, ...]:
    """The latest of each series, by (timestamp, step), and the newest of those before."""
    ordered = sorted(dict.fromkeys(points), key=lambda point: (point.timestamp, point.step))
    latest = {(point.key, *point[4:]): point for point in ordered}
    kept = {id(point) for point in list(latest.values())[-MAX_SERIES:]}
    earlier = [point for point in ordered if latest[point.key, *point[4:]] is not point]
    kept |= {id(point) for point in earlier[-MAX_EARLIER:]}
    return tuple(point for point in ordered if id(point) in kept)


def _edit(
    models: LoggedModelStore,
    context: Context,
    model_id: str,
    edit: Callable[[LoggedModel], LoggedModel],
) -> LoggedModel:
    def attempt() -> LoggedModel:
        old = models.get(context.tenant, model_id)
        new = edit(old)
        if new == old:
            return old
        return models.save(context.tenant, replace(new, last_updated_ms=context.now_ms()))

    return retry_races(context, attempt)
