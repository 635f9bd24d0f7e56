"""What the log says of messages: which tool it was and how that went, and nothing that was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Final

import pytest

from chalicelib.core.errors import Contended, Unavailable
from tests.api.engines import ENGINES, Fresh, StandingClock
from tests.api.harness import Service
from tests.api.logged import logged
from tests.api.mcp.asking import LEGACY, MODERN, URL, protocol_error, result_of, rpc
from tests.api.mcp.posting import post
from tests.api.transports import quiet_logs

SECRET: Final = "zebra"
"""What somebody made up; no log may have it."""


@pytest.fixture(scope="module")
def laptop_engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Fresh]:
    """Nothing fails here but what a test has fail: each line is of one request."""
    quiet_logs()
    with ENGINES["sqlite"](tmp_path_factory.mktemp("engine"), StandingClock()) as opened:
        yield opened


@pytest.mark.parametrize("version", [MODERN, LEGACY])
@pytest.mark.parametrize(
    "method, params, route, status",
    [
        ("tools/list", {}, " tools/list", 200),
        ("tools/call", {"name": "list_experiments"}, " tools/call list_experiments", 200),
        ("tools/call", {"name": "get_run", "arguments": {"run_id": SECRET}},
         " tools/call get_run", 404),
        ("tools/call", {"name": "get_run", "arguments": {SECRET: SECRET}},
         " tools/call get_run", 400),
        ("tools/call", {"name": "create_experiment", "arguments": {"name": SECRET}},
         " tools/call create_experiment", 403),
        ("tools/call", {"name": SECRET}, " tools/call (unknown)", 400),
        ("resources/read", {"uri": f"trialbook://runs/{SECRET}"}, " resources/read", 400),
        ("prompts/get", {"name": SECRET}, " prompts/get", 400),
        ("prompts/get", {"name": "read_ab_test", "arguments": {"experiment_id": SECRET}},
         " prompts/get", 400),
        (SECRET, {}, " (unknown)", 404),
        (f"notifications/{SECRET}", {}, " (unknown)", 404),
    ],
)  # fmt: skip
def test_a_line_names_what_was_asked_and_how_that_went(
    laptop: Service, version: str, method: str, params: dict[str, str], route: str, status: int
) -> None:
    """Whatever HTTP is answered: a tool's refusal is a result."""
    with logged() as written:
        rpc(laptop.read, method, params, version=version)
    line = written.last()
    assert (line["route"], line["method"], line["status"]) == (URL + route, "POST", status)
    assert line["tenant"] == laptop.tenant
    assert line["ClientErrors"] == (status != 200)
    assert line["ServerErrors"] == 0
    assert SECRET not in "".join(written)


def test_a_name_that_is_no_text_is_none(laptop: Service) -> None:
    for name in ([SECRET], {SECRET: 1}, 1, True, None):
        with logged() as written:
            answer = rpc(laptop.read, "tools/call", {"name": name}, version=LEGACY)
        assert answer.status_code == 200, answer.text
        assert written.last()["route"] == f"{URL} tools/call (unknown)"


@pytest.mark.parametrize("body", [b"", b"[]", b"zebra", b'{"jsonrpc": "2.0", "zebra": 1}'])
def test_of_what_is_no_message_only_the_route_is_known(laptop: Service, body: bytes) -> None:
    with logged() as written:
        post(laptop.read, body)
        post(laptop.anybody, body)
        laptop.anybody.get(URL)
    assert [(line["route"], line["status"]) for line in written.told] == [
        (URL, 400),
        (URL, 401),
        (URL, 405),
    ]
    assert SECRET not in "".join(written)


def test_a_notification_is_of_no_more_interest_than_its_route(laptop: Service) -> None:
    with logged() as written:
        rpc(laptop.read, f"notifications/{SECRET}", request_id=None)
    (line,) = written.told
    assert (line["route"], line["ClientErrors"]) == (URL, 0)
    assert SECRET not in written[0]


def _raising(error: Exception) -> Callable[..., None]:
    def get(*_: object) -> None:
        raise error

    return get


@pytest.mark.parametrize("version", [MODERN, LEGACY])
def test_a_failure_is_told_with_its_place_and_not_answered_with_its_words(
    laptop: Service, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    rpc(laptop.read, "tools/list")
    monkeypatch.setattr(type(laptop.services.table), "get", _raising(KeyError(SECRET)))
    for method, params in (
        ("tools/call", {"name": "get_run", "arguments": {"run_id": "0" * 32}}),
        ("resources/read", {"uri": f"trialbook://runs/{'0' * 32}"}),
    ):
        with logged() as written:
            answer = rpc(laptop.read, method, params, version=version)
        error = protocol_error(answer, 500, -32603)
        assert error["data"] == {
            "code": "internal",
            "request_id": answer.headers["x-request-id"],
        }
        line = written.last()
        assert (line["level"], line["status"]) == ("error", 500)
        assert line["exception"]["type"] == "KeyError"
        assert SECRET not in "".join(written) + answer.text


@pytest.mark.parametrize(
    "error, status", [(Unavailable("the store is away"), 503), (Contended(), 429)]
)
def test_what_passes_is_told_with_its_reason(
    laptop: Service, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """A tool says it in words, what is no tool by the status."""
    rpc(laptop.read, "tools/list")
    monkeypatch.setattr(type(laptop.services.table), "get", _raising(error))
    run_id = "0" * 32
    with logged() as written:
        called = rpc(
            laptop.read, "tools/call", {"name": "get_run", "arguments": {"run_id": run_id}}
        )
        read = rpc(laptop.read, "resources/read", {"uri": f"trialbook://runs/{run_id}"})
    result = result_of(called, "tools/call")
    assert result["isError"] is True
    assert "call the tool again" in json.dumps(result["content"])
    assert protocol_error(read, status, status)["data"]["code"] in ("unavailable", "throttled")
    assert int(read.headers["retry-after"]) > 0
    for line in written.told:
        assert (line["level"], line["status"]) == ("warning", status)
        assert line["exception"]["type"] == type(error).__name__
