"""`trialbook mcp` as MCP clients start it: its pipes, its end, and the official client, before a
real server."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, cast

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.client import ConnectMode

from tests.api.process import KEY, Serving, serving
from tests.client.terminal import TRIALBOOK
from tests.client.test_mcp_messages import MODERN, line

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.anyio]
PATIENCE_S: Final = 30
NOWHERE: Final = "http://127.0.0.1:1"
STRANGER: Final = "tb_stranger_" + "s" * 40
MODES: Final[tuple[ConnectMode, ...]] = ("auto", "legacy", "2026-07-28")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


def _environment(url: str = "", key: str = "") -> dict[str, str]:
    """Neither of the two, where they are left out."""
    return {"TRIALBOOK_URL": url, "TRIALBOOK_API_KEY": key}


def _started(server: Serving | str, key: str = KEY) -> StdioServerParameters:
    url = server if isinstance(server, str) else server.url
    return StdioServerParameters(command=str(TRIALBOOK), args=["mcp"], env=_environment(url, key))


class Process:
    """A client that writes lines and reads lines."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def send(self, *lines: bytes) -> None:
        self.stdin.write(b"".join(each + b"\n" for each in lines))
        self.stdin.flush()

    def read(self) -> Any:
        return json.loads(self.stdout.readline())

    def ended(self) -> tuple[int, list[Any], str]:
        """How, what it still wrote, and what it said."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return (
            self.process.returncode,
            [json.loads(each) for each in out.splitlines()],
            err.decode(),
        )


@contextmanager
def _process(env: dict[str, str], *words: str, stdin: int = subprocess.PIPE) -> Generator[Process]:
    with subprocess.Popen(
        [TRIALBOOK, "mcp", *words],
        # coverage has a hand in how a process ends: it handles SIGTERM
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")} | env,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield Process(process)
        finally:
            process.kill()


@pytest.mark.parametrize("mode", MODES)
async def test_the_official_client_lists_reads_and_writes(
    server: Serving, mode: ConnectMode
) -> None:
    async with Client(_started(server), mode=mode) as client:
        # what a client is told by no handshake and no discovery, it does not know
        told = client.server_info
        assert mode == "2026-07-28" or (told is not None and told.name == "trialbook")
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"create_experiment", "list_experiments"} <= tools
        assert (await client.list_prompts()).prompts
        await client.list_resources()
        name = f"From a client, {mode}"
        made = await client.call_tool("create_experiment", {"name": name})
        assert not made.is_error
        found = await client.call_tool("list_experiments", {"search": name})
        assert found.structured_content is not None
        (one,) = found.structured_content["experiments"]
        assert one["name"] == name
        wrong = await client.call_tool("get_run", {"run_id": "0" * 32})
        assert wrong.is_error


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_is_told_why_it_cannot_connect(
    server: Serving, mode: ConnectMode
) -> None:
    for parameters, said in (
        (_started(server, STRANGER), "trialbook login"),
        (_started(NOWHERE), "start the service"),
        (_started(server, ""), "no API key"),
    ):
        with pytest.raises(ExceptionGroup) as told:
            async with Client(parameters, mode=mode):
                pass
        (cause,) = _causes(told.value)
        assert isinstance(cause, MCPError)
        assert said in cause.message


def _causes(error: Exception) -> Iterator[Exception]:
    """What is inside of the client's groups."""
    if isinstance(error, ExceptionGroup):
        for each in cast("ExceptionGroup[Exception]", error).exceptions:
            yield from _causes(each)
    else:
        yield error


async def test_a_tool_says_why_it_could_not_be_called() -> None:
    async with Client(_started(NOWHERE), mode="2026-07-28") as client:
        called = await client.call_tool("list_experiments", {})
    assert called.is_error
    assert "start the service" in str(called.content)


def test_what_is_under_way_is_answered_before_it_ends(server: Serving) -> None:
    calls = [
        line("tools/call", number, name="list_experiments", arguments={}) for number in range(20)
    ]
    with _process(_environment(server.url, KEY)) as bridge:
        bridge.stdin.write(b"\n".join(calls))  # the last line has no end
        code, answers, err = bridge.ended()
    assert (code, err) == (0, "")
    assert sorted(answer["id"] for answer in answers) == list(range(20))
    assert not any(answer["result"]["isError"] for answer in answers)


def test_lines_may_be_large_and_those_too_large_are_told(server: Serving) -> None:
    with _process(_environment(server.url, KEY)) as bridge:
        bridge.send(line("tools/call", name="create_experiment", arguments={"name": "Large"}))
        slug = bridge.read()["result"]["structuredContent"]["slug"]
        for size, is_error in ((3 << 20, False), (5 << 20, True), (40 << 20, True)):
            value = "data:application/octet-stream;base64," + "AAAA" * (size // 4)
            arguments = {"experiment_id": slug, "name": "bytes", "kind": "file", "value": value}
            bridge.send(line("tools/call", name="log_artifact_in_experiment", arguments=arguments))
            result = bridge.read()["result"]
            assert result["isError"] is is_error, result
            assert not is_error or "send less at once" in result["content"][0]["text"]
        assert bridge.ended() == (0, [], "")


def test_without_a_key_it_says_so_once_and_serves_until_there_is_one(server: Serving) -> None:
    with _process(_environment(), "--url", server.url) as bridge:
        bridge.send(line("initialize", 1), line("tools/call", 2, name="list_experiments"))
        refused, called = sorted((bridge.read(), bridge.read()), key=lambda answer: answer["id"])
        assert "trialbook login" in refused["error"]["message"]
        assert called["result"]["content"][0]["text"] == refused["error"]["message"]
        login = [TRIALBOOK, "login", "--url", server.url, "--api-key-stdin"]
        subprocess.run(
            login, env=os.environ | _environment(), input=KEY, text=True, capture_output=True,
            check=True, timeout=PATIENCE_S,
        )  # fmt: skip
        bridge.send(line("tools/list", 3, _meta=MODERN))
        assert bridge.read()["result"]["tools"]
        code, rest, err = bridge.ended()
    assert (code, rest) == (0, [])
    assert err.startswith("trialbook: no API key for")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
def test_a_signal_ends_it_quietly(server: Serving, number: signal.Signals, code: int) -> None:
    for answers in (True, False):
        # one of two has requests under way: there is a pause between attempts
        with _process(_environment(server.url if answers else NOWHERE, KEY)) as bridge:
            bridge.send(b"[]", line("tools/list", 1))
            assert bridge.read()["error"]["code"] == -32600
            bridge.process.send_signal(number)
            ended, _, err = bridge.ended()
        assert (ended, err) == (code, "")


def test_a_client_that_reads_no_more_ends_it(server: Serving) -> None:
    with _process(_environment(server.url, KEY)) as bridge:
        bridge.send(line("tools/list"))
        bridge.read()
        bridge.stdout.close()
        bridge.send(line("tools/list"))
        assert bridge.process.wait(PATIENCE_S) == 0
        assert bridge.process.stderr is not None
        assert bridge.process.stderr.read() == b""


def test_at_a_terminal_it_says_what_it_is_and_serves(server: Serving) -> None:
    ours, theirs = pty.openpty()
    with _process(_environment(server.url, KEY), stdin=theirs) as bridge:
        os.close(theirs)
        os.write(ours, line("tools/list") + b"\n")
        assert bridge.read()["result"]["tools"]
        os.write(ours, b"\x04")
        code, _, err = bridge.ended()
    os.close(ours)
    assert code == 0
    assert "trialbook mcp --help" in err
    assert len(err.splitlines()) == 1
