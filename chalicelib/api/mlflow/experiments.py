"""MLflow's calls on experiments."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any, Final
from urllib.parse import unquote

from pydantic import Field

from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.checks import check_key, not_active, tags_of
from chalicelib.api.mlflow.errors import already_exists, invalid, missing
from chalicelib.api.mlflow.searches import after, checked_max_results, stage_of
from chalicelib.api.mlflow.shapes import MAX_EXPERIMENT_NAME, Id, experiment_out
from chalicelib.api.v1.pages import cursor_of, fitting
from chalicelib.core import field_tags
from chalicelib.core.context import Role
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.ids import ExperimentId
from chalicelib.core.model.experiment import Stage
from chalicelib.domain import default_experiment, experiment_search, experiments
from chalicelib.domain.experiment_search import ExperimentQuery
from chalicelib.domain.experiments import Changes, NewExperiment
from chalicelib.domain.lost_answers import made_once
from chalicelib.wiring import Services

calls = Calls()
MAX_TAG_VALUE: Final = 20_000
MAX_LOCATION: Final = 2048
ExperimentName = Annotated[str, Field(min_length=1)]


class Create(Asked):
    name: ExperimentName
    artifact_location: str | None = None
    tags: list[Any] = []


class Named(Asked):
    experiment_name: Annotated[str, Field(min_length=1)]


class One(Asked):
    experiment_id: Id


class Update(One):
    new_name: ExperimentName


class SetTag(One):
    key: Annotated[str, Field(min_length=1)]
    value: str = ""


class DeleteTag(One):
    key: Annotated[str, Field(min_length=1)]


class Search(Asked):
    max_results: int = 1000
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] = []
    view_type: str | int = "ACTIVE_ONLY"


@contextmanager
def _of_experiment(experiment_id: str) -> Generator[None]:
    """What fails within is told in MLflow's words. One of another tenant is none here."""
    try:
        yield
    except (NotFound, Forbidden):
        raise missing(f"No Experiment with id={experiment_id} exists") from None


@calls("POST", "experiments/create", role=Role.WRITE, asked=Create)
def create(call: Call[Create], services: Services) -> Any:
    asked, context = call.asked, call.context
    tags = tags_of(asked.tags, MAX_TAG_VALUE)
    wanted = NewExperiment(
        name=_name(asked.name),
        description=tags.pop(field_tags.DESCRIPTION, None),
        artifact_location=_location(asked.artifact_location),
        tags=tags,
    )
    try:
        experiment = made_once(
            context, lambda once: experiments.create(services.experiments, once, wanted)
        )
    except Conflict:
        raise already_exists(f"Experiment(name={asked.name})") from None
    return {"experiment_id": default_experiment.spelled(context.tenant, experiment.id)}


def _name(asked: str) -> str:
    if len(asked) > MAX_EXPERIMENT_NAME:
        raise invalid(f"'name' exceeds the maximum length of {MAX_EXPERIMENT_NAME} characters")
    return asked


def _location(asked: str | None) -> str | None:
    if not asked:
        return None
    if "#" in asked or ";" in asked:
        raise invalid("'artifact_location' URL can't include fragments or params.")
    if ".." in unquote(asked.partition("?")[2]):
        raise invalid("Invalid query string")
    if asked.startswith("runs:"):
        raise invalid(f"Artifact location cannot be a runs:/ URI. Given: '{asked[:200]}'")
    if len(asked) > MAX_LOCATION:
        raise invalid(
            "Invalid artifact path length. The length of the artifact path cannot be greater than"
            f" {MAX_LOCATION} characters."
        )
    return asked


@calls("GET", "experiments/get", role=Role.READ, asked=One)
def get(call: Call[One], services: Services) -> Any:
    context, wanted = call.context, call.asked.experiment_id
    with _of_experiment(wanted):
        found = default_experiment.read(services.experiments, context, wanted)
    return {"experiment": experiment_out(context.tenant, found)}


@calls("GET", "experiments/get-by-name", role=Role.READ, asked=Named)
def get_by_name(call: Call[Named], services: Services) -> Any:
    context, name = call.context, call.asked.experiment_name
    found = default_experiment.named(services.experiments, context, name)
    if found is None:
        raise missing(f"Could not find experiment with name '{name}'")
    return {"experiment": experiment_out(context.tenant, found)}


def search(call: Call[Search], services: Services) -> Any:
    asked, context = call.asked, call.context
    scope = ("mlflow experiments", asked.filter, asked.order_by, asked.view_type)
    wanted = ExperimentQuery(
        asked.filter,
        asked.order_by,
        stage_of(asked.view_type, "view_type"),
        checked_max_results(asked.max_results),
        after(services, call, scope, asked.page_token),
    )
    found = experiment_search.search(
        services.experiments, services.experiment_rows, context, wanted
    )
    shown = fitting(experiment_out(context.tenant, one) for one in found.rows)
    answer: dict[str, Any] = {"experiments": shown}
    if shown and (found.more or len(shown) < len(found.rows)):
        place = found.position(len(shown) - 1)
        answer["next_page_token"] = cursor_of(services, context, scope, place)
    return answer


for _method in ("GET", "POST"):
    calls(_method, "experiments/search", role=Role.READ, asked=Search)(search)


@calls("POST", "experiments/update", role=Role.WRITE, asked=Update)
def update(call: Call[Update], services: Services) -> Any:
    name = _name(call.asked.new_name)
    try:
        with _writing(call, services, "Cannot rename a non-active experiment.") as found:
            experiments.change(services.experiments, call.context, found, Changes({"name": name}))
    except Conflict:
        raise already_exists(f"Experiment(name={name})") from None
    return {}


@calls("POST", "experiments/delete", role=Role.WRITE, asked=One)
def delete(call: Call[One], services: Services) -> Any:
    return _move(call, services, "deleted")


@calls("POST", "experiments/restore", role=Role.WRITE, asked=One)
def restore(call: Call[One], services: Services) -> Any:
    return _move(call, services, "active")


def _move(call: Call[One], services: Services, stage: Stage) -> Any:
    store, context, asked = services.experiments, call.context, call.asked.experiment_id
    with _of_experiment(asked):
        found = default_experiment.ensure(store, context, asked)
        experiments.move_stage(store, context, found, stage)
    return {}


@calls("POST", "experiments/set-experiment-tag", role=Role.WRITE, asked=SetTag)
def set_tag(call: Call[SetTag], services: Services) -> Any:
    asked = call.asked
    check_key("tag", asked.key)
    if len(asked.value) > MAX_TAG_VALUE:
        raise invalid(f"'value' exceeds the maximum length of {MAX_TAG_VALUE} characters")
    if asked.key == field_tags.DESCRIPTION:
        return _set(call, services, Changes({"description": asked.value}))
    return _set(call, services, Changes(tags={asked.key: asked.value}))


@calls("POST", "experiments/delete-experiment-tag", role=Role.WRITE, asked=DeleteTag)
def delete_tag(call: Call[DeleteTag], services: Services) -> Any:
    key, wanted = call.asked.key, call.asked.experiment_id
    if key == field_tags.DESCRIPTION:
        return _set(call, services, Changes({"description": None}))
    with _writing(call, services) as found:
        try:
            experiments.drop_tag(services.experiments, call.context, found, key)
        except NotFound as error:
            if "tag" not in error.details:
                raise
            raise missing(f"No tag with name: {key} in experiment with id {wanted}") from None
    return {}


def _set(call: Call[Any], services: Services, changes: Changes) -> Any:
    with _writing(call, services) as found:
        experiments.change(services.experiments, call.context, found, changes)
    return {}


@contextmanager
def _writing(
    call: Call[Any], services: Services, of_deleted: str | None = None
) -> Generator[ExperimentId]:
    """The id of what is written to. What fails is told in MLflow's words; raises Conflict but for a
    deleted one."""
    wanted = call.asked.experiment_id
    with _of_experiment(wanted):
        try:
            yield default_experiment.ensure(services.experiments, call.context, wanted)
        except Conflict as error:
            if "experiment_id" not in error.details:
                raise
            raise invalid(of_deleted or not_active(wanted)) from None
