"""Asking the deployed package, and waiting for what its functions do on their own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpx

from tests.api.answers import Json, found, made
from tests.api.harness import EXPERIMENTS, RUNS
from tests.integration.deployment import STACK, Deployment

T = TypeVar("T")
WAIT_S: Final = 120
REQUEST_S: Final = 60


class Api(httpx.Client):
    """A client of the deployed service, as who holds a key."""

    def __init__(self, deployment: Deployment, key: str) -> None:
        super().__init__(
            base_url=deployment.url,
            headers={"x-api-key": key},
            verify=deployment.tls(),
            timeout=REQUEST_S,
        )
        self._deployment = deployment

    def experiment(self, name: str, **fields: Any) -> Json:
        return made(self.post(EXPERIMENTS, json={"name": name, **fields}))

    def run(self, experiment: str) -> str:
        """The id of a new run, of a new experiment."""
        experiment_id = self.experiment(experiment)["id"]
        return made(self.post(RUNS, json={"experiment_id": experiment_id}))["run_id"]

    def send_file(self, run_id: str, name: str, body: bytes) -> None:
        """By the gateway."""
        found(self.post(f"{RUNS}/{run_id}/log-artifact", files={"file": (name, body)}))

    def file(self, run_id: str, name: str) -> bytes:
        """From where its presigned URL leads, without the key."""
        url = f"{RUNS}/{run_id}/artifacts/content"
        redirect = self.get(url, params={"path": name}).headers["location"]
        answer = httpx.get(redirect, verify=self._deployment.tls(), timeout=REQUEST_S)
        assert answer.status_code == 200, answer.text
        return answer.content

    def put_bytes(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """The status; without the key."""
        tls = self._deployment.tls()
        return httpx.put(url, content=body, headers=headers, verify=tls).status_code

    @contextmanager
    def as_holder_of(self, key: str) -> Generator[Api]:
        with Api(self._deployment, key) as other:
            yield other


def until(ask: Callable[[], T], holds: Callable[[T], Any]) -> T:
    """What is answered once it is as wanted."""
    deadline = time.monotonic() + WAIT_S
    while not holds(answer := ask()):
        assert time.monotonic() < deadline, f"it is still {answer!r}"
        time.sleep(0.2)
    return answer


def events_of(deployment: Deployment, function: str) -> list[Json]:
    """What a function wrote to its log, without the lines of the runtime."""
    logs, group = deployment.aws("logs"), f"/trialbook/{STACK}/{function}"
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    messages = [event["message"] for page in pages for event in page["events"]]
    return [json.loads(message) for message in messages if message.startswith("{")]
