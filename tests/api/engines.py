"""The engines that the service runs on in tests.

SQLite and files; DynamoDB and S3 as moto plays them; where `make test-integration` runs them,
DynamoDB Local and SeaweedFS.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast

import boto3
import httpx
import moto
from botocore.config import Config

from chalicelib import wiring
from chalicelib.core.context import Clock
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.dynamo_table import DynamoTable, table_definition
from chalicelib.storage.s3_blobs import S3Blobs
from chalicelib.storage.table import Table
from chalicelib.wiring import Services
from local.blob_endpoint import BlobEndpoint
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable
from tests import real_engines
from tests.api.budget import CountingBlobs, CountingTable, Counts
from tests.api.transports import FilesTransport, MotoTransport
from tests.moto_transactions import light_transactions

T = TypeVar("T")
START_MS: Final = 1_800_000_000_000
BUCKET: Final = "trialbook-tests"
_tables = itertools.count(1)
_tenants = itertools.count(1)


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


class Luck:
    """What befalls whoever asks the service: nothing (other luck is in tests/faults/suite.py)."""

    def exposed(self, app: httpx.BaseTransport) -> httpx.BaseTransport:
        """The app as our client meets it, which tries again itself."""
        return app

    def endured(self, app: httpx.BaseTransport) -> httpx.BaseTransport:
        """The app as who tries again sees it in the end."""
        return app

    def exposed_files(self, files: httpx.Client) -> httpx.Client:
        """Presigned URLs as our client meets them."""
        return files

    def work(self, job: Callable[[], T]) -> T:
        """What a worker comes to in the end that is called again where it fails."""
        return job()

    def tell(self) -> None:
        """Print what befell whom, for who reads of a failure."""


@dataclass(frozen=True)
class Engine:
    """Stores, and the way by which presigned URLs reach the blobs."""

    name: str
    clock: Clock
    services: Services
    counts: Counts
    files: httpx.Client
    luck: Luck = field(default_factory=Luck)
    tenants: Iterator[int] = _tenants
    """Numbers of tenants that it does not know yet."""

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
    with moto.mock_aws(), light_transactions():
        dynamodb, streams, s3 = (_client(n) for n in ("dynamodb", "dynamodbstreams", "s3"))
        s3.create_bucket(Bucket=BUCKET)
        made: list[str] = []

        def fresh() -> Engine:
            while made:
                dynamodb.delete_table(TableName=made.pop())
            name = f"tests-{next(_tables)}"
            made.append(name)
            dynamodb.create_table(**table_definition(name))
            table = DynamoTable(dynamodb, name, clock, streams)
            return Engine.over("aws", table, S3Blobs(s3, BUCKET), clock, MotoTransport())

        yield fresh


@contextmanager
def real(folder: Path, clock: Clock) -> Generator[Fresh]:
    """DynamoDB Local and SeaweedFS. URLs are signed by the real time, whatever the clock says."""
    del folder
    name = f"api-{os.getpid()}-{next(_tables)}"
    real_engines.dynamodb().create_table(**table_definition(name))
    real_engines.s3().create_bucket(Bucket=name)
    engine = on_real(name, clock)
    yield lambda: engine
    engine.files.close()
    real_engines.dynamodb().delete_table(TableName=name)


def on_real(name: str, clock: Clock) -> Engine:
    """On a table and a bucket that are there, both of this name."""
    dynamodb, streams = real_engines.dynamodb(), real_engines.dynamodb("dynamodbstreams")
    table = DynamoTable(dynamodb, name, clock, streams)
    blobs = S3Blobs(real_engines.s3(), name)
    return Engine.over("real", table, blobs, clock, httpx.HTTPTransport())


ENGINES: dict[str, Callable[[Path, Clock], AbstractContextManager[Fresh]]] = {
    "sqlite": sqlite,
    "aws": aws,
}
if real_engines.DYNAMODB_URL and real_engines.S3_URL:
    ENGINES["real"] = real
REAL: Final = [name for name in ENGINES if name in real_engines.REAL]


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
