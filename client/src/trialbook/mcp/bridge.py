"""Posts a client's messages to the service, several at a time, and hands back the answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from trialbook import config
from trialbook._http import Api
from trialbook._json import encode
from trialbook.errors import (
    AWAY,
    Conflict,
    ConnectionFailed,
    Forbidden,
    NotConfigured,
    NotFound,
    Throttled,
    TooLarge,
    TrialbookError,
    Unauthenticated,
    Unavailable,
    json_object,
)
from trialbook.mcp.messages import Message, NoMessage, RequestId, answer_to, read
from trialbook.mcp.stdio import Lines, Output

AT_ONCE: Final = 8
_PATH: Final = "/mcp"
_ATTEMPTS: Final = 3
"""Of what is no call of a tool: a client that begins shows the reason when it hears it."""
_OF_THE_PROTOCOL: Final = frozenset({400, 404, 500})
"""Statuses that come with errors of the protocol, which the client is to see as they are; others
are refusals before any tool."""
_DOUBT: Final = ". A tool that writes may have done so: look first, before you call it again."
_log: Final = logging.getLogger("trialbook.client")


class Service(Protocol):
    """Whom to ask."""

    def api(self) -> Api:
        """Raises NotConfigured."""
        ...

    async def close(self) -> None: ...


class Configured:
    """The service that arguments, environment or `trialbook login` name at this moment.

    A client keeps the process for days: who logs in need not restart it.
    """

    def __init__(self, url: str | None, api_key: str | None) -> None:
        self._url = url
        self._api_key = api_key
        self._apis: dict[config.Connection, Api] = {}

    def api(self) -> Api:
        found = config.connection(self._url, self._api_key)
        if found not in self._apis:
            self._apis[found] = Api(found.url, found.api_key)
        return self._apis[found]

    async def close(self) -> None:
        for api in self._apis.values():
            await api.close()


class Bridge:
    """One client's session: what is under way, and the revision that its handshake agreed on."""

    def __init__(self, service: Service, write: Callable[[bytes], object]) -> None:
        """`write` takes a line without its end, and waits for nothing."""
        self._service = service
        self._write = write
        self._free = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests: dict[RequestId, asyncio.Task[None]] = {}
        self._negotiated: str | None = None

    def take(self, line: bytes) -> None:
        """Begin with a message; its answer is written when it is there."""
        try:
            message = read(line)
        except NoMessage as refusal:
            self._write(encode(refusal.answer))
            return
        if message is None:
            return
        if message.method == "notifications/cancelled":
            # not sent on: the service keeps no sessions, and learns it from the closed connection
            self._cancel(message.params.get("requestId"))
            return
        task = asyncio.create_task(self._post(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if message.id is not None:
            self._requests[message.id] = task
            task.add_done_callback(partial(self._done, message.id))

    async def finish(self) -> None:
        """Wait for the answers to what has been taken."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Break off what is still under way; it is not answered."""
        for task in self._tasks:
            task.cancel()
        await self.finish()

    def _done(self, request_id: RequestId, task: asyncio.Task[None]) -> None:
        if self._requests.get(request_id) is task:
            del self._requests[request_id]

    def _cancel(self, request_id: object) -> None:
        task = self._requests.get(request_id) if isinstance(request_id, str | int) else None
        if task is not None:
            task.cancel()

    async def _post(self, message: Message) -> None:
        async with self._free:
            answer = await self._answer(message)
        if message.id is not None and answer is not None:
            self._write(encode(answer))

    async def _answer(self, message: Message) -> dict[str, Any] | None:
        """None for a notification: what becomes of one is logged when it is bad."""
        answer = None
        problem = "the service gave no answer of MCP; is the URL that of a Trialbook?"
        try:
            answer = answer_to(message, await self._asked(message))
        except TrialbookError as error:
            problem = explained(error)
            if message.method == "tools/call" and isinstance(error, (*AWAY, Conflict)):
                problem += _DOUBT
            if error.status in _OF_THE_PROTOCOL:
                answer = answer_to(message, error.answer)
        except Exception as error:  # noqa: BLE001  # somebody waits for an answer
            problem = f"unexpected {type(error).__name__}: {error}"
        else:
            if message.id is None:
                return None
        if message.id is None:
            _log.warning("%s was not taken: %s", message.method, problem)
            return None
        if answer is None:
            return message.failed(problem)
        if message.method == "initialize":
            agreed = json_object(answer.get("result")).get("protocolVersion")
            self._negotiated = agreed if isinstance(agreed, str) else self._negotiated
        return answer

    async def _asked(self, message: Message) -> Any:
        # only a tool may write; the key is the same for all attempts, so it writes once
        writes = message.method == "tools/call"
        api = self._service.api()
        return await (api if writes else api.trying(_ATTEMPTS)).call(
            "POST",
            _PATH,
            body=message.line,
            headers=message.headers(self._negotiated),
            counts_once=not writes,
        )


def explained(error: TrialbookError) -> str:
    """What went wrong and what to do about it, for a model and who reads along."""
    match error:
        case NotConfigured() if "trialbook login" in str(error):
            remedy = ""
        case NotConfigured():
            remedy = "run `trialbook login`, or set TRIALBOOK_URL and TRIALBOOK_API_KEY"
        case Unauthenticated():
            remedy = "run `trialbook login`, or set TRIALBOOK_API_KEY where this server is set up"
        case Forbidden():
            remedy = "use an API key that may do this: `trialbook login`, or TRIALBOOK_API_KEY"
        case ConnectionFailed():
            remedy = (
                "start the service, or correct its URL: `trialbook login`, or TRIALBOOK_URL where "
                "this server is set up"
            )
        case NotFound():
            remedy = (
                "the service there is older than this command and has no MCP, or is no Trialbook: "
                "update it, or correct the URL"
            )
        case TooLarge():
            remedy = "send less at once; files of any size go with `trialbook upload`"
        case Throttled() | Unavailable():
            remedy = "try again later"
        case _:
            remedy = f"the request's id is {error.request_id}" if error.request_id else ""
    return f"{error}; {remedy}" if remedy else str(error)


def serve(service: Service, stdin: int, stdout: int) -> None:
    """Until stdin ends, and the answers under way are written.

    `stdin` and `stdout` are descriptors. Raises BrokenPipeError when nobody reads stdout any more.
    """
    # closed where Ctrl-C still ends the wait for a client that does not read
    asyncio.run(_serve(service, stdin, stdout)).close()


async def _serve(service: Service, stdin: int, stdout: int) -> Output:
    lines = Lines(stdin)
    output = Output(stdout, lines.end)
    bridge = Bridge(service, output.put)
    try:
        async for line in lines.each():
            bridge.take(line)
        if not output.is_gone:
            await bridge.finish()
    finally:
        await bridge.stop()
        await service.close()
    return output
