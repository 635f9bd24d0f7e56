"""What a line says, what its HTTP request repeats, and how lines come and go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mcp.shared.inbound import decode_header_value

from trialbook.mcp.messages import Message, NoMessage, answer_to, header_value, read

MODERN: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def line(method: str, request_id: object = 1, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return json.dumps(message).encode()


def message(method: str, request_id: object = 1, **params: Any) -> Message:
    found = read(line(method, request_id, **params))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "came, code, request_id",
    [
        (b"hello", -32700, None),
        (b'{"jsonrpc": "2.0", "id": 1', -32700, None),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\xff"}', -32700, None),
        (b"[" * 200_000, -32700, None),
        (b"[]", -32600, None),
        (b"null", -32600, None),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600, None),
        (b"{}", -32600, None),
        (b'{"id": 7, "method": "ping"}', -32600, 7),
        (b'{"jsonrpc": "1.0", "id": "a", "method": "ping"}', -32600, "a"),
        (b'{"jsonrpc": "2.0", "id": 7}', -32600, 7),
        (b'{"jsonrpc": "2.0", "id": 7, "method": 8}', -32600, 7),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', -32600, None),
    ],
)
def test_a_line_that_is_no_message_is_answered_as_json_rpc_says(
    came: bytes, code: int, request_id: object
) -> None:
    with pytest.raises(NoMessage) as refused:
        read(came)
    answer = refused.value.answer
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", request_id)
    assert answer["error"]["code"] == code


def test_an_answer_is_left_alone_for_nothing_was_asked() -> None:
    assert read(b'{"jsonrpc": "2.0", "id": 1, "result": {}}') is None
    assert read(b'{"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": ""}}') is None


def test_a_request_that_names_its_revision_is_repeated_in_headers() -> None:
    for method, params, name in (
        ("tools/call", {"name": "list_experiments"}, "list_experiments"),
        ("prompts/get", {"name": "compare"}, "compare"),
        ("resources/read", {"uri": "trialbook://a/ü"}, "=?base64?dHJpYWxib29rOi8vYS/DvA==?="),
        ("tools/list", {"name": "not mirrored"}, None),
        ("tools/call", {"name": 7}, None),
    ):
        # a handshake says nothing about it
        headers = message(method, _meta=MODERN, **params).headers("2025-06-18")
        assert headers["mcp-protocol-version"] == "2026-07-28"
        assert headers["mcp-method"] == method
        assert headers.get("mcp-name") == name


def test_a_request_of_a_handshake_repeats_what_was_agreed_on() -> None:
    meta: tuple[Any, ...] = ({}, {"progressToken": 1}, "odd")
    for each in meta:
        headers = message("tools/call", name="x", _meta=each).headers("2025-06-18")
        assert headers["mcp-protocol-version"] == "2025-06-18"
        assert "mcp-method" not in headers
    assert "mcp-protocol-version" not in message("tools/list").headers(None)
    # what is agreed on anew is not yet agreed on
    assert "mcp-protocol-version" not in message("initialize").headers("2025-06-18")


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("")
@example(" edge")
@example("edge\t")
@example("=?base64?eA==?=")
@example("=?base64??=")
@example("=?base64?=")
@example("two\nlines")
@example("\x7f")
def test_any_text_goes_through_a_header(text: str) -> None:
    value = header_value(text)
    assert value.isascii()
    assert value.isprintable()
    assert value == value.strip()
    assert decode_header_value(value) == text


def test_half_of_a_surrogate_pair_does_no_harm() -> None:
    assert header_value(json.loads('"\\ud800"')) == "=?base64?Pw==?="


def test_an_answer_gets_the_id_of_its_request() -> None:
    asked = message("ping", "a")
    for body in (
        '{"jsonrpc": "2.0", "id": null, "result": {}}',
        '{"jsonrpc": "2.0", "result": {}}',
    ):
        assert answer_to(asked, json.loads(body)) == {"jsonrpc": "2.0", "id": "a", "result": {}}
    for odd in ("null", "[]", "{}", '{"jsonrpc": "2.0", "id": "a"}', '{"error": {"code": "x"}}'):
        assert answer_to(asked, json.loads(odd)) is None


def test_only_the_failure_of_a_tool_is_a_result() -> None:
    tool = message("tools/call", name="x").failed("away")["result"]
    assert tool == {"content": [{"type": "text", "text": "away"}], "isError": True}
    modern = message("tools/call", name="x", _meta=MODERN).failed("away")["result"]
    assert modern == {**tool, "resultType": "complete"}
    listed = message("tools/list", 3).failed("away")
    assert listed == {"jsonrpc": "2.0", "id": 3, "error": {"code": -32603, "message": "away"}}
