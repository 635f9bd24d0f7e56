"""`Idempotency-Key` on calls of tools: what is sent twice is done once."""

from __future__ import annotations

import pytest

from chalicelib.core.context import Role
from tests.api.budget import at_most
from tests.api.harness import Service
from tests.api.mcp.asking import LEGACY, MODERN, called, tool_error
from tests.api.mcp.places import READERS, WRITERS, place

LOG = "log_artifact_in_experiment"


@pytest.mark.parametrize("tool", WRITERS)
def test_the_same_call_with_the_same_key_is_done_once(service: Service, tool: str) -> None:
    at = place(service)
    arguments = at.calls()[tool]
    before = at.counted(service)
    first = called(service.write, tool, arguments, key="k")
    after = at.counted(service)
    assert after == before + 1
    with service.budget(writes=1, reads=1):  # the claim that fails, and the answer
        assert called(service.write, tool, arguments, key="k") == first
    assert at.counted(service) == after


def test_without_a_key_or_with_another_it_is_done_again(laptop: Service) -> None:
    at = place(laptop)
    before = at.counted(laptop)
    arguments = at.calls()[LOG]
    for key in ("k", "another", None, None):
        called(laptop.write, LOG, arguments, key=key)
    assert at.counted(laptop) == before + 4


def test_a_repeat_may_come_in_another_revision(laptop: Service) -> None:
    at = place(laptop)
    before = at.counted(laptop)
    arguments = at.calls()[LOG]
    first = called(laptop.write, LOG, arguments, key="k", version=MODERN)
    again = called(laptop.write, LOG, arguments, key="k", version=LEGACY)
    assert again["structuredContent"] == first["structuredContent"]
    assert at.counted(laptop) == before + 1


@pytest.mark.parametrize("tool", WRITERS)
def test_other_arguments_with_the_same_key_are_refused(service: Service, tool: str) -> None:
    at = place(service)
    arguments = at.calls()[tool]
    called(service.write, tool, arguments, key="k")
    before = at.counted(service)
    name = "name" if "name" in arguments else "unitId"
    text = tool_error(service.write, tool, {**arguments, name: "y"}, key="k")
    assert text.startswith("this idempotency key was used with another body; take a new one")
    assert at.counted(service) == before


def test_a_key_is_one_for_each_tool_and_user(laptop: Service) -> None:
    at = place(laptop)
    before = at.counted(laptop)
    for tool in WRITERS:
        called(laptop.write, tool, at.calls()[tool], key="k")
    bob = laptop.client(laptop.key(Role.WRITE, "bob"))
    called(bob, LOG, at.calls()[LOG], key="k")
    assert at.counted(laptop) == before + 4


@pytest.mark.parametrize("tool", READERS)
def test_readers_ignore_a_key(laptop: Service, tool: str) -> None:
    at = place(laptop)
    called(laptop.read, tool, at.calls()[tool], key="k")
    nothing_written = laptop.budget(reads=at_most(4), queries=at_most(4), blobs=at_most(1))
    with nothing_written:
        called(laptop.read, tool, at.calls()[tool], key="k")
    called(laptop.read, "list_experiments", {"limit": 1}, key="k")
    tool_error(laptop.read, "list_experiments", {"limit": 0}, key="k" * 300)


def test_a_key_that_is_malformed_is_told(laptop: Service) -> None:
    at = place(laptop)
    before = at.counted(laptop)
    text = tool_error(laptop.write, LOG, at.calls()[LOG], key="k" * 256)
    assert text.startswith("Idempotency-Key: must be 1 to 255 printable ASCII characters")
    assert at.counted(laptop) == before
