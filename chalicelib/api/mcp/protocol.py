"""Messages of the Model Context Protocol over HTTP: what is asked, and by which revision.

Revision 2026-07-28 is stateless: every request tells its revision in `_meta`, and mirrors what it
asks for in headers. Those before it begin with `initialize`; here nothing of that is kept either,
for every answer follows from the request alone. Both are served at the same place.

https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from pydantic_core import from_json

MODERN: Final = "2026-07-28"
HANDSHAKE: Final = ("2025-11-25", "2025-06-18")
"""Revisions that begin with `initialize`, newest first."""
SUPPORTED: Final = (MODERN, *HANDSHAKE)

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
RESOURCE_NOT_FOUND: Final = -32002
"""Before 2026-07-28; since then it is INVALID_PARAMS."""
HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022

_STATUS_OF: Final = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    METHOD_NOT_FOUND: 404,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
    INTERNAL_ERROR: 500,
}
_ALWAYS: Final = frozenset(
    {PARSE_ERROR, INVALID_REQUEST, HEADER_MISMATCH, UNSUPPORTED_VERSION, INTERNAL_ERROR}
)
"""Errors whose status an older client expects too; the others came with 200."""

_PREFIX: Final = "io.modelcontextprotocol/"
VERSION_META: Final = _PREFIX + "protocolVersion"
CAPABILITIES_META: Final = _PREFIX + "clientCapabilities"
SERVER_META: Final = _PREFIX + "serverInfo"
VERSION_HEADER: Final = "mcp-protocol-version"
METHOD_HEADER: Final = "mcp-method"
NAME_HEADER: Final = "mcp-name"
NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Where the value is that `Mcp-Name` mirrors."""
MAX_ID: Final = 10_000
"""Characters of an id, which every answer repeats."""
_ENCODED: Final = re.compile(r"=\?base64\?(.*)\?=")

RequestId: TypeAlias = str | int
Json: TypeAlias = Mapping[str, Any]


class ProtocolError(Exception):
    """What is wrong with a message itself; what goes wrong in a tool is an answer of the tool."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def invalid_params(message: str, data: object = None) -> ProtocolError:
    return ProtocolError(INVALID_PARAMS, message, data)


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or with `id` None a notification. `method` is "" for an answer to us, of which
    there can be none. `version` is the revision that it is served by."""

    id: RequestId | None
    method: str
    params: Json
    version: str

    @property
    def is_modern(self) -> bool:
        return self.version == MODERN


def status_of(code: int, *, is_modern: bool) -> int:
    """The status that an error is answered with."""
    return _STATUS_OF.get(code, 400) if is_modern or code in _ALWAYS else 200


def decoded(body: bytes) -> Json:
    """The one JSON object that a body holds. Raises ProtocolError."""
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ProtocolError(PARSE_ERROR, "the body is not JSON") from None
    if isinstance(found, list):
        raise ProtocolError(
            INVALID_REQUEST, "batches are not taken; send each message in a request of its own"
        )
    if not isinstance(found, dict) or cast("Json", found).get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, 'the body is no JSON-RPC message: {"jsonrpc": "2.0"}')
    return cast("Json", found)


def id_of(envelope: Json) -> RequestId | None:
    """The id that an answer names; None where there is none that can be named."""
    given = envelope.get("id")
    if isinstance(given, int) and not isinstance(given, bool):
        return given if -(2**63) <= given < 2**64 else None
    return given if isinstance(given, str) and len(given) <= MAX_ID else None


def is_modern(envelope: Json, headers: Mapping[str, str]) -> bool:
    """Whether it speaks of its revision itself, be it one that is not served here."""
    version = headers.get(VERSION_HEADER)
    # Earlier revisions begin with `initialize`, and only then know which one they speak.
    is_first = envelope.get("method") == "initialize"
    if version is not None and version not in HANDSHAKE and not is_first:
        return True
    params = envelope.get("params")
    meta: Any = cast("Json", params).get("_meta") if isinstance(params, dict) else None
    return isinstance(meta, dict) and VERSION_META in meta


def message_of(envelope: Json, headers: Mapping[str, str]) -> Message:
    """Raises ProtocolError for what is malformed, and for what its headers contradict."""
    method, params = envelope.get("method"), envelope.get("params", {})
    modern = is_modern(envelope, headers)
    if method is None and ("result" in envelope or "error" in envelope) and not modern:
        return Message(None, "", {}, HANDSHAKE[0])
    if not isinstance(method, str) or not isinstance(params, dict):
        raise ProtocolError(
            INVALID_REQUEST, "a message has a `method`, a text, and `params`, an object"
        )
    params = cast("Json", params)
    if "id" not in envelope:
        if modern:
            _check_version(headers.get(VERSION_HEADER, MODERN))
        return Message(None, method, params, MODERN if modern else HANDSHAKE[0])
    request_id = id_of(envelope)
    if request_id is None:
        raise ProtocolError(
            INVALID_REQUEST, "the `id` of a request is a text or an integer of 64 bits"
        )
    if modern:
        _check_modern(method, params, headers)
        return Message(request_id, method, params, MODERN)
    version = headers.get(VERSION_HEADER)
    return Message(request_id, method, params, version if version in HANDSHAKE else HANDSHAKE[0])


def _check_modern(method: str, params: Json, headers: Mapping[str, str]) -> None:
    meta: Any = params.get("_meta")
    known: Json = cast("Json", meta) if isinstance(meta, dict) else {}
    version, capabilities = known.get(VERSION_META), known.get(CAPABILITIES_META)
    if not isinstance(version, str) or not isinstance(capabilities, dict):
        # A revision that nobody serves is told first: its requests may look otherwise.
        if version is None and headers.get(VERSION_HEADER, MODERN) != MODERN:
            _check_version(headers[VERSION_HEADER])
        raise invalid_params(
            f"params._meta must have {VERSION_META}, a text, and {CAPABILITIES_META}, an object;"
            f" or begin with initialize, for the revisions {' and '.join(HANDSHAKE)}"
        )
    _check_mirrored(headers, VERSION_HEADER, version)
    _check_mirrored(headers, METHOD_HEADER, method)
    if method in NAMED_BY:
        _check_mirrored(headers, NAME_HEADER, params.get(NAMED_BY[method]))
    _check_version(version)


def _check_version(version: str) -> None:
    if version != MODERN:
        raise ProtocolError(
            UNSUPPORTED_VERSION,
            f"this revision is not served: {version[:40]}",
            {"supported": list(SUPPORTED), "requested": version},
        )


def check_once(headers: Mapping[str, list[str]]) -> None:
    """Raises ProtocolError for a header that comes twice: others may go by the other one."""
    for name, values in headers.items():
        if len(values) > 1 and name.lower() in (VERSION_HEADER, METHOD_HEADER, NAME_HEADER):
            raise ProtocolError(HEADER_MISMATCH, f"the header {name.lower()} comes more than once")


def _check_mirrored(headers: Mapping[str, str], name: str, meant: object) -> None:
    given = headers.get(name)
    if given is None:
        raise ProtocolError(HEADER_MISMATCH, f"the header {name} is missing")
    if _plain(given) != meant:
        raise ProtocolError(HEADER_MISMATCH, f"the header {name} is not what the body says")


def _plain(value: str) -> str | None:
    """The value of a header; None for what claims to be encoded and is not."""
    encoded = _ENCODED.fullmatch(value)
    if encoded is None:
        return value
    try:
        plain = base64.b64decode(encoded[1], validate=True)
        return plain.decode() if base64.b64encode(plain).decode() == encoded[1] else None
    except ValueError:  # no ASCII, no base64, no UTF-8
        return None
