"""Searching registered models and their versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from chalicelib.core.context import Context
from chalicelib.core.model.registry import ModelVersion, RegisteredModel, RegistryId
from chalicelib.domain.filter_parser import Clause, Field, Language, parse_clauses
from chalicelib.domain.model_filters import (
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    Read,
    arranged,
    kept,
    parse_orders,
)
from chalicelib.domain.model_registry import latest_of
from chalicelib.storage import model_keys
from chalicelib.storage.registry import RegistryRows

PROMPT_TAG: Final = "mlflow.prompt.is_prompt"
"""Marks models that are prompts: searches find them only when they ask for them."""
T = TypeVar("T")


class Registered(NamedTuple):
    """A model and its latest version of each stage."""

    model: RegisteredModel
    latest: Sequence[ModelVersion]


class Versioned(NamedTuple):
    """A version, and the model that it is of."""

    model: RegisteredModel
    one: ModelVersion


@dataclass(frozen=True, slots=True)
class RegistryQuery:
    filter: str = ""
    order_by: Sequence[str] = field(default_factory=list[str])
    offset: int = 0
    limit: int = 100


def models(
    rows: RegistryRows, context: Context, query: RegistryQuery
) -> tuple[list[Registered], bool]:
    """A slice of the models that match, by name where nothing else orders them, and whether more
    come after it. One small request, or, the first time, a query per MB. Raises Invalid."""
    by_id, versions = _registry(rows, context)
    found, more = _slice(query, by_id.values(), _of_model, REGISTERED_MODELS, ("name",))
    wanted = {model.id: list[ModelVersion]() for model in found}
    for one in versions:
        if one.model in wanted:
            wanted[one.model].append(one)
    return [Registered(model, latest_of(wanted[model.id])) for model in found], more


def versions(
    rows: RegistryRows, context: Context, query: RegistryQuery
) -> tuple[list[Versioned], bool]:
    """As `models`, of versions; the last that changed come first where nothing else orders them."""
    by_id, all_versions = _registry(rows, context)
    found = [Versioned(by_id[one.model], one) for one in all_versions if one.model in by_id]
    last = ("last_updated_timestamp DESC",) if not query.order_by else ()
    return _slice(query, found, _of_version, MODEL_VERSIONS, (*last, "name", "version_number DESC"))


def _registry(
    rows: RegistryRows, context: Context
) -> tuple[Mapping[RegistryId, RegisteredModel], list[ModelVersion]]:
    by_id: dict[RegistryId, RegisteredModel] = {}
    found: list[ModelVersion] = []
    for row in rows.rows(model_keys.registry(context.tenant)):
        if isinstance(row, RegisteredModel):
            by_id[row.id] = row
        elif row is not None:
            found.append(row)
    return by_id, found


def _slice(
    query: RegistryQuery,
    things: Iterable[T],
    read: Read[T],
    language: Language,
    also_by: Sequence[str],
) -> tuple[list[T], bool]:
    clauses, prompts = _without_prompts(parse_clauses(query.filter, language))
    orders = parse_orders(query.order_by, language)
    named = {field for field, _ in orders}
    orders += [pair for pair in parse_orders(also_by, language) if pair[0] not in named]
    if not prompts:
        things = [thing for thing in things if "true" not in read(thing, _IS_PROMPT)]
    found = arranged(kept(clauses, things, read), [(_first(read, f), down) for f, down in orders])
    end = query.offset + query.limit
    return found[query.offset : end], len(found) > end


def _without_prompts(clauses: Sequence[Clause]) -> tuple[list[Clause], bool]:
    """The clauses, and whether prompts are meant. Models have no such tag, so that a clause which
    asks for what is no prompt is not to be taken at its word."""
    about = [clause for clause in clauses if clause.field == _IS_PROMPT]
    meant = [(clause.operator, str(clause.value).lower()) for clause in about]
    if ("=", "true") in meant or ("!=", "false") in meant:
        return list(clauses), True
    return [clause for clause in clauses if clause.field != _IS_PROMPT], False


_IS_PROMPT: Final = Field("tag", PROMPT_TAG)


def _first(read: Read[T], field: Field) -> Callable[[T], str | float | None]:
    return lambda thing: next(iter(read(thing, field)), None)


def _of_model(model: RegisteredModel, field: Field) -> Sequence[str | float]:
    if field.kind == "tag":
        return _known(model.tags.get(field.key))
    return [
        {
            "name": model.name,
            "creation_timestamp": model.created_at_ms,
            "last_updated_timestamp": model.last_updated_ms,
        }[field.key]
    ]


def _of_version(thing: Versioned, field: Field) -> Sequence[str | float]:
    model, one = thing
    if field == _IS_PROMPT:
        return _known(one.tags.get(PROMPT_TAG) or model.tags.get(PROMPT_TAG))
    if field.kind == "tag":
        return _known(one.tags.get(field.key))
    return _known(
        {
            "name": model.name,
            "version_number": one.number,
            "run_id": one.run_id,
            "source_path": one.source,
            "model_id": one.model_id,
            "current_stage": one.stage,
            "creation_timestamp": one.created_at_ms,
            "last_updated_timestamp": one.last_updated_ms,
        }[field.key]
    )


def _known(value: str | float | None) -> Sequence[str | float]:
    return [] if value is None else [value]
