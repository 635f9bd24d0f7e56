"""What each revision has: its methods, what its answers tell of themselves, and how it begins."""

from __future__ import annotations

from typing import Any, Final

import pytest

from chalicelib.api.mcp.methods import CAPABILITIES, INFO
from chalicelib.api.mcp.protocol import (
    HANDSHAKE,
    HEADER_MISMATCH,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SERVER_META,
)
from tests.api.harness import Service
from tests.api.mcp.asking import (
    LEGACY,
    MODERN,
    asked,
    called,
    headers_of,
    message,
    protocol_error,
    result_of,
    rpc,
)
from tests.api.mcp.posting import JSON, post

UNKNOWN: Final = "2099-01-01"
ERAS: Final = [MODERN, *HANDSHAKE]
CLIENT: Final = {"capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}


@pytest.mark.parametrize("version", ERAS)
def test_a_method_that_nobody_knows(laptop: Service, version: str) -> None:
    for method in ("no/method", "", "tools/list ", "Tools/List", "subscriptions/listen"):
        answer = rpc(laptop.read, method, version=version, headers={"mcp-method": method.strip()})
        if version == MODERN and method != method.strip():
            protocol_error(answer, 400, HEADER_MISMATCH)
        else:
            status = 404 if version == MODERN else 200
            protocol_error(answer, status, METHOD_NOT_FOUND)


def test_methods_of_another_time_are_not_there(laptop: Service) -> None:
    for method in ("initialize", "ping"):
        protocol_error(rpc(laptop.read, method), 404, METHOD_NOT_FOUND)
    for version in HANDSHAKE:
        answer = rpc(laptop.read, "server/discover", version=version)
        protocol_error(answer, 200, METHOD_NOT_FOUND)
        assert asked(laptop.read, "ping", version=version) == {}


@pytest.mark.parametrize(
    "method, ttl_ms, scope",
    [
        ("server/discover", 300_000, "public"),
        ("tools/list", 300_000, "private"),
        ("prompts/list", 300_000, "public"),
        ("resources/list", 0, "private"),
        ("resources/templates/list", 300_000, "public"),
    ],
)
def test_an_answer_tells_of_itself_what_its_revision_has(
    laptop: Service, method: str, ttl_ms: int, scope: str
) -> None:
    new = asked(laptop.read, method)
    assert new.pop("resultType") == "complete"
    assert new.pop("_meta") == {SERVER_META: INFO}
    assert (new.pop("ttlMs"), new.pop("cacheScope")) == (ttl_ms, scope)
    if method != "server/discover":
        for version in HANDSHAKE:
            assert asked(laptop.read, method, version=version) == new


def test_what_is_called_is_not_to_be_kept(laptop: Service) -> None:
    new = called(laptop.read, "list_experiments")
    assert new.keys() == {"resultType", "_meta", "content", "structuredContent", "isError"}
    old = called(laptop.read, "list_experiments", version=LEGACY)
    assert old.keys() == {"content", "structuredContent", "isError"}


def test_a_server_is_discovered(laptop: Service) -> None:
    found = asked(laptop.read, "server/discover")
    assert found["supportedVersions"] == [MODERN, "2025-11-25", "2025-06-18"]
    assert found["capabilities"] == CAPABILITIES
    assert "list_experiments" in found["instructions"]


@pytest.mark.parametrize(
    "wanted, agreed",
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", LEGACY),
        ("2024-11-05", LEGACY),
        (MODERN, LEGACY),
        (UNKNOWN, LEGACY),
        ("", LEGACY),
    ],
)
@pytest.mark.parametrize("has_header", [True, False])
def test_a_revision_is_agreed_upon(
    laptop: Service, wanted: str, agreed: str, has_header: bool
) -> None:
    body = message("initialize", CLIENT | {"protocolVersion": wanted}, version=LEGACY)
    headers = headers_of(body, LEGACY) if has_header else JSON
    result = result_of(post(laptop.read, body, headers), "initialize", LEGACY)
    assert result["protocolVersion"] == agreed
    assert (result["serverInfo"], result["capabilities"]) == (INFO, CAPABILITIES)


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26"])
def test_who_initializes_may_name_an_earlier_revision_in_the_header(
    laptop: Service, version: str
) -> None:
    """`initialize` is what an earlier revision begins with, and asks which ones are served."""
    body = message("initialize", CLIENT | {"protocolVersion": version}, version=LEGACY)
    answer = post(laptop.read, body, {**JSON, "mcp-protocol-version": version})
    assert result_of(answer, "initialize", LEGACY)["protocolVersion"] == LEGACY


@pytest.mark.parametrize("wanted", [None, 5, ["2025-11-25"], {}])
def test_a_malformed_revision_cannot_be_agreed_upon(laptop: Service, wanted: Any) -> None:
    answer = rpc(laptop.read, "initialize", {"protocolVersion": wanted}, version=LEGACY)
    protocol_error(answer, 200, INVALID_PARAMS)


def test_no_session_is_kept_and_none_is_asked_for(laptop: Service) -> None:
    headers = {"mcp-session-id": "made up", "last-event-id": "7"}
    for version in ERAS:
        answer = rpc(laptop.read, "tools/list", version=version, headers=headers)
        result_of(answer, "tools/list", version)
        assert "mcp-session-id" not in answer.headers


def test_what_an_earlier_revision_has_in_meta_makes_it_no_later_one(laptop: Service) -> None:
    for meta in ({"progressToken": 1}, {}, {"traceparent": "00-1-2-01"}):
        params = {"_meta": meta}
        assert asked(laptop.read, "ping", params, version=LEGACY) == {}
        body = message("tools/list", params, version=LEGACY)
        result = result_of(post(laptop.read, body), "tools/list", LEGACY)
        assert result.keys() == {"tools"}


def test_a_message_speaks_one_revision(laptop: Service) -> None:
    """Not one in its header and another in its body."""
    body = message("tools/list")
    for version in (*HANDSHAKE, UNKNOWN):
        answer = post(laptop.read, body, headers_of(body) | {"mcp-protocol-version": version})
        protocol_error(answer, 400, HEADER_MISMATCH)
