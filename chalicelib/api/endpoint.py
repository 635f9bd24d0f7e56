"""What every route does the same: authenticate, parse, call, map errors.

`@endpoint` registers a thin function as a Chalice view and keeps its description, from which the
OpenAPI document and the tests over all routes are made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast
from urllib.parse import unquote

import orjson
from chalice.app import Blueprint, CORSConfig
from chalice.app import Request as ChaliceRequest
from chalice.app import Response as ChaliceResponse
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from chalicelib import wiring
from chalicelib.api.errors import (
    STATUS_OF,
    details_of,
    error_body,
    headers_of,
    invalid_of,
)
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import (
    FieldError,
    Forbidden,
    Invalid,
    TooLarge,
    TrialbookError,
    Unauthenticated,
)
from chalicelib.domain import idempotency
from chalicelib.domain.idempotency import Remembered
from chalicelib.wiring import Services

MAX_BODY_BYTES = 4 * 1024 * 1024
REQUEST_S = 25.0
"""API Gateway waits 29 seconds; retries stop before."""

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["X-Api-Key", "Authorization", "Content-Type", "Idempotency-Key", "If-Match"],
    expose_headers=["ETag", "Location", "Retry-After"],
    max_age=600,
)

Replay: TypeAlias = Literal["never", "refuse", "remember"]
B = TypeVar("B")
Q = TypeVar("Q")
log = logging.getLogger("trialbook")


class Body(BaseModel):
    """A request body: unknown fields and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, frozen=True)


class Params(BaseModel):
    """Query parameters: strings that are read as what the fields say."""

    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)


@dataclass(frozen=True, slots=True)
class Request(Generic[B, Q]):
    """A parsed request. `path` holds the decoded path parameters, `headers` lower-case names,
    `prefix` the stage that API Gateway puts before every path ("" without one)."""

    body: B
    query: Q
    path: Mapping[str, str]
    headers: Mapping[str, str]
    context: Context
    raw_body: bytes
    prefix: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`payload` is what orjson encodes; a str is sent as it is, None is an empty body."""

    status: int
    payload: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def ok(payload: Any) -> Answer:
    return Answer(200, payload)


def created(payload: Any) -> Answer:
    return Answer(201, payload)


def no_content() -> Answer:
    return Answer(204)


View: TypeAlias = Callable[[Request[Any, Any], Services], Answer]
Renew: TypeAlias = Callable[[Services, Context, Any], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route's description. `role` None is public; `answer` is the type of the 2xx body."""

    method: str
    path: str
    role: Role | None
    view: View
    body: Any
    query: Any
    answer: Any
    status: int
    media_type: str
    replay: Replay
    renew: Renew | None
    runs_long: bool
    errors: tuple[int, ...]


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
        handle = _Handler(described, routes)

        def chalice_view(**path_values: str) -> ChaliceResponse:
            return handle(path_values)

        chalice_view.__name__ = view.__name__
        chalice_view.runs_long = runs_long  # pyright: ignore[reportFunctionMemberAccess] # read by the local server
        methods = ["GET", "HEAD"] if method == "GET" else [method]
        takes_body = body is not None or media_type != "application/json"
        # With no content types Chalice leaves the check out, which is a slow one.
        content_types = [media_type] if takes_body else []
        decorate: Any = routes.route(path, methods=methods, cors=CORS, content_types=content_types)
        decorate(chalice_view)
        return view

    return register


class _Handler:
    """A Chalice view's inside."""

    def __init__(self, described: Endpoint, routes: Blueprint) -> None:
        self._endpoint = described
        self._routes = routes
        self._body = None if described.body is None else TypeAdapter[Any](described.body)
        self._list_fields = _list_fields(described.query)

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
        body_bytes = cast(bytes, raw.raw_body) if described.method != "GET" else b""
        if len(body_bytes) > MAX_BODY_BYTES:
            raise body_too_large(len(body_bytes))
        key = headers.get("idempotency-key") if described.replay != "never" else None
        if key is None:
            return self._run(raw, path_values, services, context, body_bytes)
        if described.replay == "refuse":
            raise Invalid("this route takes no idempotency key; leave the header out")
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
        path = f"{raw.method} {raw.context.get('path', raw.path)}?{_query_text(raw)}"

        def run() -> Remembered:
            answer = self._run(raw, path_values, services, context, body_bytes)
            return Remembered(answer.status, _encoded(answer), dict(answer.headers))

        remembered = idempotency.once(
            services.answers, context, path, key, hashlib.sha256(body_bytes).hexdigest(), run
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
        if raw.query_params is not None:
            for name in raw.query_params:
                given = raw.query_params.getlist(name)
                if name in self._list_fields:
                    values[name] = given
                elif len(given) > 1:
                    raise Invalid("bad query", [FieldError(name, "given more than once")])
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


def authorized(role: Role | None, headers: Mapping[str, str], services: Services) -> Any:
    """The caller's principal; the anonymous one on a public route. Raises Unauthenticated,
    Forbidden."""
    if role is None:
        return wiring.ANYBODY
    principal = services.authenticator.authenticate(_presented_key(headers))
    if principal.role < role:
        raise Forbidden(f"this needs a key with the role {role.label}", role=principal.role.label)
    return principal


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


def _query_text(raw: ChaliceRequest) -> str:
    params = raw.query_params or {}
    return "&".join(f"{n}={v}" for n in sorted(params) for v in raw.query_params.getlist(n))  # pyright: ignore[reportOptionalMemberAccess] # iterates only when there are some


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
