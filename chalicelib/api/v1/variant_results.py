"""The route of A/B results."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field

from chalicelib.api.contract import Answer, Params, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.shapes import MetricKey
from chalicelib.api.v1.variant_shapes import EXPERIMENT, From, To
from chalicelib.core.context import Role
from chalicelib.core.model.variant_results import Results
from chalicelib.domain import variant_results
from chalicelib.domain.variant_results import DEFAULT_CONFIDENCE, Asked
from chalicelib.wiring import Services

routes = Blueprint(__name__)


class ResultsQuery(Params):
    metric: MetricKey | None = None
    baseline: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    from_: Annotated[From | None, Field(alias="from")] = None
    to: To | None = None
    confidence: Annotated[float, Field(ge=0.5, le=0.9999)] = DEFAULT_CONFIDENCE
    dimension: Annotated[str, Field(min_length=1, max_length=100)] | None = None


@endpoint(
    routes, "GET", EXPERIMENT + "/results", query=ResultsQuery, answer=Results, role=Role.READ,
    runs_long=True, errors=(404,),
)  # fmt: skip
def get_results(request: Request[None, ResultsQuery], services: Services) -> Answer:
    """Results of an A/B experiment: each variant beside the baseline, by metric."""
    query = request.query
    asked = Asked(
        query.metric, query.baseline, query.from_, query.to, query.confidence, query.dimension
    )
    return ok(
        variant_results.results(
            services.variants,
            services.aggregates.cells,
            request.context,
            request.path["slug"],
            asked,
        )
    )
