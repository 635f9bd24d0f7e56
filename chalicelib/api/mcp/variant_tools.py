"""Tools of A/B tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.api.mcp.tool import Argument, Tool, hidden
from chalicelib.api.mcp.tool_words import NO_EXPERIMENT
from chalicelib.api.v1 import variant_results, variants
from chalicelib.core.context import Context
from chalicelib.core.errors import Forbidden
from chalicelib.core.ids import is_hex_id
from chalicelib.domain import experiments as experiment_rules
from chalicelib.wiring import Services


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
            "baseline": Argument(
                "The variant that others are compared with; the first one when left out."
            ),
            "from": Argument(
                "Units whose first log was at this time or later: a date, an RFC 3339"
                " time, or milliseconds.",
                schema={"type": ["string", "integer"]},
            ),
            "to": Argument(
                "Units whose first log was at this time or before; a date is all of its day.",
                schema={"type": ["string", "integer"]},
            ),
            "confidence": Argument("Of the intervals; 0.95 when left out."),
            "dimension": Argument(
                "Split by this key of the context; it must be one of the experiment's dimensions."
            ),
        },
        prepare=_by_slug,
        note=_results_note,
        missing=NO_EXPERIMENT,
    ),
)
