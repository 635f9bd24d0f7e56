"""Routes about the service itself: health and the OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Literal

import orjson
from chalice.app import Blueprint
from typing_extensions import TypedDict

from chalicelib import __version__
from chalicelib.api.contract import Answer, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.core.errors import Throttled, TrialbookError
from chalicelib.storage import keys
from chalicelib.wiring import Services

routes = Blueprint(__name__)


class StoresOut(TypedDict):
    table: Literal["ok", "unreachable"]
    blobs: Literal["ok", "unreachable"]


class HealthOut(TypedDict):
    status: Literal["ok", "degraded"]
    version: str
    stores: StoresOut


@endpoint(routes, "GET", "/health", answer=HealthOut, role=None, errors=(503,))
def get_health(_request: Request[None, None], services: Services) -> Answer:
    """Version, and whether the stores can be reached."""
    stores: StoresOut = {"table": _table(services), "blobs": _blobs(services)}
    healthy = set(stores.values()) == {"ok"}
    payload: HealthOut = {
        "status": "ok" if healthy else "degraded",
        "version": __version__,
        "stores": stores,
    }
    return ok(payload) if healthy else Answer(503, payload, {"retry-after": "5"})


def _table(services: Services) -> Literal["ok", "unreachable"]:
    try:
        services.table.get(keys.SIGNING_KEY)
    except Throttled:
        return "ok"
    except TrialbookError:
        return "unreachable"
    return "ok"


def _blobs(services: Services) -> Literal["ok", "unreachable"]:
    try:
        services.blobs.head(keys.HEALTH_BLOB)
    except Throttled:
        return "ok"
    except TrialbookError:
        return "unreachable"
    return "ok"


@cache
def _document(base_path: str) -> str:
    # Imported here: making the document costs tens of milliseconds that few requests need.
    from chalicelib.api.openapi import document

    return orjson.dumps(document(base_path)).decode()


@endpoint(routes, "GET", "/openapi.json", answer=dict, role=None)
def get_openapi(request: Request[None, None], _services: Services) -> Answer:
    """This API, described in OpenAPI 3.1."""
    return ok(_document(request.prefix))
