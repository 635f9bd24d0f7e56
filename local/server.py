"""The local server: opens the home, serves until told to stop, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn

from chalicelib.core.context import Clock, Role
from chalicelib.domain import api_keys
from chalicelib.storage.api_keys import ApiKeyStore
from local.asgi import AsgiApp, LambdaAdapter, LambdaApp, Together
from local.home import Home, HomeError
from local.protocol import AtOnceProtocol

HOST: Final = "127.0.0.1"
OWNER: Final = "default"
"""Tenant and user of the key that the server makes or is given."""
STOP_S: Final = 25
"""Requests under way have this long to finish; then they are cut off."""
KEEP_ALIVE_S: Final = 75


@dataclass(frozen=True, slots=True)
class Backend:
    """What is served. `close` stops what `start` began, and closes the stores."""

    app: LambdaApp
    blobs: AsgiApp | None
    api_keys: ApiKeyStore
    together: Together | None
    start: Callable[[], None]
    close: Callable[[], None]


OpenBackend = Callable[[Home, str, Clock], Backend]
"""Of the home, the server's base URL, and the clock."""


def serve(
    port: int,
    path: Path,
    api_key: str | None,
    clock: Clock,
    open_backend: OpenBackend,
) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit status. Raises HomeError.

    The status is 1 when requests had to be cut off, else 0.
    """
    home = Home(path)
    with home.locked(), _listening(port) as listener:
        base_url = f"http://{HOST}:{listener.getsockname()[1]}"
        backend = open_backend(home, base_url, clock)
        try:
            _install_admin_key(backend.api_keys, home, api_key, clock)
            adapter = LambdaAdapter(backend.app, clock, backend.blobs, backend.together)
            backend.start()
            welcome = _welcome(base_url, None if api_key else home.api_key_file)
            server = _Server(configuration(adapter), lambda: _say(welcome))
            server.run(sockets=[listener])
            adapter.close()
        finally:
            backend.close()
    if server.is_finished:
        _say("Trialbook has stopped; every request was answered.")
        return 0
    sys.stderr.write("trialbook: stopped with requests unanswered\n")
    sys.stderr.flush()
    # A plain exit would wait for the threads that are still at work on them.
    os._exit(1)


def _install_admin_key(store: ApiKeyStore, home: Home, api_key: str | None, clock: Clock) -> None:
    """A key that is asked for is made valid; the kept one only while the store does not know it, so
    that it stays revoked once it was."""
    if api_key is None:
        kept = home.kept_api_key()
        if kept is None:
            _, made = api_keys.create(store, clock, OWNER, OWNER, Role.ADMIN)
            home.keep_api_key(made)
            return
        parsed = api_keys.parse(kept)
        if parsed is None:
            raise HomeError(f"{home.api_key_file} holds no API key; remove it to have one made")
        if store.get(parsed[0]) is not None:
            return
        api_key = kept
    api_keys.install(store, clock, api_key, OWNER, OWNER, Role.ADMIN)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    # Whoever waits for the line may read it through a pipe.
    sys.stdout.flush()


@contextmanager
def _listening(port: int) -> Generator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(2048)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"port {port} is taken; stop what uses it or set TRIALBOOK_PORT"
            else:
                reason = f"cannot listen on port {port} ({os.strerror(error.errno or 0).lower()})"
            raise HomeError(reason) from None
        yield listener


def configuration(adapter: LambdaAdapter) -> uvicorn.Config:
    """How uvicorn serves the adapter."""
    return uvicorn.Config(
        adapter,
        http=AtOnceProtocol,
        loop="uvloop" if find_spec("uvloop") else "asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
    )


class _Server(uvicorn.Server):
    """Says when it accepts connections, and ends by returning instead of by the signal."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_finished = False
        """Whether every request was answered before the end."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self.is_finished = not (self.force_exit or self.server_state.tasks)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        # The original raises what it caught once more, for whoever runs the server beside other
        # things; here that would end the process before the stores are closed.
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del frame
        if self.should_exit and sig == signal.SIGINT and self._loop is not None:
            self.force_exit = True
            self._loop.call_soon_threadsafe(self._cut_off)
        self.should_exit = True

    def _cut_off(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _welcome(base_url: str, key_file: Path | None) -> str:
    if key_file is None:
        where, key = "in TRIALBOOK_API_KEY", "$TRIALBOOK_API_KEY"
    else:
        where, key = f"in {key_file}", f"$(cat '{key_file}')"
    post = f'curl -sS -w "\\n" -u ":{key}" -H content-type:application/json'
    first_id = "tee /dev/stderr | grep -oE '[0-9a-f]{32}' | head -n 1"
    return f"""\
Trialbook is ready at {base_url}
The API key is {where}. Open the address in a browser, or try, in another terminal:

tb() {{ {post} "{base_url}/api/v1/experiments$1" -d "$2" | {first_id}; }}
run=$(tb /runs '{{"experiment_id": "'$(tb '' '{{"name": "hello-'$RANDOM'"}}')'"}}')
tb /runs/$run/log-metrics '{{"metrics": {{"loss": 0.25}}, "step": 1}}'
"""
