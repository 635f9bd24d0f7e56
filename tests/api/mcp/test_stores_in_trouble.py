"""Tools whose stores fail them: what is told of it, and what is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest

from chalicelib.core.errors import Contended, Throttled, TrialbookError, Unavailable
from tests.api.harness import Service
from tests.api.mcp.asking import LEGACY, MODERN, called, protocol_error, rpc, tool_error
from tests.api.mcp.places import READERS, WRITERS, Place, place

LOG: Final = "log_artifact_in_experiment"
TABLE: Final = ("get", "get_many", "query", "changed_since", "changes", "put", "add", "transact")


def trouble(service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """From now on the table refuses whatever it is asked."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    for operation in TABLE:
        monkeypatch.setattr(service.services.table, operation, fail)


@pytest.mark.parametrize(
    "error, seconds",
    [
        (Throttled("the table asks to slow down; send it again"), 1),
        (Throttled("the table asks to slow down; send it again", 7), 7),
        (Unavailable("the table did not answer; send it again", 5), 5),
    ],
)
def test_a_store_in_trouble_is_told_with_what_to_do_then(
    laptop: Service, monkeypatch: pytest.MonkeyPatch, error: TrialbookError, seconds: int
) -> None:
    calls = place(laptop).calls()
    found = {tool: called(laptop.write, tool, calls[tool]) for tool in READERS}
    laptop.clock.advance(30)  # what is kept of a definition is stale
    with monkeypatch.context() as patched:
        trouble(laptop, patched, error)
        for tool, arguments in calls.items():
            first, *_, last = tool_error(laptop.write, tool, arguments).split("\n")
            assert first == f"{error.message}."
            if tool in WRITERS and isinstance(error, Unavailable):
                assert last.startswith("It is not known whether it was written: look first")
            else:
                assert last == (
                    f"Wait {seconds} s and call the tool again with the same arguments."
                )
    assert found.keys() == set(READERS)
    for tool in READERS:
        called(laptop.write, tool, calls[tool])


def test_an_item_that_another_transaction_holds_is_told_as_throttled(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = place(laptop).calls()
    trouble(laptop, monkeypatch, Contended())
    for tool in ("get_run", *WRITERS):
        text = tool_error(laptop.write, tool, calls[tool])
        assert text.startswith(("too many writers on the same item", "others write the same"))
        assert text.endswith("Wait 1 s and call the tool again with the same arguments.")


@pytest.mark.parametrize("version", [MODERN, LEGACY])
def test_a_defect_is_an_internal_error_that_tells_nothing(
    laptop: Service, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    calls = place(laptop).calls()
    laptop.clock.advance(30)
    called(laptop.write, "list_experiments")  # the key is known for a while
    trouble(laptop, monkeypatch, RuntimeError("arn:aws:dynamodb:us-east-1:1:table/secret-name"))
    for tool, arguments in calls.items():
        params = {"name": tool, "arguments": arguments}
        answer = rpc(laptop.write, "tools/call", params, version=version)
        error = protocol_error(answer, 500, -32603)
        assert error["data"] == {
            "code": "internal",
            "request_id": answer.headers["x-request-id"],
        }
        for secret in ("arn", "secret-name", "Traceback", "RuntimeError", ".py"):
            assert secret not in answer.text


def test_a_blob_store_in_trouble_is_told(laptop: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    at = place(laptop)

    def fail(*_: Any, **__: Any) -> None:
        raise Unavailable("the blob store did not answer; send it again", 3)

    monkeypatch.setattr(laptop.services.blobs, "get", fail)
    tool = "get_artifact_content_in_experiment"
    text = tool_error(laptop.read, tool, at.calls()[tool])
    assert text.startswith("the blob store did not answer")
    assert text.endswith("Wait 3 s and call the tool again with the same arguments.")


# -- with an idempotency key ----------------------------------------------------------------------


def send(service: Service, at: Place) -> httpx.Response:
    params = {"name": LOG, "arguments": at.calls()[LOG]}
    return rpc(service.write, "tools/call", params, headers={"idempotency-key": "k"})


def test_what_could_not_be_confirmed_is_done_once_when_it_is_repeated(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = place(laptop)
    before = at.counted(laptop)
    table: Any = laptop.services.table
    transact = table.transact

    def lost(*arguments: Any) -> None:
        transact(*arguments)
        raise Unavailable("the table did not answer; send it again")

    with monkeypatch.context() as patched:
        patched.setattr(table, "transact", lost)
        answer = send(laptop, at)
    # by its status, for who sends a key sends the same again
    assert protocol_error(answer, 503, 503)["message"].startswith("the table did not answer")
    assert answer.headers["retry-after"] == "1"
    called(laptop.write, LOG, at.calls()[LOG], key="k")
    assert at.counted(laptop) == before + 1


def test_a_call_while_the_first_is_in_flight_is_told_to_wait(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = place(laptop)
    table: Any = laptop.services.table
    transact = table.transact
    meanwhile: list[httpx.Response] = []

    def slowly(*arguments: Any) -> None:
        monkeypatch.undo()
        with ThreadPoolExecutor(1) as pool:
            meanwhile.append(pool.submit(send, laptop, at).result())
        transact(*arguments)

    monkeypatch.setattr(table, "transact", slowly)
    called(laptop.write, LOG, at.calls()[LOG], key="k")
    (answer,) = meanwhile
    error = protocol_error(answer, 409, 409)
    assert error["message"] == "the first request with this key is still in flight"
    assert answer.headers["retry-after"] == "1"


def test_a_reader_that_is_throttled_is_told_by_status_where_it_sends_a_key(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = place(laptop)

    def fail(*_: Any) -> None:
        raise Contended

    called(laptop.write, "get_run", at.calls()["get_run"])
    monkeypatch.setattr(laptop.services.table, "get", fail)
    params = {"name": "get_run", "arguments": at.calls()["get_run"]}
    answer = rpc(laptop.write, "tools/call", params, headers={"idempotency-key": "k"})
    protocol_error(answer, 429, 429)
    assert answer.headers["retry-after"] == "1"


def test_what_was_refused_may_be_corrected_under_the_same_key(service: Service) -> None:
    at = place(service)
    before = at.counted(service)
    arguments = at.calls()[LOG]
    tool_error(service.write, LOG, {**arguments, "value": "no number"}, key="k")
    tool_error(service.write, LOG, {**arguments, "experiment_id": "never"}, key="k")
    called(service.write, LOG, arguments, key="k")
    assert at.counted(service) == before + 1
