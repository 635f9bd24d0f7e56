"""Stock `chalice local` serves the same application on the engines of the cloud."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from chalicelib.core.context import Clock, Role
from chalicelib.domain import api_keys
from chalicelib.storage.api_keys import ApiKeyStore
from chalicelib.storage.dynamo_requests import table_definition
from chalicelib.storage.dynamo_table import DynamoTable

ROOT = Path(__file__).resolve().parents[2]
NAME = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]["dev"][
    "environment_variables"
]["TRIALBOOK_TABLE"]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}

pytestmark = pytest.mark.slow


@pytest.fixture
def cloud() -> Generator[tuple[str, str]]:
    """The endpoint of a cloud with our table and bucket, and an admin's key."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = cast("Any", boto3.client)
    options = {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
    }
    dynamodb = client("dynamodb", **options)
    dynamodb.create_table(**table_definition(NAME))
    client("s3", **options).create_bucket(Bucket=NAME)
    clock = Clock()
    store = ApiKeyStore(DynamoTable(dynamodb, NAME, clock))
    _, key = api_keys.create(store, clock, "acme", "ada", Role.ADMIN)
    yield endpoint, key
    server.stop()


@pytest.fixture
def client(cloud: tuple[str, str]) -> Generator[httpx.Client]:
    endpoint, key = cloud
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        Path(sys.executable).parent / "chalice", "local", "--no-autoreload",
        "--port", str(port), "--stage", "dev",
    ]  # fmt: skip
    environment = {
        **os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": endpoint, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdout is not None
        assert any("Serving on" in line for line in server.stdout)
        base_url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=base_url, headers={"x-api-key": key}, timeout=30) as client:
            yield client
        server.kill()


def test_chalice_local_serves_runs_on_the_engines_of_the_cloud(client: httpx.Client) -> None:
    health = client.get("/health").json()
    assert health["status"] == "ok"
    experiment = client.post("/api/v1/experiments", json={"name": "on chalice local"}).json()
    run = client.post("/api/v1/experiments/runs", json={"experiment_id": experiment["id"]}).json()
    path = f"/api/v1/experiments/runs/{run['run_id']}"
    logged = client.post(f"{path}/log-metrics", json={"metrics": {"val/loss": 0.5}})
    assert logged.json() == {"metrics_logged": 1}
    history = client.get(f"{path}/metrics/val%2Floss").json()
    assert [point["value"] for point in history["points"]] == [0.5]
