"""MLflow's calls on registered models and their aliases."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.errors import Failure, already_exists, invalid, missing
from chalicelib.api.mlflow.model_shapes import (
    ModelTagIn,
    ModelTagKey,
    ModelTagValue,
    page_out,
    registered_model_out,
    told,
    version_out,
)
from chalicelib.api.mlflow.searches import after
from chalicelib.core.context import Role
from chalicelib.core.errors import Conflict
from chalicelib.domain import model_names, model_registry, model_versions, registry_search
from chalicelib.domain.lost_answers import again_if_lost, made_once
from chalicelib.domain.model_registry import NewRegisteredModel
from chalicelib.domain.registry_search import PROMPT_TAG, RegistryQuery
from chalicelib.wiring import Services

calls = Calls()
MAX_DESCRIPTION = 5000
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION)]


class Named(Asked):
    name: Annotated[str, Field(min_length=1)]


class Create(Named):
    tags: list[ModelTagIn] = []
    description: Description | None = None


class Update(Named):
    description: Description | None = None


class Rename(Named):
    new_name: Annotated[str, Field(min_length=1)]


class Search(Asked):
    filter: str | None = None
    max_results: Annotated[int, Field(ge=0, le=1000)] = 100
    order_by: list[str] = []
    page_token: str | None = None


class Latest(Named):
    stages: list[str] = []


class SetTag(Named):
    key: ModelTagKey
    value: ModelTagValue = ""


class DeleteTag(Named):
    key: ModelTagKey


class Alias(Named):
    alias: Annotated[str, Field(min_length=1)]


class SetAlias(Alias):
    version: str | int


@calls("POST", "registered-models/create", role=Role.WRITE, asked=Create)
def create(call: Call[Create], services: Services) -> Any:
    asked, context = call.asked, call.context
    tags = {tag.key: tag.value for tag in asked.tags}
    wanted = NewRegisteredModel(asked.name, asked.description, tags)
    try:
        model = made_once(
            context, lambda once: model_registry.create(services.registry, once, wanted)
        )
    except Conflict:
        known = model_registry.get(services.registry, context, asked.name)
        raise _taken(asked.name, _kind(known.tags), _kind(tags)) from None
    return {"registered_model": registered_model_out(model, [])}


@calls("GET", "registered-models/get", role=Role.READ, asked=Named)
def get(call: Call[Named], services: Services) -> Any:
    with told(no_model(call.asked.name)):
        model = model_registry.get(services.registry, call.context, call.asked.name)
    latest = model_registry.latest_versions(services.registry, call.context, model)
    return {"registered_model": registered_model_out(model, latest)}


@calls("PATCH", "registered-models/update", role=Role.WRITE, asked=Update)
def update(call: Call[Update], services: Services) -> Any:
    asked, context = call.asked, call.context
    with told(no_model(asked.name)):
        model = model_registry.describe(services.registry, context, asked.name, asked.description)
    latest = model_registry.latest_versions(services.registry, context, model)
    return {"registered_model": registered_model_out(model, latest)}


@calls("POST", "registered-models/rename", role=Role.WRITE, asked=Rename)
def rename(call: Call[Rename], services: Services) -> Any:
    asked, context = call.asked, call.context
    try:
        with told(no_model(asked.name)):
            model = model_registry.rename(services.registry, context, asked.name, asked.new_name)
    except Conflict:
        raise already_exists(f"Registered Model (name={asked.new_name})") from None
    latest = again_if_lost(  # after an error now, the name would not be found again
        context, lambda: model_registry.latest_versions(services.registry, context, model)
    )
    return {"registered_model": registered_model_out(model, latest)}


@calls("DELETE", "registered-models/delete", role=Role.WRITE, asked=Named)
def delete(call: Call[Named], services: Services) -> Any:
    with told(no_model(call.asked.name)):
        model_registry.delete(services.registry, call.context, call.asked.name)
    return {}


@calls("GET", "registered-models/search", role=Role.READ, asked=Search)
@calls("POST", "registered-models/search", role=Role.READ, asked=Search)
def search(call: Call[Search], services: Services) -> Any:
    asked, context = call.asked, call.context
    query = ["registered", asked.filter, asked.order_by]
    offset = after(services, call, query, asked.page_token) or 0
    wanted = RegistryQuery(asked.filter or "", asked.order_by, offset, asked.max_results)
    found, more = registry_search.models(services.registry_rows, context, wanted)
    shown = {"registered_models": [registered_model_out(*one) for one in found]}
    more = more and asked.max_results > 0  # pages of nothing would never end
    return page_out(services, context, query, offset, shown, more=more)


@calls("GET", "registered-models/get-latest-versions", role=Role.READ, asked=Latest)
@calls("POST", "registered-models/get-latest-versions", role=Role.READ, asked=Latest)
def latest_versions(call: Call[Latest], services: Services) -> Any:
    asked, context = call.asked, call.context
    stages = [model_names.stage_of(stage) for stage in asked.stages]
    with told(no_model(asked.name)):
        model = model_registry.get(services.registry, context, asked.name)
    latest = model_registry.latest_versions(services.registry, context, model)
    found = [one for one in latest if not stages or one.stage in stages]
    return {"model_versions": [version_out(model, one) for one in found]}


@calls("POST", "registered-models/set-tag", role=Role.WRITE, asked=SetTag)
def set_tag(call: Call[SetTag], services: Services) -> Any:
    asked = call.asked
    with told(no_model(asked.name)):
        model_registry.set_tags(
            services.registry, call.context, asked.name, {asked.key: asked.value}
        )
    return {}


@calls("DELETE", "registered-models/delete-tag", role=Role.WRITE, asked=DeleteTag)
def delete_tag(call: Call[DeleteTag], services: Services) -> Any:
    asked = call.asked
    with told(no_model(asked.name)):
        model_registry.set_tags(services.registry, call.context, asked.name, {asked.key: None})
    return {}


@calls("POST", "registered-models/alias", role=Role.WRITE, asked=SetAlias)
def set_alias(call: Call[SetAlias], services: Services) -> Any:
    asked, context = call.asked, call.context
    number = number_of(asked.version)
    with told(no_version(asked.name, number)):
        model_registry.set_alias(services.registry, context, asked.name, asked.alias, number)
    return {}


@calls("DELETE", "registered-models/alias", role=Role.WRITE, asked=Alias)
def delete_alias(call: Call[Alias], services: Services) -> Any:
    asked = call.asked
    with told(no_model(asked.name)):
        model_registry.delete_alias(services.registry, call.context, asked.name, asked.alias)
    return {}


@calls("GET", "registered-models/alias", role=Role.READ, asked=Alias)
def by_alias(call: Call[Alias], services: Services) -> Any:
    asked = call.asked
    with told(no_model(asked.name)):
        model, one = model_versions.by_alias(
            services.registry, call.context, asked.name, asked.alias
        )
    if one is None and asked.alias.lower() == model_names.LATEST:
        raise missing(f"Latest version not found for model {asked.name}.")
    if one is None:
        raise invalid(f"Registered model alias {asked.alias} not found.")
    return {"model_version": version_out(model, one)}


def no_model(name: str) -> str:
    return f"Registered Model with name={name[:500]} not found"


def no_version(name: str, number: int) -> str:
    return f"Model Version (name={name[:500]}, version={number}) not found"


def number_of(version: str | int) -> int:
    """The number that a version is spelled with. Raises Failure."""
    try:
        return int(version)
    except ValueError:
        told = f"Parameter 'version' must be an integer, got '{str(version)[:100]}'."
        raise invalid(told) from None


def _kind(tags: Any) -> str:
    return "Prompt" if tags.get(PROMPT_TAG, "").lower() == "true" else "Registered Model"


def _taken(name: str, known: str, wanted: str) -> Failure:
    if known == wanted:
        return already_exists(f"{wanted} (name={name})")
    return Failure(
        "RESOURCE_ALREADY_EXISTS",
        f"Tried to create a {wanted.lower()} with name {name!r}, but the name is already taken "
        f"by a {known.lower()}. MLflow does not allow creating a model and a prompt with the same "
        "name.",
    )
