"""Routes of runs: start, list, search, get, change, end, delete, restore."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from chalice.app import Blueprint
from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Params, Request, created, no_content, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.pages import cursor_of, fitting, key_position, position_of
from chalicelib.api.v1.run_shapes import RunOut, run_out
from chalicelib.api.v1.shapes import (
    DISTINCT,
    HexId,
    Moment,
    Name,
    TagChanges,
    Tags,
    milliseconds_of,
    path_run_id,
)
from chalicelib.core.context import Context, Role
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.run import EndStatus, RunStatus
from chalicelib.domain import runs, search
from chalicelib.domain.ordering import MAX_ORDER_CLAUSES
from chalicelib.wiring import Services

routes = Blueprint(__name__)
BASE = "/api/v1/experiments/runs"

ExperimentRef: TypeAlias = Annotated[str, Field(min_length=1, max_length=63)]
"""An experiment's id or slug."""
Description: TypeAlias = Annotated[str, Field(max_length=8000)]
FilterText: TypeAlias = Annotated[str, Field(max_length=10_000)]
OrderClause: TypeAlias = Annotated[str, Field(max_length=600)]


class NewRun(Body):
    """Start a run; a readable name is made up when left out."""

    experiment_id: ExperimentRef
    name: Name | None = None
    description: Description | None = None
    tags: Tags = {}
    parent_run_id: HexId | None = None

    def to_spec(self) -> runs.NewRun:
        return runs.NewRun(
            self.experiment_id, self.name, self.description, self.tags, self.parent_run_id
        )


class RunChanges(Body):
    """Only what is sent changes; tags merge, and null deletes one."""

    name: Name | None = None
    description: Description | None = None
    tags: TagChanges = {}
    status: RunStatus | None = None

    def to_changes(self) -> runs.Changes:
        fields: dict[str, object] = {}
        if self.name is not None:
            fields["name"] = self.name
        if self.status is not None:
            fields["status"] = self.status
        if "description" in self.model_fields_set:
            fields["description"] = self.description
        return runs.Changes(fields, self.tags)


class EndRun(Body):
    status: EndStatus = "finished"
    end_time: Moment | None = None


class ListQuery(Params):
    experiment_id: ExperimentRef
    status: RunStatus | None = None
    filter: FilterText | None = None
    order_by: Annotated[list[OrderClause], Field(max_length=MAX_ORDER_CLAUSES)] = []
    lifecycle_stage: Literal["active", "deleted"] = "active"
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    cursor: str | None = None

    @property
    def is_plain(self) -> bool:
        """Newest first and nothing left out, which the index answers as it is."""
        return not (self.status or self.filter or self.order_by or self.offset)


class SearchRuns(Body):
    """Search runs of several experiments by MLflow's filter language."""

    experiment_ids: Annotated[list[ExperimentRef], Field(min_length=1, max_length=100), DISTINCT]
    filter: FilterText | None = None
    order_by: Annotated[list[OrderClause], Field(max_length=MAX_ORDER_CLAUSES)] = []
    lifecycle_stage: Stage = "active"
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: str | None = None


class RunsOut(TypedDict):
    runs: list[RunOut]
    next_cursor: str | None
    limit: int
    offset: int


class FoundOut(TypedDict):
    runs: list[RunOut]
    next_cursor: str | None


@endpoint(
    routes, "POST", BASE, body=NewRun, answer=RunOut, status=201, role=Role.WRITE,
    errors=(403, 404, 409),
)  # fmt: skip
def create_run(request: Request[NewRun, None], services: Services) -> Answer:
    """Start a run."""
    run = runs.start(services.runs, services.experiments, request.context, request.body.to_spec())
    return created(run_out(run))


@endpoint(routes, "GET", BASE, query=ListQuery, answer=RunsOut, role=Role.READ, errors=(403, 404))
def list_runs(request: Request[None, ListQuery], services: Services) -> Answer:
    """List an experiment's runs, newest first unless `order_by` says otherwise."""
    query = request.query
    list_page = _plain_page if query.is_plain else _searched_page
    found, next_cursor = list_page(request, services)
    return ok(
        {"runs": found, "next_cursor": next_cursor, "limit": query.limit, "offset": query.offset}
    )


def _plain_page(request: Request[None, ListQuery], services: Services) -> tuple[object, str | None]:
    query = request.query
    scope = ("runs", query.experiment_id, query.lifecycle_stage)
    page = runs.page(
        services.runs,
        services.experiments,
        request.context,
        query.experiment_id,
        query.lifecycle_stage,
        query.limit,
        key_position(position_of(services, request.context, scope, query.cursor)),
    )
    shown = fitting(map(run_out, page.runs))
    more = page.more or len(shown) < len(page.runs)
    place = page.places[len(shown) - 1] if more and shown else None
    return shown, cursor_of(services, request.context, scope, place)


def _searched_page(
    request: Request[None, ListQuery], services: Services
) -> tuple[object, str | None]:
    query = request.query
    scope = (
        "runs by", query.experiment_id, query.lifecycle_stage, query.status, query.filter,
        query.order_by,
    )  # fmt: skip
    wanted = search.RunQuery(
        [query.experiment_id],
        query.filter,
        query.order_by,
        query.status,
        query.lifecycle_stage,
        query.limit,
        0 if query.cursor else query.offset,
        position_of(services, request.context, scope, query.cursor),
    )
    return _search(request.context, services, wanted, scope)


def _search(
    context: Context,
    services: Services,
    wanted: search.RunQuery,
    scope: object,
) -> tuple[object, str | None]:
    found = search.search(services.experiments, services.run_rows, context, wanted)
    shown = fitting(run_out(services.runs.of_item(row.item)) for row in found.rows)
    more = found.more or len(shown) < len(found.rows)
    position = found.position(len(shown) - 1) if more and shown else None
    return shown, cursor_of(services, context, scope, position)


@endpoint(
    routes, "POST", BASE + "/search", body=SearchRuns, answer=FoundOut, role=Role.READ,
    read_only=True, errors=(403, 404),
)  # fmt: skip
def search_runs(request: Request[SearchRuns, None], services: Services) -> Answer:
    """Search runs of several experiments."""
    body = request.body
    scope = ("search", body.experiment_ids, body.filter, body.order_by, body.lifecycle_stage)
    wanted = search.RunQuery(
        body.experiment_ids,
        body.filter,
        body.order_by,
        stage=body.lifecycle_stage,
        limit=body.limit,
        after=position_of(services, request.context, scope, body.cursor),
    )
    found, next_cursor = _search(request.context, services, wanted, scope)
    return ok({"runs": found, "next_cursor": next_cursor})


@endpoint(routes, "GET", BASE + "/{run_id}", answer=RunOut, role=Role.READ, errors=(403, 404))
def get_run(request: Request[None, None], services: Services) -> Answer:
    """Get a run; deleted ones too."""
    return ok(run_out(runs.get(services.runs, request.context, path_run_id(request))))


@endpoint(
    routes, "PATCH", BASE + "/{run_id}", body=RunChanges, answer=RunOut, role=Role.WRITE,
    errors=(403, 404, 409),
)  # fmt: skip
def change_run(request: Request[RunChanges, None], services: Services) -> Answer:
    """Change a run's name, description, tags or status."""
    run_id = path_run_id(request)
    return ok(
        run_out(runs.change(services.runs, request.context, run_id, request.body.to_changes()))
    )


@endpoint(routes, "DELETE", BASE + "/{run_id}", status=204, role=Role.WRITE, errors=(403, 404))
def delete_run(request: Request[None, None], services: Services) -> Answer:
    """Delete a run; it can be restored."""
    runs.set_stage(services.runs, request.context, path_run_id(request), "deleted")
    return no_content()


@endpoint(
    routes, "POST", BASE + "/{run_id}/restore", answer=RunOut, role=Role.WRITE, errors=(403, 404)
)
def restore_run(request: Request[None, None], services: Services) -> Answer:
    """Restore a deleted run."""
    run_id = path_run_id(request)
    runs.set_stage(services.runs, request.context, run_id, "active")
    return ok(run_out(runs.get(services.runs, request.context, run_id)))


@endpoint(
    routes, "POST", BASE + "/{run_id}/end", body=EndRun, answer=RunOut, role=Role.WRITE,
    errors=(403, 404, 409),
)  # fmt: skip
def end_run(request: Request[EndRun, None], services: Services) -> Answer:
    """End a run; again with the same status is fine."""
    body = request.body
    ended_ms = None if body.end_time is None else milliseconds_of(body.end_time)
    run_id = path_run_id(request)
    return ok(run_out(runs.end(services.runs, request.context, run_id, body.status, ended_ms)))
