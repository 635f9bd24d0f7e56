"""Routes of experiment artifacts: named values under an experiment."""

from __future__ import annotations

from typing import Annotated, Any

from chalice.app import Blueprint
from pydantic import Field

from chalicelib.api.contract import Answer, Params, Request, no_content, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.experiment_artifact_shapes import (
    ARTIFACTS,
    ONE_ARTIFACT,
    DescriptorOut,
    DescriptorsOut,
    LoggedArtifact,
    descriptor_out,
    path_artifact_name,
    points_json,
)
from chalicelib.api.v1.pages import cursor_of, fitting, position_of
from chalicelib.api.v1.run_files import LocationOut, located
from chalicelib.core.context import Role
from chalicelib.core.model.experiment_artifact import Series
from chalicelib.domain import (
    experiment_artifact_points,
    experiment_artifact_reads,
    experiment_artifact_removal,
    experiment_artifacts,
)
from chalicelib.domain.experiment_artifact_points import MAX_POINTS
from chalicelib.domain.experiment_artifacts import ExperimentArtifacts
from chalicelib.wiring import Services

routes = Blueprint(__name__)


class ListQuery(Params):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: str | None = None


class ArtifactQuery(Params):
    limit: Annotated[int, Field(ge=1, le=MAX_POINTS)] = MAX_POINTS
    cursor: str | None = None


class InlineQuery(Params):
    inline: bool = False


def stores_of(services: Services) -> ExperimentArtifacts:
    return ExperimentArtifacts(services.experiments, services.experiment_artifacts, services.bytes)


@endpoint(
    routes, "POST", ARTIFACTS, body=LoggedArtifact, role=Role.WRITE, errors=(404, 409),
    runs_long=True,
)  # fmt: skip
def log_experiment_artifact(request: Request[LoggedArtifact, None], services: Services) -> Answer:
    """Log a value under a name. Every write adds an entry; the answer is empty."""
    body = request.body
    experiment_artifacts.log(
        stores_of(services),
        request.context,
        request.path["experiment_id"],
        body.name,
        body.to_content(),
    )
    return ok(None)


@endpoint(
    routes, "GET", ARTIFACTS, query=ListQuery, answer=DescriptorsOut, role=Role.READ,
    errors=(404,),
)  # fmt: skip
def list_experiment_artifacts(request: Request[None, ListQuery], services: Services) -> Answer:
    """List the artifacts of an experiment by name, without points."""
    query, id_or_slug = request.query, request.path["experiment_id"]
    scope = ("experiment-artifacts", id_or_slug)
    page = experiment_artifact_reads.listed(
        stores_of(services),
        request.context,
        id_or_slug,
        query.limit,
        position_of(services, request.context, scope, query.cursor),
    )
    shown = fitting(descriptor_out(one, request.prefix) for one in page.found)
    last = page.last if page.more else None
    if len(shown) < len(page.found):
        last = page.found[len(shown) - 1].series.name
    next_cursor = cursor_of(services, request.context, scope, last)
    return ok({"artifacts": shown, "next_cursor": next_cursor})


@endpoint(
    routes, "GET", ONE_ARTIFACT, query=ArtifactQuery, answer=DescriptorOut, role=Role.READ,
    runs_long=True, errors=(404,),
)  # fmt: skip
def get_experiment_artifact(request: Request[None, ArtifactQuery], services: Services) -> Answer:
    """Get what a name reads as: a value, a timeseries in pages, or where its bytes are."""
    stores = stores_of(services)
    series = experiment_artifact_reads.find(
        stores, request.context, request.path["experiment_id"], path_artifact_name(request)
    )
    return ok(series_out(request, services, series))


def series_out(
    request: Request[None, ArtifactQuery], services: Services, series: Series
) -> dict[str, Any]:
    """What the name reads as, with a page of its points."""
    stores, context = stores_of(services), request.context
    scope = ("experiment-artifact", *series.place, series.axis)
    position = position_of(services, context, scope, request.query.cursor)
    answer = descriptor_out(experiment_artifact_reads.described(stores, series), request.prefix)
    if series.axis is not None:
        page = experiment_artifact_points.points(stores, series, position, request.query.limit)
        answer["points"] = points_json(page.points)
        answer["next_cursor"] = cursor_of(services, context, scope, page.next)
    return answer


@endpoint(
    routes, "GET", ONE_ARTIFACT + "/content", query=InlineQuery, answer=LocationOut,
    role=Role.READ, errors=(307, 404),
)  # fmt: skip
def get_experiment_artifact_content(
    request: Request[None, InlineQuery], services: Services
) -> Answer:
    """A redirect to the bytes of an artifact, or with `Accept: application/json` where they are."""
    stores, context = stores_of(services), request.context
    series = experiment_artifact_reads.find(
        stores, context, request.path["experiment_id"], path_artifact_name(request)
    )
    signed, expires_at_ms = experiment_artifact_reads.content(
        stores.bytes, context, series, inline=request.query.inline
    )
    accepted = request.headers.get("accept", "")
    return located(signed.url, expires_at_ms, as_json="application/json" in accepted)


@endpoint(routes, "DELETE", ONE_ARTIFACT, status=204, role=Role.WRITE, errors=(404, 409))
def delete_experiment_artifact(request: Request[None, None], services: Services) -> Answer:
    """Delete an artifact and all its entries. Again is fine."""
    experiment_artifact_removal.delete(
        stores_of(services),
        request.context,
        request.path["experiment_id"],
        path_artifact_name(request),
    )
    return no_content()
