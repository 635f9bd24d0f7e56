"""Tools of experiments."""

from __future__ import annotations

from typing import Final

from chalicelib.api.mcp.tool import Argument, Tool
from chalicelib.api.mcp.tool_words import CURSOR, NO_EXPERIMENT, STAGE
from chalicelib.api.v1 import experiments

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
            "search": Argument("Only experiments whose name contains this."),
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
            "status": Argument("`draft`, or `active` for an A/B test that takes logs from now on."),
            "unit_key": Argument(
                "Which key of a log's context tells whom it was about, `user_id` say, where logs"
                " come without a unitId."
            ),
            "dimensions": Argument("Keys of the context that results can be split by."),
            "guardrails": Argument(
                "How much worse a variant may be in a metric that must not suffer."
            ),
            "planned_units": Argument(
                "Units that an A/B test is planned to have in all; intervals are narrowest there."
            ),
        },
        missing=NO_EXPERIMENT,
        conflict="Use that one, which list_experiments finds by its name, or take another name.",
    ),
)
