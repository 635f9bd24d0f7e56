"""The real application in this process, over metered stores, called with Lambda's events."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import orjson

from app import app
from bench.cost.blobs import MeteredBlobs
from bench.cost.meter import Meter, Spent
from bench.cost.table import MeteredTable
from chalicelib import wiring
from chalicelib.core.context import Clock, Role
from chalicelib.core.ids import TenantId
from chalicelib.domain import api_keys
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Change, Table
from local.answers import Answer, app_answer
from local.disk_blobs import DiskBlobs
from local.proxy_event import Headers, LambdaContext, parse_query, proxy_event
from local.routing import Router
from local.sqlite_table import SqliteTable

TENANT: Final = TenantId("example")
START_MS: Final = 1_800_000_000_000
T = TypeVar("T")


class WrongAnswer(Exception):
    """The application did not do what was to be measured."""


class StandingClock(Clock):
    """Time that only passes when told to, and chance that is the same in every run.

    The two hands are apart: seconds pass between requests, so that each is billed as if it came
    alone, and yet the key stays cached.
    """

    def __init__(self) -> None:
        self._now_ms = START_MS
        self._monotonic_s = 0.0
        self._random = Random(1)

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def sleep_s(self, seconds: float) -> None:
        self.pass_by(seconds)

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def pass_by(self, seconds: float) -> None:
        """Only the time of day: caches stay warm."""
        self._now_ms += round(seconds * 1000)

    def let_caches_expire(self, seconds: float) -> None:
        self._monotonic_s += seconds


@dataclass(frozen=True, slots=True)
class Row:
    """What one operation spent; `per` says of what the numbers are, when it is not one request."""

    group: str
    name: str
    spent: Spent
    per: str = ""


@dataclass(slots=True)
class Costed:
    """The application under the meter, and the rows taken so far."""

    clock: StandingClock
    meter: Meter
    table: Table
    blobs: Blobs
    """Both unmetered, to prepare with."""
    services: wiring.Services
    key: str
    rows: list[Row] = field(default_factory=list[Row])
    _router: Router = field(default_factory=lambda: Router(app.routes))

    @classmethod
    def over(cls, table: Table, blobs: Blobs, clock: StandingClock) -> Costed:
        """Services over these stores, with a key that is cached already."""
        meter = Meter()
        metered = MeteredTable(table, meter, clock), MeteredBlobs(blobs, meter)
        services = wiring.services_on(*metered, clock)
        _, key = api_keys.create(services.api_keys, clock, TENANT, "ada", Role.WRITE)
        services.authenticator.authenticate(key)
        return cls(clock, meter, table, blobs, services, key)

    def row(self, group: str, name: str, work: Callable[[], T], per: str = "", of: int = 1) -> T:
        """Measure the work, `of` so many pieces, as the row of one; returns what it returned."""
        result, spent = self.meter.measure(work)
        self.rows.append(Row(group, name, spent.share(of), per))
        return result

    def changes_since(self, after: str | None) -> tuple[list[Change], str]:
        """What the stream delivers after this position, and the next position."""
        changes: list[Change] = []
        page = self.table.changes(after)
        while page.changes:
            changes.extend(page.changes)
            page = self.table.changes(page.next)
        return changes, page.next

    def post(self, path: str, body: object, **headers: str) -> Any:
        """The JSON answer, None when it is empty; `_` in a header's name stands for `-`. Raises
        WrongAnswer for any other status than 200 and 201."""
        headers.setdefault("content_type", "application/json")
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        answer = self._ask("POST", path, raw, headers).body
        return orjson.loads(answer) if answer else None

    def get(self, path: str) -> Any:
        """The JSON answer. Raises WrongAnswer as `post` does."""
        return orjson.loads(self._ask("GET", path, b"", {"accept": "application/json"}).body)

    def direct(self, *, puts: int = 0, gets: int = 0) -> None:
        """A client used a presigned URL: no function runs, but the bucket is billed."""
        self.meter.add(direct=puts + gets, s3_puts=puts, s3_gets=gets)

    def event(self) -> None:
        """A function was started, but not by a request."""
        self.meter.add(events=1)

    def _ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.clock.pass_by(1)
        path, query = urlsplit(url).path, urlsplit(url).query
        matched = self._router.match(path)
        endpoint = None if matched is None else matched[0].endpoints.get(method)
        if matched is None or endpoint is None:
            raise WrongAnswer(f"{method} {path}: there is no such route")
        raw = {**headers, "x-api-key": self.key}
        event = proxy_event(
            endpoint,
            path,
            matched[1],
            Headers([(name.replace("_", "-").encode(), v.encode()) for name, v in raw.items()]),
            parse_query(query.encode()),
            body,
            "request",
            "127.0.0.1",
        )
        call = cast("Callable[[Any, Any], dict[str, Any]]", app)
        answer = app_answer(call(event, LambdaContext("request", self.clock)), "request")
        if answer.status not in (200, 201):
            raise WrongAnswer(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        self.meter.add(calls=1, moved_bytes=len(body) + len(answer.body))
        return answer


@contextmanager
def on_files(folder: Path) -> Generator[Costed]:
    """The application over SQLite and files in this folder; nothing else may use it meanwhile."""
    clock = StandingClock()
    table = SqliteTable(folder / "table.db", clock)
    blobs = DiskBlobs(folder / "blobs", "http://files.invalid", b"a secret of nobody", clock)
    with installed(Costed.over(table, blobs, clock)) as costed:
        yield costed
    table.close()


@contextmanager
def installed(costed: Costed) -> Generator[Costed]:
    """The application uses these services, and none afterwards."""
    wiring.install(costed.services)
    try:
        yield costed
    finally:
        wiring.install(None)
