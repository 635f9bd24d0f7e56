"""The registry: models by name, with tags and aliases. Their versions are in `model_versions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.model.registry import ModelVersion, RegisteredModel, RegistryId
from chalicelib.domain import model_names
from chalicelib.domain.experiments import merge_tags
from chalicelib.domain.lost_answers import again_if_lost
from chalicelib.storage.registry import ModelNameTaken, RegistryStore


@dataclass(frozen=True, slots=True)
class NewRegisteredModel:
    name: str
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def create(
    registry: RegistryStore, context: Context, wanted: NewRegisteredModel
) -> RegisteredModel:
    """One read and one write; a read more when the name is taken. Raises Conflict then, Invalid,
    TooLarge."""
    model_names.check_registered(wanted.name)
    now_ms = context.now_ms()
    model = RegisteredModel(
        id=RegistryId(context.new_id()),
        name=wanted.name,
        created_at_ms=now_ms,
        last_updated_ms=now_ms,
        created_by=context.user,
        description=wanted.description,
        tags=wanted.tags,
    )
    try:
        return retry_races(context, lambda: registry.create(context.tenant, model))
    except ModelNameTaken as error:
        known = get(registry, context, wanted.name)
        if known.id == model.id:  # by a write of ours that came twice, or got no answer
            return known
        raise _taken(wanted.name) from error


def get(registry: RegistryStore, context: Context, name: str) -> RegisteredModel:
    """One read. Raises NotFound, Invalid."""
    model_names.check_registered(name)
    return registry.get(context.tenant, name)


def describe(
    registry: RegistryStore, context: Context, name: str, description: str | None
) -> RegisteredModel:
    """One read and one write. Raises NotFound, TooLarge."""
    return edit(registry, context, name, lambda old: replace(old, description=description))


def rename(registry: RegistryStore, context: Context, name: str, new_name: str) -> RegisteredModel:
    """Versions, tags and aliases stay. Two reads and one transaction. Raises Conflict when the new
    name is taken, NotFound, Invalid."""
    model_names.check_registered(new_name)
    seen: list[RegisteredModel] = []

    def attempt() -> RegisteredModel:
        old = _seen_again(registry, context, name, seen)
        if old is None:
            new = get(registry, context, new_name)
            if new.id != seen[-1].id:
                raise NotFound("there is no such registered model", name=name)
            return new
        new = replace(old, name=new_name, last_updated_ms=context.now_ms())
        if new_name != name:
            registry.rename(context.tenant, old, new)
        return new

    try:
        return again_if_lost(context, lambda: retry_races(context, attempt))
    except ModelNameTaken as error:
        raise _taken(new_name) from error


def delete(registry: RegistryStore, context: Context, name: str) -> None:
    """With all of its versions; the name is then free. One read, one write, and for the versions a
    query per MB and a transaction per 100. Raises NotFound."""
    seen: list[RegisteredModel] = []

    def attempt() -> None:
        model = _seen_again(registry, context, name, seen)
        if model is not None:
            registry.delete(context.tenant, model)

    def clear() -> None:
        registry.clear(context.tenant, seen[-1])

    for step in (attempt, clear):
        again_if_lost(context, lambda step=step: retry_races(context, step))


def _seen_again(
    registry: RegistryStore, context: Context, name: str, seen: list[RegisteredModel]
) -> RegisteredModel | None:
    """The model of the name. None for one that was seen under it before and is not there now: the
    write that moved it came twice, or got no answer. Raises NotFound."""
    try:
        model = get(registry, context, name)
    except NotFound:
        if seen:
            return None
        raise
    if seen and model.id != seen[-1].id:
        return None
    seen.append(model)
    return model


def set_tags(
    registry: RegistryStore, context: Context, name: str, tags: Mapping[str, str | None]
) -> None:
    """Merge tags; None deletes one, if it is there. One read and one write. Raises NotFound,
    TooLarge."""
    edit(registry, context, name, lambda old: replace(old, tags=merge_tags(old.tags, tags)))


def set_alias(
    registry: RegistryStore, context: Context, name: str, alias: str, number: int
) -> None:
    """Point the alias to a version, also from another one. Two reads and one write. Raises
    NotFound, Invalid, TooLarge."""
    model_names.check_new_alias(alias)

    def point(old: RegisteredModel) -> RegisteredModel:
        # Deleting the version writes the model too, so that the alias cannot outlive it.
        registry.get_version(context.tenant, old, number)
        return replace(old, aliases={**old.aliases, alias: number})

    edit(registry, context, name, point)


def delete_alias(registry: RegistryStore, context: Context, name: str, alias: str) -> None:
    """One that is not there is fine. One read and one write. Raises NotFound, Invalid."""
    model_names.check_alias(alias)

    def without(old: RegisteredModel) -> RegisteredModel:
        return replace(old, aliases={a: n for a, n in old.aliases.items() if a != alias})

    edit(registry, context, name, without)


def latest_versions(
    registry: RegistryStore, context: Context, model: RegisteredModel
) -> list[ModelVersion]:
    """The latest version of each stage that has one. One query per MB of versions."""
    return latest_of(registry.versions(context.tenant, model))


def latest_of(versions: list[ModelVersion]) -> list[ModelVersion]:
    """Of these the one with the highest number of each stage."""
    ascending = sorted(versions, key=lambda one: one.number)
    return list({one.stage: one for one in ascending}.values())


def edit(
    registry: RegistryStore,
    context: Context,
    name: str,
    change: Callable[[RegisteredModel], RegisteredModel],
) -> RegisteredModel:
    def attempt() -> RegisteredModel:
        old = get(registry, context, name)
        new = change(old)
        if new == old:
            return old
        if new.description != old.description:  # for MLflow a tag or an alias is no change
            new = replace(new, last_updated_ms=context.now_ms())
        return registry.save(context.tenant, new)

    return retry_races(context, attempt)


def _taken(name: str) -> Conflict:
    return Conflict("a registered model of this name exists", name=name)
