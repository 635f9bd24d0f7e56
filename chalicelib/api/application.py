"""The Chalice application class: safe in threads, and one error shape for all of its answers."""

from __future__ import annotations

import threading
from typing import Any

from chalice.app import Chalice, Request

from chalicelib.api.errors import error_body

REASONS = {
    400: "the request could not be read",
    404: "there is no such route",
    405: "this route does not have that method",
    500: "an internal error occurred; the request id names it in the log",
}


class TrialbookApp(Chalice):
    """Chalice keeps the request on the app object: here each thread has its own."""

    def __init__(self, app_name: str) -> None:
        self._of_thread = threading.local()
        super().__init__(app_name)  # pyright: ignore[reportUnknownMemberType] # Chalice leaves it open

    @property
    def current_request(self) -> Request | None:
        return getattr(self._of_thread, "request", None)

    @current_request.setter
    def current_request(self, request: Request | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride] # an attribute there, one a thread here
        self._of_thread.request = request

    @property
    def lambda_context(self) -> Any:
        return getattr(self._of_thread, "lambda_context", None)

    @lambda_context.setter
    def lambda_context(self, context: Any) -> None:  # pyright: ignore[reportIncompatibleVariableOverride] # as above
        self._of_thread.lambda_context = context

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        answer = super().__call__(event, context)
        if answer["statusCode"] >= 400:
            self._reshape(answer, event)
        return answer

    def _reshape(self, answer: dict[str, Any], event: Any) -> None:
        """Chalice has its own shape for what it refuses itself; ours is told by its header."""
        headers: dict[str, str] = answer["headers"]
        if headers.get("content-type") == "application/json":
            return
        status = answer["statusCode"]
        if status not in REASONS:
            status = answer["statusCode"] = 500
        request_id = str(event.get("requestContext", {}).get("requestId", ""))
        answer["body"] = error_body(status, REASONS[status], None, request_id)
        for name in [name for name in headers if name.lower() == "content-type"]:
            del headers[name]
        headers["content-type"] = "application/json"
