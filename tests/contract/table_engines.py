"""The engines that the Table's contract suite runs on.

A test asks for the fixture `engine` and for nothing else, so that another suite can run the same
tests on another engine: it defines its own `engine` and imports the test modules' names.
"""

from __future__ import annotations

import decimal
import functools
import itertools
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import boto3
import moto
from botocore.config import Config
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType

from chalicelib.core.context import Clock
from chalicelib.storage.dynamo_table import DynamoTable, table_definition
from chalicelib.storage.table import MAX_ITEM_BYTES, Table
from local.sqlite_table import SqliteTable
from tests import real_engines
from tests.moto_transactions import light_transactions
from tests.real_engines import Deviation

_tables = itertools.count(1)


class SteppedClock(Clock):
    """Stands still at the moment it was made, until `advance`."""

    def __init__(self) -> None:
        self._now_ms = super().now_ms()

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)

    @property
    def now_s(self) -> int:
        return self._now_ms // 1000


@dataclass(frozen=True)
class TableEngine:
    """A fresh table, and what its engine cannot do although the contract asks for it."""

    table: Table
    clock: SteppedClock
    applies_tokens: bool = True
    """A transaction repeated with its token is not applied again."""
    largest_item_bytes: int = MAX_ITEM_BYTES
    """What the engine itself holds; above `MAX_ITEM_BYTES` every adapter refuses an item."""
    deviations: frozenset[Deviation] = frozenset()


@contextmanager
def sqlite_engine(directory: Path) -> Generator[TableEngine]:
    """SQLite in a file of the directory."""
    clock = SteppedClock()
    table = SqliteTable(directory / "table.db", clock)
    yield TableEngine(table, clock)
    table.close()


@contextmanager
def moto_engine(_directory: Path) -> Generator[TableEngine]:
    """moto in this process, one request at a time."""
    clock = SteppedClock()
    with moto.mock_aws(), light_transactions(), _repaired_moto():
        client, streams = _client("dynamodb"), _client("dynamodbstreams")
        client.create_table(**table_definition("table"))
        table = DynamoTable(OneAtATime(client), "table", clock, streams)
        yield TableEngine(table, clock, applies_tokens=False, largest_item_bytes=405_000)


@contextmanager
def dynamodb_engine(_directory: Path) -> Generator[TableEngine]:
    """DynamoDB Local, a table of its own."""
    clock = SteppedClock()
    client, streams = real_engines.dynamodb(), real_engines.dynamodb("dynamodbstreams")
    name = f"contract-{next(_tables)}"
    client.create_table(**table_definition(name))
    table = DynamoTable(client, name, clock, streams)
    yield TableEngine(table, clock, deviations=real_engines.OF_DYNAMODB_LOCAL)
    client.delete_table(TableName=name)


ENGINES: dict[str, Callable[[Path], Any]] = {"sqlite": sqlite_engine, "moto": moto_engine}
if real_engines.DYNAMODB_URL:
    ENGINES["dynamodb"] = dynamodb_engine


@contextmanager
def _repaired_moto() -> Generator[None]:
    """moto adds with 28 digits and cannot read exponents; its parser recurses once a clause."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    with mock.patch.object(DynamoType, "__add__", _exact_sum):
        yield
    sys.setrecursionlimit(limit)


def _exact_sum(one: DynamoType, other: DynamoType) -> DynamoType:
    exact = decimal.Context(prec=38, traps=[decimal.Inexact])
    numbers = [decimal.Decimal(str(each.value)) for each in (one, other)]
    try:
        return DynamoType({"N": format(exact.add(*numbers), "f")})
    except decimal.Inexact as error:
        raise MockValidationException("Number overflow") from error


class OneAtATime:
    """moto reads, computes and writes in the caller's thread, without a lock of its own."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = getattr(self._client, operation)

        def locked(**arguments: Any) -> Any:
            with self._lock:
                return method(**arguments)

        return locked


@functools.cache
def _client(service: str) -> Any:
    """Made once: that takes longer than a test, and a client keeps no state of a table."""
    session = cast("Any", boto3)  # which ships no types
    return session.client(
        service,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        # moto does not know the endpoint of the account that a stream belongs to
        config=Config(account_id_endpoint_mode="disabled"),
    )
