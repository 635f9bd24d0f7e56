"""MLflow's calls that read the histories of metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import orjson
from pydantic import Field

from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.checks import of_run, run_id_of
from chalicelib.api.mlflow.errors import invalid
from chalicelib.api.mlflow.run_shapes import OfRun
from chalicelib.api.mlflow.searches import after
from chalicelib.api.v1.pages import MAX_PAGE_BYTES, cursor_of
from chalicelib.api.v1.shapes import json_number
from chalicelib.core.context import Role
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.ids import RunId, is_hex_id
from chalicelib.domain import metric_history
from chalicelib.domain.history import PAGE_POINTS, Position, Steps
from chalicelib.domain.metric_history import Asked as HistoryAsked
from chalicelib.domain.metric_history import History
from chalicelib.storage.packing import Series
from chalicelib.wiring import Services

calls = Calls()
MAX_RUNS: Final = 100
MAX_SAMPLED: Final = 2500
POINT_BYTES: Final = 160
"""The most that a point takes besides its key."""


class GetHistory(OfRun):
    metric_key: Annotated[str, Field(min_length=1)]
    max_results: int | None = None
    page_token: str | None = None


class GetHistories(Asked):
    run_id: list[str] = []
    metric_key: str | None = None
    max_results: int = PAGE_POINTS


class GetIntervals(Asked):
    run_ids: list[str] = []
    metric_key: Annotated[str, Field(min_length=1)]
    start_step: int | None = None
    end_step: int | None = None
    max_results: int = MAX_SAMPLED


@calls("GET", "metrics/get-history", role=Role.READ, asked=GetHistory)
def get_history(call: Call[GetHistory], services: Services) -> Any:
    asked, run_id = call.asked, run_id_of(call.asked.run_id)
    if asked.max_results is not None and asked.max_results <= 0:
        raise invalid(
            f"Invalid value {asked.max_results} for parameter 'max_results' supplied."
            " It must be a positive integer."
        )
    scope = ("mlflow history", run_id, asked.metric_key)
    place = after(services, call, scope, asked.page_token)
    wanted = HistoryAsked(
        asked.metric_key,
        after=None if place is None else Position(*place),
        page_size=min(asked.max_results or PAGE_POINTS, _most(asked.metric_key)),
    )
    with of_run(run_id):
        try:
            found = metric_history.of_metric(
                services.runs, services.points, call.context, run_id, wanted
            )
        except NotFound as error:
            if "key" not in error.details:
                raise
            return {"metrics": []}
    answer: dict[str, Any] = {"metrics": _points([found])}
    if found.next is not None:
        answer["next_page_token"] = cursor_of(services, call.context, scope, found.next)
    return answer


def _most(key: str) -> int:
    """As many points of this metric as an answer can hold."""
    return min(PAGE_POINTS, MAX_PAGE_BYTES // (len(orjson.dumps(key)) + POINT_BYTES))


def _points(found: Iterable[History], *, of_runs: bool = False) -> orjson.Fragment:
    """Encoded a piece at a time: a quarter of the time of one large list."""
    parts = [
        orjson.dumps(_piece(piece, one.key, one.run_id if of_runs else None))[1:-1]
        for one in found
        for piece in one.pieces
    ]
    return orjson.Fragment(b"[" + b",".join(part for part in parts if part) + b"]")


def _piece(piece: Series, key: str, run_id: str | None) -> list[dict[str, Any]]:
    values: Iterable[Any] = piece.values if piece.finite else map(json_number, piece.values)
    columns = zip(values, piece.timestamps, piece.steps, strict=True)
    if run_id is None:
        return [{"key": key, "value": v, "timestamp": t, "step": s} for v, t, s in columns]
    return [
        {"key": key, "value": v, "timestamp": t, "step": s, "run_id": run_id} for v, t, s in columns
    ]


@calls("GET", "metrics/get-history-bulk", role=Role.READ, asked=GetHistories)
def get_histories(call: Call[GetHistories], services: Services) -> Any:
    """The first points of several runs, as a page of MLflow draws them. Runs that are not here have
    none."""
    asked = call.asked
    if not asked.run_id:
        raise invalid("GetMetricHistoryBulk request must specify at least one run_id.")
    if len(asked.run_id) > MAX_RUNS:
        raise invalid(
            f"GetMetricHistoryBulk request cannot specify more than {MAX_RUNS} run_ids."
            f" Received {len(asked.run_id)} run_ids."
        )
    if asked.metric_key is None:
        raise invalid("GetMetricHistoryBulk request must specify a metric_key.")
    left = min(max(asked.max_results, 0), _most(asked.metric_key))
    found: list[History] = []
    for run_id in sorted(filter(is_hex_id, set(asked.run_id))):
        if left == 0:
            break
        wanted = HistoryAsked(asked.metric_key, page_size=left)
        try:
            history = metric_history.of_metric(
                services.runs, services.points, call.context, RunId(run_id), wanted
            )
        except (NotFound, Forbidden):
            continue
        found.append(history)
        left -= sum(len(piece.steps) for piece in history.pieces)
    return {"metrics": _points(found, of_runs=True)}


@calls("GET", "metrics/get-history-bulk-interval", role=Role.READ, asked=GetIntervals)
def get_intervals(call: Call[GetIntervals], services: Services) -> Any:
    """Points of several runs, thinned out to what a chart can show."""
    asked = call.asked
    if not asked.run_ids:
        raise invalid("Missing value for required parameter 'run_ids'.")
    if len(asked.run_ids) > MAX_RUNS:
        raise invalid(
            f"GetMetricHistoryBulkInterval request must specify at most {MAX_RUNS} run_ids."
            f" Received {len(asked.run_ids)} run_ids."
        )
    if not 1 <= asked.max_results <= MAX_SAMPLED:
        raise invalid(f"max_results must be between 1 and {MAX_SAMPLED}.")
    run_ids = [run_id_of(one) for one in dict.fromkeys(asked.run_ids)]
    size = max(1, min(asked.max_results, _most(asked.metric_key) // len(run_ids)))
    with of_run(run_ids[0] if len(run_ids) == 1 else ", ".join(run_ids)):
        found = metric_history.of_runs(
            services.runs, services.points, call.context, run_ids, [asked.metric_key],
            _steps(asked), size,
        )  # fmt: skip
    return {"metrics": _points(found, of_runs=True)}


def _steps(asked: GetIntervals) -> Steps:
    start, end = asked.start_step, asked.end_step
    if (start is None) != (end is None):
        raise invalid("If either start step or end step are specified, both must be specified.")
    if start is not None and end is not None and start > end:
        raise invalid(
            "end_step must be greater than start_step. "
            f"Found start_step={start} and end_step={end}."
        )
    return Steps(start, end)
