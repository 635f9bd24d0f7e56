"""The service on stores that fail as a seed says, and a client that tries again as ours does."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from chalicelib import wiring
from chalicelib.core.context import Role
from chalicelib.core.errors import Contended, TrialbookError
from chalicelib.core.ids import TenantId
from chalicelib.domain import api_keys
from chalicelib.wiring import Services
from local.blob_endpoint import BlobEndpoint
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable
from tests.api.engines import StandingClock
from tests.api.transports import AppTransport, FilesTransport
from tests.faults.faults import Died, Faults
from tests.faults.faulty_blobs import FaultyBlobs
from tests.faults.faulty_table import FaultyTable

ATTEMPTS: Final = 1000
"""Enough for many processes in a row that die with a claim of the idempotency key: it outlives
each of them by a minute."""


class SeededClock(StandingClock):
    """Stands still; its randomness comes from the seed. Whoever waits, waits for as long as any
    other: how long is drawn by chance elsewhere."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(f"clock {seed}")

    def sleep_s(self, seconds: float) -> None:
        self.advance(0.01)

    def random_bytes(self, count: int) -> bytes:
        return self._chance.randbytes(count)


class World:
    """One tenant of a service whose processes die, and its client."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        self.faults = faults
        self.clock = SeededClock(faults.seed)
        self.table = SqliteTable(folder / "table.db", self.clock)
        self.blobs = DiskBlobs(folder / "blobs", "http://files.test", b"a secret", self.clock)
        self.files = httpx.Client(transport=FilesTransport(BlobEndpoint(self.blobs, self.clock)))
        self.tenant = TenantId("acme")
        self.deaths = 0
        self.services: Services
        self.restart()
        with self.quiet():
            _, key = api_keys.create(
                self.services.api_keys, self.clock, self.tenant, "ada", Role.WRITE
            )
        self.client = httpx.Client(
            transport=AppTransport(self.clock, self.clock.tick),
            base_url="https://trialbook.test",
            headers={"x-api-key": key},
        )

    def restart(self) -> None:
        """A new process: fresh services on the same stores."""
        self.faults.restart()
        with self.quiet():
            self.services = wiring.services_on(
                FaultyTable(self.table, self.faults),
                FaultyBlobs(self.blobs, self.faults),
                self.clock,
            )
        wiring.install(self.services)

    @contextmanager
    def quiet(self) -> Generator[None]:
        """Nothing befalls what is done in here, and it does not count as requests."""
        before = self.faults.are_on, self.faults.stop_after, self.faults.made
        self.faults.are_on, self.faults.stop_after = False, None
        yield
        self.faults.are_on, self.faults.stop_after, self.faults.made = before

    def close(self) -> None:
        wiring.install(None)
        self.table.close()

    def work(self, job: Callable[[], object]) -> bool:
        """Whether a worker could do its job. What it may raise is what makes AWS call it again."""
        try:
            job()
        except Died:
            self._died()
        except (TrialbookError, Contended):
            pass
        else:
            return True
        return False

    def _died(self) -> None:
        self.deaths += 1
        self.restart()

    def send(
        self, method: str, path: str, key: str | None = None, **content: Any
    ) -> httpx.Response:
        """The answer in the end. Tries again as `trialbook._http` does, and goes on as its spool
        does. A 500 is never answered, and fails."""
        headers = {} if key is None else {"idempotency-key": key}
        headers |= content.pop("headers", {})
        for _ in range(ATTEMPTS):
            try:
                answer = self._once(method, path, headers, content)
            except Died:
                self._died()
                wait_s = 1.0
            except httpx.TransportError:
                wait_s = 1.0
            else:
                assert answer.status_code not in (500, 502, 504), answer.text
                waits = answer.headers.get("retry-after")
                if waits is None:
                    return answer
                wait_s = float(waits) + 0.25
            self.clock.advance(wait_s)
        raise AssertionError(f"{method} {path} is never answered")

    def _once(
        self, method: str, path: str, headers: Mapping[str, str], content: Mapping[str, Any]
    ) -> httpx.Response:
        if self.faults.is_broken("connection"):
            raise httpx.ConnectError("connection refused")
        answer = self.client.request(method, path, headers=headers, **content)
        if self.faults.is_broken("answer"):
            raise httpx.ReadError("connection reset")
        return answer
