"""The registry: models by name, with tags and aliases. Their versions are in `model_versions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Conflict
from chalicelib.core.model.registry import ModelVersion, RegisteredModel, RegistryId
from chalicelib.domain import model_names
from chalicelib.domain.experiments import merge_tags
from chalicelib.storage.registry import ModelNameTaken, RegistryStore


@dataclass(frozen=True, slots=True)
class NewRegisteredModel:
    name: str
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def create(
    registry: RegistryStore, context: Context, wanted: NewRegisteredModel
) -> RegisteredModel:
    """One read and one write. Raises Conflict when the name is taken, Invalid, TooLarge."""
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

    def attempt() -> RegisteredModel:
        old = get(registry, context, name)
        new = replace(old, name=new_name, last_updated_ms=context.now_ms())
        if new_name != name:
            registry.rename(context.tenant, old, new)
        return new

    try:
        return retry_races(context, attempt)
    except ModelNameTaken as error:
        raise _taken(new_name) from error


def delete(registry: RegistryStore, context: Context, name: str) -> None:
    """With all of its versions; the name is then free. One read, one write, and for the versions a
    query per MB and a transaction per 100. Raises NotFound."""

    def attempt() -> RegisteredModel:
        model = get(registry, context, name)
        registry.delete(context.tenant, model)
        return model

    model = retry_races(context, attempt)
    retry_races(context, lambda: registry.clear(context.tenant, model))


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
