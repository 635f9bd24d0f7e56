"""What a message must be, by the revision that it speaks, and how it is answered."""

from __future__ import annotations

from typing import Any, Final

import pytest

from chalicelib.api.mcp import protocol
from chalicelib.api.mcp.methods import METHODS
from chalicelib.api.mcp.protocol import (
    CAPABILITIES_META,
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    SUPPORTED,
    UNSUPPORTED_VERSION,
    VERSION_META,
    ProtocolError,
)
from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mcp.asking import (
    LEGACY,
    META,
    MODERN,
    headers_of,
    message,
    protocol_error,
    result_of,
    send,
)
from tests.api.mcp.posting import JSON, b64, modern, post, post_lines

TOOL: Final = {"name": "list_experiments"}
UNKNOWN: Final = "2099-01-01"


# -- by the revision of 2026-07-28 -----------------------------------------------------------------


def test_of_all_that_is_wrong_the_first_is_told(laptop: Service) -> None:
    """Each step corrects what the one before was told."""
    meta: Json = {VERSION_META: UNKNOWN}
    params: Json = {"_meta": meta, "name": "nothing"}
    body: Json = {"jsonrpc": "1.0", "id": None, "method": 1, "params": params}
    headers = {**JSON, "mcp-protocol-version": MODERN, "mcp-method": "x", "mcp-name": "x"}

    def told(status: int, code: int, request_id: Any = 1) -> str:
        return protocol_error(send(laptop.read, body, headers), status, code, request_id)["message"]

    assert "jsonrpc" in told(400, INVALID_REQUEST, None)
    body["jsonrpc"] = "2.0"
    assert "method" in told(400, INVALID_REQUEST, None)
    body["method"] = "no/method"
    assert "`id`" in told(400, INVALID_REQUEST, None)
    body["id"] = 1
    assert CAPABILITIES_META in told(400, INVALID_PARAMS)
    meta[CAPABILITIES_META] = {}
    assert "mcp-protocol-version" in told(400, HEADER_MISMATCH)
    headers["mcp-protocol-version"] = UNKNOWN
    assert "mcp-method" in told(400, HEADER_MISMATCH)
    headers["mcp-method"] = "no/method"
    assert UNKNOWN in told(400, UNSUPPORTED_VERSION)
    headers["mcp-protocol-version"] = meta[VERSION_META] = MODERN
    assert "no/method" in told(404, METHOD_NOT_FOUND)
    headers["mcp-method"] = body["method"] = "tools/call"
    assert "mcp-name" in told(400, HEADER_MISMATCH)
    headers["mcp-name"] = "nothing"
    assert "nothing" in told(400, INVALID_PARAMS)
    headers["mcp-name"] = params["name"] = "list_experiments"
    result_of(send(laptop.read, body, headers), "tools/call")


@pytest.mark.parametrize(
    "meta",
    [
        None,
        [],
        {},
        {VERSION_META: MODERN},
        {CAPABILITIES_META: {}},
        {VERSION_META: MODERN, CAPABILITIES_META: None},
        {VERSION_META: MODERN, CAPABILITIES_META: []},
        {VERSION_META: None, CAPABILITIES_META: {}},
        {VERSION_META: 20260728, CAPABILITIES_META: {}},
    ],
)
def test_what_a_request_must_tell_of_itself(laptop: Service, meta: Any) -> None:
    body = message("tools/list")
    body["params"]["_meta"] = meta
    error = protocol_error(send(laptop.read, body, headers_of(body)), 400, INVALID_PARAMS)
    assert VERSION_META in error["message"]
    assert CAPABILITIES_META in error["message"]
    assert "initialize" in error["message"], "who speaks an earlier revision is told what to do"


def test_who_the_client_is_need_not_be_told(laptop: Service) -> None:
    body = message("tools/list")
    body["params"]["_meta"] = {VERSION_META: MODERN, CAPABILITIES_META: {}}
    result_of(send(laptop.read, body, headers_of(body)), "tools/list")


@pytest.mark.parametrize("header", ["mcp_protocol_version", "mcp_method", "mcp_name"])
def test_a_header_that_is_missing_or_says_otherwise_is_refused(
    laptop: Service, header: str
) -> None:
    for value in (None, "other", "", "TOOLS/CALL"):
        answer = modern(laptop.read, "tools/call", TOOL, **{header: value})
        error = protocol_error(answer, 400, HEADER_MISMATCH)
        assert header.replace("_", "-") in error["message"]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_only_what_has_a_name_wants_it_in_a_header(laptop: Service, method: str) -> None:
    body = message(method, {"name": "x", "uri": "y"})
    headers = {name: value for name, value in headers_of(body).items() if name != "mcp-name"}
    code = send(laptop.read, body, headers).json().get("error", {}).get("code")
    assert (code == HEADER_MISMATCH) == (method in protocol.NAMED_BY)


def test_a_name_may_come_encoded(laptop: Service) -> None:
    answer = modern(laptop.read, "tools/call", TOOL, mcp_name=b64("list_experiments"))
    result_of(answer, "tools/call")
    uri = "trialbook://experiments/\u00e9\u4e16"
    answer = modern(laptop.read, "resources/read", {"uri": uri}, mcp_name=b64(uri))
    assert protocol_error(answer, 400, INVALID_PARAMS)["data"] == {"uri": uri}
    literal = b64("x")  # a name that looks encoded is encoded itself
    answer = modern(laptop.read, "prompts/get", {"name": literal}, mcp_name=b64(literal))
    assert literal in protocol_error(answer, 400, INVALID_PARAMS)["message"]


@pytest.mark.parametrize(
    "value",
    [
        "=?base64??=",
        "=?base64?!!!!?=",
        "=?base64?bGlzdF9leHBlcmltZW50cw?=",  # no padding
        "=?BASE64?bGlzdF9leHBlcmltZW50cw==?=",
        "=?base64?bGlzdF9leHBlcmltZW50cw==",
        "bGlzdF9leHBlcmltZW50cw==",
        "=?base64?/w==?=",  # no UTF-8
        "=?base64?\xe9?=",
        "list_experiments\xe9",
    ],
)
def test_a_name_that_is_badly_encoded_is_refused(laptop: Service, value: str) -> None:
    body = message("tools/call", TOOL)
    lines = [*(headers_of(body) | {"mcp-name": value}).items()]
    protocol_error(post_lines(laptop.read, body, lines), 400, HEADER_MISMATCH)


def test_a_name_has_one_encoding(laptop: Service) -> None:
    """Who looks at the bits that padding leaves over would read another one."""
    answer = modern(laptop.read, "tools/call", TOOL, mcp_name="=?base64?bGlzdF9leHBlcmltZW50cx==?=")
    protocol_error(answer, 400, HEADER_MISMATCH)


@pytest.mark.parametrize("header", ["mcp-protocol-version", "mcp-method", "mcp-name"])
def test_a_header_that_comes_twice_is_refused(laptop: Service, header: str) -> None:
    """Who goes by the first one and who goes by the last would disagree."""
    body = message("tools/call", TOOL)
    lines = [(header, "other"), *headers_of(body).items()]
    protocol_error(post_lines(laptop.read, body, lines), 400, HEADER_MISMATCH)


@pytest.mark.parametrize("version", [UNKNOWN, "2025-03-26", "2024-11-05", "draft", ""])
def test_a_revision_that_is_not_served_is_answered_with_those_that_are(
    laptop: Service, version: str
) -> None:
    body = message("tools/list", {"_meta": META | {VERSION_META: version}})
    answer = send(laptop.read, body, headers_of(body) | {"mcp-protocol-version": version})
    error = protocol_error(answer, 400, UNSUPPORTED_VERSION)
    assert error["data"] == {"supported": [*SUPPORTED], "requested": version}
    # What requests of a revision look like that nobody knows here, nobody knows.
    answer = post(laptop.read, {"jsonrpc": "2.0", "id": 1, "method": "x"}, {
        **JSON, "mcp-protocol-version": version,
    })  # fmt: skip
    assert protocol_error(answer, 400, UNSUPPORTED_VERSION)["data"]["supported"] == [*SUPPORTED]


def test_an_earlier_revision_is_not_spoken_in_the_way_of_this_one(laptop: Service) -> None:
    body = message("tools/list", {"_meta": META | {VERSION_META: LEGACY}})
    answer = send(laptop.read, body, headers_of(body) | {"mcp-protocol-version": LEGACY})
    error = protocol_error(answer, 400, UNSUPPORTED_VERSION)
    assert error["data"]["requested"] == LEGACY


# -- without the app -------------------------------------------------------------------------------


def _message(body: Json, **headers: str) -> protocol.Message:
    return protocol.message_of(body, {n.replace("_", "-"): v for n, v in headers.items()})


def test_a_message_is_of_the_revision_that_it_names() -> None:
    body: Json = {"jsonrpc": "2.0", "id": "a", "method": "tools/list"}
    assert _message(body) == protocol.Message("a", "tools/list", {}, LEGACY)
    assert _message(body, mcp_protocol_version="2025-06-18").version == "2025-06-18"
    headers = {"mcp_protocol_version": MODERN, "mcp_method": "tools/list"}
    found = _message(message("tools/list", request_id="a"), **headers)
    assert (found.version, found.is_modern, found.id) == (MODERN, True, "a")


def test_in_a_notification_only_the_revision_matters() -> None:
    body: Json = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
    assert _message(body).id is None
    assert _message(body, mcp_protocol_version=MODERN).version == MODERN
    with pytest.raises(ProtocolError) as caught:
        _message(body, mcp_protocol_version=UNKNOWN)
    assert caught.value.code == UNSUPPORTED_VERSION


@pytest.mark.parametrize(
    "code, new, old",
    [
        (protocol.PARSE_ERROR, 400, 400),
        (INVALID_REQUEST, 400, 400),
        (METHOD_NOT_FOUND, 404, 200),
        (INVALID_PARAMS, 400, 200),
        (protocol.RESOURCE_NOT_FOUND, 400, 200),
        (HEADER_MISMATCH, 400, 400),
        (UNSUPPORTED_VERSION, 400, 400),
        (protocol.INTERNAL_ERROR, 500, 500),
    ],
)
def test_errors_have_a_status(code: int, new: int, old: int) -> None:
    assert protocol.status_of(code, is_modern=True) == new
    assert protocol.status_of(code, is_modern=False) == old
