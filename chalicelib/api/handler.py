"""What every route does the same: authenticate, parse, call, map errors."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

import orjson
from chalice.app import Blueprint
from chalice.app import Request as ChaliceRequest
from chalice.app import Response as ChaliceResponse
from pydantic import TypeAdapter, ValidationError

from chalicelib import wiring
from chalicelib.api.contract import Answer, Endpoint, Request
from chalicelib.api.errors import (
    STATUS_OF,
    details_of,
    error_body,
    headers_of,
    invalid_of,
)
from chalicelib.api.forms import form_content
from chalicelib.core.context import Context, Principal, Role
from chalicelib.core.errors import (
    Forbidden,
    Invalid,
    TooLarge,
    TrialbookError,
    Unauthenticated,
    UnsupportedMediaType,
)
from chalicelib.domain import idempotency
from chalicelib.domain.idempotency import Remembered
from chalicelib.wiring import Services

JSON = "application/json"
MAX_BODY_BYTES = 4 * 1024 * 1024
REQUEST_S = 25.0
"""API Gateway waits 29 seconds; retries stop before."""
log = logging.getLogger("trialbook")


class Handler:
    """A Chalice view's inside."""

    def __init__(self, described: Endpoint, routes: Blueprint) -> None:
        self._endpoint = described
        self._routes = routes
        self._body = None if described.body is None else TypeAdapter[Any](described.body)
        self._list_fields = _list_fields(described.query)
        takes_body = described.body is not None or described.media_type != JSON
        self._media_type = described.media_type if takes_body else None

    def __call__(self, path_values: Mapping[str, str]) -> ChaliceResponse:
        raw = self._routes.current_request
        try:
            return _response(self._answer(raw, path_values, wiring.services()))
        except TrialbookError as error:
            return self._refusal(error, raw)
        except Exception:
            # Here and not in middleware: Chalice answers before its middleware sees it.
            request_id = str(raw.context.get("requestId", ""))
            log.exception("request %s failed", request_id)
            message = "an internal error occurred; the request id names it in the log"
            return ChaliceResponse(
                error_body(500, message, None, request_id),
                {"content-type": "application/json"},
                500,
            )

    def _answer(
        self, raw: ChaliceRequest, path_values: Mapping[str, str], services: Services
    ) -> Answer:
        headers = cast("Mapping[str, str]", raw.headers)
        described = self._endpoint
        context = services.context(authorized(described.role, headers, services), REQUEST_S)
        if self._media_type is not None:
            _check_media_type(headers, self._media_type)
        body_bytes = cast(bytes, raw.raw_body) if described.method != "GET" else b""
        if len(body_bytes) > MAX_BODY_BYTES:
            raise body_too_large(len(body_bytes))
        key = headers.get("idempotency-key") if described.replay != "never" else None
        if key is None:
            return self._run(raw, path_values, services, context, body_bytes)
        if described.replay == "refuse":
            raise Invalid.field("Idempotency-Key", "this route takes none; leave it out")
        return self._replayed(raw, path_values, services, context, body_bytes, key)

    def _run(
        self,
        raw: ChaliceRequest,
        path_values: Mapping[str, str],
        services: Services,
        context: Context,
        body_bytes: bytes,
    ) -> Answer:
        request: Request[Any, Any] = Request(
            self._parse_body(body_bytes),
            self._parse_query(raw),
            # Chalice hands on path parameters as they came; they are decoded here and only here.
            {name: _decoded(name, value) for name, value in path_values.items()},
            cast("Mapping[str, str]", raw.headers),
            context,
            body_bytes,
            _stage_prefix(raw),
        )
        return self._endpoint.view(request, services)

    def _replayed(
        self,
        raw: ChaliceRequest,
        path_values: Mapping[str, str],
        services: Services,
        context: Context,
        body_bytes: bytes,
        key: str,
    ) -> Answer:
        headers = cast("Mapping[str, str]", raw.headers)
        path = f"{raw.method} {raw.context.get('path', raw.path)}?{_query_text(raw)}"

        def run() -> Remembered:
            answer = self._run(raw, path_values, services, context, body_bytes)
            return Remembered(answer.status, _encoded(answer), dict(answer.headers))

        # A form has another boundary each time it is sent: what it holds is what counts.
        meant = (
            form_content(headers, body_bytes)
            if self._media_type not in (None, JSON)
            else body_bytes
        )
        remembered = idempotency.once(
            services.answers, context, path, key, hashlib.sha256(meant).hexdigest(), run
        )
        renew = self._endpoint.renew
        if renew is None or not remembered.is_replay:
            return Answer(remembered.status, remembered.body, remembered.headers)
        payload = renew(services, context, orjson.loads(remembered.body))
        return Answer(remembered.status, payload, remembered.headers)

    def _parse_body(self, body_bytes: bytes) -> Any:
        if self._body is None:
            return None
        try:
            return self._body.validate_json(body_bytes or b"{}")
        except ValidationError as error:
            raise invalid_of(error) from error

    def _parse_query(self, raw: ChaliceRequest) -> Any:
        model = self._endpoint.query
        if model is None:
            return None
        values: dict[str, Any] = {}
        for name, given in _query(raw).items():
            if name in self._list_fields:
                values[name] = given
            elif len(given) > 1:
                raise Invalid.field(name, "is given more than once")
            else:
                values[name] = given[0]
        try:
            return model.model_validate(values)
        except ValidationError as error:
            raise invalid_of(error) from error

    def _refusal(self, error: TrialbookError, raw: ChaliceRequest) -> ChaliceResponse:
        status = STATUS_OF[type(error)]
        request_id = str(raw.context.get("requestId", ""))
        body = error_body(status, error.message, details_of(error), request_id)
        return ChaliceResponse(body, dict(headers_of(error)), status)


def authorized(role: Role | None, headers: Mapping[str, str], services: Services) -> Principal:
    """The caller's principal; the anonymous one on a public route. Raises Unauthenticated,
    Forbidden."""
    if role is None:
        return wiring.ANYBODY
    principal = services.authenticator.authenticate(_presented_key(headers))
    if principal.role < role:
        raise Forbidden(f"this needs a key with the role {role.label}", role=principal.role.label)
    return principal


def _check_media_type(headers: Mapping[str, str], media_type: str) -> None:
    """A body without a media type is taken for what the route reads. Raises UnsupportedMediaType.

    Chalice would check this too, but takes a tenth of a small request's time for it.
    """
    sent = headers.get("content-type")
    if sent is not None and sent.partition(";")[0].strip().lower() != media_type:
        raise UnsupportedMediaType(f"unsupported media type; send {media_type}")


def body_too_large(size_bytes: int | None) -> TooLarge:
    """What a body over `MAX_BODY_BYTES` is answered with, wherever it is noticed."""
    return TooLarge(
        "a request body is at most 4 MiB; upload files by presigned URL:"
        " POST /api/v1/experiments/runs/{run_id}/artifacts/uploads",
        size_bytes=size_bytes,
        max_bytes=MAX_BODY_BYTES,
    )


def _presented_key(headers: Mapping[str, str]) -> str:
    key = headers.get("x-api-key")
    if key is not None:
        return key.strip()
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(rest.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Unauthenticated("malformed basic authorization") from error
        return decoded.partition(":")[2]
    raise Unauthenticated("no API key; send it as x-api-key or as a bearer token")


def _decoded(name: str, value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise Invalid.field(name, "is not percent-encoded UTF-8") from error


def _stage_prefix(raw: ChaliceRequest) -> str:
    """`requestContext.path` has the stage before the path, and the event's own path does not."""
    whole = cast(str, raw.context.get("path", ""))
    path = cast(str, raw.to_original_event().get("path", ""))
    return whole.removesuffix(path) if whole.endswith(path) else ""


def _query(raw: ChaliceRequest) -> dict[str, list[str]]:
    """Decoded query parameters, each with all of its values."""
    return raw.to_original_event()["multiValueQueryStringParameters"] or {}


def _query_text(raw: ChaliceRequest) -> str:
    return "&".join(
        f"{name}={value}" for name, given in sorted(_query(raw).items()) for value in given
    )


def _list_fields(query: Any) -> frozenset[str]:
    if query is None:
        return frozenset()
    return frozenset(
        name for name, info in query.model_fields.items() if "list" in str(info.annotation)
    )


def _encoded(answer: Answer) -> str:
    if answer.payload is None:
        return ""
    if isinstance(answer.payload, str):
        return answer.payload
    return orjson.dumps(answer.payload).decode()


def _response(answer: Answer) -> ChaliceResponse:
    headers: dict[str, Any] = dict(answer.headers)
    headers.setdefault("content-type", "application/json")
    return ChaliceResponse(_encoded(answer), headers, answer.status)
