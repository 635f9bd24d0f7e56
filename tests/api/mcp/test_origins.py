"""Which web pages may use `/mcp`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from app import app
from chalicelib import wiring
from chalicelib.api.mcp import origins
from chalicelib.core.errors import Forbidden
from chalicelib.settings import BadSetting, Settings, mcp_origins
from tests.api.harness import Service
from tests.api.mcp.asking import (
    MODERN,
    headers_of,
    message,
    protocol_error,
    result_of,
    rpc,
)
from tests.api.transports import LambdaContext

DOMAIN: Final = "abc123.execute-api.eu-central-1.amazonaws.com"
ENVIRONMENT: Final = {"TRIALBOOK_TABLE": "t", "TRIALBOOK_BUCKET": "b"}


def _is_let_in(
    origin: str | None,
    host: str | None = None,
    domain: str | None = None,
    allowed: frozenset[str] = frozenset(),
) -> bool:
    headers = {"origin": origin, "host": host}
    sent = {name: value for name, value in headers.items() if value is not None}
    try:
        origins.check(sent, domain, allowed)
    except Forbidden:
        return False
    return True


def test_who_is_not_let_in_is_told_how_it_could_be() -> None:
    with pytest.raises(Forbidden, match=origins.SETTING) as caught:
        origins.check({"origin": "https://evil.test" + "x" * 1000}, DOMAIN, frozenset())
    assert caught.value.details == {"origin": ("https://evil.test" + "x" * 1000)[:200]}


# -- behind a gateway, which knows its own name ----------------------------------------------------


@pytest.mark.parametrize(
    "origin, is_let_in",
    [
        (None, True),
        (f"https://{DOMAIN}", True),
        (f"https://{DOMAIN.upper()}", True),
        (f"HTTPS://{DOMAIN}", True),
        (f"http://{DOMAIN}", False),
        (f"https://{DOMAIN}:8443", False),
        (f"https://{DOMAIN}.evil.test", False),
        (f"https://evil.test/{DOMAIN}", False),
        (f"https://evil.test?{DOMAIN}", False),
        (f"https://evil.test#{DOMAIN}", False),
        (f"https://{DOMAIN}@evil.test", False),
        (f"https://evil.test@{DOMAIN}", False),
        (f"https://sub.{DOMAIN}", False),
        (f"https://{DOMAIN},https://evil.test", False),
        (f"https://{DOMAIN} https://evil.test", False),
        ("https://evil.test", False),
        ("null", False),
        ("", False),
        ("*", False),
        ("http://localhost:3000", False),
        ("http://127.0.0.1", False),
        ("file://", False),
        (DOMAIN, False),
        (f"//{DOMAIN}", False),
    ],
)
def test_behind_a_gateway_pages_of_its_own_name_are_let_in(
    origin: str | None, is_let_in: bool
) -> None:
    """The host that a browser names has no say."""
    for host in (None, DOMAIN, "evil.test", "localhost:3000"):
        assert _is_let_in(origin, host, DOMAIN) == is_let_in


def test_the_gateway_may_know_itself_in_capitals() -> None:
    assert _is_let_in(f"https://{DOMAIN}", DOMAIN, DOMAIN.upper())


# -- on a laptop -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin, host, is_let_in",
    [
        # this machine to itself, from whatever port
        ("http://localhost:8000", "localhost:8000", True),
        ("http://localhost:6274", "localhost:8000", True),
        ("http://127.0.0.1:6274", "localhost:8000", True),
        ("http://localhost:6274", "127.0.0.1:8000", True),
        ("https://localhost", "127.0.0.1:8000", True),
        ("http://127.0.0.2:1", "127.0.0.1:8000", True),
        ("http://[::1]:6274", "[::1]:8000", True),
        ("http://[::1]:6274", "localhost:8000", True),
        ("http://LOCALHOST:6274", "LocalHost:8000", True),
        # a name that is bound to an address of this machine, behind the browser's back
        ("http://evil.test:8000", "evil.test:8000", False),
        ("http://evil.test", "evil.test", False),
        ("http://localhost.evil.test:8000", "localhost.evil.test:8000", False),
        ("http://127.0.0.1.evil.test:8000", "127.0.0.1.evil.test:8000", False),
        ("http://127.1:8000", "127.1:8000", False),
        ("http://2130706433:8000", "2130706433:8000", False),
        # pages of others
        ("http://evil.test", "localhost:8000", False),
        ("http://evil.test:8000", "127.0.0.1:8000", False),
        ("http://localhost@evil.test", "localhost:8000", False),
        ("http://localhost.evil.test", "localhost:8000", False),
        ("http://10.0.0.7:8000", "localhost:8000", False),
        ("http://0.0.0.0:8000", "localhost:8000", False),
        ("http://localhost:8000", "evil.test:8000", False),
        ("null", "localhost:8000", False),
        ("file://", "localhost:8000", False),
        ("", "localhost:8000", False),
        # another machine of the network, by its address: its own pages
        ("http://192.168.1.5:8000", "192.168.1.5:8000", True),
        ("http://192.168.1.5", "192.168.1.5", True),
        ("http://[fd00::5]:8000", "[fd00::5]:8000", True),
        ("http://192.168.1.5:9000", "192.168.1.5:8000", False),
        ("http://192.168.1.5", "192.168.1.5:8000", False),
        ("http://192.168.1.6:8000", "192.168.1.5:8000", False),
        ("http://localhost:8000", "192.168.1.5:8000", False),
        # what nobody can read
        ("http://[::1", "localhost:8000", False),
        ("http://[zz]:8000", "localhost:8000", False),
        ("http://localhost:port", "localhost:8000", False),
        ("http://localhost:99999", "localhost:8000", False),
        ("http://localhost:8000", "[::1", False),
        ("http://localhost:8000", "localhost:port", False),
        ("http://localhost:8000", "", False),
        ("http://localhost:8000", None, False),
        ("localhost:8000", "localhost:8000", False),
        ("http://\u2460.test", "localhost:8000", False),
        ("http://\udcff", "localhost:8000", False),
        ("\x00", "localhost:8000", False),
    ],
)
def test_on_a_laptop_pages_of_this_machine_are_let_in(
    origin: str, host: str | None, is_let_in: bool
) -> None:
    assert _is_let_in(origin, host) == is_let_in


@pytest.mark.parametrize("host", ["localhost:8000", "192.168.1.5:8000", "evil.test", "", None])
def test_what_is_no_page_names_no_origin(host: str | None) -> None:
    assert _is_let_in(None, host)


# -- as the operator has it ------------------------------------------------------------------------


@pytest.mark.parametrize("domain", [None, DOMAIN])
def test_the_operator_names_others(domain: str | None) -> None:
    allowed = frozenset({"https://app.example.com", "http://localhost:6274"})
    for origin, is_let_in in {
        "https://app.example.com": True,
        "http://localhost:6274": True,
        "https://app.example.com:8443": False,
        "http://app.example.com": False,
        "https://example.com": False,
        "https://app.example.com.evil.test": False,
        "null": False,
    }.items():
        assert _is_let_in(origin, "evil.test", domain, allowed) == is_let_in
        assert _is_let_in(origin, "evil.test", domain, frozenset({"*"}))


@pytest.mark.parametrize(
    "text, found",
    [
        (None, set[str]()),
        ("", set[str]()),
        (" , ,", set[str]()),
        ("*", {"*"}),
        ("https://a.example", {"https://a.example"}),
        (
            " https://a.example ,http://b.example:8080",
            {"https://a.example", "http://b.example:8080"},
        ),
        ("https://a.example,https://a.example", {"https://a.example"}),
        ("http://[::1]:3000", {"http://[::1]:3000"}),
        ("vscode-webview://abc", {"vscode-webview://abc"}),
    ],
)
def test_the_setting_names_origins(text: str | None, found: set[str]) -> None:
    environment = {} if text is None else {"TRIALBOOK_MCP_ORIGINS": text}
    assert mcp_origins(environment) == found
    assert Settings.of_environment({**ENVIRONMENT, **environment}).mcp_origins == found


@pytest.mark.parametrize(
    "text",
    [
        "a.example",
        "https://",
        "https://a.example/",
        "https://a.example/path",
        "https://a.example?x",
        "https://a.example#x",
        "https://user@a.example",
        "https://a.example https://b.example",
        "https://a.example,b.example",
        "null",
        "**",
        "://a.example",
    ],
)
def test_a_setting_that_is_no_list_of_origins_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="TRIALBOOK_MCP_ORIGINS"):
        mcp_origins({"TRIALBOOK_MCP_ORIGINS": text})


@pytest.mark.parametrize("text", ["https://App.Example.com", "https://a.example:443"])
def test_an_origin_that_no_browser_writes_like_that_is_found_or_refused(text: str) -> None:
    """Browsers write a host in small letters and leave the scheme's own port out."""
    try:
        allowed = mcp_origins({"TRIALBOOK_MCP_ORIGINS": text})
    except BadSetting:
        return
    written = text.lower().removesuffix(":443")
    assert _is_let_in(written, "evil.test", DOMAIN, allowed)


# -- over the app ----------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://trialbook.test:1"])
def test_a_page_of_others_is_refused_before_anything_is_asked(laptop: Service, origin: str) -> None:
    for client in (laptop.read, laptop.anybody):
        for method in ("tools/list", "server/discover", "notifications/cancelled"):
            answer = rpc(client, method, headers={"origin": origin})
            error = protocol_error(answer, 403, 403, None)
            assert error["data"]["code"] == "forbidden"
            assert error["data"]["details"] == {"origin": origin}


def test_a_page_of_this_machine_is_answered_so_that_it_may_read_it(laptop: Service) -> None:
    headers = {"origin": "http://localhost:6274", "host": "127.0.0.1:8000"}
    answer = rpc(laptop.read, "tools/list", headers=headers)
    result_of(answer, "tools/list")
    assert answer.headers["access-control-allow-origin"] == "*"
    rebound = {"origin": "http://evil.test:8000", "host": "evil.test:8000"}
    protocol_error(rpc(laptop.read, "tools/list", headers=rebound), 403, 403, None)


def test_pages_that_the_operator_named_are_answered(laptop: Service) -> None:
    headers = {"origin": "https://app.example.com"}
    protocol_error(rpc(laptop.read, "tools/list", headers=headers), 403, 403, None)
    try:
        allowed = frozenset({"https://app.example.com"})
        wiring.install(replace(laptop.services, mcp_origins=allowed))
        result_of(rpc(laptop.read, "tools/list", headers=headers), "tools/list")
    finally:
        wiring.install(laptop.services)


@pytest.mark.parametrize(
    "origin, status", [(f"https://{DOMAIN}", 200), ("http://localhost", 403), ("null", 403)]
)
def test_the_gateway_tells_its_name(laptop: Service, origin: str, status: int) -> None:
    assert _by_gateway(laptop, {"origin": origin, "host": "localhost"})["statusCode"] == status


def _by_gateway(service: Service, headers: Mapping[str, str]) -> dict[str, Any]:
    """The proxy answer to an event as API Gateway makes it, which has its domain in it."""
    body = message("tools/list")
    sent = {**headers_of(body, MODERN), **headers, "x-api-key": service.read.headers["x-api-key"]}
    event = {
        "resource": "/mcp",
        "path": "/mcp",
        "httpMethod": "POST",
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/mcp",
            "httpMethod": "POST",
            "path": "/dev/mcp",
            "requestId": "r",
            "domainName": DOMAIN,
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    call: Any = app
    return call(event, LambdaContext("r", service.services.clock))
