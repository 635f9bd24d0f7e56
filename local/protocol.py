"""Small requests answered at once, in the callback that completes them.

uvicorn makes a task for every request and writes head and body of an answer apart; for a request
that takes a twentieth of a millisecond the task and the second system call are more work than the
request. Here a request with a small body, whose view does not run long, is answered by a plain call
and one write. All others, and everything about connections, stay uvicorn's.
"""

from __future__ import annotations

from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from local.answers import Answer
from local.asgi import LambdaAdapter, Scope

SMALL_BODY_BYTES: Final = 32 * 1024
"""Below the size from which uvicorn stops reading until the application asks for more."""


class AtOnceProtocol(HttpToolsProtocol):
    """One connection. The application must be a `LambdaAdapter`, without middleware around it."""

    _waiting: RequestResponseCycle | None = None
    """A request to be answered as soon as its body is complete."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        is_first = cycle is self.cycle and cycle.more_body and not self.flow.write_paused
        if is_first and self._has_small_body():
            self._waiting = cycle
        else:
            super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        cycle, self._waiting = self._waiting, None
        if cycle is None:
            return
        app: Any = vars(self)["app"]  # uvicorn types it as whatever an application may be
        adapter: LambdaAdapter = app

        start_task = super()._start_asgi_task

        def deliver(answer: Answer | None) -> None:
            if answer is None:
                start_task(cycle, app)
            elif not cycle.disconnected:
                self._send(cycle, answer)

        adapter.answer_soon(cast(Scope, cycle.scope), bytes(cycle.body), deliver)

    def _has_small_body(self) -> bool:
        for name, value in self.headers:
            if name == b"content-length":
                return int(value) <= SMALL_BODY_BYTES and not self.expect_100_continue
            if name == b"transfer-encoding":
                return False
        return True

    def _send(self, cycle: RequestResponseCycle, answer: Answer) -> None:
        parts = [STATUS_LINE[answer.status]]
        for name, value in (*self.server_state.default_headers, *answer.headers):
            parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        if cycle.scope["method"] != "HEAD":
            parts.append(answer.body)
        self.transport.write(b"".join(parts))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
