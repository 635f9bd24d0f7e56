"""Tools that cannot do what they are asked: each says why, and what to do about it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from chalicelib.api.mcp.tools import BY_NAME
from chalicelib.core.context import Role
from tests.api.answers import Json, gone
from tests.api.harness import EXPERIMENTS, Service
from tests.api.mcp.asking import (
    LEGACY,
    MODERN,
    asked,
    call,
    protocol_error,
    rpc,
    tool_error,
)
from tests.api.mcp.places import READERS, TOOL_NAMES, WRITERS, Place, place

NOT_THERE: Final = "0" * 32


# -- not there, or another's ---------------------------------------------------------------------


def namers(at: Place) -> dict[str, tuple[str, Any, Any]]:
    """Of each tool that names something: by which argument, the one that is, one that is not."""
    experiment = ("experiment_id", at.experiment_id, NOT_THERE)
    return {
        "log_artifact_in_experiment": experiment,
        "list_artifacts_in_experiment": experiment,
        "get_artifact_in_experiment": experiment,
        "get_artifact_content_in_experiment": experiment,
        "search_runs": ("experiment_ids", [at.experiment_id], [NOT_THERE]),
        "get_run": ("run_id", at.run_ids[0], NOT_THERE),
        "compare_runs": ("run_ids", at.run_ids, [NOT_THERE, "1" * 32]),
        "get_metric_history": ("run_id", at.run_ids[0], NOT_THERE),
        "log_variant_execution": ("experiment_id", at.ab_id, NOT_THERE),
        "get_experiment_results": ("experiment_id", at.ab_id, NOT_THERE),
    }


def test_what_is_another_tenants_is_told_as_what_is_not_there(service: Service) -> None:
    at = place(service)
    for tool, (name, theirs, missing) in namers(at).items():
        arguments = at.calls()[tool]
        told = tool_error(service.other, tool, {**arguments, name: theirs})
        nowhere = tool_error(service.other, tool, {**arguments, name: missing})
        for one, another in zip(_each(theirs), _each(missing), strict=True):
            told = told.replace(one, another)
        assert told == nowhere, tool
        assert nowhere.endswith(BY_NAME[tool].missing)


def _each(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def test_another_tenants_slug_is_told_as_one_that_is_not_there(service: Service) -> None:
    at = place(service)
    for tool, (name, _, missing) in namers(at).items():
        if "run" in name:
            continue
        told: list[str] = []
        for slug in (at.ab_slug, "never"):
            value = [slug] if isinstance(missing, list) else slug
            text = tool_error(service.other, tool, {**at.calls()[tool], name: value})
            assert text.startswith("there is no such experiment"), tool
            told.append(text.replace(slug, "it"))
        assert told[0] == told[1], tool


def test_another_tenants_are_on_no_list(service: Service) -> None:
    place(service)
    assert call(service.other, "list_experiments")["experiments"] == []
    assert asked(service.other, "resources/list")["resources"] == []


def test_names_within_an_experiment_or_run_that_are_not_there(laptop: Service) -> None:
    at = place(laptop)
    for tool, name, told in (
        ("get_artifact_in_experiment", "artifact_name", "the experiment has no such artifact"),
        ("get_artifact_content_in_experiment", "artifact_name", "the experiment has no such"),
        ("get_metric_history", "key", "the run has no such metric (key=nothing)"),
    ):
        text = tool_error(laptop.read, tool, {**at.calls()[tool], name: "nothing"})
        assert text.startswith(told)
        assert text.endswith(BY_NAME[tool].missing)


def test_what_has_no_bytes_names_the_tool_that_reads_it(laptop: Service) -> None:
    at = place(laptop)
    for name in ("note", "curve"):
        arguments = {"experiment_id": at.slug, "artifact_name": name}
        text = tool_error(laptop.read, "get_artifact_content_in_experiment", arguments)
        assert text.startswith("the artifact has no bytes; read its value")
        assert "use get_artifact_in_experiment." in text


# -- states, roles and sizes ---------------------------------------------------------------------


def test_a_draft_takes_no_logs(service: Service) -> None:
    experiment = service.experiment("a draft", variants=[{"key": "A", "weight": 100}])
    for named in (experiment["id"], experiment["slug"]):
        arguments = {"experiment_id": named, "variantKey": "A"}
        text = tool_error(service.write, "log_variant_execution", arguments)
        assert text.startswith("a draft takes no logs; set the experiment's status to active")


def test_an_experiment_that_is_deleted_takes_nothing_and_has_no_results(service: Service) -> None:
    at = place(service)
    for experiment_id in (at.experiment_id, at.ab_id):
        gone(service.write.delete(f"{EXPERIMENTS}/{experiment_id}"))
    calls = at.calls()
    text = tool_error(
        service.write, "log_artifact_in_experiment", calls["log_artifact_in_experiment"]
    )
    assert text.startswith("the experiment is deleted; restore it first")
    for tool in ("log_variant_execution", "get_experiment_results"):
        service.clock.advance(60)  # what is kept of a definition may be stale
        for named in (at.ab_id, at.ab_slug):
            text = tool_error(service.write, tool, {**calls[tool], "experiment_id": named})
            assert text.startswith("there is no such experiment"), tool
    deleted = call(service.read, "list_experiments", lifecycle_stage="deleted")["experiments"]
    assert {one["id"] for one in deleted} == {at.experiment_id, at.ab_id}


def test_a_name_and_a_slug_that_are_taken(service: Service) -> None:
    service.experiment("digits")
    text = tool_error(service.write, "create_experiment", {"name": "digits"})
    assert text.startswith("an experiment of this name exists (name=digits)")
    text = tool_error(service.write, "create_experiment", {"name": "more", "slug": "digits"})
    assert text.startswith("an experiment with this slug exists (slug=digits)")


def test_another_log_with_the_same_id(service: Service) -> None:
    at = place(service)
    arguments = at.calls()["log_variant_execution"]
    log_id = call(service.write, "log_variant_execution", **arguments)["logId"]
    again: Json = {**arguments, "logId": log_id}
    text = tool_error(service.write, "log_variant_execution", {**again, "variantKey": "B"})
    assert text.startswith("another log has this id; make a new one")


def test_bytes_that_were_never_uploaded(service: Service) -> None:
    at = place(service)
    arguments = {"experiment_id": at.slug, "name": "x", "kind": "file", "sha256": "0" * 64}
    text = tool_error(service.write, "log_artifact_in_experiment", arguments)
    assert text.startswith("bytes are missing; upload them first")


@pytest.mark.parametrize("tool", WRITERS)
def test_a_key_that_may_only_read_writes_nothing(service: Service, tool: str) -> None:
    at = place(service)
    service.pull()
    before = call(service.read, "list_experiments")
    text = tool_error(service.read, tool, at.calls()[tool], key="k")
    assert text.startswith("this tool needs a key with the role write (role=read)")
    assert text.endswith("ask the user for one with that role.")
    # before its arguments are looked at: what is wrong with them helps nobody
    assert tool_error(service.read, tool, {"frobnicate": 1}) == text
    service.pull()
    assert call(service.read, "list_experiments") == before


def test_a_key_is_shown_the_tools_that_it_may_call(service: Service) -> None:
    for version in (MODERN, LEGACY):
        for client, names in (
            (service.read, READERS),
            (service.write, TOOL_NAMES),
            (service.admin, TOOL_NAMES),
            (service.client(service.key(Role.READ)), READERS),
        ):
            tools = asked(client, "tools/list", version=version)["tools"]
            assert [one["name"] for one in tools] == names


def test_more_than_a_request_may_hold_is_refused_before_any_tool(laptop: Service) -> None:
    at = place(laptop)
    arguments = {"experiment_id": at.slug, "name": "x", "kind": "text", "value": "x" * 4 * 2**20}
    params = {"name": "log_artifact_in_experiment", "arguments": arguments}
    answer = rpc(laptop.write, "tools/call", params)
    error = protocol_error(answer, 413, 413, request_id=None)
    assert "at most 4 MiB" in error["message"]


def test_more_than_a_document_may_hold_is_a_tool_error(laptop: Service) -> None:
    tags = {f"tag {number}": "x" * 8000 for number in range(60)}
    text = tool_error(laptop.write, "create_experiment", {"name": "large", "tags": tags})
    assert text.endswith("Send less, or ask for less, at once.")


def test_an_unknown_tool_and_arguments_that_are_no_object_are_protocol_errors(
    laptop: Service,
) -> None:
    calls: list[Json] = [
        {"name": "delete_everything", "arguments": {}},
        {"name": "get_run", "arguments": ["x"]},
    ]
    for params in calls:
        protocol_error(rpc(laptop.write, "tools/call", params), 400, -32602)
        protocol_error(rpc(laptop.write, "tools/call", params, version=LEGACY), 200, -32602)
