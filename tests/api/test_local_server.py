"""The local server over real HTTP: what a client sees, and the event that the app gets."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import parse_headers
from typing import Any, BinaryIO, NamedTuple

import httpx
import pytest
import uvicorn
from chalice.app import Request, Response
from chalice.local import LocalChalice

from chalicelib.api.application import TrialbookApp
from chalicelib.core.context import Clock
from local.asgi import (
    LONG_WAITING,
    LONG_WORKERS,
    MAX_BODY_BYTES,
    LambdaAdapter,
    LambdaApp,
    Receive,
    Scope,
    Send,
)
from local.server import configuration

WAIT_S = 20
"""A test that waits longer has failed."""


class Gate:
    """Holds the requests of `/long` until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def pass_through(self) -> None:
        """Tell that a request is here, then wait."""
        self.entered.release()
        assert self.opened.wait(WAIT_S)

    def wait_for(self, count: int) -> None:
        """Return when so many requests are here."""
        for _ in range(count):
            assert self.entered.acquire(timeout=WAIT_S)


class ThreadedApp(LocalChalice, TrialbookApp):  # pyright: ignore[reportIncompatibleVariableOverride] # as Chalice itself does
    """With views of plain Chalice, which find their request on the app: one a thread."""


def make_app(gate: Gate) -> LambdaApp:
    """A Chalice app whose views show what reaches them."""
    app = ThreadedApp("tiny")

    def request() -> Request:
        now = app.current_request
        assert now is not None
        return now

    def echo(**_: str) -> dict[str, Any]:
        event = request().to_original_event()
        body = event["body"]
        return {**event, "body": None if body is None else body.decode()}

    echo_types = ["application/json", "text/plain", "application/octet-stream"]
    for path in ("/", "/echo", "/runs/{run_id}/metrics/{key}"):
        app.route(path, methods=["GET", "POST"], content_types=echo_types, name=path)(echo)
    app.route("/files/{path+}", methods=["GET"], name="files")(echo)

    @app.route("/size", methods=["POST"], content_types=["application/octet-stream"])
    def size() -> dict[str, int]:
        body = request().raw_body
        assert isinstance(body, bytes)
        return {"bytes": len(body), "sum": sum(body)}

    @app.route("/bytes")
    def raw() -> Response:
        return Response(bytes(range(256)), {"content-type": "application/octet-stream"})

    @app.route("/empty", methods=["DELETE"])
    def empty() -> Response:
        return Response("", status_code=204)

    @app.route("/moved")
    def moved() -> Response:
        return Response("", {"Location": "/echo", "Set-Cookie": ["a=1", "b=2"]}, 307)

    @app.route("/remaining")
    def remaining() -> dict[str, Any]:
        context = app.lambda_context
        return {"id": context.aws_request_id, "ms": context.get_remaining_time_in_millis()}

    @app.route("/bad-header")
    def bad_header() -> Response:
        return Response("", {"x-bad": "a\rb"})

    def long() -> str:
        gate.pass_through()
        return "done"

    long.runs_long = True  # type: ignore[attr-defined] # a function takes any attribute
    app.route("/long", methods=["POST"])(long)

    return app


class CrashingApp:
    """An app that fails outside of every view."""

    def __init__(self, app: LambdaApp) -> None:
        self.routes = app.routes
        self._app = app

    def __call__(self, event: Any, context: Any) -> Any:
        """Fail for a request that asks for it."""
        if "x-crash" in event["headers"]:
            raise RuntimeError("a secret of the house")
        return self._app(event, context)


async def blob_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the blob store's own application."""
    await receive()
    body = scope["raw_path"]
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Started(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def serving(adapter: LambdaAdapter) -> Generator[int]:
    """Serves on a free port, which it gives, from a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Started(configuration(adapter))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert server.ready.wait(WAIT_S)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(WAIT_S)
            adapter.close()


@pytest.fixture(scope="module")
def port() -> Generator[int]:
    gate = Gate()
    gate.opened.set()
    adapter = LambdaAdapter(CrashingApp(make_app(gate)), Clock(), blob_endpoint)
    with serving(adapter) as free_port:
        yield free_port


@pytest.fixture
def client(port: int) -> Generator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as made:
        yield made


class RawAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def read_answer(stream: BinaryIO, method: str = "GET") -> RawAnswer:
    """The next answer on a connection."""
    status = int(stream.readline().split()[1])
    headers = parse_headers(stream)
    length = 0 if method == "HEAD" else int(headers["content-length"])
    return RawAnswer(status, dict(headers.items()), stream.read(length))


def answers(port: int, *requests: bytes) -> list[RawAnswer]:
    """Sends the requests at once on one connection, then reads as many answers from it."""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.sendall(b"".join(requests))
        with connection.makefile("rb") as stream:
            return [read_answer(stream, request.split()[0].decode()) for request in requests]


def error_code(answer: httpx.Response) -> str:
    """The code of an error in the contract's shape."""
    body = answer.json()
    assert set(body) == {"error", "request_id"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    return body["error"]["code"]


def test_the_event_has_the_shape_of_the_gateway(client: httpx.Client) -> None:
    answer = client.post(
        "/runs/r%201/metrics/a%2Fb?x=1&x=two%20words&y=%C3%A9+e&flag=",
        json={"a": 1},
        headers=[("x-Twice", "one"), ("X-twice", "two"), ("accept", "*/*")],
    )
    event = answer.json()
    path = "/runs/r%201/metrics/a%2Fb"
    assert event["resource"] == "/runs/{run_id}/metrics/{key}"
    assert event["path"] == path
    assert event["httpMethod"] == "POST"
    assert event["pathParameters"] == {"run_id": "r%201", "key": "a%2Fb"}
    assert event["multiValueQueryStringParameters"] == {
        "x": ["1", "two words"],
        "y": ["é e"],
        "flag": [""],
    }
    assert event["queryStringParameters"] == {"x": "two words", "y": "é e", "flag": ""}
    assert event["headers"]["x-twice"] == "two"
    assert event["multiValueHeaders"]["x-twice"] == ["one", "two"]
    assert event["stageVariables"] is None
    assert event["body"] == '{"a":1}'
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["resourcePath"] == "/runs/{run_id}/metrics/{key}"
    assert context["httpMethod"] == "POST"
    assert context["path"] == path
    assert context["stage"]
    assert context["requestId"] == answer.headers["x-request-id"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"


def test_what_is_absent_is_null(client: httpx.Client) -> None:
    event = client.get("/echo?").json()
    assert event["body"] is None
    assert event["pathParameters"] is None
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None


def test_a_greedy_path_reaches_the_app_as_it_was_sent(client: httpx.Client) -> None:
    event = client.get("/files/models%2Fa/b%20c.bin").json()
    assert event["resource"] == "/files/{path+}"
    assert event["pathParameters"] == {"path": "models%2Fa/b%20c.bin"}


@pytest.mark.parametrize(
    "body", [b"\x00\xff\xfe" * 100, "é\u2028".encode(), b"\xef\xbb\xbf{}", b""]
)
def test_the_app_reads_the_bytes_that_were_sent(client: httpx.Client, body: bytes) -> None:
    answer = client.post(
        "/size", content=body, headers={"content-type": "application/octet-stream"}
    )
    assert answer.json() == {"bytes": len(body), "sum": sum(body)}


def test_the_client_reads_the_bytes_that_the_app_returned(client: httpx.Client) -> None:
    answer = client.get("/bytes", headers={"accept": "application/octet-stream"})
    assert answer.content == bytes(range(256))
    assert answer.headers["content-length"] == "256"


def test_every_request_has_its_own_id_and_a_deadline(client: httpx.Client) -> None:
    first, second = client.get("/remaining"), client.get("/remaining")
    assert first.json()["id"] == first.headers["x-request-id"]
    assert first.json()["id"] != second.json()["id"]
    assert 0 < first.json()["ms"] <= 29_000


def test_no_content_has_no_content(client: httpx.Client) -> None:
    answer = client.delete("/empty")
    assert answer.status_code == 204
    assert answer.content == b""
    assert "content-type" not in answer.headers
    assert "transfer-encoding" not in answer.headers


def test_repeated_headers_of_an_answer_stay_apart(client: httpx.Client) -> None:
    answer = client.get("/moved")
    assert answer.status_code == 307
    assert answer.headers["location"] == "/echo"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_one_connection_takes_many_requests(port: int) -> None:
    get = b"GET /echo?n=%d HTTP/1.1\r\nhost: x\r\n\r\n"
    post = b"POST /echo?n=%d HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    pipelined = answers(port, get % 0, post % 1, get % 2, post % 3)
    seen = [json.loads(one.body)["queryStringParameters"]["n"] for one in pipelined]
    assert seen == ["0", "1", "2", "3"]


def test_a_body_may_come_in_chunks(port: int) -> None:
    request = (
        b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        b'8\r\n{"name":\r\n4\r\n"a"}\r\n0\r\n\r\n'
    )
    [answer] = answers(port, request)
    assert answer.status == 200
    assert json.loads(answer.body)["body"] == '{"name":"a"}'


def test_a_body_of_the_largest_size_is_taken(client: httpx.Client) -> None:
    headers = {"content-type": "application/octet-stream"}
    answer = client.post("/size", content=b"a" * MAX_BODY_BYTES, headers=headers)
    assert answer.json()["bytes"] == MAX_BODY_BYTES


def test_a_larger_body_is_refused_and_the_connection_goes_on(client: httpx.Client) -> None:
    for _ in range(3):
        answer = client.post("/size", content=b"a" * (MAX_BODY_BYTES + 1))
        assert answer.status_code == 413
        assert error_code(answer) == "too_large"
        assert "/artifacts/uploads" in answer.json()["error"]["message"]
    assert client.get("/echo").status_code == 200


def test_a_larger_body_in_chunks_is_refused_while_it_comes(client: httpx.Client) -> None:
    answer = client.post("/size", content=(b"a" * 65536 for _ in range(256)))
    assert answer.status_code == 413
    assert error_code(answer) == "too_large"
    assert client.get("/echo").status_code == 200


def test_a_client_that_leaves_in_mid_body_is_forgotten(
    port: int, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
        assert client.get("/echo").status_code == 200
    assert client.get("/echo").status_code == 200
    assert caplog.text == ""


def test_a_client_that_asks_first_sends_no_large_body(port: int) -> None:
    request = (
        b"POST /size HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
        b"content-length: 99999999\r\n\r\n"
    )
    [answer] = answers(port, request)
    assert answer.status == 413
    assert answer.headers["connection"] == "close"


def test_head_answers_like_get_without_the_body(port: int, client: httpx.Client) -> None:
    length = client.get("/moved").headers["content-length"]
    head = b"HEAD /bytes HTTP/1.1\r\nhost: x\r\naccept: application/octet-stream\r\n\r\n"
    get = b"GET /moved HTTP/1.1\r\nhost: x\r\n\r\n"
    of_head, of_get = answers(port, head, get)
    assert of_head.status == 200
    assert of_head.headers["content-length"] == "256"
    assert of_get.headers["content-length"] == length


def test_the_app_sees_a_head_as_a_get(client: httpx.Client) -> None:
    assert client.head("/echo").status_code == 200
    assert client.head("/size").status_code == 405


def test_a_page_of_another_origin_may_ask(client: httpx.Client) -> None:
    answer = client.options(
        "/runs/1/metrics/loss",
        headers={
            "origin": "http://else.where",
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-api-key, content-type",
        },
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS, POST"
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert allowed == ["x-api-key", "authorization", "content-type", "idempotency-key", "if-match"]
    assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("path", ["/echo", "/nothing", "/echo?a=%zz"])
def test_a_page_of_another_origin_may_read_every_answer(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"etag", "location", "retry-after", "x-request-id"} <= set(exposed)


@pytest.mark.parametrize("path", ["/nothing", "/echo/", "//echo", "/runs/1", "/runs//metrics/a"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_an_unknown_path_is_not_found(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, httpx.URL(str(client.base_url) + path))
    assert answer.status_code == 404
    assert error_code(answer) == "not_found"


def test_an_unknown_method_is_not_allowed(client: httpx.Client) -> None:
    answer = client.put("/echo")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert error_code(answer) == "method_not_allowed"


@pytest.mark.parametrize(
    "target",
    [
        b"/echo?a=%zz",
        b"/echo?a=%",
        b"/echo?%ff=1",
        b"/echo?a=%C3",
        b"/runs/%f/metrics/a",
        b"/runs/%ff/metrics/a",
    ],
)
def test_what_cannot_be_decoded_is_refused(port: int, target: bytes) -> None:
    [answer] = answers(port, b"GET " + target + b" HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["code"] == "invalid"


@pytest.mark.parametrize(
    "request_", [b"nonsense\r\n\r\n", b"GET /echo?a=\xc3\xa9 HTTP/1.1\r\nhost: x\r\n\r\n"]
)
def test_what_is_no_http_is_refused(port: int, request_: bytes) -> None:
    [answer] = answers(port, request_)
    assert answer.status == 400


def test_a_failing_app_is_logged_and_shows_nothing(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/echo", headers={"x-crash": "1"})
    assert answer.status_code == 500
    assert error_code(answer) == "internal"
    assert "secret" not in answer.text
    assert "a secret of the house" in caplog.text
    assert answer.headers["x-request-id"] in caplog.text


def test_a_header_that_none_may_have_is_an_error_of_ours(client: httpx.Client) -> None:
    answer = client.get("/bad-header")
    assert answer.status_code == 500
    assert error_code(answer) == "internal"
    assert client.get("/echo").status_code == 200


def test_blobs_have_an_application_of_their_own(client: httpx.Client) -> None:
    assert client.get("/_blobs/a%2Fb").content == b"/_blobs/a%2Fb"


def test_a_long_request_does_not_hold_up_short_ones() -> None:
    gate = Gate()
    adapter = LambdaAdapter(make_app(gate), Clock())
    with serving(adapter) as port, ThreadPoolExecutor(1) as other:
        url = f"http://127.0.0.1:{port}"
        long = other.submit(httpx.post, f"{url}/long", timeout=WAIT_S)
        gate.wait_for(1)
        assert httpx.get(f"{url}/echo", timeout=WAIT_S).status_code == 200
        assert not long.done()
        gate.opened.set()
        assert long.result(WAIT_S).text == "done"


def test_more_long_requests_than_may_wait_are_told_to_come_back() -> None:
    gate = Gate()
    adapter = LambdaAdapter(make_app(gate), Clock())
    request = b"POST /long HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    with serving(adapter) as port, ExitStack() as open_connections:
        connections = [
            open_connections.enter_context(socket.create_connection(("127.0.0.1", port), WAIT_S))
            for _ in range(LONG_WORKERS + LONG_WAITING + 1)
        ]
        for connection in connections:
            connection.sendall(request)
        [refused], _, _ = select.select(connections, [], [], WAIT_S)
        with refused.makefile("rb") as stream:
            answer = read_answer(stream)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert json.loads(answer.body)["error"]["code"] == "unavailable"
        gate.opened.set()
        for connection in connections:
            if connection is not refused:
                with connection.makefile("rb") as stream:
                    assert read_answer(stream).body == b"done"
