"""Passes requests on with the API key: the conformance suite has no way to send one."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_NOT_PASSED_ON = frozenset(
    {"connection", "content-length", "transfer-encoding", "accept-encoding", "date", "server"}
)


@contextmanager
def keyed(url: str, key: str) -> Generator[str]:
    """The address of the same server for those who have no key."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def passed_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = [
                (name, value)
                for name, value in self.headers.items()
                if name.lower() not in _NOT_PASSED_ON
            ]
            headers.append(("x-api-key", key))
            answer = client.request(self.command, self.path, content=body, headers=headers)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _NOT_PASSED_ON | {"content-encoding"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = do_OPTIONS = passed_on  # noqa: N815 (named by the library)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as in the base)
            """The suite tells what went wrong."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """The suite breaks connections off; what it misses it tells."""

    with (
        httpx.Client(base_url=url, timeout=30) as client,
        Server(("127.0.0.1", 0), Handler) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
