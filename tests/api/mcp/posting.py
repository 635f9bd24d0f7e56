"""Messages to `POST /mcp` byte by byte, for what no client would send."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import httpx
from mcp_types.jsonrpc import JSONRPCError, JSONRPCResponse

from tests.api.answers import Json
from tests.api.mcp.asking import URL, headers_of, message, send

JSON: Final = {"content-type": "application/json"}
PROXY_BYTES: Final = 6 * 1024 * 1024
"""What a function may answer with: the body as a JSON text in the proxy answer."""


def post(client: httpx.Client, body: Any, headers: Mapping[str, str] = JSON) -> httpx.Response:
    """A body as it is, with these headers and no others; without those of MODERN it is a message of
    a revision before."""
    return send(client, body, headers)


def post_lines(
    client: httpx.Client, body: Json, lines: Iterable[tuple[str, str]]
) -> httpx.Response:
    """With headers in which a name may come twice and a value be any Latin-1."""
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in lines]
    return client.post(URL, content=json.dumps(body), headers=pairs)


def modern(
    client: httpx.Client, method: str, params: Json | None = None, **headers: str | None
) -> httpx.Response:
    """A message of MODERN with other headers, or without those that are None; their names have `_`
    for `-`. What `Mcp-Name` mirrors is encoded wherever it has to be."""
    body = message(method, params)
    sent = dict(headers_of(body))
    if "mcp-name" in sent:
        sent["mcp-name"] = encoded(sent["mcp-name"])
    for name, value in headers.items():
        sent.pop(name.replace("_", "-"), None)
        if value is not None:
            sent[name.replace("_", "-")] = value
    return send(client, body, sent)


def encoded(value: str) -> str:
    """A value as a header carries it."""
    return (
        value if value.isascii() and value.isprintable() and value.strip() == value else b64(value)
    )


def b64(value: str) -> str:
    """A value in the form for what is not plain."""
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def check_answer(answer: httpx.Response) -> Json | None:
    """What any answer must be: a result or an error of JSON-RPC, or nothing with a 202; never a
    failure of ours, and never more than a function can say."""
    assert answer.status_code in (200, 202, 400, 404), (answer.status_code, answer.text[:1000])
    assert proxied_bytes(answer) <= PROXY_BYTES
    if answer.status_code == 202:
        assert answer.content == b""
        return None
    assert answer.headers["content-type"] == "application/json"
    body: Json = answer.json()
    if "error" in body:
        assert body.keys() == {"jsonrpc", "id", "error"}
        JSONRPCError.model_validate(body, strict=True)
        assert body["error"]["code"] < 0, "before any tool there is nothing else to complain of"
    else:
        assert answer.status_code == 200
        assert body.keys() == {"jsonrpc", "id", "result"}
        JSONRPCResponse.model_validate(body, strict=True)
    return body


def proxied_bytes(answer: httpx.Response) -> int:
    """The size of the body as a function's answer carries it: a text within JSON."""
    return len(json.dumps(answer.text, ensure_ascii=False).encode())
