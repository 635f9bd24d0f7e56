"""Routes of experiments."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.api.contract import Answer, Request, created, no_content, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.experiment_shapes import (
    ExperimentChanges,
    ExperimentOut,
    ExperimentsOut,
    ListQuery,
    NewExperiment,
    experiment_out,
)
from chalicelib.api.v1.pages import cursor_of, fitting, position_of
from chalicelib.core.context import Role
from chalicelib.core.errors import Invalid
from chalicelib.domain import experiments
from chalicelib.wiring import Services

routes = Blueprint(__name__)
BASE = "/api/v1/experiments"


@endpoint(
    routes, "POST", BASE, body=NewExperiment, answer=ExperimentOut, status=201, role=Role.WRITE,
    errors=(409,),
)  # fmt: skip
def create_experiment(request: Request[NewExperiment, None], services: Services) -> Answer:
    """Create an experiment."""
    experiment = experiments.create(services.experiments, request.context, request.body.to_spec())
    return created(experiment_out(experiment))


@endpoint(routes, "GET", BASE, query=ListQuery, answer=ExperimentsOut, role=Role.READ)
def list_experiments(request: Request[None, ListQuery], services: Services) -> Answer:
    """List experiments, newest first."""
    query = request.query
    scope = ("experiments", query.search, query.lifecycle_stage)
    listed = experiments.list_experiments(
        services.experiments,
        services.experiment_rows,
        request.context,
        search=query.search,
        stage=query.lifecycle_stage,
        offset=query.offset,
        limit=query.limit,
        before=position_of(services, request.context, scope, query.cursor),
    )
    shown = fitting(experiment_out(*one) for one in listed.experiments)
    more = listed.more or len(shown) < len(listed.experiments)
    last = listed.experiments[len(shown) - 1][0].id if more else None
    return ok(
        {
            "experiments": shown,
            "total": listed.total,
            "limit": query.limit,
            "offset": query.offset,
            "next_cursor": cursor_of(services, request.context, scope, last),
        }
    )


@endpoint(
    routes, "GET", BASE + "/{experiment_id}", answer=ExperimentOut, role=Role.READ,
    errors=(403, 404),
)  # fmt: skip
def get_experiment(request: Request[None, None], services: Services) -> Answer:
    """Get an experiment by id or slug; deleted ones too."""
    found = experiments.get(services.experiments, request.context, request.path["experiment_id"])
    return ok(experiment_out(*found))


@endpoint(
    routes, "PATCH", BASE + "/{experiment_id}", body=ExperimentChanges, answer=ExperimentOut,
    role=Role.WRITE, errors=(403, 404, 409, 412),
)  # fmt: skip
def change_experiment(request: Request[ExperimentChanges, None], services: Services) -> Answer:
    """Change an experiment; with `If-Match: <version>` only that version of it."""
    experiment_id = request.path["experiment_id"]
    experiments.change(
        services.experiments,
        request.context,
        experiment_id,
        request.body.to_changes(),
        _if_version(request.headers.get("if-match")),
    )
    return ok(
        experiment_out(*experiments.get(services.experiments, request.context, experiment_id))
    )


@endpoint(
    routes, "DELETE", BASE + "/{experiment_id}", status=204, role=Role.WRITE, errors=(403, 404)
)
def delete_experiment(request: Request[None, None], services: Services) -> Answer:
    """Delete an experiment; it can be restored."""
    experiments.set_stage(
        services.experiments, request.context, request.path["experiment_id"], "deleted"
    )
    return no_content()


@endpoint(
    routes, "POST", BASE + "/{experiment_id}/restore", answer=ExperimentOut, role=Role.WRITE,
    errors=(403, 404),
)  # fmt: skip
def restore_experiment(request: Request[None, None], services: Services) -> Answer:
    """Restore a deleted experiment."""
    experiment_id = request.path["experiment_id"]
    experiments.set_stage(services.experiments, request.context, experiment_id, "active")
    return ok(
        experiment_out(*experiments.get(services.experiments, request.context, experiment_id))
    )


def _if_version(header: str | None) -> int | None:
    if header is None or header.strip() == "*":
        return None
    text = header.strip().strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise Invalid.field("If-Match", "must be a version number")
    return int(text)
