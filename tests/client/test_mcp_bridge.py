"""The bridge of `trialbook mcp`, before a service that does what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx
import pytest

from tests.client.harness import URL, Pauses, Weather
from tests.client.test_mcp_messages import MODERN, line
from trialbook import NotConfigured
from trialbook._http import Api
from trialbook.config import Config, config_path, save_config
from trialbook.mcp.bridge import AT_ONCE, Bridge, Configured

pytestmark = pytest.mark.anyio
KEY: Final = "tb_id_" + "s" * 40
Handler: TypeAlias = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def _asked(request: httpx.Request) -> Any:
    return json.loads(request.content)


async def _echo(request: httpx.Request) -> httpx.Response:
    """A service that does all that it is asked, and tells what that was."""
    asked = _asked(request)
    if "id" not in asked:
        return httpx.Response(202)
    result = {"asked": asked["method"]}
    if asked["method"] == "initialize":
        result["protocolVersion"] = "2025-06-18"
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": asked["id"], "result": result})


def _answers(status: int, body: Any, **headers: str) -> Handler:
    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, headers=headers)

    return answer


@dataclass
class Line:
    """A client's end: what it was answered. `service` is a handler of HTTP requests."""

    service: Handler = _echo
    written: list[Any] = field(default_factory=list[Any])

    def __post_init__(self) -> None:
        self.weather = Weather(httpx.MockTransport(self.service))
        self._api = Api(URL, KEY, transport=self.weather, sleep=Pauses())
        self.bridge = Bridge(self, self._write)

    def api(self) -> Api:
        return self._api

    async def close(self) -> None:
        await self._api.close()

    def _write(self, written: bytes) -> None:
        assert b"\n" not in written
        assert KEY.encode() not in written
        self.written.append(json.loads(written))

    async def ask(self, *lines: bytes) -> list[Any]:
        """What all of these are answered, in any order."""
        before = len(self.written)
        for each in lines:
            self.bridge.take(each)
        await self.bridge.finish()
        return self.written[before:]

    @property
    def requests(self) -> list[httpx.Request]:
        return self.weather.requests


@dataclass
class Doors:
    """A service where a request waits until the test lets it through."""

    arrived: list[Any] = field(default_factory=list[Any])
    broken_off: list[Any] = field(default_factory=list[Any])
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = _asked(request)
        self.arrived.append(asked["id"])
        try:
            if asked["method"] == "tools/call":
                await self.open.wait()
        except asyncio.CancelledError:
            self.broken_off.append(asked["id"])
            raise
        return await _echo(request)


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def test_a_message_is_posted_as_it_came_and_its_answer_handed_back() -> None:
    client = Line()
    sent = b'{"jsonrpc":"2.0", "id":"a","method":"tools/list","params":{"n":1.10, "u":"\xc3\xbc"}}'
    assert await client.ask(sent) == [
        {"jsonrpc": "2.0", "id": "a", "result": {"asked": "tools/list"}}
    ]
    (request,) = client.requests
    assert (request.method, str(request.url)) == ("POST", f"{URL}/mcp")
    assert request.content == sent
    assert request.headers["x-api-key"] == KEY
    assert request.headers["content-type"] == "application/json"
    assert {"application/json", "text/event-stream"} == {
        *request.headers["accept"].replace(" ", "").split(",")
    }


async def test_the_revision_of_a_handshake_is_remembered() -> None:
    client = Line()
    for method in ("tools/list", "initialize", "tools/list", "initialize"):
        await client.ask(line(method))
    await client.ask(line("tools/list", _meta=MODERN))
    told = [request.headers.get("mcp-protocol-version") for request in client.requests]
    assert told == [None, None, "2025-06-18", None, "2026-07-28"]


async def test_a_call_of_a_tool_has_one_idempotency_key_for_all_attempts() -> None:
    client = Line()
    for befalls in (["refused", "lost", "busy", "slow", "broken", "fair"], ["fair"]):
        client.weather.next.extend(befalls)
        (answer,) = await client.ask(line("tools/call", name="log"))
        assert answer["result"] == {"asked": "tools/call"}
    keys = [request.headers["idempotency-key"] for request in client.requests]
    assert len({*keys[:6]}) == 1
    assert len({*keys}) == 2
    await client.ask(line("tools/list"))
    assert "idempotency-key" not in client.requests[-1].headers


async def test_a_slow_tool_lets_others_pass_and_at_most_so_many_are_at_once() -> None:
    doors = Doors()
    client = Line(doors)
    client.bridge.take(line("tools/call", 1))
    client.bridge.take(line("ping", 2))
    await _until(lambda: bool(client.written))
    assert [answer["id"] for answer in client.written] == [2]
    for number in range(3, 30):
        client.bridge.take(line("tools/call", number))
    await _until(lambda: len(doors.arrived) == 1 + AT_ONCE)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(doors.arrived) == 1 + AT_ONCE
    doors.open.set()
    await client.bridge.finish()
    assert sorted(answer["id"] for answer in client.written) == list(range(1, 30))


async def test_what_is_cancelled_is_broken_off_and_not_answered() -> None:
    doors = Doors()
    client = Line(doors)
    for number in range(AT_ONCE):
        client.bridge.take(line("tools/call", number))
    client.bridge.take(line("tools/call", "waits for its turn"))
    await _until(lambda: len(doors.arrived) == AT_ONCE)
    ids: list[Any] = [0, "waits for its turn", "never heard of", None, [], 0]
    for each in ids:
        params = {"requestId": each}
        client.bridge.take(line("notifications/cancelled", **params).replace(b'"id": 1, ', b""))
    await _until(lambda: doors.broken_off == [0])
    # its id may be used again
    client.bridge.take(line("tools/call", 0))
    doors.open.set()
    await client.bridge.finish()
    assert sorted(answer["id"] for answer in client.written) == list(range(AT_ONCE))
    assert {_asked(request)["method"] for request in client.requests} == {"tools/call"}


async def test_stopping_breaks_off_what_is_under_way() -> None:
    doors = Doors()
    client = Line(doors)
    client.bridge.take(line("tools/call", 1))
    await _until(lambda: doors.arrived == [1])
    await client.bridge.stop()
    assert doors.broken_off == [1]
    assert client.written == []


async def test_lines_that_are_no_messages_are_answered_here() -> None:
    client = Line()
    answers = await client.ask(b"hello", b"[]", b'{"jsonrpc": "2.0", "id": 1, "result": {}}')
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [
        (None, -32700),
        (None, -32600),
    ]
    assert client.requests == []


def _refusal(code: str, message: str) -> Any:
    return {"error": {"code": code, "message": message, "details": {}}, "request_id": "r-1"}


@pytest.mark.parametrize(
    "status, body, said",
    [
        (401, _refusal("unauthenticated", "unknown API key"), "trialbook login"),
        (403, _refusal("forbidden", "the key's role is too low: role=read"), "role=read; use an"),
        (404, _refusal("not_found", "no such path: /mcp"), "older than this command"),
        (405, _refusal("method_not_allowed", "method not allowed here"), "not allowed here"),
        (409, _refusal("conflict", "the first one is under way"), "under way"),
        (413, _refusal("too_large", "body too large: max_bytes=4194304"), "max_bytes=4194304"),
        (429, _refusal("throttled", "slow down"), "slow down; try again later"),
        (503, _refusal("unavailable", "the table is away"), "away; try again later"),
        (500, _refusal("internal", "something broke"), "the request's id is r-1"),
        (403, {"message": "Forbidden"}, "the service answered 403"),
        # a refusal that is told as JSON-RPC is one all the same
        (401, {"jsonrpc": "2.0", "id": 1, "error": {"code": 401, "message": "no"}}, "no; run `tri"),
        (200, {"jsonrpc": "2.0"}, "gave no answer of MCP"),
        (202, None, "gave no answer of MCP"),
        (200, ["a page"], "gave no answer of MCP"),
        (301, None, "redirects elsewhere"),
    ],
)
async def test_a_refusal_says_what_happened_and_what_to_do(
    status: int, body: Any, said: str
) -> None:
    client = Line(_answers(status, body))
    (called,) = await client.ask(line("tools/call", 1, name="x"))
    assert called["result"]["isError"] is True
    text = called["result"]["content"][0]["text"]
    assert said in text
    (listed,) = await client.ask(line("tools/list", 2))
    told, _, doubt = text.partition(". A tool that writes may have")
    assert listed == {"jsonrpc": "2.0", "id": 2, "error": {"code": -32603, "message": told}}
    # what may have been done, though nobody said so
    assert bool(doubt) == (status in {409, 429, 500, 503})


async def test_what_is_no_json_is_no_trialbook() -> None:
    async def page(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, html="<html>")

    (answer,) = await Line(page).ask(line("tools/list"))
    assert "is it the address of a Trialbook service?" in answer["error"]["message"]


async def test_a_service_that_is_away_is_told_after_the_retries() -> None:
    client = Line()
    client.weather.away = True
    (called,) = await client.ask(line("tools/call", _meta=MODERN, name="x"))
    assert called["result"]["resultType"] == "complete"
    text = called["result"]["content"][0]["text"]
    assert "did not answer: ConnectError: connection refused; start the service" in text
    assert len(client.requests) == 6
    (listed,) = await client.ask(line("tools/list"))
    assert "start the service" in listed["error"]["message"]
    assert len(client.requests) == 6 + 3
    client.weather.away = False
    (called,) = await client.ask(line("tools/call", _meta=MODERN, name="x"))
    assert called["result"] == {"asked": "tools/call"}


@pytest.mark.parametrize("status", [200, 400, 404, 500])
async def test_errors_of_the_protocol_are_handed_back_as_they_are(status: int) -> None:
    error = {"code": -32022, "message": "no such revision", "data": {"supported": ["2026-07-28"]}}
    client = Line(_answers(status, {"jsonrpc": "2.0", "id": None, "error": error}))
    for method in ("server/discover", "tools/call"):
        assert await client.ask(line(method, "q")) == [
            {"jsonrpc": "2.0", "id": "q", "error": error}
        ]


async def test_a_mistake_here_is_answered_too() -> None:
    async def breaks(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("a bug")

    (answer,) = await Line(breaks).ask(line("tools/list", 5))
    assert answer["id"] == 5
    assert answer["error"]["message"] == "unexpected ZeroDivisionError: a bug"


async def test_a_notification_is_sent_and_never_answered(said: pytest.LogCaptureFixture) -> None:
    note = b'{"jsonrpc": "2.0", "method": "notifications/initialized"}'
    client = Line()
    assert await client.ask(note) == []
    assert [request.content for request in client.requests] == [note]
    assert not said.records
    client.weather.away = True
    assert await client.ask(note) == []
    assert "notifications/initialized was not taken: the service at" in said.text


async def test_who_logs_in_need_not_start_it_again(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    for name in ("TRIALBOOK_URL", "TRIALBOOK_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    service = Configured(None, None)
    with pytest.raises(NotConfigured):
        service.api()
    written: list[bytes] = []
    bridge = Bridge(service, written.append)
    bridge.take(line("initialize"))
    await bridge.finish()
    assert "run `trialbook login`" in json.loads(written[0])["error"]["message"]
    save_config(Config(URL, "tb_first_x"))
    assert home in config_path().parents
    first = service.api()
    assert (first.url, first.key_id) == (URL, "first")
    assert service.api() is first
    save_config(Config(URL, "tb_second_x"))
    assert service.api().key_id == "second"
    await service.close()
