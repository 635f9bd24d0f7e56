"""MLflow's calls on versions of registered models."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from pydantic import Field

from chalicelib.api.mlflow import model_sources
from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.errors import invalid
from chalicelib.api.mlflow.model_shapes import (
    ModelTagIn,
    ModelTagKey,
    ModelTagValue,
    listed,
    page_out,
    told,
    version_out,
)
from chalicelib.api.mlflow.registered_models import (
    Description,
    Named,
    no_model,
    no_version,
    number_of,
)
from chalicelib.api.mlflow.searches import after
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import TrialbookError
from chalicelib.core.model.registry import ModelVersion, RegisteredModel
from chalicelib.domain import logged_models, model_names, model_versions, registry_search
from chalicelib.domain.lost_answers import again_if_lost
from chalicelib.domain.model_versions import NewVersion
from chalicelib.domain.registry_search import PROMPT_TAG, RegistryQuery
from chalicelib.wiring import Services

calls = Calls()
MAX_RESULTS: Final = 200_000
VERSIONS_TAG: Final = "mlflow.modelVersions"
"""Of a logged model: the versions that were registered of it."""


class Create(Named):
    source: Annotated[str, Field(min_length=1, max_length=1000)]
    run_id: Annotated[str, Field(max_length=100)] | None = None
    run_link: Annotated[str, Field(max_length=500)] | None = None
    model_id: Annotated[str, Field(max_length=100)] | None = None
    description: Description = ""
    tags: list[ModelTagIn] = []


class Version(Named):
    version: str | int


class Update(Version):
    description: Description | None = None


class Transition(Version):
    stage: str
    archive_existing_versions: bool = False


class Search(Asked):
    filter: str | None = None
    max_results: Annotated[int, Field(le=MAX_RESULTS)] = 10_000
    order_by: list[str] = []
    page_token: str | None = None


class SetTag(Version):
    key: ModelTagKey
    value: ModelTagValue = ""


class DeleteTag(Version):
    key: ModelTagKey


@calls("POST", "model-versions/create", role=Role.WRITE, asked=Create)
def create(call: Call[Create], services: Services) -> Any:
    asked, context = call.asked, call.context
    tags = {tag.key: tag.value for tag in asked.tags}
    is_prompt = tags.get(PROMPT_TAG, "").lower() == "true"
    origin = model_sources.Origin(asked.source, asked.run_id or None, asked.model_id or None)
    if not is_prompt:
        origin = model_sources.checked(services, context, origin)
    wanted = NewVersion(
        source=origin.source,
        location=origin.location or origin.source,
        run_id=origin.run_id,
        run_link=asked.run_link or None,
        model_id=origin.model_id,
        description=asked.description,
        tags=tags,
    )
    with told(no_model(asked.name)):
        model, one = model_versions.create(services.registry, context, asked.name, wanted)
    if origin.model_id is not None and not is_prompt:
        _note(services, context, origin.model_id, model, one)
    return {"model_version": version_out(model, one)}


@calls("GET", "model-versions/get", role=Role.READ, asked=Version)
def get(call: Call[Version], services: Services) -> Any:
    return {"model_version": version_out(*_found(call.asked, call.context, services))}


@calls("GET", "model-versions/get-download-uri", role=Role.READ, asked=Version)
def download_uri(call: Call[Version], services: Services) -> Any:
    _, one = _found(call.asked, call.context, services)
    return {"artifact_uri": one.location}


@calls("PATCH", "model-versions/update", role=Role.WRITE, asked=Update)
def update(call: Call[Update], services: Services) -> Any:
    asked, number = call.asked, number_of(call.asked.version)
    with told(no_version(asked.name, number)):
        changed = model_versions.describe(
            services.registry, call.context, asked.name, number, asked.description
        )
    return {"model_version": version_out(*changed)}


@calls("POST", "model-versions/transition-stage", role=Role.WRITE, asked=Transition)
def transition(call: Call[Transition], services: Services) -> Any:
    asked, number = call.asked, number_of(call.asked.version)
    stage = model_names.stage_of(asked.stage)
    if asked.archive_existing_versions and stage not in ("Staging", "Production"):
        raise invalid(
            "Model version transition cannot archive existing model versions because "
            f"'{stage}' is not an Active stage. Valid stages are ['Staging', 'Production']"
        )
    with told(no_version(asked.name, number)):
        moved = model_versions.move(
            services.registry,
            call.context,
            asked.name,
            number,
            stage,
            archive_others=asked.archive_existing_versions,
        )
    return {"model_version": version_out(*moved)}


@calls("DELETE", "model-versions/delete", role=Role.WRITE, asked=Version)
def delete(call: Call[Version], services: Services) -> Any:
    asked, number = call.asked, number_of(call.asked.version)
    with told(no_version(asked.name, number)):
        model_versions.delete(services.registry, call.context, asked.name, number)
    return {}


@calls("GET", "model-versions/search", role=Role.READ, asked=Search)
@calls("POST", "model-versions/search", role=Role.READ, asked=Search)
def search(call: Call[Search], services: Services) -> Any:
    asked, context = call.asked, call.context
    if asked.max_results < 1:
        raise invalid(
            "Invalid value for max_results. It must be a positive integer, but got "
            f"{asked.max_results}"
        )
    query = ["versions", asked.filter, asked.order_by]
    offset = after(services, call, query, asked.page_token) or 0
    wanted = RegistryQuery(asked.filter or "", asked.order_by, offset, asked.max_results)
    found, more = registry_search.versions(services.registry_rows, context, wanted)
    shown = {"model_versions": [version_out(*one) for one in found]}
    return page_out(services, context, query, offset, shown, more=more)


@calls("POST", "model-versions/set-tag", role=Role.WRITE, asked=SetTag)
def set_tag(call: Call[SetTag], services: Services) -> Any:
    asked, number = call.asked, number_of(call.asked.version)
    with told(no_version(asked.name, number)):
        model_versions.set_tags(
            services.registry, call.context, asked.name, number, {asked.key: asked.value}
        )
    return {}


@calls("DELETE", "model-versions/delete-tag", role=Role.WRITE, asked=DeleteTag)
def delete_tag(call: Call[DeleteTag], services: Services) -> Any:
    asked, number = call.asked, number_of(call.asked.version)
    with told(no_version(asked.name, number)):
        model_versions.set_tags(
            services.registry, call.context, asked.name, number, {asked.key: None}
        )
    return {}


def _found(
    asked: Version, context: Context, services: Services
) -> tuple[RegisteredModel, ModelVersion]:
    number = number_of(asked.version)
    with told(no_version(asked.name, number)):
        return model_versions.get(services.registry, context, asked.name, number)


def _note(
    services: Services, context: Context, model_id: str, model: RegisteredModel, one: ModelVersion
) -> None:
    """Tell the logged model of its version, if it can be told now."""
    noted = {"name": model.name, "version": one.number}

    def added(known: str | None) -> str:
        before = listed(known)
        return known or "" if noted in before else orjson.dumps([*before, noted]).decode()

    def note() -> None:
        logged_models.edit_tag(services.logged_models, context, model_id, VERSIONS_TAG, added)

    # The version is there: an error now would only make the client register another.
    with suppress(TrialbookError):
        again_if_lost(context, note)
