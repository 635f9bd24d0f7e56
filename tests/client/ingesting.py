"""Files of lines, and the worker that applies what of them arrived."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from chalicelib import wiring
from chalicelib.api.v1 import ingest_lines
from chalicelib.domain import arrivals
from chalicelib.domain.arrivals import Arrived
from tests.api.harness import Service
from tests.client.artifact_places import api_over
from tests.client.harness import AsyncFilesTransport, Bench, Weather

INGEST: Final = "/api/v1/ingest"


@dataclass
class Worker:
    """Before the service is asked about a file, does what its arrival asks for; the first `idle`
    times nothing. To be the `before` of a weather."""

    service: Service
    idle: int = 0
    handled: list[str] = field(default_factory=list[str])
    in_vain: int = 0

    def __call__(self, request: httpx.Request) -> None:
        path, _, ingest_id = request.url.path.rpartition("/")
        if request.method != "GET" or path != INGEST:
            return
        if self.idle:
            self.idle -= 1
            return
        services = self.service.services
        waiting = services.ingestions.announced(self.service.tenant, ingest_id)
        key = "" if waiting is None else waiting.source.object_key
        head = services.blobs.head(key) if key else None
        if head is None:
            self.in_vain += 1
            assert self.in_vain < 100, "the client waits for what it never sent"
            return
        told = arrivals.told(Arrived(key, head.version or "", head.size_bytes, head.modified_ms))
        deadline_s = services.clock.monotonic_s() + 600
        to = wiring.arrivals(services, ingest_lines.parse)
        assert arrivals.handle(to, told, 1, deadline_s=deadline_s).is_done
        self.handled.append(key)


class Dropping:
    """A bench whose worker is at work, and the weather on the way of the bytes."""

    def __init__(self, bench: Bench, idle: int = 0) -> None:
        self.bench = bench
        self.service = bench.service
        self.worker = bench.weather.before = Worker(bench.service, idle)
        self.bytes = Weather(AsyncFilesTransport(bench.service.files))
        self.api = api_over(bench, self.bytes)

    def announced(self) -> list[str]:
        """The idempotency keys of announcements so far."""
        sent = self.bench.weather.sent("POST", INGEST)
        return [request.headers["idempotency-key"] for request in sent]

    def counts(self, run_id: str) -> int:
        """Points of its loss."""
        summary = self.service.get_run(run_id)["metric_summary"]
        return summary["loss"]["count"] if summary else 0


def points(run_id: str, count: int = 3) -> list[dict[str, Any]]:
    """Lines of as many points. Their times are the file's, so a second file's are others."""
    return [
        {"type": "metrics", "run_id": run_id, "metrics": {"loss": step}, "step": step}
        for step in range(count)
    ]


def packed(lines: Sequence[Mapping[str, Any] | str]) -> bytes:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines).encode()


def written(path: Path, lines: Sequence[Mapping[str, Any] | str]) -> Path:
    path.write_bytes(packed(lines))
    return path
