"""Versions of registered models: registered, described, staged, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import NotFound, Unavailable
from chalicelib.core.model.registry import ModelVersion, RegisteredModel, RegistryId, VersionStage
from chalicelib.domain import model_registry
from chalicelib.domain.experiments import merge_tags
from chalicelib.domain.lost_answers import again_if_lost
from chalicelib.domain.model_names import LATEST, check_alias
from chalicelib.storage.registry import RegistryStore

MOVED_AT_ONCE = 90


@dataclass(frozen=True, slots=True)
class NewVersion:
    source: str
    location: str
    run_id: str | None = None
    run_link: str | None = None
    model_id: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def create(
    registry: RegistryStore, context: Context, name: str, wanted: NewVersion
) -> tuple[RegisteredModel, ModelVersion]:
    """The next version: no two have a number, whoever writes at once. One read and one transaction.
    Raises NotFound, TooLarge."""
    unsure: list[ModelVersion] = []

    def attempt() -> tuple[RegisteredModel, ModelVersion]:
        old = model_registry.get(registry, context, name)
        for one in unsure:  # made, or not: nobody else's is equal to the millisecond
            with suppress(NotFound):
                there = registry.get_version(context.tenant, old, one.number)
                if replace(there, version=0) == one:
                    return old, there
        now_ms = context.now_ms()
        number = old.last_version + 1
        one = ModelVersion(
            model=old.id,
            number=number,
            created_at_ms=now_ms,
            last_updated_ms=now_ms,
            created_by=context.user,
            source=wanted.source,
            location=wanted.location,
            description=wanted.description,
            run_id=wanted.run_id,
            run_link=wanted.run_link,
            model_id=wanted.model_id,
            tags=wanted.tags,
        )
        new = replace(old, last_version=number, last_updated_ms=now_ms)
        try:
            return registry.save(context.tenant, new, [one]), replace(one, version=1)
        except Unavailable:
            unsure.append(one)
            raise

    return again_if_lost(context, lambda: retry_races(context, attempt))


def get(
    registry: RegistryStore, context: Context, name: str, number: int
) -> tuple[RegisteredModel, ModelVersion]:
    """Two reads. Raises NotFound."""
    model = model_registry.get(registry, context, name)
    return model, registry.get_version(context.tenant, model, number)


def by_alias(
    registry: RegistryStore, context: Context, name: str, alias: str
) -> tuple[RegisteredModel, ModelVersion | None]:
    """None for an alias that the model has not. Two reads; for `latest` one read, and a query per
    MB of versions. Raises NotFound, Invalid."""
    check_alias(alias)
    model = model_registry.get(registry, context, name)
    if alias.lower() == LATEST:
        return model, max(
            registry.versions(context.tenant, model), key=lambda one: one.number, default=None
        )
    number = model.aliases.get(alias)
    if number is None:
        return model, None
    return model, registry.get_version(context.tenant, model, number)


def describe(
    registry: RegistryStore, context: Context, name: str, number: int, description: str | None
) -> tuple[RegisteredModel, ModelVersion]:
    """Two reads and one write. Raises NotFound, TooLarge."""
    return _edit(registry, context, name, number, lambda old: replace(old, description=description))


def set_tags(
    registry: RegistryStore,
    context: Context,
    name: str,
    number: int,
    tags: Mapping[str, str | None],
) -> None:
    """Merge tags; None deletes one, if it is there. The time of the last change stays. Two reads
    and one write. Raises NotFound, TooLarge."""
    _edit(
        registry,
        context,
        name,
        number,
        lambda old: replace(old, tags=merge_tags(old.tags, tags)),
    )


def move(
    registry: RegistryStore,
    context: Context,
    name: str,
    number: int,
    stage: VersionStage,
    *,
    archive_others: bool = False,
) -> tuple[RegisteredModel, ModelVersion]:
    """To a stage; `archive_others` moves those that are in it away. Two reads and one transaction;
    with `archive_others` also a query per MB of versions, and a transaction per 90 of them. Raises
    NotFound."""

    def attempt() -> tuple[RegisteredModel, ModelVersion]:
        model, old = get(registry, context, name, number)
        now_ms = context.now_ms()
        others: list[ModelVersion] = []
        if archive_others:
            others = [
                replace(one, stage="Archived", last_updated_ms=now_ms)
                for one in registry.versions(context.tenant, model)
                if one.stage == stage and one.number != number
            ]
        model = replace(model, last_updated_ms=now_ms)
        while len(others) > MOVED_AT_ONCE:
            some, others = others[:MOVED_AT_ONCE], others[MOVED_AT_ONCE:]
            model = registry.save(context.tenant, model, some)
        new = replace(old, stage=stage, last_updated_ms=now_ms)
        return registry.save(context.tenant, model, [*others, new]), new

    return retry_races(context, attempt)


def delete(registry: RegistryStore, context: Context, name: str, number: int) -> None:
    """With its aliases. Two reads and one transaction. Raises NotFound."""
    seen: set[RegistryId] = set()

    def attempt() -> None:
        try:
            model, one = get(registry, context, name, number)
        except NotFound:
            if seen:  # deleted since: a write of ours got no answer
                return
            raise
        if seen and model.id not in seen:  # another model of the name
            return
        seen.add(model.id)
        aliases = {alias: of for alias, of in model.aliases.items() if of != number}
        model = replace(model, aliases=aliases, last_updated_ms=context.now_ms())
        registry.delete_version(context.tenant, model, one)

    again_if_lost(context, lambda: retry_races(context, attempt))


def _edit(
    registry: RegistryStore,
    context: Context,
    name: str,
    number: int,
    change: Callable[[ModelVersion], ModelVersion],
) -> tuple[RegisteredModel, ModelVersion]:
    def attempt() -> tuple[RegisteredModel, ModelVersion]:
        model, old = get(registry, context, name, number)
        new = change(old)
        if new == old:
            return model, old
        if new.description != old.description:  # for MLflow a tag is no change
            new = replace(new, last_updated_ms=context.now_ms())
        return model, registry.save_version(context.tenant, new)

    return retry_races(context, attempt)
