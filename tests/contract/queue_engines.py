"""The engines that the Queue contract runs on."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import boto3
import moto
from moto.core.utils import unix_time_millis

from chalicelib.storage.queue import Queue
from chalicelib.storage.sqs_queue import SqsQueue
from chalicelib.storage.table_queue import TableQueue
from tests.contract import table_engines
from tests.contract.table_engines import OneAtATime

HIDDEN_S = 30
_queues = itertools.count(1)


@dataclass(frozen=True)
class QueueEngine:
    """An empty queue that hides what it delivers for `HIDDEN_S`, and how its time is moved on."""

    queue: Queue
    advance: Callable[[float], None]


@contextmanager
def sqs_engine(_directory: Path) -> Generator[QueueEngine]:
    """SqsQueue on moto, in this process."""
    ahead_ms = 0.0

    def advance(seconds: float) -> None:
        nonlocal ahead_ms
        ahead_ms += seconds * 1000

    def now_ms(*_: Any) -> float:
        return unix_time_millis() + ahead_ms

    with moto.mock_aws(), mock.patch("moto.sqs.models.unix_time_millis", now_ms):
        client = OneAtATime(sqs_client())
        url = client.create_queue(
            QueueName=f"contract-{os.getpid()}-{next(_queues)}",
            Attributes={"VisibilityTimeout": str(HIDDEN_S)},
        )["QueueUrl"]
        yield QueueEngine(SqsQueue(lambda: client, url), advance)


@contextmanager
def table_engine(name: str, directory: Path) -> Generator[QueueEngine]:
    """TableQueue on an engine of tables."""
    with table_engines.ENGINES[name](directory) as on:
        yield QueueEngine(TableQueue(on.table, "contract", on.clock, HIDDEN_S), on.clock.advance)


def sqs_client(**options: Any) -> Any:
    """A client as the deployment's, but for credentials."""
    return cast("Any", boto3.client)(
        "sqs",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        **options,
    )


def _on_tables() -> Iterator[tuple[str, Callable[[Path], AbstractContextManager[QueueEngine]]]]:
    for name in table_engines.ENGINES:

        def opened(directory: Path, name: str = name) -> AbstractContextManager[QueueEngine]:
            return table_engine(name, directory)

        yield f"table-{name}", opened


ENGINES: dict[str, Callable[[Path], AbstractContextManager[QueueEngine]]] = {
    "sqs": sqs_engine,
    **dict(_on_tables()),
}
