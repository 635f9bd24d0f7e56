"""MLflow's calls on logged models. Their files come and go through the artifact proxy."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from chalicelib.api.mlflow.artifact_shapes import clean_path, level
from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.checks import not_active, of_run, run_id_of
from chalicelib.api.mlflow.errors import invalid
from chalicelib.api.mlflow.model_shapes import (
    STATUS_OF,
    logged_model_out,
    model_uri,
    no_logged_model,
    page_out,
    told,
)
from chalicelib.api.mlflow.searches import after
from chalicelib.api.mlflow.shapes import Id, TagIn, TagKey, tags_of
from chalicelib.api.v1.pages import cursor_of, key_position
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import Conflict
from chalicelib.core.model.logged_model import ModelStatus
from chalicelib.domain import (
    default_experiment,
    logged_model_search,
    logged_models,
    model_names,
    run_inputs,
)
from chalicelib.domain.logged_model_search import ModelOrder, ModelQuery, OnDataset
from chalicelib.domain.logged_models import NewModel
from chalicelib.domain.lost_answers import made_once
from chalicelib.wiring import Services

calls = Calls()
MAX_PARAM_VALUE = 6000
MAX_RESULTS = 1000
MAX_EXPERIMENTS = 1000


class ParamIn(Asked):
    key: TagKey
    value: Annotated[str, Field(max_length=MAX_PARAM_VALUE)] = ""


class Create(Asked):
    experiment_id: Id
    name: Annotated[str, Field(max_length=500)] | None = None
    model_type: Annotated[str, Field(max_length=500)] | None = None
    source_run_id: Annotated[str, Field(max_length=100)] | None = None
    params: list[ParamIn] = []
    tags: list[TagIn] = []


class Get(Asked):
    allow_deleted: bool = False


class Finalize(Asked):
    status: str | int


class Tags(Asked):
    tags: list[TagIn] = []


class Params(Asked):
    params: list[ParamIn] = []


class Files(Asked):
    artifact_directory_path: str = ""
    page_token: str | None = None


class DatasetIn(Asked):
    dataset_name: str = ""
    dataset_digest: str | None = None


class OrderIn(Asked):
    field_name: str
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


class Search(Asked):
    experiment_ids: Annotated[list[Id], Field(max_length=MAX_EXPERIMENTS)]
    filter: str | None = None
    datasets: list[DatasetIn] = []
    max_results: Annotated[int, Field(ge=0)] | None = None
    order_by: Annotated[list[OrderIn], Field(max_length=8)] = []
    page_token: str | None = None


class OutputIn(Asked):
    model_id: Id
    step: int = 0


class Outputs(Asked):
    run_id: str
    models: Annotated[list[OutputIn], Field(max_length=1000)]


@calls("POST", "logged-models", role=Role.WRITE, asked=Create)
def create(call: Call[Create], services: Services) -> Any:
    asked, context = call.asked, call.context
    if asked.name is not None:
        model_names.check_logged(asked.name)
    with told(f"No Experiment with id={asked.experiment_id} exists"):
        experiment_id = default_experiment.ensure(
            services.experiments, context, asked.experiment_id
        )
        wanted = NewModel(
            experiment_id=experiment_id,
            name=asked.name or None,
            model_type=asked.model_type or None,
            source_run_id=asked.source_run_id or None,
            params={param.key: param.value for param in asked.params},
            tags=tags_of(asked.tags),
        )
        try:
            model = made_once(
                context,
                lambda once: logged_models.create(
                    services.logged_models, services.experiments, once, wanted
                ),
            )
        except Conflict:
            raise invalid(not_active(asked.experiment_id)) from None
    return {"model": logged_model_out(context.tenant, model)}


@calls("GET", "logged-models/{model_id}", role=Role.READ, asked=Get)
def get(call: Call[Get], services: Services) -> Any:
    model_id, context = call.path["model_id"], call.context
    with told(no_logged_model(model_id)):
        model = logged_models.get(
            services.logged_models, context, model_id, deleted=call.asked.allow_deleted
        )
    return {"model": logged_model_out(context.tenant, model)}


@calls("PATCH", "logged-models/{model_id}", role=Role.WRITE, asked=Finalize)
def finalize(call: Call[Finalize], services: Services) -> Any:
    model_id, context = call.path["model_id"], call.context
    status = _status(call.asked.status)
    with told(no_logged_model(model_id)):
        model = logged_models.set_status(services.logged_models, context, model_id, status)
    return {"model": logged_model_out(context.tenant, model)}


@calls("DELETE", "logged-models/{model_id}", role=Role.WRITE)
def delete(call: Call[Asked], services: Services) -> Any:
    model_id = call.path["model_id"]
    with told(no_logged_model(model_id)):
        logged_models.set_stage(services.logged_models, call.context, model_id, "deleted")
    return {}


@calls("PATCH", "logged-models/{model_id}/tags", role=Role.WRITE, asked=Tags)
def set_tags(call: Call[Tags], services: Services) -> Any:
    model_id = call.path["model_id"]
    tags = tags_of(call.asked.tags)
    with told(no_logged_model(model_id)):
        logged_models.set_tags(services.logged_models, call.context, model_id, dict(tags))
    return {}


@calls("DELETE", "logged-models/{model_id}/tags/{tag_key+}", role=Role.WRITE)
def delete_tag(call: Call[Asked], services: Services) -> Any:
    model_id, key = call.path["model_id"], call.path["tag_key"]
    with told(f"No tag with key {key!r} found for model with ID {model_id!r}."):
        logged_models.set_tags(services.logged_models, call.context, model_id, {key: None})
    return {}


@calls("POST", "logged-models/{model_id}/params", role=Role.WRITE, asked=Params)
def log_params(call: Call[Params], services: Services) -> Any:
    model_id = call.path["model_id"]
    params = {param.key: param.value for param in call.asked.params}
    with told(no_logged_model(model_id)):
        logged_models.log_params(services.logged_models, call.context, model_id, params)
    return {}


@calls("GET", "logged-models/{model_id}/artifacts/directories", role=Role.READ, asked=Files)
def list_files(call: Call[Files], services: Services) -> Any:
    """One level, folders first; a folder that is not there is empty."""
    asked, context, model_id = call.asked, call.context, call.path["model_id"]
    folder = asked.artifact_directory_path.rstrip("/")
    folder = clean_path(folder) if folder else ""
    scope = ("model files", model_id, folder)
    place = key_position(after(services, call, scope, asked.page_token))
    with told(no_logged_model(model_id)):
        model = logged_models.get(services.logged_models, context, model_id)
        found, following = level(services, context, model.model_id, folder, place)
    token = cursor_of(services, context, scope, following)
    answer = {"root_uri": model_uri(context.tenant, model), "files": found}
    return answer if token is None else answer | {"next_page_token": token}


@calls("POST", "logged-models/search", role=Role.READ, asked=Search)
def search(call: Call[Search], services: Services) -> Any:
    asked, context = call.asked, call.context
    if any(not one.dataset_name for one in asked.datasets):
        raise invalid("`dataset_name` in the `datasets` clause must be specified.")
    query = asked.model_dump(exclude={"max_results", "page_token"})
    offset = after(services, call, query, asked.page_token) or 0
    found, more = logged_model_search.search(
        services.logged_model_rows, context, _query(asked, context, offset)
    )
    shown = {"models": [logged_model_out(context.tenant, model) for model in found]}
    return page_out(services, context, query, offset, shown, more=more)


def _query(asked: Search, context: Context, offset: int) -> ModelQuery:
    return ModelQuery(
        experiment_ids=[
            default_experiment.meant(context.tenant, one) for one in asked.experiment_ids
        ],
        filter=asked.filter or "",
        datasets=[
            OnDataset(one.dataset_name, one.dataset_digest or None) for one in asked.datasets
        ],
        order_by=[
            ModelOrder(
                one.field_name,
                not one.ascending,
                OnDataset(one.dataset_name, one.dataset_digest or None)
                if one.dataset_name
                else None,
            )
            for one in asked.order_by
        ],
        offset=offset,
        limit=min(asked.max_results or 100, MAX_RESULTS),
    )


@calls("POST", "runs/outputs", role=Role.WRITE, asked=Outputs)
def outputs(call: Call[Outputs], services: Services) -> Any:
    asked = call.asked
    run_id = run_id_of(asked.run_id)
    made = [(one.model_id, one.step) for one in asked.models]
    with of_run(run_id):
        run_inputs.add_made(services.runs, call.context, run_id, made)
    return {}


def _status(given: str | int) -> ModelStatus:
    """By its name or its number."""
    names = list(STATUS_OF)
    text = str(given)
    if text in ("1", "2", "3"):
        text = names[int(text) - 1]
    if text not in STATUS_OF:
        raise invalid(f"Invalid value {text[:100]!r} for parameter 'status' supplied.")
    return STATUS_OF[text]
