"""An API Gateway proxy event, read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from chalicelib.core.errors import Invalid, Unauthenticated

Event: TypeAlias = Mapping[str, Any]
"""https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#apigateway-example-event"""


class Incoming:
    """What a route needs of an event. `headers` has lower-case names; `query` all values a name."""

    __slots__ = ("_event", "headers", "query")

    def __init__(self, event: Event) -> None:
        self._event = event
        headers: dict[str, str] = event["headers"] or {}
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.query: dict[str, list[str]] = event["multiValueQueryStringParameters"] or {}

    @property
    def request_id(self) -> str:
        return request_id_of(self._event)

    @property
    def method(self) -> str:
        return method_of(self._event)

    def path_values(self) -> dict[str, str]:
        """Path parameters, decoded here and only here: they come as they were sent."""
        values = self._event["pathParameters"]
        return {name: _decoded(name, value) for name, value in values.items()} if values else {}

    def body(self) -> bytes:
        """Raises Invalid for what claims to be base64 and is not."""
        body: str | bytes | None = self._event["body"]
        if not body:
            return b""
        if isinstance(body, bytes):
            return body  # as on a laptop
        if not self._event.get("isBase64Encoded"):
            return body.encode()
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise Invalid("the body is not the base64 it claims to be") from error

    def prefix(self) -> str:
        """The stage that API Gateway puts before every path: `requestContext.path` has it and the
        event's own path does not."""
        whole: str = self._event["requestContext"].get("path", "")
        path: str = self._event.get("path", "")
        if path == "/":  # which a stage may be asked for without a slash at its end
            return whole.rstrip("/")
        return whole.removesuffix(path) if whole.endswith(path) else ""

    def target(self) -> str:
        """Method, full path and query: what an idempotency key is good for."""
        pairs = ((name, value) for name, given in sorted(self.query.items()) for value in given)
        query = "&".join(f"{name}={value}" for name, value in pairs)
        return f"{self.method} {self._event['requestContext'].get('path', '')}?{query}"

    def presented_key(self) -> str:
        """The API key. Raises Unauthenticated when there is none."""
        key = self.headers.get("x-api-key")
        if key is not None:
            return key.strip()
        scheme, _, rest = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return rest.strip()
        if scheme.lower() == "basic":
            try:
                decoded = base64.b64decode(rest.strip(), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise Unauthenticated("malformed basic authorization") from error
            return decoded.partition(":")[2]
        raise Unauthenticated("no API key; send it as x-api-key or as a bearer token")


def request_id_of(event: Event) -> str:
    """ "" when the event has none."""
    context: dict[str, Any] = event.get("requestContext") or {}
    return str(context.get("requestId", ""))


def method_of(event: Event) -> str:
    return event["requestContext"]["httpMethod"]


def _decoded(name: str, value: str) -> str:
    if "%" not in value:
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise Invalid.field(name, "is not percent-encoded UTF-8") from error
