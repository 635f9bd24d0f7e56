"""What tools say of themselves is true: schemas, annotations, defaults, bounds, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast

import pytest
from jsonschema import Draft202012Validator

from chalicelib.api.mcp.methods import INSTRUCTIONS
from chalicelib.api.mcp.prompts import PROMPTS
from chalicelib.api.mcp.tool import Tool
from chalicelib.api.mcp.tools import BY_NAME, TOOLS
from tests.api.answers import Json
from tests.api.budget import at_most
from tests.api.harness import Service
from tests.api.mcp.asking import LEGACY, MODERN, asked, called, tool_error
from tests.api.mcp.places import READERS, TOOL_NAMES, WRITERS, place

SOURCE_API: Final = [
    "log_artifact_in_experiment",
    "get_artifact_in_experiment",
    "list_artifacts_in_experiment",
    "get_artifact_content_in_experiment",
    "create_experiment",
    "list_experiments",
    "search_runs",
    "get_run",
    "compare_runs",
    "get_metric_history",
    "log_variant_execution",
    "get_experiment_results",
]


@pytest.fixture
def tools(laptop: Service) -> dict[str, Json]:
    """By name, as a key that may write is shown them."""
    return {one["name"]: one for one in asked(laptop.write, "tools/list")["tools"]}


def test_the_tools_are_those_of_the_contract(tools: dict[str, Json]) -> None:
    assert set(tools) == set(SOURCE_API)


def test_the_list_is_the_same_each_time_and_in_each_revision(laptop: Service) -> None:
    lists = [
        asked(client, "tools/list", version=version)["tools"]
        for client in (laptop.write, laptop.admin)
        for version in (MODERN, LEGACY)
        for _ in range(2)
    ]
    assert all(one == lists[0] for one in lists)
    assert [one["name"] for one in lists[0]] == TOOL_NAMES


def test_every_tool_and_every_argument_is_described(tools: dict[str, Json]) -> None:
    for name, tool in tools.items():
        assert re.fullmatch(r"[a-z_]{1,64}", name)
        assert tool["title"]
        assert len(tool["description"]) > 100
        # when to use it, and what to use instead or what not to do
        assert re.search(r"\bUse it\b", tool["description"]), name
        for argument, schema in tool["inputSchema"]["properties"].items():
            assert len(schema["description"]) > 10, (name, argument)
            assert schema["description"].endswith("."), (name, argument)


def test_descriptions_name_tools_that_there_are(tools: dict[str, Json]) -> None:
    texts = [INSTRUCTIONS]
    texts += [one.missing for one in TOOLS]
    texts += [one.ask({a.name: "x" for a in one.arguments}) for one in PROMPTS]
    for tool in tools.values():
        texts.append(tool["description"])
        texts += [one["description"] for one in tool["inputSchema"]["properties"].values()]
    verbs = {name.partition("_")[0] for name in tools}
    nouns = r"(?:run|runs|experiment|experiments|artifact|artifacts|metric|variant)(?:_\w+)?"
    for text in texts:
        for named in re.findall(rf"\b(?:{'|'.join(sorted(verbs))})_{nouns}\b", text):
            assert named in tools, text


def test_schemas_are_json_schemas_and_closed(tools: dict[str, Json]) -> None:
    for tool in tools.values():
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
            assert "$schema" not in schema
            for part in _parts(schema):
                target = part.get("$ref")
                if isinstance(target, str):
                    assert target.removeprefix("#/$defs/") in schema["$defs"]
        assert tool["inputSchema"]["additionalProperties"] is False
        assert {*tool["inputSchema"].get("$defs", {})} == {
            part["$ref"].removeprefix("#/$defs/")
            for part in _parts(tool["inputSchema"])
            if isinstance(part.get("$ref"), str)
        }


def _parts(schema: Any) -> Iterator[Json]:
    if isinstance(schema, dict):
        found = cast("Json", schema)
        yield found
        for one in found.values():
            yield from _parts(one)
    elif isinstance(schema, list):
        for one in cast("list[Any]", schema):
            yield from _parts(one)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda one: one.name)
def test_every_argument_is_one_of_the_route(tool: Tool) -> None:
    endpoint = tool.endpoint
    model = endpoint.query if endpoint.query is not None else endpoint.body
    fields: dict[str, Any] = {} if model is None else model.model_fields
    known = {one.alias or name for name, one in fields.items()}
    known |= set(re.findall(r"\{(\w+)\}", endpoint.path))
    assert {one.of or name for name, one in tool.arguments.items()} <= known


def test_good_calls_are_good_by_the_schema_and_wrong_ones_are_not(laptop: Service) -> None:
    for tool, arguments in place(laptop).calls().items():
        schema = Draft202012Validator(BY_NAME[tool].input_schema)
        is_valid = cast("Any", schema).is_valid
        assert is_valid(arguments), tool
        assert not is_valid({**arguments, "frobnicate": 1})
        for name in BY_NAME[tool].input_schema.get("required", ()):
            assert not is_valid({key: one for key, one in arguments.items() if key != name})


@pytest.mark.parametrize("tool", TOOL_NAMES)
def test_what_is_required_is_refused_when_missing_and_nothing_else_is(
    laptop: Service, tool: str
) -> None:
    schema = BY_NAME[tool].input_schema
    required = set(schema.get("required", ()))
    arguments = place(laptop).calls()[tool]
    assert required <= arguments.keys()
    for name in required:
        left: Json = {key: one for key, one in arguments.items() if key != name}
        for given in (left, {**left, name: None}):
            assert tool_error(laptop.write, tool, given).startswith(f"{name}: "), name
    text = tool_error(laptop.write, tool, {}) if required else ""
    for name in required if len(required) > 1 else ():
        assert f"- {name}: " in text
    needed = {name: arguments[name] for name in required}
    if tool == "log_artifact_in_experiment":
        needed["value"] = 1  # either this or points, as the kind says
    called(laptop.write, tool, needed)


# -- annotations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
def test_a_tool_that_says_it_reads_writes_nothing(
    laptop: Service, tools: dict[str, Json], name: str
) -> None:
    assert tools[name]["annotations"] == {
        "title": tools[name]["title"],
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }
    arguments = place(laptop).calls()[name]
    called(laptop.read, "list_experiments")  # makes the key
    with laptop.budget(reads=at_most(4), queries=at_most(4), blobs=at_most(1)):
        first = called(laptop.read, name, arguments)
    again = called(laptop.read, name, arguments)
    if name == "get_artifact_content_in_experiment":  # its link is a new one each time
        first["structuredContent"] |= {"url": "", "expires_at": ""}
        again["structuredContent"] |= {"url": "", "expires_at": ""}
        del first["content"][-1], again["content"][-1]
    assert first == again


@pytest.mark.parametrize("name", WRITERS)
def test_a_tool_that_says_it_writes_adds_each_time(
    laptop: Service, tools: dict[str, Json], name: str
) -> None:
    annotations = tools[name]["annotations"]
    assert annotations["readOnlyHint"] is False
    assert annotations["destructiveHint"] is False
    assert annotations["idempotentHint"] is False
    at = place(laptop)
    before = at.counted(laptop)
    called(laptop.write, name, at.calls()[name])
    assert at.counted(laptop) == before + 1
    again = at.calls()[name]
    called(laptop.write, name, {**again, "name": "again"} if "name" in again else again)
    assert at.counted(laptop) == before + 2


# -- defaults, bounds and examples ---------------------------------------------------------------


BOUNDED: Final = [
    (tool.name, name, schema)
    for tool in TOOLS
    for name, schema in cast("Json", tool.input_schema["properties"]).items()
    if schema.get("type") in ("integer", "number") and ("minimum" in schema or "maximum" in schema)
]


@pytest.mark.parametrize("tool, name, schema", BOUNDED)
def test_bounds_in_the_schema_are_those_that_hold(
    laptop: Service, tool: str, name: str, schema: Json
) -> None:
    arguments = place(laptop).calls()[tool]
    least, most = schema.get("minimum"), schema.get("maximum")
    step = 1 if schema["type"] == "integer" else 0.00001
    for within in (least, most):
        if within is not None and name != "timestamp":  # whose log must be of about now
            given = {**arguments, "name": str(within)} if "name" in arguments else arguments
            called(laptop.write, tool, {**given, name: within})
    beyond = [] if least is None else [least - step]
    beyond += [] if most is None else [most + step]
    for value in beyond:
        text = tool_error(laptop.write, tool, {**arguments, name: value})
        assert text.startswith(f"{name}: "), text


@pytest.mark.parametrize("tool", TOOL_NAMES)
def test_every_choice_in_the_schema_is_taken(laptop: Service, tool: str) -> None:
    properties: Json = BY_NAME[tool].input_schema["properties"]
    arguments = place(laptop).calls()[tool]
    for name, schema in properties.items():
        if name == "kind":
            continue  # each wants a value of its own: test_official_client.py logs all of them
        choices: list[str] = schema.get("enum", [])
        # a choice that the description names in its own words is one of them
        for told in re.findall(r"`(\w+)`", schema["description"]) if choices else ():
            assert told in choices, (tool, name)
        for number, choice in enumerate(choices):
            given: Json = {**arguments, name: choice}
            if tool == "create_experiment":
                given["name"] = f"number {number}"
            called(laptop.write, tool, given)


@pytest.mark.parametrize("tool", TOOL_NAMES)
def test_a_default_is_what_is_taken_when_nothing_is_said(laptop: Service, tool: str) -> None:
    properties: Json = BY_NAME[tool].input_schema["properties"]
    arguments = place(laptop).calls()[tool]
    said: Json = {name: one["default"] for name, one in properties.items() if "default" in one}
    said = {name: value for name, value in said.items() if name not in arguments}
    if tool in WRITERS:
        called(laptop.write, tool, {**said, **arguments})
        return
    unsaid = called(laptop.write, tool, arguments)["structuredContent"]
    result = called(laptop.write, tool, {**said, **arguments})["structuredContent"]
    assert {**result, "url": "", "expires_at": ""} == {**unsaid, "url": "", "expires_at": ""}


def test_limits_that_the_tool_sets_itself_are_kept_to(laptop: Service) -> None:
    at = place(laptop)
    for number in range(21):
        laptop.experiment(f"number {number}")
        laptop.run(at.experiment_id)
    runs = called(laptop.read, "search_runs", {"experiment_ids": [at.slug]})
    assert len(runs["structuredContent"]["runs"]) == 20
    experiments = called(laptop.read, "list_experiments")
    assert len(experiments["structuredContent"]["experiments"]) == 20


def test_a_search_looks_where_its_description_says(laptop: Service) -> None:
    laptop.experiment("Optical digits", slug="zulu")
    told = BY_NAME["list_experiments"].input_schema["properties"]["search"]["description"]
    for where, text in (("name", "DIGITS"), ("slug", "zul")):
        found = called(laptop.read, "list_experiments", {"search": text})["structuredContent"]
        assert bool(found["total"]) == (where in told), where


def test_examples_of_filters_and_orders_are_ones(laptop: Service) -> None:
    description = " ".join(BY_NAME["search_runs"].described["description"].split())
    at = place(laptop)
    quoted = re.findall(r"`([^`]+)`", description.replace("metrics.`val loss`", ""))
    filters = [one for one in quoted if ">" in one or "=" in one]
    orders = [one for one in quoted if one.endswith((" ASC", " DESC"))]
    assert (len(filters), len(orders)) == (1, 2)
    more = [
        "metrics.`val loss` IS NULL",
        "params.model != 'a' AND params.model LIKE 'tr%'",
        "tags.team ILIKE 'A%' AND attributes.run_id IN ('a', 'b')",
        "metrics.a >= 1 AND metrics.a <= 2 AND metrics.a < 2",
    ]
    for one in [*filters, *more]:
        asked_for: Json = {"experiment_ids": [at.slug], "filter": one, "order_by": orders}
        called(laptop.read, "search_runs", asked_for)
