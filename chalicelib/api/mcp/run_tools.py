"""Tools of runs and their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.api.mcp.tool import Argument, Tool
from chalicelib.api.mcp.tool_words import CURSOR, NO_EXPERIMENT, NO_RUN, RUN, STAGE
from chalicelib.api.v1 import run_metrics, runs


def _history_note(payload: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    if payload["total"] <= given["max_points"]:
        return None
    return (
        f"{payload['total']} points were logged, and about {given['max_points']} of them are shown,"
        " peaks kept: look closer with start_step and end_step, or ask for more with max_points."
    )


TOOLS: Final = (
    Tool(
        name="search_runs",
        title="Search runs",
        view=runs.search_runs,
        description="""\
Find runs of one or more experiments by their metrics, params, tags and attributes, and order them.

Use it to find the best, the latest or the failed runs, and their ids. The filter is MLflow's:
`metrics.accuracy > 0.9 AND params.model = 'tree' AND attributes.status = 'FINISHED'`; comparisons
=, !=, >, >=, <, <=, LIKE, ILIKE, IN ('a', 'b'), IS NULL, joined by AND only; texts in single
quotes, odd names in backticks (metrics.`val loss`). To order: `metrics.loss ASC`, `start_time
DESC`. For all of one run use get_run; to put runs side by side, compare_runs.""",
        arguments={
            "experiment_ids": Argument("Ids or slugs of the experiments to look in."),
            "filter": Argument("Which runs; all when left out."),
            "order_by": Argument(
                "One entry for each key, the first counts most; newest first when left out."
            ),
            "lifecycle_stage": STAGE,
            "limit": Argument("How many at most.", default=20, maximum=100),
            "cursor": CURSOR,
        },
        missing=NO_EXPERIMENT,
    ),
    Tool(
        name="get_run",
        title="Get a run",
        view=runs.get_run,
        description="""\
Read one run: its params, tags, status, times, and of every metric the last value, and in
`metric_summary` the lowest, the highest and how many there are.

Use it when you know the run's id. For the course of a metric use get_metric_history.""",
        arguments={"run_id": RUN},
        missing=NO_RUN,
    ),
    Tool(
        name="compare_runs",
        title="Compare runs",
        view=run_metrics.compare_runs,
        description="""\
Put 2 to 10 runs side by side: the best of them by each metric, the best in most metrics, and the
params in which they differ.

Use it to say which run won and what was different about it. It knows from an experiment's goals, or
else from a metric's name, whether high is good: `goal_source` says which, and `goals` overrules
both. It compares last values: for the course of a metric use get_metric_history.""",
        arguments={
            "run_ids": Argument("2 to 10 ids of runs, of whatever experiments."),
            "metrics": Argument("Names of the metrics to compare; all when left out."),
            "goals": Argument("Whether high or low is better, by a metric's name."),
        },
        missing=NO_RUN,
    ),
    Tool(
        name="get_metric_history",
        title="Get a metric's history",
        view=run_metrics.get_metric_history,
        description="""\
Read the course of one metric of a run: points of step, time (ms since the epoch) and value, thinned
out to max_points in a way that keeps peaks.

Use it to see trends, jumps and divergence. NaN and infinities come as the strings "NaN", "Infinity"
and "-Infinity". To look closer, ask again for the steps in question. For last, lowest and highest
values get_run is enough.""",
        arguments={
            "run_id": RUN,
            "key": Argument("The metric's name."),
            "max_points": Argument("How many points at most.", default=200, maximum=2000),
            "start_step": Argument("The first step to look at."),
            "end_step": Argument("The last step to look at."),
        },
        note=_history_note,
        missing=NO_RUN + " get_run shows which metrics a run has.",
    ),
)
