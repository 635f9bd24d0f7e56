"""MLflow's calls on runs."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.checks import (
    MAX_TIME_MS,
    bad_type,
    bad_value,
    not_active,
    of_run,
    run_id_of,
    tags_of,
)
from chalicelib.api.mlflow.errors import already_exists, invalid, missing
from chalicelib.api.mlflow.model_shapes import inputs_out
from chalicelib.api.mlflow.run_shapes import STATUS_OF, OfRun, artifact_uri, run_info, run_out
from chalicelib.api.mlflow.searches import MAX_SEARCHED, after, checked_max_results, stage_of
from chalicelib.api.v1.pages import cursor_of, fitting
from chalicelib.core import field_tags
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import ConditionFailed, Conflict, Forbidden, NotFound
from chalicelib.core.ids import RunId, TenantId, is_hex_id
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.run import Run, RunStatus
from chalicelib.domain import default_experiment, run_inputs, runs, search
from chalicelib.domain.lost_answers import made_once
from chalicelib.domain.runs import NewRun
from chalicelib.wiring import Services

calls = Calls()
MAX_RUN_NAME: Final = 1000
TimeMs = Annotated[int, Field(ge=0, le=MAX_TIME_MS)]
RunName = Annotated[str, Field(max_length=MAX_RUN_NAME)]


class Create(Asked):
    experiment_id: str = default_experiment.ALIAS
    user_id: Annotated[str, Field(max_length=256)] = ""
    run_name: RunName = ""
    start_time: TimeMs | None = None
    tags: list[Any] = []
    run_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    """Ours alone: a run that is copied from another server keeps its id."""


class Update(OfRun):
    status: str | int | None = None
    end_time: TimeMs | None = None
    run_name: RunName = ""


class Search(Asked):
    experiment_ids: list[str] = []
    filter: str | None = None
    run_view_type: str | int = "ACTIVE_ONLY"
    max_results: int = 1000
    order_by: list[str] = []
    page_token: str | None = None


@calls("POST", "runs/create", role=Role.WRITE, asked=Create)
def create(call: Call[Create], services: Services) -> Any:
    wanted = _new_run(call.asked, call.context.tenant)

    def started() -> Run:
        def start(context: Context) -> Run:
            return runs.start(services.runs, services.experiments, context, wanted)

        # one that came with its id would be taken for ours when it was there before
        return made_once(call.context, start) if wanted.run_id is None else start(call.context)

    try:
        try:
            run = started()
        except NotFound:
            if call.asked.experiment_id not in ("", default_experiment.ALIAS):
                raise
            default_experiment.get(services.experiments, call.context)
            run = started()
    except (NotFound, Forbidden):
        raise missing(f"No Experiment with id={call.asked.experiment_id} exists") from None
    except Conflict:
        raise invalid(not_active(call.asked.experiment_id)) from None
    except ConditionFailed:
        raise already_exists(f"Run(run_id={call.asked.run_id})") from None
    return {"run": run_out(call.context.tenant, run)}


def _new_run(asked: Create, tenant: TenantId) -> NewRun:
    tags, fields = field_tags.split(tags_of(asked.tags))
    tagged = fields.get("name")
    if asked.run_name and tagged and asked.run_name != tagged:
        raise invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different"
            f" values (run_name='{asked.run_name}', mlflow.runName='{tagged}')."
        )
    parent = tags.get(field_tags.PARENT)
    return NewRun(
        default_experiment.meant(tenant, asked.experiment_id or default_experiment.ALIAS),
        asked.run_name or tagged,
        fields.get("description"),
        tags,
        parent if parent is not None and is_hex_id(parent) else None,
        start_time_ms=asked.start_time,
        user_label=asked.user_id or None,
        parent_is_required=False,
        run_id=None if asked.run_id is None else RunId(asked.run_id),
    )


@calls("GET", "runs/get", role=Role.READ, asked=OfRun)
def get(call: Call[OfRun], services: Services) -> Any:
    run_id = run_id_of(call.asked.run_id)
    with of_run(run_id):
        run = runs.get(services.runs, call.context, run_id)
    (described,) = run_inputs.described(services.datasets, call.context, [run])
    return {"run": run_out(call.context.tenant, run) | inputs_out(*described)}


@calls("POST", "runs/update", role=Role.WRITE, asked=Update)
def update(call: Call[Update], services: Services) -> Any:
    asked, run_id = call.asked, run_id_of(call.asked.run_id)
    fields: dict[str, object] = {}
    if asked.run_name:
        fields["name"] = asked.run_name
    if asked.status is not None:
        fields["status"] = _status(asked.status)
    with of_run(run_id):
        run = runs.update(services.runs, call.context, run_id, fields, asked.end_time)
    return {"run_info": run_info(call.context.tenant, run)}


def _status(asked: str | int) -> RunStatus:
    if isinstance(asked, int):
        names = list(STATUS_OF)
        asked = names[asked - 1] if 1 <= asked <= len(names) else str(asked)
    found = STATUS_OF.get(asked)
    if found is None:
        raise bad_value("status", asked)
    return found


@calls("POST", "runs/delete", role=Role.WRITE, asked=OfRun)
def delete(call: Call[OfRun], services: Services) -> Any:
    return _move(call, services, "deleted")


@calls("POST", "runs/restore", role=Role.WRITE, asked=OfRun)
def restore(call: Call[OfRun], services: Services) -> Any:
    return _move(call, services, "active")


def _move(call: Call[OfRun], services: Services, stage: Stage) -> Any:
    run_id = run_id_of(call.asked.run_id)
    with of_run(run_id):
        runs.set_stage(services.runs, call.context, run_id, stage)
    return {}


@calls("POST", "runs/search", role=Role.READ, asked=Search)
def search_runs(call: Call[Search], services: Services) -> Any:
    asked, context = call.asked, call.context
    if asked.max_results > MAX_SEARCHED:
        raise bad_type("max_results", asked.max_results)
    limit = checked_max_results(asked.max_results)
    ids = [default_experiment.meant(context.tenant, one) for one in asked.experiment_ids]
    scope = ("mlflow runs", ids, asked.filter, asked.order_by, asked.run_view_type)
    wanted = search.RunQuery(
        ids,
        asked.filter,
        asked.order_by,
        stage=stage_of(asked.run_view_type, "run_view_type"),
        limit=limit,
        after=after(services, call, scope, asked.page_token),
        skip_missing=True,
        artifact_uri=lambda row: artifact_uri(context.tenant, services.runs.of_item(row.item)),
    )
    found = search.search(services.experiments, services.run_rows, context, wanted)
    whole = (services.runs.of_item(row.item) for row in found.rows)
    described = run_inputs.described(services.datasets, context, whole)
    shown = fitting(run_out(context.tenant, one[0]) | inputs_out(*one) for one in described)
    answer: dict[str, Any] = {"runs": shown}
    if shown and (found.more or len(shown) < len(found.rows)):
        place = found.position(len(shown) - 1)
        answer["next_page_token"] = cursor_of(services, context, scope, place)
    return answer
