"""The whole service in this process, on both engines, reached through httpx.

A test has a tenant of its own. On SQLite it shares a table with the tests of its file; on moto,
which copies the whole table at every transaction, it has a fresh one. The clock stands still but
for a millisecond before each request, so that ids and times are in the order of the requests.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import httpx

from chalicelib import wiring
from chalicelib.core.context import Context, Principal, Role
from chalicelib.core.ids import TenantId, UserId
from chalicelib.domain import api_keys, collection, feed
from tests.api.answers import Json, found, made
from tests.api.engines import START_MS, Engine, StandingClock
from tests.api.transports import AppTransport

EXPERIMENTS: Final = "/api/v1/experiments"
RUNS: Final = "/api/v1/experiments/runs"
KEYS: Final = "/api/v1/keys"


class Service:
    """One tenant's view of an engine, and another tenant beside it."""

    def __init__(self, engine: Engine) -> None:
        number = next(engine.tenants)
        self.engine = engine.name
        self.services = engine.services
        self.files = engine.files
        """Sends no API key: for presigned URLs."""
        self.urls_expire = engine.name == "sqlite"
        """The store tells the time by our clock; others believe the real one, and moto none."""
        self.tenant = TenantId(f"tenant-{number}")
        self.other_tenant = TenantId(f"other-{number}")
        self.budget = engine.counts.budget
        self.luck = engine.luck
        self._clock = engine.clock
        tick = self._clock.tick if isinstance(self._clock, StandingClock) else _nothing
        self._transport = engine.luck.endured(AppTransport(self._clock, tick))

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
        while self.luck.work(lambda: feed.pull(to)):
            pass

    def collect(self) -> None:
        """Delete the bytes that nobody needs and whose time has come."""
        of, clock = self.services.bytes, self._clock
        self.luck.work(lambda: collection.collect(of, clock, deadline_s=clock.monotonic_s() + 60))


def _nothing() -> None:
    return
