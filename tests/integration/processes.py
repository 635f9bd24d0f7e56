"""The engines as processes of ours, on free ports of 127.0.0.1, gone when the block ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tests import real_engines
from tests.integration import parts
from tests.integration.parts import Missing

START_S: Final = 60
STOP_S: Final = 10
GRPC_OFFSET: Final = 10_000
"""SeaweedFS listens beside each of its ports on the one so much higher."""


@contextmanager
def dynamodb_local(scratch: Path) -> Generator[dict[str, str]]:
    """The environment by which tests find it. Raises Missing."""
    part = parts.dynamodb_local()
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    script = Path(__file__).with_name("dynamodb_local.py")
    command = [sys.executable, str(script), str(port), str(part.jar_folder), str(part.jvm)]
    environment = {**os.environ, "PYTHONPATH": str(part.jpype)}
    client = real_engines.client("dynamodb", url)
    with running(command, environment, scratch / "dynamodb.log", client.list_tables):
        yield {real_engines.DYNAMODB_VARIABLE: url}


@contextmanager
def seaweedfs(scratch: Path) -> Generator[dict[str, str]]:
    """The environment by which tests find it. Raises Missing."""
    program = parts.seaweedfs()
    master, volume, filer, s3, admin = free_ports(5)
    url = f"http://127.0.0.1:{s3}"
    key = {"accessKey": real_engines.KEY_ID, "secretKey": real_engines.SECRET}
    identity = {"name": "tests", "credentials": [key], "actions": ["Admin"]}
    config, stored = scratch / "s3.json", scratch / "seaweedfs"
    config.write_text(json.dumps({"identities": [identity]}))
    stored.mkdir()
    command = [
        str(program),
        f"-logdir={scratch}",
        "mini",
        f"-dir={stored}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-volume.port={volume}",
        f"-filer.port={filer}",
        f"-s3.port={s3}",
        f"-admin.port={admin}",
        f"-s3.config={config}",
        f"-s3.localSocket={scratch / 's3.sock'}",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-s3.autoCreateBucket=false",
    ]
    environment = {name: value for name, value in os.environ.items() if "AWS_" not in name}
    client = real_engines.client("s3", url)
    with running(command, environment, scratch / "seaweedfs.log", client.list_buckets):
        yield {real_engines.S3_VARIABLE: url}


@contextmanager
def running(
    command: Sequence[str], environment: dict[str, str], log: Path, ask: Callable[[], Any]
) -> Generator[None]:
    """A process from its first answer on. Raises Missing when it gives none."""
    with (
        log.open("w") as said,
        subprocess.Popen(
            command,
            env=environment,
            cwd=log.parent,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it outlives an interrupt, until the tests have ended
        ) as process,
    ):
        try:
            _wait_for(process, log, ask)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(process: subprocess.Popen[bytes], log: Path, ask: Callable[[], Any]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            ask()
        except (ClientError, BotoCoreError) as error:
            if process.poll() is not None:
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise Missing(f"ended at once: {''.join(last)}") from error
            if time.monotonic() > deadline:
                raise Missing(f"gave no answer within {START_S} seconds: {error}") from error
            time.sleep(0.1)
        else:
            return


def free_ports(count: int) -> list[int]:
    """Ports that are free, as are those `GRPC_OFFSET` higher."""
    found: list[int] = []
    for port in range(20_000 + os.getpid() % 10_000, 50_000):
        if len(found) == count:
            break
        if _is_free(port) and _is_free(port + GRPC_OFFSET):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
