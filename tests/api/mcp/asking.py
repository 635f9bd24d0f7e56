"""Asking `POST /mcp` in tests. Every answer is checked against the protocol's official types, and
that of every tool against the schema that it declares, so that a malformed one fails anywhere.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, cast

import httpx
from jsonschema import Draft202012Validator
from mcp_types.jsonrpc import JSONRPCError, JSONRPCResponse
from mcp_types.methods import serialize_server_result

from chalicelib.api.mcp import protocol
from chalicelib.api.mcp.tool import MAX_TEXT
from chalicelib.api.mcp.tools import BY_NAME
from tests.api.answers import Json
from tests.faults import suite

URL: Final = "/mcp"
MODERN: Final = protocol.MODERN
LEGACY: Final = protocol.HANDSHAKE[0]
META: Final[Json] = {
    protocol.VERSION_META: MODERN,
    protocol.CAPABILITIES_META: {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}
"""What every modern request has in `_meta`."""
_keys = itertools.count(1)


def message(
    method: str, params: Json | None = None, *, request_id: Any = 1, version: str = MODERN
) -> Json:
    """A request as its revision writes it. `request_id` None makes it a notification."""
    params = dict(params or {})
    if version == MODERN:
        params["_meta"] = META | params.get("_meta", {})
    body: Json = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    if request_id is None:
        del body["id"]
    return body


def headers_of(body: Json, version: str = MODERN) -> dict[str, str]:
    """Those that a revision wants beside this message."""
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": version,
    }
    if version == MODERN:
        method = body["method"]
        headers["mcp-method"] = method
        named = body["params"].get(protocol.NAMED_BY.get(method, ""))
        if isinstance(named, str):
            headers["mcp-name"] = named
    return headers


def send(client: httpx.Client, body: Any, headers: Mapping[str, str]) -> httpx.Response:
    """Any body at all, as it is."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(URL, content=content, headers=dict(headers))


def rpc(
    client: httpx.Client,
    method: str,
    params: Json | None = None,
    *,
    request_id: Any = 1,
    version: str = MODERN,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """The answer to one well-formed message; `headers` are added to those that belong to it. For
    revisions before MODERN there need have been no `initialize`."""
    body = message(method, params, request_id=request_id, version=version)
    return send(client, body, headers_of(body, version) | dict(headers or {}))


def result_of(
    answer: httpx.Response, method: str, version: str = MODERN, request_id: Any = 1
) -> Json:
    """The result that an answer carries, as the revision's official types have it, to the letter:
    nothing in it is unknown to them."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"jsonrpc", "id", "result"}, answer.text[:2000]
    JSONRPCResponse.model_validate(body, strict=True)
    assert body["id"] == request_id
    result: Json = body["result"]
    assert serialize_server_result(method, version, result) == result
    return result


def asked(
    client: httpx.Client, method: str, params: Json | None = None, *, version: str = MODERN
) -> Json:
    """The result of a method, in either revision."""
    return result_of(rpc(client, method, params, version=version), method, version)


def protocol_error(answer: httpx.Response, status: int, code: int, request_id: Any = 1) -> Json:
    """The error of an answer that is no result: `code`, `message` and perhaps `data`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"jsonrpc", "id", "error"}, answer.text[:2000]
    JSONRPCError.model_validate(body, strict=True)
    assert body["id"] == request_id
    error: Json = body["error"]
    assert error["code"] == code, error
    assert error["message"]
    return error


# -- tools ---------------------------------------------------------------------------------------


def call(client: httpx.Client, tool: str, **arguments: Any) -> Any:
    """What a tool finds: its structured content, which its text repeats. Arguments whose names
    are Python's, `from` say, come as `**{"from": ...}`."""
    return called(client, tool, arguments)["structuredContent"]


def called(
    client: httpx.Client,
    tool: str,
    arguments: Any = None,
    *,
    key: str | None = None,
    version: str = MODERN,
) -> Json:
    """The whole result of a tool that could do it; `key` is the request's idempotency key."""
    result = outcome(client, tool, arguments, key=key, version=version)
    assert result["isError"] is False, text_of(result)
    check_structured(tool, result)
    return result


def tool_error(
    client: httpx.Client,
    tool: str,
    arguments: Any = None,
    *,
    key: str | None = None,
    version: str = MODERN,
) -> str:
    """What a tool says that could not do it: one text."""
    result = outcome(client, tool, arguments, key=key, version=version)
    assert result["isError"] is True, result
    assert "structuredContent" not in result
    (block,) = result["content"]
    assert block["type"] == "text"
    return block["text"]


def outcome(
    client: httpx.Client,
    tool: str,
    arguments: Any = None,
    *,
    key: str | None = None,
    version: str = MODERN,
) -> Json:
    """The result of a tool, whether it could do it or not."""
    method = "tools/call"
    params: Json = {"name": tool}
    if arguments is not None:
        params["arguments"] = arguments
    if key is None and _requests_fail():
        key = f"asked-{next(_keys)}"
    headers = {} if key is None else {"idempotency-key": key}
    return result_of(rpc(client, method, params, version=version, headers=headers), method, version)


def text_of(result: Json) -> str:
    """All texts of a result's blocks, a line each."""
    return "\n".join(block["text"] for block in result["content"] if block["type"] == "text")


def note_of(result: Json) -> str | None:
    """What a reader is told first; None where the first text is the answer itself."""
    first = result["content"][0]
    is_note = first["type"] == "text" and len(result["content"]) > 1
    return first["text"] if is_note else None


def check_structured(tool: str, result: Json) -> None:
    """Structured content is as the tool declares it, and the last text is the same JSON, or the
    beginning of it."""
    structured = result["structuredContent"]
    cast("Any", validator(tool)).validate(structured)
    last = result["content"][-1]
    assert last["type"] == "text"
    if len(last["text"]) < MAX_TEXT:
        assert json.loads(last["text"]) == structured
    else:
        whole = json.dumps(structured, ensure_ascii=False, separators=(",", ":"))
        assert last["text"][:1000] == whole[:1000]


@cache
def validator(tool: str) -> Draft202012Validator:
    """Of what a tool declares that it answers, and nothing besides."""
    return Draft202012Validator(_closed(BY_NAME[tool].described["outputSchema"]))


def _closed(schema: Any) -> Any:
    """No object has properties that are not told of."""
    if isinstance(schema, list):
        return [_closed(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in cast("Json", schema).items()}
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _requests_fail() -> bool:
    """On the engines of tests/faults, where whoever asks sends it again under the same key."""
    return any(name in os.environ["PYTEST_CURRENT_TEST"] for name in suite.NAMES)
