"""Routes that read metrics: the history of one, of many runs at once, and comparisons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import orjson
from chalice.app import Blueprint
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Params, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.pages import cursor_of, position_of
from chalicelib.api.v1.shapes import (
    DISTINCT,
    HexId,
    MetricKey,
    NonFinite,
    Step,
    json_number,
    path_run_id,
)
from chalicelib.core.context import Role
from chalicelib.core.ids import RunId
from chalicelib.core.model.experiment import Goal
from chalicelib.core.model.run import RunStatus
from chalicelib.domain import compare, metric_history
from chalicelib.domain.history import Position, Steps
from chalicelib.domain.metric_history import Asked
from chalicelib.storage.packing import Series
from chalicelib.wiring import Services

routes = Blueprint(__name__)
BASE = "/api/v1/experiments/runs"


class HistoryQuery(Params):
    max_points: Annotated[int, Field(ge=1, le=10_000)] | None = None
    start_step: Step | None = None
    end_step: Step | None = None
    cursor: str | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> HistoryQuery:
        if self.max_points is not None and self.cursor is not None:
            raise ValueError("max_points answers in one page; leave the cursor out")
        return self


class PointOut(TypedDict):
    step: int
    timestamp: int
    value: float | NonFinite


class HistoryOut(TypedDict):
    key: str
    points: list[PointOut]
    total: int
    next_cursor: str | None


class HistoriesAsked(Body):
    """Metrics of several runs, downsampled, at most 100,000 points in all, 50,000 with `band`."""

    run_ids: Annotated[list[HexId], Field(min_length=1, max_length=100), DISTINCT]
    keys: Annotated[list[MetricKey], Field(min_length=1, max_length=50), DISTINCT]
    max_points: Annotated[int, Field(ge=1, le=10_000)] = 1000
    start_step: Step | None = None
    end_step: Step | None = None
    band: bool = False


class SeriesOut(TypedDict):
    """Columns of equal length: half the bytes of a list of points, which is what lets an answer
    hold 100,000 of them.

    `lows` and `highs` are null unless the body asks for a `band` and points were left out: for each
    point the lowest and the highest finite value logged from it up to before the next one shown, of
    the last point its own. "NaN" in both where none of these is finite.
    """

    run_id: str
    key: str
    steps: list[int]
    timestamps: list[int]
    values: list[float | NonFinite]
    total: int
    lows: list[float | NonFinite] | None
    highs: list[float | NonFinite] | None


class HistoriesOut(TypedDict):
    series: list[SeriesOut]


class CompareRuns(Body):
    """Compare 2 to 10 runs of any experiments, by all of their metrics when none are named."""

    run_ids: Annotated[list[HexId], Field(min_length=2, max_length=10), DISTINCT]
    metrics: Annotated[list[MetricKey], Field(max_length=1000)] | None = None
    goals: Annotated[dict[MetricKey, Goal], Field(max_length=1000)] = {}


class ComparedRunOut(TypedDict):
    run_id: str
    name: str
    status: RunStatus
    params: dict[str, str]
    metrics: dict[str, float | NonFinite]


class MetricComparisonOut(TypedDict):
    goal: Goal
    goal_source: compare.GoalSource
    best_run_id: str | None
    best_value: float | NonFinite | None
    all_values: dict[str, float | NonFinite]


class ComparisonOut(TypedDict):
    best_run: str | None
    metric_comparison: dict[str, MetricComparisonOut]
    param_differences: dict[str, dict[str, str]]


class CompareRunsOut(TypedDict):
    runs: list[ComparedRunOut]
    comparison: ComparisonOut


def points_json(pieces: list[Series]) -> orjson.Fragment:
    """Points as a JSON list, encoded a piece at a time: a quarter of the time of one large list."""
    parts = [orjson.dumps(_points(piece))[1:-1] for piece in pieces]
    return orjson.Fragment(b"[" + b",".join(part for part in parts if part) + b"]")


def _values(piece: Series) -> Iterable[float | NonFinite]:
    return piece.values if piece.finite else map(json_number, piece.values)


def _points(piece: Series) -> list[PointOut]:
    columns = zip(piece.steps, piece.timestamps, _values(piece), strict=True)
    return [{"step": s, "timestamp": t, "value": v} for s, t, v in columns]


@endpoint(
    routes, "GET", BASE + "/{run_id}/metrics/{key}", query=HistoryQuery, answer=HistoryOut,
    role=Role.READ, runs_long=True, errors=(403, 404),
)  # fmt: skip
def get_metric_history(request: Request[None, HistoryQuery], services: Services) -> Answer:
    """The history of a metric, downsampled to `max_points`, else whole in pages of 25,000."""
    query = request.query
    run_id, key = path_run_id(request), request.path["key"]
    scope = ("history", run_id, key, query.start_step, query.end_step)
    position = position_of(services, request.context, scope, query.cursor)
    asked = Asked(
        key,
        Steps(query.start_step, query.end_step),
        query.max_points,
        None if position is None else Position(*position),
    )
    found = metric_history.of_metric(services.runs, services.points, request.context, run_id, asked)
    return ok(
        {
            "key": key,
            "points": points_json(found.pieces),
            "total": found.total,
            "next_cursor": cursor_of(services, request.context, scope, found.next),
        }
    )


@endpoint(
    routes, "POST", BASE + "/metrics/history", body=HistoriesAsked, answer=HistoriesOut,
    role=Role.READ, read_only=True, runs_long=True, errors=(403, 404),
)  # fmt: skip
def get_metric_histories(request: Request[HistoriesAsked, None], services: Services) -> Answer:
    """Histories of several metrics of several runs: one call draws a comparison chart."""
    body = request.body
    found = metric_history.of_runs(
        services.runs,
        services.points,
        request.context,
        [RunId(run_id) for run_id in body.run_ids],
        body.keys,
        Steps(body.start_step, body.end_step),
        body.max_points,
        with_band=body.band,
    )
    series = [
        {
            "run_id": one.run_id,
            "key": one.key,
            "steps": [step for piece in one.pieces for step in piece.steps],
            "timestamps": [at for piece in one.pieces for at in piece.timestamps],
            "values": [value for piece in one.pieces for value in _values(piece)],
            "total": one.total,
            "lows": None if one.lows is None else list(map(json_number, one.lows)),
            "highs": None if one.highs is None else list(map(json_number, one.highs)),
        }
        for one in found
    ]
    return ok({"series": series})


@endpoint(
    routes, "POST", BASE + "/compare", body=CompareRuns, answer=CompareRunsOut, role=Role.READ,
    read_only=True, errors=(403, 404),
)  # fmt: skip
def compare_runs(request: Request[CompareRuns, None], services: Services) -> Answer:
    """Compare runs: the best by each metric, the best in most, and where params differ."""
    body = request.body
    compared = compare.compare(
        services.runs,
        services.experiments,
        request.context,
        [RunId(run_id) for run_id in body.run_ids],
        body.metrics,
        body.goals,
    )
    payload: CompareRunsOut = {
        "runs": [
            {
                "run_id": run.run_id,
                "name": run.name,
                "status": run.status,
                "params": dict(run.params),
                "metrics": {key: json_number(one.last) for key, one in run.metrics.items()},
            }
            for run in compared.runs
        ],
        "comparison": {
            "best_run": compared.best_run,
            "metric_comparison": {
                key: _comparison_out(one) for key, one in compared.metrics.items()
            },
            "param_differences": {
                name: {**values} for name, values in compared.param_differences.items()
            },
        },
    }
    return ok(payload)


def _comparison_out(one: compare.MetricComparison) -> MetricComparisonOut:
    return {
        "goal": one.goal,
        "goal_source": one.goal_source,
        "best_run_id": one.best_run_id,
        "best_value": None if one.best_value is None else json_number(one.best_value),
        "all_values": {run_id: json_number(value) for run_id, value in one.all_values.items()},
    }
