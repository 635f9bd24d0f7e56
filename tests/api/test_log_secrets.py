"""Nothing that a caller sends is ever in a log: not in what goes well, what is refused, what fails.

Everything that is sent here holds `MARK`. It is looked for in every line of the log, in both of its
forms, and in what the process writes besides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
import pytest

from chalicelib import wiring
from chalicelib.api import workers
from chalicelib.api.request_log import WorkerFailed
from chalicelib.core.context import Role
from chalicelib.core.log_ids import log_id
from chalicelib.domain import feed
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Table
from tests.api.answers import Json, found, made
from tests.api.engines import ENGINES, START_MS, Fresh, StandingClock
from tests.api.files import form
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.logged import Written, logged
from tests.api.process import KEY, serving
from tests.api.routes import ROUTES, Target, call, target_of
from tests.api.transports import quiet_logs
from tests.faults.faults import Died, Faults
from tests.faults.faulty_blobs import FaultyBlobs
from tests.faults.faulty_table import FaultyTable

MARK: Final = "hushhush"
"""In everything that is sent; spelled so that a name, a slug, a key and a path may have it."""
FORM: Final = {"content-type": "multipart/form-data; boundary=b"}
_URL: Final = re.compile(r"https?://[^\s\"\\]+")


@pytest.fixture(scope="module", params=["sqlite", "aws"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fresh]:
    """What fails here, fails by the hand of the test."""
    quiet_logs()
    with ENGINES[request.param](tmp_path_factory.mktemp("engine"), StandingClock()) as opened:
        yield opened


def _urls(answer: httpx.Response) -> list[str]:
    return _URL.findall(f"{answer.headers.get('location', '')} {answer.text}")


class Ear:
    """Hears what the clients send and are answered, for what must not be in the log."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.statuses: set[int] = set()

    def client(self, service: Service, key: str) -> httpx.Client:
        """One that sends marks in places that every request has."""
        self.secrets |= {key, key.split("_", 2)[2]}
        client = service.client(key, **{"user-agent": f"{MARK}-agent", "x-more": MARK})
        client.event_hooks = {"response": [self.hear]}
        return client

    def hear(self, answer: httpx.Response) -> None:
        answer.read()
        self.statuses.add(answer.status_code)
        for url in _urls(answer):
            query = urlsplit(url).query
            if "ignature=" in query:
                self.secrets |= {query, query.partition("ignature=")[2].partition("&")[0]}

    def check(self, *texts: str) -> None:
        """Nothing of it is in these."""
        written = "\n".join(texts)
        for secret in (MARK, "ignature=", *self.secrets):
            at = written.lower().find(secret.lower())
            assert at < 0, written[max(0, at - 300) : at + 100]


def _marked(value: Any) -> Any:
    """The same shape with marks for every text in it."""
    match value:
        case str():
            return f"{MARK}-{value}"
        case dict():
            return {name: _marked(one) for name, one in cast("Json", value).items()}
        case list():
            return [_marked(one) for one in cast("list[Any]", value)]
        case _:
            return value


class Marking(httpx.BaseTransport):
    """Spoils every request on its way: what is right becomes wrong, and has marks."""

    def __init__(self, spoil: Callable[[httpx.Request], httpx.Request], inner: Any) -> None:
        self._spoil = spoil
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._inner.handle_request(self._spoil(request))


def _again(request: httpx.Request, **changed: Any) -> httpx.Request:
    kept = [(n, v) for n, v in request.headers.items() if n not in ("content-length", "host")]
    sent: dict[str, Any] = {"content": request.content, "headers": kept, **changed}
    return httpx.Request(request.method, sent.pop("url", request.url), **sent)


def _with_marked_texts(request: httpx.Request) -> httpx.Request:
    if request.headers.get("content-type") != "application/json":
        return request
    return _again(request, content=json.dumps(_marked(json.loads(request.content))))


def _with_other_fields(request: httpx.Request) -> httpx.Request:
    if request.headers.get("content-type") != "application/json":
        return request
    more = {**json.loads(request.content), f"{MARK}_field": f"{MARK} value"}
    return _again(request, content=json.dumps(more))


def _with_another_query(request: httpx.Request) -> httpx.Request:
    url = request.url.copy_merge_params({f"{MARK}_q": f"{MARK} value", "filter": f"tags.{MARK} = "})
    return _again(request, url=url)


def _broken(request: httpx.Request) -> httpx.Request:
    if request.method == "GET":
        return request
    return _again(request, content=f'{{"{MARK}": "{MARK}'.encode() + b"\xff")


def _of_another_type(request: httpx.Request) -> httpx.Request:
    headers = {**request.headers, "content-type": f"text/{MARK}"}
    return _again(request, headers=[*headers.items()], content=MARK.encode())


SPOILED: Final = (
    _with_marked_texts,
    _with_other_fields,
    _with_another_query,
    _broken,
    _of_another_type,
)


def _spoiled(client: httpx.Client, spoil: Callable[[httpx.Request], httpx.Request]) -> httpx.Client:
    other = httpx.Client(
        transport=Marking(spoil, vars(client)["_transport"]),
        base_url=client.base_url,
        headers=client.headers,
    )
    other.event_hooks = client.event_hooks
    return other


def _marked_target() -> Target:
    texts = {one.name: f"{MARK}-{one.name}" for one in fields(Target)}
    return replace(Target(), **texts)


def _well(service: Service, client: httpx.Client) -> None:
    """Requests that are right, with marks wherever texts may be."""
    idempotent = {"idempotency-key": f"{MARK}-key-{service.tenant}"}
    body: dict[str, Any] = {
        "name": f"{MARK} experiment",
        "description": f"{MARK} description",
        "tags": {f"{MARK}tag": f"{MARK} value"},
        "variants": [{"key": f"{MARK}A", "weight": 100, "payload": {"prompt": MARK}}],
        "status": "active",
    }
    experiment = made(client.post(EXPERIMENTS, json=body, headers=idempotent))
    assert made(client.post(EXPERIMENTS, json=body, headers=idempotent)) == experiment
    body = {"experiment_id": experiment["id"], "name": f"{MARK} run", "tags": {MARK: MARK}}
    run_id = made(client.post(RUNS, json=body))["run_id"]
    points: list[Json] = [{"key": f"{MARK}/loss", "value": 1, "step": 0, "timestamp": START_MS}]
    params = [{"key": f"{MARK}.lr", "value": MARK}]
    batch: Json = {"metrics": points, "params": params, "tags": [{"key": MARK, "value": MARK}]}
    found(client.post(f"{RUNS}/{run_id}/log-batch", json=batch))
    found(client.get(f"{RUNS}/{run_id}/metrics/{MARK}%2Floss"))
    found(
        client.post(
            f"{RUNS}/search",
            json={
                "experiment_ids": [experiment["id"]],
                "filter": f"tags.{MARK} = '{MARK}' and metrics.`{MARK}/loss` > 0",
            },
        )
    )
    sent = form(f'form-data; name="file"; filename="{MARK}.bin"', MARK.encode())
    found(client.post(f"{RUNS}/{run_id}/log-artifact", content=sent, headers=FORM))
    content = f"{RUNS}/{run_id}/artifacts/content"
    answer = client.get(content, params={"path": f"{MARK}.bin"})
    assert answer.status_code == 307
    assert service.files.get(answer.headers["location"]).content == MARK.encode()
    wanted = {"path": f"{MARK}/up", "size_bytes": 8, "sha256": "0" * 64}
    assert made(client.post(f"{RUNS}/{run_id}/artifacts/uploads", json=wanted))["parts"]
    value = {"name": f"{MARK}/value", "kind": "dict", "value": {MARK: MARK}}
    assert client.post(f"{EXPERIMENTS}/{experiment['id']}/artifacts", json=value).is_success
    log = {
        "logId": log_id(service.services.clock.now_ms(), b"0123456789"),
        "variantKey": f"{MARK}A",
        "context": {"user": MARK, "prompt": MARK},
        "output": {"text": MARK},
        "metrics": {f"{MARK}_score": 1},
    }
    found(client.post(f"/experiment/{experiment['slug']}/log", json=log))
    assigned = {"userId": f"{MARK}@example.com"}
    found(client.post(f"/experiment/{experiment['slug']}/assign", json=assigned))
    made(client.post("/api/v1/keys", json={"role": "read", "name": f"{MARK} key"}))


def _all_routes(client: httpx.Client, of: Target) -> None:
    for endpoint in ROUTES.values():
        call(client, endpoint, of)


def _badly(service: Service, client: httpx.Client) -> None:
    """Requests that are refused, to every route."""
    target = target_of(service.admin)
    _all_routes(client, target_of(service.admin))  # right, before they are spoiled
    _all_routes(client, _marked_target())
    for spoil in SPOILED:
        _all_routes(_spoiled(client, spoil), target)
    keys = (MARK, f"tb_{MARK}00_{MARK * 5}", f"{client.headers['x-api-key']}{MARK}")
    for key in keys:
        _all_routes(service.client(key), Target())
        service.client(authorization=f"Bearer {key}").get(RUNS)
        service.client(authorization=f"Basic {key}").get(RUNS)
    client.get(f"/api/v1/{MARK}")
    client.request("DELETE", f"{EXPERIMENTS}?{MARK}={MARK}")


def _failing(error: Callable[[], BaseException], names: type) -> Any:
    """A store that raises this whatever it is asked."""

    def fails(*_: object, **__: object) -> Any:
        raise error()

    methods = {name: staticmethod(fails) for name in vars(names) if not name.startswith("_")}
    return type("Failing", (), methods)()


@contextmanager
def _services_over(service: Service, table: Any, blobs: Any) -> Generator[None]:
    """Other stores than those that the service has, the same keys cached."""
    before = service.services
    patient: Any = _Patient(table, before.table)
    wiring.install(
        replace(
            wiring.services_on(patient, blobs, before.clock),
            authenticator=before.authenticator,
        )
    )
    yield
    wiring.install(before)


class _Patient:
    """Lets the service be made of a store that fails: the first request is for its secret."""

    def __init__(self, failing: Any, working: Any) -> None:
        self._failing = failing
        self._first: Any = working

    def __getattr__(self, name: str) -> Any:
        if name == "get" and self._first is not None:
            method, self._first = self._first.get, None
            return method
        return getattr(self._failing, name)


def _failing_stores(service: Service, client: httpx.Client) -> None:
    """Requests to every route that fail: as a seed says, and with an error that nobody expects."""
    target = target_of(service.admin)
    of = service.services
    faults = Faults(7, rate=0.3)
    table, blobs = FaultyTable(of.table, faults), FaultyBlobs(of.blobs, faults)
    with _services_over(service, table, blobs):
        for endpoint in ROUTES.values():
            for _ in range(4):
                faults.restart()
                try:
                    call(client, endpoint, target)
                except Died:
                    continue
    for error in (
        lambda: KeyError(f"{MARK} key"),
        lambda: ValueError(f"{MARK} value"),
        lambda: OSError(28, f"{MARK} reason", f"{MARK} file"),
        lambda: UnicodeDecodeError("utf-8", MARK.encode(), 0, 1, f"{MARK} reason"),
    ):
        with _services_over(service, _failing(error, Table), _failing(error, Blobs)):
            _all_routes(client, target)


def _failing_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise KeyError(f"{MARK} key")

    image = {"feed": {"S": MARK}, "pk": {"S": MARK}, "sk": {"S": MARK}}
    record = {
        "SequenceNumber": "1",
        "ApproximateCreationDateTime": 1,
        "Keys": {"pk": {"S": MARK}, "sk": {"S": MARK}},
        "NewImage": image,
    }
    event = {"Records": [{"eventID": "1", "eventSourceARN": "arn:x", "dynamodb": record}]}
    with monkeypatch.context() as patched:
        patched.setattr(feed, "dispatch", fails)
        with pytest.raises(WorkerFailed) as failed:
            workers.project_changes(event, None)
    assert MARK not in str(failed.value)
    key = f"ingest/{MARK}/{'0' * 32}/{MARK}.jsonl"
    bodies = [MARK, json.dumps({"Records": [{"s3": {"object": {"key": key, "size": 1}}}]})]
    for body in bodies:
        attributes = {"ApproximateReceiveCount": "1"}
        message = {"messageId": "1", "body": body, "attributes": attributes}
        workers.take_arrivals({"Records": [message]}, None)


@pytest.mark.slow
@pytest.mark.parametrize("is_json", [True, False], ids=["json", "text"])
def test_nothing_that_was_sent_is_in_the_log(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    is_json: bool,
) -> None:
    ear = Ear()
    client = ear.client(service, service.key(Role.ADMIN))
    with logged(is_json=is_json) as written:
        _well(service, client)
        _badly(service, client)
        _all_routes(ear.client(service, service.key(Role.READ)), Target())
        _failing_stores(service, client)
        _failing_workers(monkeypatch)
    assert ear.statuses >= {200, 201, 307, 400, 403, 404, 415, 429, 500, 503}
    assert len(ear.secrets) > 5, "no presigned URL was heard of"
    said = capfd.readouterr()
    ear.check(*written, said.out, said.err)
    _check_what_is_told(written, is_json)


def _check_what_is_told(written: Written, is_json: bool) -> None:
    """The log is not kept clean by being empty."""
    if not is_json:
        assert sum("is answered 500" in text for text in written) > len(ROUTES)
        return
    told = written.told
    assert {line["status"] for line in told if line["message"] == "request"} >= {200, 400, 500, 503}
    assert {f"{line['method']} {line['route']}" for line in told if "route" in line} == {*ROUTES}
    kinds = {line["exception"]["type"] for line in told if "exception" in line}
    assert kinds >= {"KeyError", "ValueError", "OSError", "Throttled", "Unavailable"}


# -- the server of a laptop ---------------------------------------------------------------------


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, log.read_text().splitlines())


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("is_json", [True, False], ids=["json", "text"])
def test_nothing_that_was_sent_is_in_what_the_server_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_json: bool
) -> None:
    monkeypatch.setenv("TRIALBOOK_LOG", "json" if is_json else "text")
    ear = Ear()
    ear.secrets |= {KEY, KEY.split("_", 2)[2]}
    with serving(tmp_path) as server, server.client() as client:
        client.event_hooks = {"response": [ear.hear]}
        experiment = made(client.post(EXPERIMENTS, json={"name": MARK, "tags": {MARK: MARK}}))
        run_id = made(client.post(RUNS, json={"experiment_id": experiment["id"]}))["run_id"]
        sent = form(f'form-data; name="file"; filename="{MARK}.bin"', MARK.encode())
        found(client.post(f"{RUNS}/{run_id}/log-artifact", content=sent, headers=FORM))
        content = f"{RUNS}/{run_id}/artifacts/content"
        url = client.get(content, params={"path": f"{MARK}.bin"}).headers["location"]
        assert client.get(url).content == MARK.encode()
        assert client.put(url, content=MARK).status_code == 403
        assert client.get(f"{url}{MARK}").status_code == 403
        for path in (f"/{MARK}", f"{RUNS}/%ff{MARK}", f"{RUNS}?{MARK}=%zz", f"{RUNS}/{MARK}"):
            assert 400 <= client.get(path).status_code < 500
        assert client.get(RUNS, headers={"x-api-key": f"tb_{MARK}_{MARK}"}).status_code == 401
        # a stored file that cannot be read any more
        blobs = [path for path in (tmp_path / "home" / "blobs").rglob("*") if path.is_file()]
        for path in blobs:
            path.write_bytes(MARK.encode())
        assert client.get(url).status_code == 503
        client.get(f"{RUNS}/{MARK}", headers={"user-agent": MARK})
    text = server.log.read_text()
    ear.check(text)
    failed = "a blob could not be served: GET"
    if not is_json:
        # the worker of what arrives may have met it before
        assert f"trialbook: error: {failed}\nDamagedFile" in text
        return
    told = list(_lines(server.log))
    assert any(line["message"] == failed for line in told)
    requests = [line for line in told if line["message"] == "request"]
    assert len(requests) >= 6
    assert {line["storage_requests"] > 0 for line in requests} == {True, False}
    assert {line["tenant"] for line in requests if "tenant" in line} == {"default"}
