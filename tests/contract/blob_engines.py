"""The engines that the Blobs contract runs on, each reached over real HTTP."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from unittest import mock

import boto3
import uvicorn
from botocore.config import Config
from moto.server import ThreadedMotoServer

from chalicelib.core.context import Clock
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.s3_blobs import S3Blobs
from local.blob_endpoint import BlobEndpoint
from local.disk_blobs import DiskBlobs
from tests import real_engines
from tests.real_engines import Deviation

SECRET = b"a secret that signs the URLs of tests"
BUCKET = "trialbook-contract"
_buckets = itertools.count(1)


class SettableClock(Clock):
    """The real time, moved by `ahead_ms`."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


@dataclass(frozen=True)
class Engine:
    """A store under test. `clock` is the one by which URLs are signed."""

    blobs: Blobs
    clock: SettableClock
    deviations: frozenset[Deviation] = frozenset()


@dataclass(frozen=True)
class EngineKind:
    """How to open an engine, given an empty folder, and what may be asked of it.

    moto's server verifies no signature, so neither expiry nor what a signature binds; it compares
    no digest, looks before it puts, and breaks down over an upload that is not there. A real S3
    does all of it.
    """

    open: Callable[[Path], AbstractContextManager[Engine]]
    verifies_signatures: bool
    verifies_digests: bool
    arbitrates_races: bool
    misses_uploads: bool


@contextmanager
def files(folder: Path) -> Generator[Engine]:
    """DiskBlobs behind uvicorn, in a thread."""
    clock = SettableClock()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        blobs = DiskBlobs(folder, url, SECRET, clock)
        with serving(BlobEndpoint(blobs, clock), listener):
            yield Engine(blobs, clock)


@contextmanager
def serving(endpoint: BlobEndpoint, listener: socket.socket) -> Generator[None]:
    """Serves an endpoint on a listening socket as the local server does."""
    config = uvicorn.Config(
        cast("Any", endpoint),  # uvicorn types scopes by protocol, the endpoint as mappings
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def moto(folder: Path) -> Generator[Engine]:
    """S3Blobs on moto's server."""
    del folder
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = s3_client(f"http://{host}:{port}")
        client.create_bucket(Bucket=BUCKET)
        yield Engine(S3Blobs(client, BUCKET), SettableClock())
        client.close()
    finally:
        server.stop()


@contextmanager
def seaweedfs(folder: Path) -> Generator[Engine]:
    """S3Blobs on SeaweedFS, in a bucket of its own. The clock is that of whoever signs."""
    del folder
    client, bucket = real_engines.s3(), f"contract-{os.getpid()}-{next(_buckets)}"
    client.create_bucket(Bucket=bucket)
    clock = SettableClock()

    def now(*, remove_tzinfo: bool = True) -> datetime:
        then = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
        return then.replace(tzinfo=None) if remove_tzinfo else then

    with mock.patch("botocore.auth.get_current_datetime", now):
        yield Engine(S3Blobs(client, bucket), clock, real_engines.OF_SEAWEEDFS)


def s3_client(endpoint_url: str, key_id: str = "test", secret: str = "test") -> Any:
    """A client as the deployment's, but for the address; it gives up at once."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=16,
    )
    make_client = cast("Any", boto3.client)
    return make_client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=config,
    )


ENGINES = {
    "files": EngineKind(
        files,
        verifies_signatures=True,
        verifies_digests=True,
        arbitrates_races=True,
        misses_uploads=True,
    ),
    "moto": EngineKind(
        moto,
        verifies_signatures=False,
        verifies_digests=False,
        arbitrates_races=False,
        misses_uploads=False,
    ),
}
if real_engines.S3_URL:
    ENGINES["seaweedfs"] = EngineKind(
        seaweedfs,
        verifies_signatures=True,
        verifies_digests=True,
        arbitrates_races=True,
        misses_uploads=True,
    )
