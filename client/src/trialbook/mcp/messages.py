"""JSON-RPC messages of MCP: what comes from the client, and what is answered here.

A request of the revision that has no handshake names its revision in `params._meta`, and its HTTP
headers repeat what the body says. One of an earlier revision has nothing of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from trialbook.errors import json_object

RequestId: TypeAlias = str | int

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603

_REVISION: Final = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_ENCODED: Final = ("=?base64?", "?=")


@dataclass(frozen=True)
class Message:
    """A request, or a notification when it has no id. `line` is the JSON that it came as."""

    line: bytes
    method: str
    id: RequestId | None
    params: Mapping[str, Any]

    @property
    def revision(self) -> str | None:
        """The protocol revision that the message names itself; None where a handshake did."""
        found = json_object(self.params.get("_meta")).get(_REVISION)
        return found if isinstance(found, str) else None

    def headers(self, negotiated: str | None) -> dict[str, str]:
        """What the HTTP request repeats; `negotiated` is the revision of the handshake."""
        sent = {"accept": "application/json, text/event-stream"}
        revision = self.revision
        if revision is None:
            if negotiated is not None and self.method != "initialize":
                sent["mcp-protocol-version"] = negotiated
            return sent
        sent["mcp-protocol-version"] = header_value(revision)
        sent["mcp-method"] = header_value(self.method)
        name = self.params.get(_NAMED_BY.get(self.method, ""))
        if isinstance(name, str):
            sent["mcp-name"] = header_value(name)
        return sent

    def failed(self, text: str) -> dict[str, Any]:
        """The answer when the service gave none. A tool's failure is for the model to read."""
        if self.method != "tools/call":
            return error_answer(self.id, INTERNAL_ERROR, text)
        result: dict[str, Any] = {"content": [{"type": "text", "text": text}], "isError": True}
        if self.revision is not None:
            result["resultType"] = "complete"
        return {"jsonrpc": "2.0", "id": self.id, "result": result}


class NoMessage(Exception):
    """A line that is no message; `answer` says so to the client."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer["error"]["message"])
        self.answer = answer


def read(line: bytes) -> Message | None:
    """The message of a line; None for an answer, since nothing was asked. Raises NoMessage."""
    try:
        found: Any = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NoMessage(error_answer(None, PARSE_ERROR, f"the line is not JSON: {error}")) from None
    if not isinstance(found, dict):
        raise NoMessage(error_answer(None, INVALID_REQUEST, "a message is one JSON object"))
    message = cast("dict[str, Any]", found)
    request_id, method = message.get("id"), message.get("method")
    known_id = request_id if _is_id(request_id) else None
    if message.get("jsonrpc") != "2.0":
        raise NoMessage(error_answer(known_id, INVALID_REQUEST, 'it must have "jsonrpc": "2.0"'))
    if method is None and ("result" in message or "error" in message):
        return None
    if not isinstance(method, str):
        raise NoMessage(error_answer(known_id, INVALID_REQUEST, "it must name a method"))
    if "id" in message and known_id is None:
        raise NoMessage(error_answer(None, INVALID_REQUEST, "an id is a string or an integer"))
    return Message(line, method, known_id, json_object(message.get("params")))


def answer_to(message: Message, found: object) -> dict[str, Any] | None:
    """What the service answered, under the id of the request; None when it is no JSON-RPC answer.

    What it cannot read it answers without an id, and a client would wait for its own for ever.
    """
    answer = json_object(found)
    if answer.get("jsonrpc") != "2.0" or not ("result" in answer or "error" in answer):
        return None
    return {**answer, "id": message.id}


def error_answer(request_id: RequestId | None, code: int, text: str) -> dict[str, Any]:
    """A JSON-RPC error."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": text}}


def header_value(text: str) -> str:
    """The text when a header can hold it as it is, else as `=?base64?…?=`."""
    plain = text.isascii() and text.isprintable() and text == text.strip()
    if plain and not (text.startswith(_ENCODED[0]) and text.endswith(_ENCODED[1])):
        return text
    # half of a surrogate pair is legal in JSON, and in nothing else
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return encoded.join(_ENCODED)


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
