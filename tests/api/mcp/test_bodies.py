"""What comes by HTTP: bodies that are no message, ids, what has no answer, keys."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx
import pytest

from app import app
from chalicelib.api.handler import CORS, MAX_BODY_BYTES
from chalicelib.api.mcp.protocol import INVALID_REQUEST, PARSE_ERROR, UNSUPPORTED_VERSION
from chalicelib.core.context import Role
from tests.api.answers import Json, gone, made, refused
from tests.api.harness import KEYS, Service
from tests.api.mcp.asking import (
    LEGACY,
    MODERN,
    URL,
    call,
    headers_of,
    message,
    protocol_error,
    result_of,
    rpc,
    send,
)
from tests.api.mcp.posting import JSON, PROXY_BYTES, check_answer, post, proxied_bytes

PING: Final = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'


def _ping(**fields: str) -> bytes:
    """With fields as they are written."""
    whole = {"jsonrpc": '"2.0"', "id": "1", "method": '"ping"'} | fields
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in whole.items()) + "}").encode()


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" \n", id="white space"),
        pytest.param(PING[:-1], id="cut off"),
        pytest.param(PING + PING, id="two messages"),
        pytest.param(b"\xef\xbb\xbf" + PING, id="byte order mark"),
        pytest.param(PING.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b"data: " + PING, id="an event of a stream"),
        pytest.param(_ping(id='"a'), id="an open string"),
        pytest.param(b'{"jsonrpc": "2.0", "id": "\xff", "method": "ping"}', id="no UTF-8"),
        pytest.param(_ping(id=r'"\ud800"'), id="half of a surrogate pair"),
        pytest.param(_ping(id="NaN"), id="NaN"),
        pytest.param(_ping(params='{"a": Infinity}'), id="infinity"),
        pytest.param(_ping(id="1" + "0" * 5000), id="a number of 5000 digits"),
        pytest.param(b"[" * 1_000_000, id="a million brackets"),
        pytest.param(_ping(params='{"a":' * 5000 + "1" + "}" * 5000), id="deep objects"),
    ],
)
def test_a_body_that_is_no_json(laptop: Service, body: bytes) -> None:
    for headers in (JSON, {**JSON, "mcp-protocol-version": MODERN}):
        protocol_error(post(laptop.read, body, headers), 400, PARSE_ERROR, None)


@pytest.mark.parametrize(
    "body", [b"null", b"true", b"1", b"1.5", b'"ping"', b"{}", b"[]", b"[" + PING + b"]", b"[[]]"]
)
def test_a_body_that_is_no_message(laptop: Service, body: bytes) -> None:
    error = protocol_error(post(laptop.read, body), 400, INVALID_REQUEST, None)
    assert ("batches" in error["message"]) == body.startswith(b"[")


@pytest.mark.parametrize(
    "fields",
    [
        {"jsonrpc": '"1.0"'},
        {"jsonrpc": "2.0"},
        {"method": "null"},
        {"method": "1"},
        {"method": '["ping"]'},
        {"params": "[]"},
        {"params": "null"},
        {"params": '"x"'},
    ],
)
def test_a_message_that_is_malformed(laptop: Service, fields: dict[str, str]) -> None:
    answer = post(laptop.read, _ping(**fields))
    error = check_answer(answer)
    assert error is not None
    assert (answer.status_code, error["error"]["code"]) == (400, INVALID_REQUEST)
    assert error["id"] in (1, None)


# -- ids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_id",
    [0, 1, -1, 2**31, 2**53, 2**63 - 1, 1 - 2**63,
     "", "1", "a", "\u00e9\u4e16\U0001f600", "\x00\n\"\\", "x" * 10_000],
    ids=lambda one: repr(one)[:24],
)  # fmt: skip
def test_an_answer_names_the_id_that_was_sent(laptop: Service, request_id: Any) -> None:
    answer = rpc(laptop.read, "tools/list", request_id=request_id)
    result_of(answer, "tools/list", request_id=request_id)
    answer = rpc(laptop.read, "ping", request_id=request_id, version=LEGACY)
    assert answer.json() == {"jsonrpc": "2.0", "id": request_id, "result": {}}
    answer = rpc(laptop.read, "no/method", request_id=request_id)
    assert answer.json()["id"] == request_id


@pytest.mark.parametrize(
    "request_id", [2**64, -(2**63) - 1, 10**400], ids=lambda one: repr(one)[:9]
)
def test_an_id_of_more_than_64_bits_is_answered_too(laptop: Service, request_id: int) -> None:
    """With itself, or with the word that it is none."""
    for version in (MODERN, LEGACY):
        body = check_answer(rpc(laptop.read, "tools/list", request_id=request_id, version=version))
        assert body is not None
        assert body["id"] == request_id or body["error"]["code"] == INVALID_REQUEST


@pytest.mark.parametrize("text", ["null", "true", "false", "1.0", "1e2", "0.5", "[1]", "{}"])
def test_an_id_is_a_text_or_an_integer(laptop: Service, text: str) -> None:
    protocol_error(post(laptop.read, _ping(id=text)), 400, INVALID_REQUEST, None)
    body = message("tools/list") | {"id": json.loads(text)}
    answer = send(laptop.read, body, headers_of(body))
    protocol_error(answer, 400, INVALID_REQUEST, None)


def test_what_is_sent_is_not_repeated_until_the_answer_is_too_large(laptop: Service) -> None:
    quotes = '\\"' * 2_000_000
    for body in (
        _ping(id=f'"{quotes}"'),
        _ping(method=f'"{quotes}"'),
        _ping(method='"tools/call"', params=f'{{"name": "{quotes}"}}'),
        _ping(method='"tools/call"', params=f'{{"name": "get_run", "arguments": "{quotes}"}}'),
        _ping(method='"prompts/get"', params=f'{{"name": "{quotes}"}}'),
        _ping(method='"resources/read"', params=f'{{"uri": "{quotes}"}}'),
        _ping(method='"resources/read"', params=f'{{"uri": "trialbook://runs/{quotes}"}}'),
        _ping(method='"initialize"', params=f'{{"protocolVersion": "{quotes}"}}'),
    ):
        assert proxied_bytes(post(laptop.read, body)) <= PROXY_BYTES


# -- what has no answer ----------------------------------------------------------------------------


def _accepted(answer: httpx.Response) -> None:
    assert answer.status_code == 202, answer.text
    assert answer.content == b""


@pytest.mark.parametrize("version", [MODERN, LEGACY])
@pytest.mark.parametrize(
    "method", ["notifications/initialized", "notifications/cancelled", "tools/call", "no/method"]
)
def test_a_notification_is_taken_and_not_answered(
    laptop: Service, version: str, method: str
) -> None:
    params = {"name": "create_experiment", "arguments": {"name": "by notification"}}
    _accepted(rpc(laptop.write, method, params, request_id=None, version=version))
    assert call(laptop.read, "list_experiments")["total"] == 0, "nor is anything done"


def test_a_notification_without_any_header_is_taken(laptop: Service) -> None:
    _accepted(post(laptop.read, {"jsonrpc": "2.0", "method": "notifications/initialized"}))


def test_a_notification_of_a_revision_that_is_not_served_is_refused(laptop: Service) -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
    answer = post(laptop.read, body, {**JSON, "mcp-protocol-version": "2099-01-01"})
    protocol_error(answer, 400, UNSUPPORTED_VERSION, None)


@pytest.mark.parametrize("has", ["result", "error"])
def test_answers_to_us_are_taken_where_the_revision_has_them(laptop: Service, has: str) -> None:
    body: Json = {"jsonrpc": "2.0", "id": 1, has: {}}
    _accepted(post(laptop.read, body))
    answer = post(laptop.read, body, {**JSON, "mcp-protocol-version": MODERN})
    protocol_error(answer, 400, INVALID_REQUEST)


# -- HTTP ------------------------------------------------------------------------------------------


def _refused(answer: httpx.Response, status: int, code: str) -> Json:
    """An error that comes before any message is read."""
    error = protocol_error(answer, status, status, None)
    assert error["data"]["code"] == code
    assert error["data"]["request_id"] == answer.headers["x-request-id"]
    return error


def test_a_body_is_at_most_4_mib(laptop: Service) -> None:
    answer = post(laptop.read, PING.ljust(MAX_BODY_BYTES))
    assert answer.json()["result"] == {}
    _refused(post(laptop.read, PING.ljust(MAX_BODY_BYTES + 1)), 413, "too_large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/json-rpc", "text/event-stream"])
def test_a_body_of_another_type_is_refused(laptop: Service, media_type: str) -> None:
    answer = post(laptop.read, PING, {"content-type": media_type})
    _refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "application/json; charset=utf-8"}, {"content-type": "Application/JSON"}],
)
def test_a_body_is_json_however_that_is_written(laptop: Service, headers: dict[str, str]) -> None:
    assert post(laptop.read, PING, headers).json()["result"] == {}


@pytest.mark.parametrize("version", [MODERN, LEGACY])
def test_every_message_needs_a_key(laptop: Service, version: str) -> None:
    for client in (laptop.anybody, laptop.client("tb_nobody12_" + "x" * 40), laptop.client("x")):
        for method in ("initialize", "server/discover", "tools/list", "notifications/cancelled"):
            answer = rpc(client, method, version=version)
            _refused(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer ")
    _refused(post(laptop.anybody, b"{"), 401, "unauthenticated")


def test_a_key_may_come_in_any_of_its_places(laptop: Service) -> None:
    key = laptop.key(Role.READ)
    for client in (laptop.client(key), laptop.client(authorization=f"Bearer {key}")):
        result_of(rpc(client, "tools/list"), "tools/list")


def test_a_key_that_is_revoked_or_expired_is_none(laptop: Service) -> None:
    created = made(laptop.admin.post(KEYS, json={"role": "read"}))
    expires_at_ms = laptop.clock.now_ms() + 30_000
    clients = [
        laptop.client(created["key"]),
        laptop.client(laptop.key(Role.READ, expires_at_ms=expires_at_ms)),
    ]
    for client in clients:
        result_of(rpc(client, "tools/list"), "tools/list")
    gone(laptop.admin.delete(f"{KEYS}/{created['key_id']}"))
    laptop.clock.advance(61)
    for client in clients:
        _refused(rpc(client, "tools/list"), 401, "unauthenticated")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_session_and_no_stream(laptop: Service, method: str) -> None:
    headers = {"accept": "text/event-stream", "mcp-session-id": "made up"}
    for client in (laptop.read, laptop.anybody):
        answer = client.request(method, URL, headers=headers)
        refused(answer, 405)
        assert answer.headers["allow"] == "POST"


def test_pages_may_ask_beforehand() -> None:
    """API Gateway answers OPTIONS from these, which must be the same for all methods of a path."""
    routes: Any = app.routes[URL]
    assert {*routes} == {"POST", "GET", "DELETE"}
    for route in routes.values():
        assert route.cors is CORS
    headers = CORS.get_access_control_headers()
    assert headers["Access-Control-Allow-Origin"] == "*"
    allowed = headers["Access-Control-Allow-Headers"].lower().split(",")
    sent = {"mcp-protocol-version", "mcp-method", "mcp-name", "authorization", "x-api-key"}
    assert {*sent, "content-type", "idempotency-key"} <= {*allowed}
