"""`@endpoint` registers a thin function as a Chalice view, and keeps its description.

From the descriptions the OpenAPI document and the tests over all routes are made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalice.app import Blueprint

from chalicelib.api.contract import Endpoint, Renew, Replay, View
from chalicelib.api.handler import CORS, Handler
from chalicelib.core.context import Role

ENDPOINTS: list[Endpoint] = []


def endpoint(
    routes: Blueprint,
    method: str,
    path: str,
    *,
    role: Role | None,
    body: Any = None,
    query: Any = None,
    answer: Any = None,
    status: int = 200,
    media_type: str = "application/json",
    read_only: bool = False,
    refuses_replay: bool = False,
    renew: Renew | None = None,
    runs_long: bool = False,
    errors: tuple[int, ...] = (),
) -> Callable[[View], View]:
    """Register a view.

    `read_only` marks a POST that writes nothing, so that it ignores `Idempotency-Key`; `renew`
    makes presigned URLs in a remembered answer anew; `runs_long` lets the local server move the
    view off its event loop; `errors` are statuses besides those that follow from the rest.
    """
    replay: Replay = "never"
    if method == "POST" and not read_only and role is not None:
        replay = "refuse" if refuses_replay else "remember"

    def register(view: View) -> View:
        described = Endpoint(
            method, path, role, view, body, query, answer, status, media_type, replay, renew,
            runs_long, errors,
        )  # fmt: skip
        ENDPOINTS.append(described)
        methods = ["GET", "HEAD"] if method == "GET" else [method]
        # No content types: the handler checks them, and says what to send instead.
        decorate: Any = routes.route(path, methods=methods, cors=CORS, content_types=[])
        decorate(Handler(described))
        return view

    return register
