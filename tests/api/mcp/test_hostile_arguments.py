"""Arguments that no model should send, each in the place of each: an answer in words, never a
failure; and what is another team's is not there, whoever asks by whatever way."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from chalicelib.api.mcp.prompts import PROMPTS
from chalicelib.api.mcp.tools import BY_NAME, TOOLS
from chalicelib.core.context import Role
from tests.api.answers import Json, made
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.mcp.asking import call, outcome, rpc, text_of, tool_error
from tests.api.mcp.posting import check_answer, modern
from tests.api.named import data_url, names_url

ODD: Final[list[Any]] = [
    "",
    " ",
    "x",
    "x" * 5000,
    "\u00e9" * 3000,
    "x" * 1_000_000,
    "\x00",
    "a\nb",
    "../../x",
    "..",
    "a#b",
    "a/b?c=d",
    "%2e%2e%2f",
    "0" * 32,
    "f" * 5000,
    "50",
    "1e3",
    "NaN",
    True,
    False,
    0,
    -1,
    1.5,
    50.0,
    2**63,
    10**30,
    1e308,
    -1e308,
    [],
    [1],
    ["x", "x"],
    [[]],
    [None],
    {},
    {"x": 1},
    {"": None},
    {"a": {"b": [1, {"c": "d"}]}},
    ["x" * 5000, "y"],
]
NOBODY: Final = "0" * 31 + "1"


def _fitting(service: Service) -> Json:
    """For every tool: arguments by which it comes as far as it can."""
    arms = [{"key": "a", "weight": 50}, {"key": "b", "weight": 50}]
    experiment_id = service.experiment("a test", variants=arms, status="active")["id"]
    runs = [service.run(experiment_id)["run_id"] for _ in range(2)]
    for run_id in runs:
        service.log_values(run_id, "loss", [1.0, 2.0, 3.0])
    service.write.post(names_url(experiment_id), json={
        "name": "file", "kind": "file", "value": data_url(b"text", "text/plain"),
    })  # fmt: skip
    return {
        "experiment_id": experiment_id,
        "experiment_ids": [experiment_id],
        "run_id": runs[0],
        "run_ids": runs,
        "key": "loss",
        "artifact_name": "file",
        "kind": "text",
        "value": "a note",
        "variantKey": "a",
        "name": "a name",
    }


@pytest.mark.parametrize(
    "tool, argument",
    [
        pytest.param(one, name, id=f"{one.name}-{name}")
        for one in TOOLS
        for name in [*one.arguments, "unknown"]
    ],
)
def test_no_argument_makes_a_tool_fail(laptop: Service, tool: Any, argument: str) -> None:
    fitting = _fitting(laptop)
    for odd in ODD:
        if (tool.name, argument) == ("log_artifact_in_experiment", "value") and odd == "x" * 10**6:
            continue  # a note may be that long
        arguments = {name: fitting[name] for name in tool.arguments if name in fitting}
        result = outcome(laptop.write, tool.name, {**arguments, argument: odd})
        if result["isError"]:
            assert len(text_of(result)) < 20_000, "a reader is told what is wrong, not all of it"


@pytest.mark.parametrize("arguments", [[], "x", 1, True, [{}]])
def test_arguments_are_an_object(laptop: Service, arguments: Any) -> None:
    for name in BY_NAME:
        body = check_answer(
            modern(laptop.read, "tools/call", {"name": name, "arguments": arguments})
        )
        assert body is not None
        assert body["error"]["code"] == -32602


@pytest.mark.parametrize(
    "tool, argument, above",
    [
        pytest.param(one, name, argument.maximum + 1, id=f"{one.name}-{name}")
        for one in TOOLS
        for name, argument in one.arguments.items()
        if argument.maximum is not None
    ],
)
def test_a_maximum_holds_however_the_number_is_written(
    laptop: Service, tool: Any, argument: str, above: int
) -> None:
    fitting = _fitting(laptop)
    arguments = {name: fitting[name] for name in tool.arguments if name in fitting}
    for value in (above, float(above), str(above)):
        said = tool_error(laptop.read, tool.name, {**arguments, argument: value})
        assert argument in said


def test_points_are_asked_for_with_a_number_in_quotes(laptop: Service) -> None:
    """Models do that: it is taken for the number, or refused in words."""
    fitting = _fitting(laptop)
    arguments = {"run_id": fitting["run_id"], "key": "loss", "max_points": "2"}
    result = outcome(laptop.read, "get_metric_history", arguments)
    assert "max_points" in text_of(result) or len(result["structuredContent"]["points"]) <= 3


# -- other teams -----------------------------------------------------------------------------------


class Theirs:
    """What the other tenant has."""

    def __init__(self, service: Service) -> None:
        arms = [{"key": "a", "weight": 50}, {"key": "b", "weight": 50}]
        body = {"name": "theirs", "slug": "theirs", "variants": arms, "status": "active"}
        self.experiment_id = made(service.other.post(EXPERIMENTS, json=body))["id"]
        run = made(service.other.post(RUNS, json={"experiment_id": self.experiment_id}))
        self.run_id = run["run_id"]
        service.other.post(f"{RUNS}/{self.run_id}/log-metrics", json={"metrics": {"loss": 1}})
        for name, kind, value in (
            ("note", "text", "a secret"),
            ("file", "file", data_url(b"a secret", "text/plain")),
        ):
            fields = {"name": name, "kind": kind, "value": value}
            assert service.other.post(names_url(self.experiment_id), json=fields).is_success


def _by_experiment(experiment_id: str) -> list[tuple[str, Json]]:
    return [
        ("log_artifact_in_experiment",
         {"experiment_id": experiment_id, "name": "n", "kind": "text", "value": "x"}),
        ("get_artifact_in_experiment", {"experiment_id": experiment_id, "artifact_name": "note"}),
        ("get_artifact_content_in_experiment",
         {"experiment_id": experiment_id, "artifact_name": "file"}),
        ("list_artifacts_in_experiment", {"experiment_id": experiment_id}),
        ("search_runs", {"experiment_ids": [experiment_id]}),
        ("log_variant_execution", {"experiment_id": experiment_id, "variantKey": "a"}),
        ("get_experiment_results", {"experiment_id": experiment_id}),
    ]  # fmt: skip


def _by_run(run_id: str, own: str) -> list[tuple[str, Json]]:
    return [
        ("get_run", {"run_id": run_id}),
        ("get_metric_history", {"run_id": run_id, "key": "loss"}),
        ("compare_runs", {"run_ids": [run_id, own]}),
        ("compare_runs", {"run_ids": [own, run_id]}),
    ]


def test_what_is_another_teams_is_not_there(service: Service) -> None:
    """Word by word what is said of what nobody has."""
    theirs, own = Theirs(service), service.run()["run_id"]
    pairs = [
        *zip(_by_experiment(theirs.experiment_id), _by_experiment(NOBODY), strict=True),
        *zip(_by_experiment("theirs"), _by_experiment("nobodys"), strict=True),
        *zip(_by_run(theirs.run_id, own), _by_run(NOBODY, own), strict=True),
    ]
    for (tool, of_others), (_, of_nobody) in pairs:
        hidden, missing = (tool_error(service.admin, tool, one) for one in (of_others, of_nobody))
        for name in (theirs.experiment_id, theirs.run_id, "theirs"):
            hidden = hidden.replace(name, "IT")
        assert hidden == missing.replace(NOBODY, "IT").replace("nobodys", "IT"), tool
        assert "secret" not in hidden
    used = {tool for (tool, _), _ in pairs}
    assert {*BY_NAME} - used == {"list_experiments", "create_experiment"}


def test_what_is_another_teams_is_in_no_prompt(service: Service) -> None:
    theirs, own = Theirs(service), service.run()["run_id"]

    def told(experiment_id: str, run_id: str) -> list[Json]:
        asked = {
            "compare_runs": {"run_ids": f"{own} {run_id}"},
            "explain_regression": {"run_id": own, "baseline_run_id": run_id},
            "read_ab_test": {"experiment_id": experiment_id},
        }
        assert asked.keys() == {one.name for one in PROMPTS}
        answers = [
            rpc(service.admin, "prompts/get", {"name": name, "arguments": arguments})
            for name, arguments in asked.items()
        ]
        assert {answer.status_code for answer in answers} == {400}
        texts = [answer.text.replace(experiment_id, "IT").replace(run_id, "IT")
                 for answer in answers]  # fmt: skip
        return [json.loads(text) for text in texts]

    assert told(theirs.experiment_id, theirs.run_id) == told(NOBODY, NOBODY)


def test_lists_hold_nothing_of_others(service: Service) -> None:
    Theirs(service)
    assert call(service.admin, "list_experiments", search="theirs")["experiments"] == []
    listed = rpc(service.admin, "resources/list").json()["result"]
    assert listed["resources"] == []


# -- cursors ---------------------------------------------------------------------------------------


def test_a_cursor_is_good_for_one_question_of_one_team(service: Service) -> None:
    own = service.experiment("first")["id"]
    for number in range(2):
        service.run(own)
        service.experiment(f"{number}")
        fields = {"name": f"{number}", "kind": "value", "value": number}
        assert service.write.post(names_url(own), json=fields).is_success
    questions: list[tuple[str, Json]] = [
        ("list_experiments", {}),
        ("search_runs", {"experiment_ids": [own]}),
        ("list_artifacts_in_experiment", {"experiment_id": own}),
    ]
    cursors = {
        tool: call(service.read, tool, limit=1, **arguments)["next_cursor"]
        for tool, arguments in questions
    }
    for tool, arguments in questions:
        for of, cursor in cursors.items():
            for bad in (cursor[:-1], cursor + "A", cursor.swapcase(), cursor[::-1]):
                said = tool_error(service.read, tool, {**arguments, "limit": 1, "cursor": bad})
                assert said.startswith("cursor: ")
            if of != tool:
                said = tool_error(service.read, tool, {**arguments, "limit": 1, "cursor": cursor})
                assert said.startswith("cursor: ")
        assert call(service.read, tool, limit=1, **arguments, cursor=cursors[tool])
    arguments = {"limit": 1, "cursor": cursors["list_experiments"]}
    assert tool_error(service.other, "list_experiments", arguments).startswith("cursor: ")


# -- idempotency keys ------------------------------------------------------------------------------


def test_a_key_of_idempotency_is_of_one_tool_and_one_user(service: Service) -> None:
    experiment_id = service.experiment("there")["id"]
    arguments: Json = {"name": "once"}
    first = outcome(service.write, "create_experiment", arguments, key="k")
    assert outcome(service.write, "create_experiment", arguments, key="k") == first
    said = tool_error(service.write, "create_experiment", {"name": "twice"}, key="k")
    assert "idempotency key" in said
    note = {"experiment_id": experiment_id, "name": "n", "kind": "text", "value": "x"}
    logged = outcome(service.write, "log_artifact_in_experiment", note, key="k")
    assert logged["structuredContent"]["name"] == "n"
    bob = service.client(service.key(Role.WRITE, "bob"))
    assert "of this name exists" in tool_error(bob, "create_experiment", arguments, key="k")
    reader = service.client(service.key(Role.READ))
    said = tool_error(reader, "create_experiment", arguments, key="k")
    assert "role" in said, "an answer that was given to a writer is not a reader's"
    theirs = outcome(service.other, "create_experiment", arguments, key="k")
    ids = {one["structuredContent"]["id"] for one in (first, theirs)}
    assert len(ids) == 2


def test_a_key_of_idempotency_is_not_shared_with_the_route(service: Service) -> None:
    first = outcome(service.write, "create_experiment", {"name": "by tool"}, key="k")
    answer = service.write.post(
        EXPERIMENTS, json={"name": "by route"}, headers={"idempotency-key": "k"}
    )
    assert made(answer)["name"] == "by route"
    assert first["structuredContent"]["name"] == "by tool"
