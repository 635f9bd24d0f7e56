"""The tools, and when to use which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import TypedDict

from chalicelib.api.mcp import contents
from chalicelib.api.mcp.contents import ContentOut
from chalicelib.api.mcp.tool import Argument, Call, Outcome, Tool, hidden
from chalicelib.api.v1 import (
    experiment_artifacts,
    experiments,
    run_metrics,
    runs,
    variant_results,
    variants,
)
from chalicelib.core.context import Context
from chalicelib.core.errors import Forbidden
from chalicelib.core.ids import is_hex_id
from chalicelib.core.model.experiment_artifact import SentKind
from chalicelib.domain import experiment_artifact_reads
from chalicelib.domain import experiments as experiment_rules
from chalicelib.wiring import Services

EXPERIMENT: Final = Argument("The experiment's id (32 hex characters) or its slug.")
RUN: Final = Argument(
    "The run's id, 32 hex characters, as search_runs gives it; a run's name is not its id."
)
CURSOR: Final = Argument("`next_cursor` of the page before, to read on; leave out for the first.")
STAGE: Final = Argument("`active`, or `deleted` for what was deleted and can be restored.")
NO_EXPERIMENT: Final = "Call list_experiments to see the ids and slugs that there are."
NO_RUN: Final = "Call search_runs to find runs and their ids."
NO_ARTIFACT: Final = (
    "Call list_artifacts_in_experiment to see the names in this experiment, or list_experiments"
    " when the experiment itself is not there."
)


class LoggedOut(TypedDict):
    experiment_id: str
    name: str
    kind: SentKind


def _log_artifact(call: Call) -> Outcome:
    experiment_artifacts.log_experiment_artifact(call.request, call.services)
    logged = {name: call.arguments[name] for name in ("experiment_id", "name", "kind")}
    return Outcome(
        logged,
        "Logged. Read it back with get_artifact_in_experiment; a name that is logged again keeps"
        " its earlier entries.",
    )


def _content(call: Call) -> Outcome:
    request = call.request
    series = experiment_artifact_reads.find(
        experiment_artifacts.stores_of(call.services),
        request.context,
        request.path["experiment_id"],
        request.path["artifact_name"],
    )
    found = contents.content_of(request.context, call.services, series)
    note = None
    if found.about["shown_as"] == "link":
        note = (
            f"Too large to show, or no type that can be shown ({found.about['mime_type']},"
            f" {found.about['size_bytes']} bytes): it can be fetched from the link."
        )
    elif found.about["truncated"]:
        note = f"The first {contents.MAX_TEXT} characters; all of it is at `url`."
    return Outcome(found.about, note, (found.block,))


def _history_note(payload: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    if payload["total"] <= given["max_points"]:
        return None
    return (
        f"{payload['total']} points were logged, and about {given['max_points']} of them are shown,"
        " peaks kept: look closer with start_step and end_step, or ask for more with max_points."
    )


def _results_note(payload: Mapping[str, Any], _given: Mapping[str, Any]) -> str | None:
    warnings = [f"- {one['message']}" for one in payload["warnings"]]
    return "\n".join(["Before concluding anything:", *warnings]) if warnings else None


def _by_slug(context: Context, services: Services, path: dict[str, Any]) -> None:
    """The routes of variants know slugs alone."""
    if is_hex_id(path["slug"]):
        try:
            found, _ = experiment_rules.get(services.experiments, context, path["slug"])
        except Forbidden as error:
            raise hidden(error) from None
        path["slug"] = found.slug


TOOLS: Final = (
    Tool(
        name="list_experiments",
        title="List experiments",
        view=experiments.list_experiments,
        description="""\
List the experiments of the team, newest first, with their ids, slugs, tags and counts of runs,
artifacts and logs.

Use it first, when you do not know the id or slug of an experiment, or to see what was tried so far.
Do not use it to look for runs: search_runs does that, within experiments.""",
        arguments={
            "search": Argument("Only experiments whose name or slug contains this."),
            "lifecycle_stage": STAGE,
            "limit": Argument("How many at most.", default=20, maximum=100),
            "cursor": CURSOR,
        },
        missing=NO_EXPERIMENT,
    ),
    Tool(
        name="create_experiment",
        title="Create an experiment",
        view=experiments.create_experiment,
        description="""\
Create an experiment: the place for the runs and artifacts of one question, and, with variants, an
A/B test in production.

Use it once for each new question, when list_experiments shows none that fits. Do not create one for
each try: a try is a run of an experiment. It needs a key that may write.""",
        arguments={
            "name": Argument("What people call it; unique in the team."),
            "description": Argument("What is asked, and why."),
            "slug": Argument("Its short name in URLs; made from the name when left out."),
            "tags": Argument("Labels, text by text."),
            "metric_goals": Argument(
                "Whether a metric is better high or low, by its name: compare_runs and"
                " get_experiment_results go by it."
            ),
            "variants": Argument(
                "The arms of an A/B test, the baseline first; weights add up to 100. Leave out"
                " otherwise."
            ),
            "status": Argument(
                "`draft`, or `active` for an A/B test that takes logs from now on."
            ),
            "unit_key": Argument(
                "Which key of a log's context tells whom it was about, `user_id` say, where logs"
                " come without a unitId."
            ),
            "dimensions": Argument(
                "Keys of the context that results can be split by."
            ),
            "guardrails": Argument(
                "How much worse a variant may be in a metric that must not suffer."
            ),
            "planned_units": Argument(
                "Units that an A/B test is planned to have in all; intervals are narrowest there."
            ),
        },
        missing=NO_EXPERIMENT,
    ),
    Tool(
        name="log_artifact_in_experiment",
        title="Log an artifact",
        view=experiment_artifacts.log_experiment_artifact,
        description="""\
Log a value under a name in an experiment: a note, a number, points of a curve, a JSON list or
object, a picture or a small file.

Use it after a try or an analysis, for what should be kept: a conclusion (text), a score (value), a
curve (timeseries), settings (dict), a plot (image). Every call adds an entry: logging numbers under
one name makes a timeseries of them. Nothing is replaced, so do not call it again after it
succeeded. For metrics of training steps, which come by the thousand, the client in the training
program is the way, not this tool.

What `kind` needs: text, a string; value, one finite number; list, an array; dict, an object; image,
a data URL (data:image/png;base64,...); file, any base64 data URL; all of them in `value`.
timeseries takes `points` and no value. It needs a key that may write.""",
        arguments={
            "experiment_id": EXPERIMENT,
            "name": Argument("What it is called in the experiment, up to 200 characters."),
            "kind": Argument("What is logged; it decides which of value and points is taken."),
            "value": Argument(
                "For every kind but timeseries: a string, number, array, object or data URL, as"
                " the kind says.",
                schema={},
            ),
            "points": Argument("For a timeseries only: points with numbers x and y."),
            "sha256": Argument(
                "For image and file in place of a value: the SHA-256 of bytes that were uploaded"
                " to the team's store before."
            ),
        },
        answer=LoggedOut,
        run=_log_artifact,
        missing=NO_EXPERIMENT,
    ),
    Tool(
        name="list_artifacts_in_experiment",
        title="List artifacts",
        view=experiment_artifacts.list_experiment_artifacts,
        description="""\
List the names that were logged in an experiment, each with what it reads as: a value, the fact that
it is a timeseries, or the type and address of its bytes.

Use it to see what is there. It gives no points: get_artifact_in_experiment does, and
get_artifact_content_in_experiment shows pictures and files.""",
        arguments={
            "experiment_id": EXPERIMENT,
            "limit": Argument("How many at most.", default=50, maximum=200),
            "cursor": CURSOR,
        },
        missing=NO_EXPERIMENT,
    ),
    Tool(
        name="get_artifact_in_experiment",
        title="Get an artifact",
        view=experiment_artifacts.get_experiment_artifact,
        description="""\
Read one name of an experiment, normalized: points that were logged, or several numbers, read as
`kind` timeseries with points in the order of x; bytes as image, audio, video, text or application
with `mime_type` and `content_url`, never the bytes themselves; anything else as `value`, the latest
one.

Use it when you know the name. The kind that was logged is not always the kind that is read. For the
bytes of a picture or a file use get_artifact_content_in_experiment.""",
        arguments={
            "experiment_id": EXPERIMENT,
            "artifact_name": Argument("The name that it was logged under."),
            "limit": Argument("How many points of a timeseries at most.", default=500),
            "cursor": CURSOR,
        },
        missing=NO_ARTIFACT,
    ),
    Tool(
        name="get_artifact_content_in_experiment",
        title="Look at an artifact",
        view=experiment_artifacts.get_experiment_artifact_content,
        description="""\
Look at the bytes of an artifact: pictures up to 1 MB come as images, texts and sound up to 1 MB as
such, and everything else as a link that can be fetched without a key for some minutes.

Use it for names that get_artifact_in_experiment or list_artifacts_in_experiment show with a
`content_url`. Values and timeseries have no bytes: get_artifact_in_experiment reads them.""",
        arguments={
            "experiment_id": EXPERIMENT,
            "artifact_name": Argument("The name that it was logged under."),
        },
        answer=ContentOut,
        run=_content,
        missing=NO_ARTIFACT
        + " A name that reads as a value or a timeseries has no bytes: use"
        " get_artifact_in_experiment.",
    ),
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
            "order_by": Argument("One entry for each key, the first counts most; newest first"
                                 " when left out."),
            "lifecycle_stage": Argument("`active`, `deleted`, or `all`."),
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
    Tool(
        name="log_variant_execution",
        title="Log an execution of a variant",
        view=variants.log_execution,
        description="""\
Log that a variant of an A/B test was used once, with what went in, what came out, and metrics of
how it went.

Use it when you act for a product that runs an A/B test, or to enter outcomes by hand. The
experiment must have been started (status active, paused or completed). Every call counts, so never
repeat one that succeeded, unless with the same logId. It needs a key that may write.""",
        arguments={
            "experiment_id": Argument("The experiment's id or slug.", of="slug"),
            "variantKey": Argument("Which variant was used; one of the experiment's."),
            "input": Argument("What went in."),
            "output": Argument("What came out."),
            "metrics": Argument("Numbers by name: latency_ms, user_rating, converted (0 or 1)."),
            "context": Argument("Facts about the call; some may be dimensions of the experiment."),
            "unitId": Argument(
                "Who or what was served, a user say: all logs of one unit count as one unit."
            ),
            "logId": Argument(
                "`log_` and a ULID of now, made by you: with it the same log may be sent again and"
                " counts once."
            ),
            "timestamp": Argument("When it was, milliseconds since the epoch; now when left out."),
            "covariates": Argument(
                "What was known of the unit before, by metric: it makes intervals narrower."
            ),
        },
        prepare=_by_slug,
        missing=NO_EXPERIMENT,
    ),
    Tool(
        name="get_experiment_results",
        title="Read A/B results",
        view=variant_results.get_results,
        description="""\
Read the results of an A/B test: for each variant and metric the mean over units and its difference
from the baseline with intervals, how many units each variant had, whether their shares are as
planned (`srm`), and warnings.

Use it to say what may be concluded. `always_valid` intervals and p-values hold however often one
looks: go by them while the test runs. `fixed` ones hold only once, at the planned number of units.
A mismatch in `srm` means that the split is broken and no result can be trusted. A null is what
there is too little data for. Runs and their metrics are not in it: that is search_runs.""",
        arguments={
            "experiment_id": Argument("The experiment's id or slug.", of="slug"),
            "metric": Argument("Only this metric; all when left out."),
            "baseline": Argument("The variant that others are compared with; the first one when"
                                 " left out."),
            "from": Argument("Units whose first log was at this time or later: a date, an RFC 3339"
                             " time, or milliseconds.", schema={"type": ["string", "integer"]}),
            "to": Argument("Units whose first log was at this time or before; a date is all of its"
                           " day.", schema={"type": ["string", "integer"]}),
            "confidence": Argument("Of the intervals; 0.95 when left out."),
            "dimension": Argument("Split by this key of the context; it must be one of the"
                                  " experiment's dimensions."),
        },
        prepare=_by_slug,
        note=_results_note,
        missing=NO_EXPERIMENT,
    ),
)  # fmt: skip
BY_NAME: Final = {one.name: one for one in TOOLS}
