"""The Chalice application class: events go straight to our handlers, the rest is Chalice's."""

from __future__ import annotations

import logging
from typing import Any

from chalice.app import Chalice

from chalicelib.api.errors import error_body
from chalicelib.api.handler import INTERNAL, EventView, proxy_answer
from chalicelib.api.incoming import request_id_of

REASONS = {
    404: "there is no such route",
    405: "this route does not have that method",
    500: INTERNAL,
}


class TrialbookApp(Chalice):
    """Registration, packaging and event sources as Chalice has them; may be called by several
    threads at once, for it keeps nothing of a request."""

    def __init__(self, app_name: str) -> None:
        # Chalice would put a handler on the logger of this name, ours, and log paths there.
        super().__init__(  # pyright: ignore[reportUnknownMemberType] (typed in part)
            app_name, configure_logs=False
        )
        self.log = logging.getLogger("chalice")

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        asked: dict[str, str] = event.get("requestContext") or {}
        methods = self.routes.get(asked.get("resourcePath", ""), {})
        entry = methods.get(asked.get("httpMethod", ""))
        if entry is not None and isinstance(entry.view_function, EventView):
            return entry.view_function(event)
        answer = super().__call__(event, context)
        status = answer["statusCode"]
        if entry is None and status in REASONS:
            # Chalice has another shape for what it refuses itself.
            return proxy_answer(
                status, error_body(status, REASONS[status], None, request_id_of(event))
            )
        return answer
