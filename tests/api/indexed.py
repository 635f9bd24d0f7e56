"""Indexed artifacts in tests: storing bytes, indexing them, and reading them back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import httpx

from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import search_upkeep, stored_bytes
from chalicelib.wiring import Services
from tests.api.answers import Json, found, made
from tests.api.harness import Service

ARTIFACTS: Final = "/api/v1/artifacts"


def sha256_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def stored(service: Service, body: bytes = b"bytes") -> str:
    """The digest of bytes that the tenant has, as after an upload: owned by nobody for good."""
    services, context = service.services, service.context()
    stored_bytes.keep(
        services.bytes, context, body, "text/plain", Owner("entry", "a test"), lambda _: []
    )
    return sha256_of(body)


def indexed(service: Service, body: bytes = b"bytes", /, **fields: Any) -> Json:
    """A new artifact of these bytes."""
    wanted = {"kind": "model", "sha256": stored(service, body), **fields}
    return made(service.write.post(ARTIFACTS, json=wanted))


def publish_due(services: Services) -> int:
    """As the worker does."""
    return search_upkeep.publish_due(
        services.search, services.snapshots, services.clock, seconds=60
    )


def manifest_of(files: Mapping[str, bytes]) -> list[Json]:
    return [
        {"path": path, "sha256": sha256_of(body), "size_bytes": len(body)}
        for path, body in files.items()
    ]


def directory(service: Service, files: Mapping[str, bytes], **fields: Any) -> Json:
    """A new directory artifact of these files."""
    for body in set(files.values()):
        stored(service, body)
    wanted = {"kind": "dataset", "manifest": manifest_of(files), **fields}
    return made(service.write.post(ARTIFACTS, json=wanted))


def listed(service: Service, **query: Any) -> Json:
    """One page."""
    return found(service.read.get(ARTIFACTS, params=query))


def walked(service: Service, **query: Any) -> list[str]:
    """The ids of all pages, or of those from a cursor on."""
    ids: list[str] = []
    while True:
        page = listed(service, **query)
        ids += ids_of(page["artifacts"])
        if page["next_cursor"] is None:
            return ids
        query["cursor"] = page["next_cursor"]


def ids_of(artifacts: list[Json]) -> list[str]:
    return [one["artifact_id"] for one in artifacts]


def download(service: Service, url: str, **query: Any) -> httpx.Response:
    """The bytes that a content route redirects to."""
    redirect = service.read.get(url, params=query)
    assert redirect.status_code == 307, redirect.text
    answer = service.files.get(redirect.headers["location"])
    assert answer.status_code == 200, answer.text
    return answer
