"""Tools: what they say of arguments that they cannot take."""

from __future__ import annotations

from typing import Final

import pytest

from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mcp.asking import call, tool_error
from tests.api.mcp.places import TOOL_NAMES, place


@pytest.mark.parametrize("tool", TOOL_NAMES)
def test_an_unknown_argument_is_told_with_those_that_there_are(laptop: Service, tool: str) -> None:
    arguments = place(laptop).calls()[tool]
    text = tool_error(laptop.write, tool, {**arguments, "frobnicate": 1})
    assert text.startswith("frobnicate: is no argument of this tool; it takes ")
    assert set(arguments) <= set(text.partition("it takes ")[2].partition(".")[0].split(", "))
    assert text.endswith("Correct the arguments and call the tool again.")


@pytest.mark.parametrize("tool", TOOL_NAMES)
def test_every_argument_of_a_wrong_type_is_named_all_at_once(laptop: Service, tool: str) -> None:
    arguments = place(laptop).calls()[tool]
    wrong = {name: [{"not": "it"}] for name in arguments}
    text = tool_error(laptop.write, tool, {**wrong, "more": 1})
    for name in [*arguments, "more"]:
        if name != "value":  # what it may be depends on the kind, which is wrong itself
            assert f"- {name}" in text, text


WRONG: Final[dict[str, list[tuple[Json, str]]]] = {
    "list_experiments": [
        ({"limit": 0}, "limit:"),
        ({"limit": 101}, "limit: must be at most 100"),
        ({"limit": 1.5}, "limit:"),
        ({"limit": "many"}, "limit:"),
        ({"lifecycle_stage": "all"}, "lifecycle_stage: input should be 'active' or 'deleted'"),
        ({"cursor": "abc"}, "cursor: not one that this query gave"),
        ({"search": "x" * 256}, "search:"),
    ],
    "create_experiment": [
        ({"name": ""}, "name:"),
        ({"name": "a\nb"}, "name:"),
        ({"slug": "NO"}, "slug:"),
        ({"slug": "runs"}, "slug: 'runs' is reserved"),
        ({"tags": {"a": 1}}, "tags.a:"),
        ({"metric_goals": {"loss": "low"}}, "metric_goals.loss:"),
        ({"variants": [{"key": "A", "weight": 20}]}, "variants: weights must add up to 100"),
        ({"variants": [{"key": "A"}]}, "variants.0.weight: field required"),
        ({"status": "running"}, "status:"),
        ({"dimensions": ["a", "a"]}, "dimensions: must be distinct"),
        ({"guardrails": {"cost": {"margin": 0}}}, "guardrails.cost.margin:"),
        ({"planned_units": 9}, "planned_units:"),
    ],
    "log_artifact_in_experiment": [
        ({"name": "x" * 201}, "name:"),
        ({"name": ".."}, "name: cannot be . or .."),
        ({"kind": "picture"}, "kind:"),
        ({"kind": "text"}, "value: must be a string"),
        ({"value": "1"}, "value: must be a number"),
        ({"value": True}, "value: must be a number"),
        ({"value": None}, "value: must be a number"),
        ({"kind": "list", "value": {}}, "value: must be an array"),
        ({"kind": "dict", "value": []}, "value: must be an object"),
        ({"kind": "file", "value": "nope"}, "value: must be a data URL"),
        (
            {"kind": "image", "value": "data:image/png;base64,aGk="},
            "value: says image/png, but its bytes are no image of a known type",
        ),
        ({"kind": "timeseries", "value": None}, "points: a timeseries has at least one point"),
        ({"points": [{"x": 1, "y": 2}]}, "points: only a timeseries has points"),
        ({"points": [{"x": 1}], "kind": "timeseries", "value": None}, "points.0.y:"),
        ({"sha256": "0" * 64}, "sha256: only an image or a file has one"),
        ({"sha256": "short"}, "sha256:"),
    ],
    "list_artifacts_in_experiment": [
        ({"limit": 201}, "limit: must be at most 200"),
        ({"cursor": "abc"}, "cursor: not one that this query gave"),
        ({"experiment_id": ""}, "experiment_id: must be a text that is not empty"),
    ],
    "get_artifact_in_experiment": [
        ({"limit": 10_001}, "limit:"),
        ({"cursor": "abc"}, "cursor: not one that this query gave"),
        ({"artifact_name": ""}, "artifact_name: must be a text that is not empty"),
        ({"artifact_name": "x" * 201}, "artifact_name:"),
    ],
    "get_artifact_content_in_experiment": [
        ({"artifact_name": 5}, "artifact_name: must be a text that is not empty"),
        ({"artifact_name": "x" * 201}, "artifact_name:"),
    ],
    "search_runs": [
        ({"experiment_ids": []}, "experiment_ids:"),
        ({"experiment_ids": "digits"}, "experiment_ids: input should be a valid array"),
        ({"experiment_ids": ["a", "a"]}, "experiment_ids: must be distinct"),
        ({"filter": "metrics.loss >> 1"}, "filter: expected one of =, "),
        ({"filter": "metrics.loss > 1 OR metrics.loss < 0"}, "filter: "),
        ({"filter": "loss > 1"}, "filter: "),
        ({"order_by": ["nonsense"]}, "order_by.0: unknown attribute 'nonsense'"),
        ({"order_by": ["start_time"] * 9}, "order_by:"),
        ({"limit": 101}, "limit: must be at most 100"),
        ({"cursor": "abc"}, "cursor: not one that this query gave"),
        ({"lifecycle_stage": "gone"}, "lifecycle_stage:"),
    ],
    "compare_runs": [
        ({"run_ids": ["0" * 32]}, "run_ids:"),
        ({"run_ids": ["0" * 32] * 2}, "run_ids: must be distinct"),
        ({"run_ids": ["a run", "another"]}, "run_ids.0:"),
        ({"goals": {"loss": "low"}}, "goals.loss:"),
    ],
    "get_metric_history": [
        ({"max_points": 0}, "max_points:"),
        ({"max_points": 2001}, "max_points: must be at most 2000"),
        ({"start_step": 2**63}, "start_step:"),
        ({"end_step": "last"}, "end_step:"),
        ({"key": ""}, "key: must be a text that is not empty"),
    ],
    "get_run": [({"run_id": 5}, "run_id: must be a text that is not empty")],
    "log_variant_execution": [
        ({"variantKey": "Z"}, "variantKey: is no variant of the experiment; it has A, B"),
        ({"metrics": {"score": "much"}}, "metrics.score:"),
        ({"covariates": {"score": "NaN"}}, "covariates.score:"),
        ({"logId": "log_1"}, "logId:"),
        ({"timestamp": -1}, "timestamp:"),
        ({"unitId": ""}, "unitId:"),
        ({"experiment_id": 5}, "experiment_id: must be a text that is not empty"),
    ],
    "get_experiment_results": [
        ({"baseline": "Z"}, "baseline: is no variant of the experiment; it has A, B"),
        ({"dimension": "country"}, "dimension: is not declared on the experiment"),
        ({"confidence": 0.1}, "confidence:"),
        ({"from": "yesterday"}, "from: must be milliseconds since the epoch, a date"),
        ({"to": 1.5}, "to:"),
    ],
}


@pytest.mark.parametrize("tool", TOOL_NAMES)
def test_an_argument_that_is_wrong_is_named_with_what_it_should_be(
    laptop: Service, tool: str
) -> None:
    good = place(laptop).calls()[tool]
    for wrong, told in WRONG[tool]:
        text = tool_error(laptop.write, tool, {**good, **wrong})
        assert text.startswith(told), (wrong, text)
        assert text.endswith("Correct the arguments and call the tool again."), text


def test_a_filter_that_cannot_be_read_tells_the_position(laptop: Service) -> None:
    at = place(laptop)
    asked = {"experiment_ids": [at.slug], "filter": "metrics.loss > 1 AND params.x >> 'y'"}
    assert "at position 30" in tool_error(laptop.read, "search_runs", asked)


def test_a_cursor_of_another_query_is_refused(laptop: Service) -> None:
    at = place(laptop)
    asked = {"experiment_ids": [at.slug], "limit": 1}
    cursor = call(laptop.read, "search_runs", **asked)["next_cursor"]
    other = {**asked, "cursor": cursor, "order_by": ["start_time ASC"]}
    assert tool_error(laptop.read, "search_runs", other).startswith("cursor: not one that this")


def test_the_name_that_the_route_has_for_an_argument_is_no_other_name_for_it(
    laptop: Service,
) -> None:
    at = place(laptop)
    for tool in ("log_variant_execution", "get_experiment_results"):
        text = tool_error(laptop.write, tool, {**at.calls()[tool], "slug": at.ab_slug})
        assert text.startswith("slug: is no argument of this tool; it takes experiment_id, ")
