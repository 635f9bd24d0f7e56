"""Whatever is sent is answered: a result, an error in the form of the protocol, or 202."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import wiring
from chalicelib.api.mcp.methods import METHODS
from chalicelib.api.mcp.prompts import PROMPTS
from chalicelib.api.mcp.tools import TOOLS
from tests.api.answers import Json
from tests.api.engines import ENGINES, StandingClock
from tests.api.harness import Service
from tests.api.mcp.asking import LEGACY, MODERN, message, send
from tests.api.mcp.posting import JSON, check_answer, encoded, post
from tests.api.transports import quiet_logs

TEXTS: Final = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS: Final = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES: Final = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
LONG: Final = st.sampled_from(["x" * 300, "x" * 3000, "\u00e9" * 2000, "\x00", "../..", "a#b", " "])
MANY: Final = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class World:
    """A client, and what there is to ask for."""

    def __init__(self, service: Service) -> None:
        self.client = service.write
        experiment = service.experiment("there", slug="there")
        self.experiment_id = experiment["id"]
        runs = [service.run(self.experiment_id)["run_id"] for _ in range(2)]
        for run_id in runs:
            service.log_values(run_id, "loss", [1.0, "NaN", 3.0])
        self.known = ["there", self.experiment_id, *runs, "loss", ",".join(runs), runs]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    """On stores that do not fail: what Hypothesis tries again must go the same way."""
    quiet_logs()
    with ENGINES["sqlite"](tmp_path_factory.mktemp("engine"), StandingClock()) as fresh:
        engine = fresh()
        wiring.install(engine.services)
        yield World(Service(engine))
        wiring.install(None)


def _sent(client: httpx.Client, body: Json, version: str) -> None:
    """With the headers that belong to it, as far as it has any."""
    headers: dict[str, str] = dict(JSON)
    if version == MODERN:
        params = body["params"]
        name = params.get("uri" if body["method"] == "resources/read" else "name")
        headers |= {"mcp-protocol-version": MODERN, "mcp-method": encoded(body["method"])}
        if isinstance(name, str):
            headers["mcp-name"] = encoded(name)
    check_answer(send(client, body, headers))


@MANY
@given(VALUES)
def test_any_value_as_a_body(world: World, value: Any) -> None:
    check_answer(post(world.client, value))
    check_answer(post(world.client, value, {**JSON, "mcp-protocol-version": MODERN}))


@MANY
@given(st.binary(max_size=60))
def test_any_bytes_as_a_body(world: World, body: bytes) -> None:
    check_answer(post(world.client, body))


@MANY
@given(
    st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0")},
        optional={
            "id": VALUES,
            "method": VALUES | st.sampled_from([*METHODS]),
            "params": VALUES | st.fixed_dictionaries({}, optional={"_meta": VALUES}),
            "result": VALUES,
            "error": VALUES,
        },
    ),
    st.sampled_from([{}, {"mcp-protocol-version": MODERN}, {"mcp-protocol-version": LEGACY}]),
)
def test_any_envelope(world: World, body: Json, headers: dict[str, str]) -> None:
    check_answer(post(world.client, body, {**JSON, **headers}))


@pytest.mark.parametrize("version", [MODERN, LEGACY])
@pytest.mark.parametrize("method", sorted(METHODS))
@MANY
@given(data=st.data())
def test_any_params_of_a_method(world: World, method: str, version: str, data: Any) -> None:
    names = st.sampled_from([one.name for one in (*TOOLS, *PROMPTS)])
    params = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "name": names | VALUES,
                "arguments": VALUES,
                "uri": VALUES | TEXTS.map("trialbook://experiments/{}".format),
                "cursor": VALUES,
                "protocolVersion": VALUES,
                "other": VALUES,
            },
        )
    )
    _sent(world.client, message(method, params, version=version), version)


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS, ids=lambda one: one.name)
@MANY
@given(data=st.data())
def test_any_arguments_of_a_tool(world: World, tool: Any, data: Any) -> None:
    values = VALUES | LONG | st.sampled_from(world.known) | st.integers(1, 100).map(str)
    some = data.draw(st.dictionaries(st.sampled_from([*tool.arguments]), values))
    # What must be there is, so that more is tried than what is missing.
    named = ("experiment_id", "experiment_ids", "run_id", "run_ids", "key")
    fitting = dict(zip(named, _fitting(world), strict=True))
    given_ = {name: fitting[name] for name in tool.arguments if name in fitting} | some
    body = message("tools/call", {"name": tool.name, "arguments": given_})
    _sent(world.client, body, MODERN)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda one: one.name)
@MANY
@given(data=st.data())
def test_any_arguments_of_a_prompt(world: World, prompt: Any, data: Any) -> None:
    values = TEXTS | LONG | st.sampled_from([one for one in world.known if isinstance(one, str)])
    names = st.sampled_from([one.name for one in prompt.arguments])
    given_ = data.draw(st.dictionaries(names, values, min_size=1))
    _sent(world.client, message("prompts/get", {"name": prompt.name, "arguments": given_}), MODERN)


@MANY
@given(
    st.lists(
        st.sampled_from(["experiments", "runs", "artifacts", "there", "", "%", "%00", "%2F", ".."])
        | TEXTS
        | LONG,
        max_size=5,
    ),
    st.sampled_from([MODERN, LEGACY]),
)
def test_any_uri(world: World, parts: list[str], version: str) -> None:
    uri = "trialbook://" + "/".join(parts)
    _sent(world.client, message("resources/read", {"uri": uri}, version=version), version)


def _fitting(world: World) -> list[Any]:
    experiment_id, runs = world.experiment_id, world.known[-1]
    return [experiment_id, [experiment_id], runs[0], runs, "loss"]


def test_a_hundred_thousand_unknown_arguments(world: World) -> None:
    arguments = dict.fromkeys(map(str, range(100_000)))
    body = message("tools/call", {"name": "get_run", "arguments": arguments})
    assert len(json.dumps(body)) > 1_000_000
    _sent(world.client, body, MODERN)
