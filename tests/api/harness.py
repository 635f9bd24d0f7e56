"""The whole service in this process, on both engines, reached through httpx.

A test has a tenant of its own. On SQLite it shares a table with the tests of its file; on moto,
which copies the whole table at every transaction, it has a fresh one. The clock stands still but for
a millisecond before each request, so that ids and times are in the order of the requests.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import boto3
import httpx
import moto
from botocore.config import Config

from chalicelib import wiring
from chalicelib.core.context import Clock, Context, Principal, Role
from chalicelib.core.ids import TenantId, UserId
from chalicelib.domain import api_keys, feed
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.dynamo_table import DynamoTable, table_definition
from chalicelib.storage.s3_blobs import S3Blobs
from chalicelib.storage.table import Table
from chalicelib.wiring import Services
from local.blob_endpoint import BlobEndpoint
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable
from tests.api.budget import CountingBlobs, CountingTable, Counts
from tests.api.transports import AppTransport, FilesTransport, MotoTransport

Json: TypeAlias = dict[str, Any]
START_MS: Final = 1_800_000_000_000
EXPERIMENTS: Final = "/api/v1/experiments"
RUNS: Final = "/api/v1/experiments/runs"
KEYS: Final = "/api/v1/keys"
BUCKET: Final = "trialbook-tests"
_numbers = itertools.count(1)


class StandingClock(Clock):
    """Stands still until it is advanced; whoever sleeps advances it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now_ms = START_MS

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._now_ms / 1000

    def sleep_s(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now_ms += round(seconds * 1000)

    def tick(self) -> None:
        """A millisecond passes."""
        self.advance(0.001)


@dataclass(frozen=True)
class Engine:
    """Stores, and the way by which presigned URLs reach the blobs."""

    name: str
    clock: Clock
    services: Services
    counts: Counts
    files: httpx.Client

    @classmethod
    def over(
        cls, name: str, table: Table, blobs: Blobs, clock: Clock, files: httpx.BaseTransport
    ) -> Engine:
        counts = Counts()
        counted = wiring.services_on(
            CountingTable(table, counts), CountingBlobs(blobs, counts), clock
        )
        return cls(name, clock, counted, counts, httpx.Client(transport=files))


Fresh: TypeAlias = Callable[[], Engine]


@contextmanager
def sqlite(folder: Path, clock: Clock) -> Generator[Fresh]:
    """SQLite and files."""
    table = SqliteTable(folder / "table.db", clock)
    blobs = DiskBlobs(folder / "blobs", "http://files.test", b"a secret of tests", clock)
    files = FilesTransport(BlobEndpoint(blobs, clock))
    engine = Engine.over("sqlite", table, blobs, clock, files)
    yield lambda: engine
    table.close()


@contextmanager
def aws(folder: Path, clock: Clock) -> Generator[Fresh]:
    """DynamoDB and S3 as moto plays them in this process."""
    del folder
    with moto.mock_aws():
        dynamodb, streams, s3 = (_client(n) for n in ("dynamodb", "dynamodbstreams", "s3"))
        s3.create_bucket(Bucket=BUCKET)
        made: list[str] = []

        def fresh() -> Engine:
            while made:
                dynamodb.delete_table(TableName=made.pop())
            name = f"tests-{next(_numbers)}"
            made.append(name)
            dynamodb.create_table(**table_definition(name))
            table = DynamoTable(dynamodb, name, clock, streams)
            return Engine.over("aws", table, S3Blobs(s3, BUCKET), clock, MotoTransport())

        yield fresh


ENGINES: dict[str, Callable[[Path, Clock], AbstractContextManager[Fresh]]] = {
    "sqlite": sqlite,
    "aws": aws,
}


class _OneAtATime:
    """moto reads, computes and writes in the caller's thread, without a lock of its own."""

    _lock = threading.RLock()

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = getattr(self._client, operation)

        def locked(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                return method(*arguments, **named)

        return locked


def _client(service: str) -> Any:
    # moto does not know the addresses that have an account's number in them
    config = Config(
        signature_version="s3v4" if service == "s3" else None,
        account_id_endpoint_mode="disabled",
    )
    client = cast("Any", boto3.client)(service, region_name="us-east-1", config=config)
    if service == "s3":
        client.meta.events.register("after-call.s3", _dated)
    return _OneAtATime(client)


def _dated(parsed: Any, **_: Any) -> None:
    """moto in this process leaves out the date that every answer of a server has."""
    parsed["ResponseMetadata"]["HTTPHeaders"].setdefault("date", formatdate(usegmt=True))


class Service:
    """One tenant's view of an engine, and another tenant beside it."""

    def __init__(self, engine: Engine) -> None:
        number = next(_numbers)
        self.engine = engine.name
        self.services = engine.services
        self.files = engine.files
        """Sends no API key: for presigned URLs."""
        self.tenant = TenantId(f"tenant-{number}")
        self.other_tenant = TenantId(f"other-{number}")
        self.budget = engine.counts.budget
        self._clock = engine.clock
        tick = self._clock.tick if isinstance(self._clock, StandingClock) else _nothing
        self._transport = AppTransport(self._clock, tick)

    @property
    def clock(self) -> StandingClock:
        """Raises TypeError on an engine whose time flows."""
        if not isinstance(self._clock, StandingClock):
            raise TypeError("time flows here")
        return self._clock

    def key(
        self, role: Role, user: str = "ada", tenant: TenantId | None = None, **fields: Any
    ) -> str:
        """A new key's plaintext."""
        return api_keys.create(
            self.services.api_keys, self._clock, tenant or self.tenant, user, role, **fields
        )[1]

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """A client that sends this key as `x-api-key`, or none."""
        if key is not None:
            headers["x-api-key"] = key
        return httpx.Client(
            transport=self._transport, base_url="https://trialbook.test", headers=headers
        )

    @cached_property
    def anybody(self) -> httpx.Client:
        return self.client()

    @cached_property
    def admin(self) -> httpx.Client:
        return self.client(self.key(Role.ADMIN))

    @cached_property
    def write(self) -> httpx.Client:
        return self.client(self.key(Role.WRITE))

    @cached_property
    def read(self) -> httpx.Client:
        return self.client(self.key(Role.READ))

    @cached_property
    def other(self) -> httpx.Client:
        """An admin of the other tenant."""
        return self.client(self.key(Role.ADMIN, "eve", self.other_tenant))

    def context(self) -> Context:
        """For calls below the API, as the user of `write`."""
        return self.services.context(Principal(self.tenant, UserId("ada"), Role.WRITE), 25)

    # -- what most tests begin with -------------------------------------------------------------

    def experiment(self, name: str = "an experiment", **fields: Any) -> Json:
        return made(self.write.post(EXPERIMENTS, json={"name": name, **fields}))

    def run(self, experiment_id: str | None = None, **fields: Any) -> Json:
        """A run; of the experiment `an experiment` when none is named."""
        experiment_id = experiment_id or self._some_experiment
        return made(self.write.post(RUNS, json={"experiment_id": experiment_id, **fields}))

    @cached_property
    def _some_experiment(self) -> str:
        return self.experiment()["id"]

    def get_run(self, run_id: str) -> Json:
        return found(self.read.get(f"{RUNS}/{run_id}"))

    def log(
        self,
        run_id: str,
        metrics: list[Json] | None = None,
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> httpx.Response:
        """A batch; params and tags as dicts."""
        body = {
            "metrics": metrics or [],
            "params": [{"key": key, "value": value} for key, value in (params or {}).items()],
            "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
        }
        return self.write.post(f"{RUNS}/{run_id}/log-batch", json=body)

    def log_values(self, run_id: str, key: str, values: list[Any], first_step: int = 0) -> None:
        """Values of one metric at consecutive steps; a step is a second."""
        points = [
            {"key": key, "value": value, "step": step, "timestamp": START_MS + 1000 * step}
            for step, value in enumerate(values, first_step)
        ]
        found(self.log(run_id, points))

    def pull(self) -> None:
        """Project all that changed."""
        to = wiring.projections(self.services)
        while feed.pull(to):
            pass


def _nothing() -> None:
    return


# -- reading answers ----------------------------------------------------------------------------

CODES: Final = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    500: "internal",
    503: "unavailable",
}


def found(answer: httpx.Response) -> Json:
    """The body of a 200."""
    assert answer.status_code == 200, answer.text
    return answer.json()


def made(answer: httpx.Response) -> Json:
    """The body of a 201."""
    assert answer.status_code == 201, answer.text
    return answer.json()


def gone(answer: httpx.Response) -> None:
    """A 204, which has no body."""
    assert answer.status_code == 204, answer.text
    assert answer.content == b""


def refused(answer: httpx.Response, status: int) -> Json:
    """The error of an answer, which has the one shape that all errors have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"error", "request_id"}
    error = body["error"]
    assert error.keys() == {"code", "message", "details"}
    assert error["code"] == CODES[status]
    assert error["message"]
    assert isinstance(error["details"], dict)
    assert body["request_id"] == answer.headers["x-request-id"]
    return error


def bad_fields(answer: httpx.Response) -> list[str]:
    """The paths that a 400 lists, sorted."""
    fields = refused(answer, 400)["details"]["fields"]
    assert all(field.keys() == {"path", "message"} and field["message"] for field in fields)
    return sorted(field["path"] for field in fields)
