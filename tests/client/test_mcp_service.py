"""The bridge of `trialbook mcp` before the real service, in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.core.context import Role
from tests.client.harness import Bench
from tests.client.test_mcp_messages import MODERN, line
from trialbook._http import Api
from trialbook.mcp.bridge import Bridge

pytestmark = pytest.mark.anyio
EXPERIMENTS = "/api/v1/experiments"


class Client:
    """Asks one thing after another, by the revision without a handshake or one that has it."""

    def __init__(self, bench: Bench, *, modern: bool = True, key: str | None = None) -> None:
        self._api = bench.api(key)
        self._meta = {"_meta": MODERN} if modern else {}
        self.written: list[Any] = []
        self._bridge = Bridge(self, lambda written: self.written.append(json.loads(written)))

    def api(self) -> Api:
        return self._api

    async def close(self) -> None:
        await self._api.close()

    async def ask(self, method: str, **params: Any) -> Any:
        self._bridge.take(line(method, len(self.written), **params, **self._meta))
        await self._bridge.finish()
        assert self.written[-1]["id"] == len(self.written) - 1
        return self.written[-1]

    async def call(self, tool: str, **arguments: Any) -> Any:
        """The tool's result."""
        return (await self.ask("tools/call", name=tool, arguments=arguments))["result"]


@pytest.fixture(params=["modern", "handshake"])
def client(bench: Bench, request: pytest.FixtureRequest) -> Client:
    return Client(bench, modern=request.param == "modern")


async def test_the_tools_are_those_of_the_service(client: Client, bench: Bench) -> None:
    listed = (await client.ask("tools/list"))["result"]["tools"]
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert listed == bench.service.write.post("/mcp", json=body).json()["result"]["tools"]
    assert "log_artifact_in_experiment" in {tool["name"] for tool in listed}


async def test_tools_write_and_read(client: Client) -> None:
    made = await client.call("create_experiment", name="Lab book")
    assert made["isError"] is False, made
    slug = made["structuredContent"]["slug"]
    await client.call(
        "log_artifact_in_experiment", experiment_id=slug, name="finding ü", kind="text", value="ß"
    )
    found = await client.call("list_artifacts_in_experiment", experiment_id=slug)
    assert [each["name"] for each in found["structuredContent"]["artifacts"]] == ["finding ü"]
    missing = await client.call("list_artifacts_in_experiment", experiment_id="nothing")
    assert missing["isError"] is True


@pytest.mark.parametrize("befalls", [["lost"], ["refused", "lost", "busy"]])
async def test_a_connection_that_breaks_writes_once(
    client: Client, bench: Bench, befalls: list[str]
) -> None:
    slug = (await client.call("create_experiment", name="Once"))["structuredContent"]["slug"]
    before = len(bench.weather.requests)
    bench.weather.next.extend(befalls)
    logged = await client.call(
        "log_artifact_in_experiment", experiment_id=slug, name="score", kind="value", value=0.5
    )
    assert logged["isError"] is False, logged
    requests = bench.weather.requests[before:]
    assert len(requests) > len(befalls)
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    found = await client.call(
        "get_artifact_in_experiment", experiment_id=slug, artifact_name="score"
    )
    assert json.dumps(found["structuredContent"]).count("0.5") == 1


async def test_the_handshake_agrees_on_a_revision(bench: Bench) -> None:
    client = Client(bench, modern=False)
    info = {"name": "test", "version": "1"}
    answer = await client.ask(
        "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=info
    )
    assert answer["result"]["protocolVersion"] == "2025-06-18"
    assert (await client.ask("ping"))["result"] == {}
    assert bench.weather.requests[-1].headers["mcp-protocol-version"] == "2025-06-18"


async def test_what_the_protocol_refuses_is_handed_back(client: Client) -> None:
    assert (await client.ask("no/such"))["error"]["code"] == -32601
    assert (await client.ask("tools/call", name="no_such"))["error"]["code"] == -32602


async def test_a_key_that_is_wrong_or_may_not_is_told(bench: Bench) -> None:
    stranger = Client(bench, key="tb_stranger_" + "s" * 40)
    called = await stranger.call("list_experiments")
    assert called["isError"] is True
    assert "run `trialbook login`" in called["content"][0]["text"]
    assert "run `trialbook login`" in (await stranger.ask("tools/list"))["error"]["message"]
    assert "sss" not in json.dumps(stranger.written)
    reader = Client(bench, key=bench.service.key(Role.READ))
    assert (await reader.call("create_experiment", name="x"))["isError"] is True


async def test_a_picture_may_be_large_and_too_large_is_told(client: Client) -> None:
    made = await client.call("create_experiment", name="Pictures")
    slug = made["structuredContent"]["slug"]
    for size, is_error in ((3 << 20, False), (5 << 20, True)):
        logged = await client.call(
            "log_artifact_in_experiment",
            experiment_id=slug,
            name="bytes",
            kind="file",
            value="data:application/octet-stream;base64," + "AAAA" * (size // 4),
        )
        assert logged["isError"] is is_error, logged
    text = logged["content"][0]["text"]
    assert "4194304" in text or "4 MiB" in text, text
    assert "send less at once" in text
