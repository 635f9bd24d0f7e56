"""`mlflow server` on SQLite and files, and the process that drives a server."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from tests.compat.normal import FIRST_EXPERIMENT

ROOT: Final = Path(__file__).parents[2]
START_S: Final = 120
_QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # a connection that breaks is tried again at once, and not for ever
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # what is found of the machine must be the same for both
    "LOGNAME": "ada",
    "PYTHONPATH": str(ROOT),
    "PYTHONUNBUFFERED": "1",
}


@contextmanager
def mlflow_server(python: Path, folder: Path) -> Generator[str]:
    """Its address. It is stopped with all of its processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = folder / "mlflow.db"
    log = folder / "mlflow-server.log"
    command = [
        *(str(python), "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{database}"),
        *("--artifacts-destination", str(folder / "artifacts")),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **_QUIET}, cwd=folder, stdout=out, stderr=out
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            _number_experiments(database)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.RequestError:
            time.sleep(0.05)
    raise AssertionError(f"mlflow server was not ready:\n{log.read_text()}")


def _number_experiments(database: Path) -> None:
    """Its ids follow the largest one."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO experiments (experiment_id, name, lifecycle_stage) VALUES (?, ?, ?)",
            (FIRST_EXPERIMENT, "ids begin here", "deleted"),
        )


def start_driver(
    python: Path, module: str, url: str, environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    """The scenarios of a module against a server."""
    return subprocess.Popen(
        [str(python), "-m", "tests.compat.driver", module],
        env={**os.environ, **_QUIET, "MLFLOW_TRACKING_URI": url, **environment},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcomes(driver: subprocess.Popen[str]) -> dict[str, Any]:
    """Outcome by scenario, when the driver is done."""
    out, errors = driver.communicate()
    assert driver.returncode == 0, errors[-5000:]
    lines = [json.loads(line) for line in out.splitlines()]
    return {line["scenario"]: line for line in lines}
