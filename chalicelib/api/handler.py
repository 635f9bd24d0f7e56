"""What every route does the same: authenticate, parse, call, map errors.

A handler takes the event and gives the proxy answer itself. Chalice's own way from one to the other
matches content types four times and builds its objects around both, which is as much work as
reading a run (docs/adr/0008-handlers-take-events.md).
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import orjson
from chalice.app import CORSConfig
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
from chalicelib.api.incoming import Event, Incoming, method_of, request_id_of
from chalicelib.api.request_log import RequestWork
from chalicelib.core.context import Context, Principal, Role
from chalicelib.core.errors import (
    Contended,
    Forbidden,
    Invalid,
    Throttled,
    TooLarge,
    TrialbookError,
    UnsupportedMediaType,
)
from chalicelib.domain import idempotency
from chalicelib.domain.idempotency import Remembered
from chalicelib.wiring import Services

JSON = "application/json"
MAX_BODY_BYTES = 4 * 1024 * 1024
REQUEST_S = 25.0
"""API Gateway waits 29 seconds; retries stop before."""
CONTENDED = "others write the same thing at this moment; send it again"
TOLD = frozenset({429, 503})
"""Refusals whose reason is in the log: they are no caller's fault."""
MLFLOW_HINT = (
    "MLflow's client before 3.18 needs MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true and"
    " MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=4194304 for files of this size"
)
INTERNAL = "an internal error occurred; the request id names it in the log"

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=[
        "X-Api-Key",
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "If-Match",
        "Mcp-Protocol-Version",
        "Mcp-Method",
        "Mcp-Name",
    ],
    expose_headers=["ETag", "Location", "Retry-After", "X-Request-Id", "Content-Disposition"],
    max_age=600,
)
_HEADERS: dict[str, str] = {
    "content-type": JSON,
    **{name.lower(): value for name, value in CORS.get_access_control_headers().items()},
}


class EventView(ABC):
    """A view that is called with the event and gives the proxy answer itself."""

    __name__: str
    runs_long: bool
    """Whether the local server moves it off its event loop."""
    writes: bool
    """Whether it may share a commit with others there."""

    @abstractmethod
    def __call__(self, event: Event) -> dict[str, Any]:
        """Never raises."""


class Handler(EventView):
    """The view that Chalice registers for an endpoint."""

    def __init__(self, described: Endpoint) -> None:
        self.__name__ = described.view.__name__
        self.runs_long = described.runs_long
        self.writes = described.replay != "never" or described.method in ("PUT", "PATCH", "DELETE")
        self._endpoint = described
        self._body = None if described.body is None else TypeAdapter[Any](described.body)
        self._list_fields = _list_fields(described.query)
        takes_body = described.body is not None or described.media_type != JSON
        self._media_type = described.media_type if takes_body else None

    def __call__(self, event: Event) -> dict[str, Any]:
        with RequestWork() as work:
            answer = self._answered(event, work)
        request_id, method = request_id_of(event), method_of(event)
        work.answered(request_id, method, self._endpoint.path, answer["statusCode"])
        return answer

    def _answered(self, event: Event, work: RequestWork) -> dict[str, Any]:
        try:
            return rendered(self._answer(Incoming(event), wiring.services(), work))
        except TrialbookError as error:
            answer = refused(error, request_id_of(event))
            if answer["statusCode"] in TOLD:
                work.error = error
            return answer
        except Contended as error:  # of a write that does not expect others: nothing was written
            work.error = error
            return refused(Throttled(CONTENDED), request_id_of(event))
        except Exception as error:  # noqa: BLE001 (whatever it was, the caller gets an answer)
            work.error = error
            return proxy_answer(500, error_body(500, INTERNAL, None, request_id_of(event)))

    def _answer(self, incoming: Incoming, services: Services, work: RequestWork) -> Answer:
        described = self._endpoint
        principal = authorized(described.role, incoming, services, work)
        context = services.context(principal, REQUEST_S)
        body = b""
        if described.method != "GET":
            if self._media_type is not None:
                check_media_type(incoming.headers, self._media_type)
            body = incoming.body()
            if len(body) > MAX_BODY_BYTES:
                raise body_too_large(len(body))
        if described.replay != "never":
            key = incoming.headers.get("idempotency-key")
            if key is not None:
                return self._replayed(incoming, services, context, body, key)
        return self._run(incoming, services, context, body)

    def _run(self, incoming: Incoming, services: Services, context: Context, body: bytes) -> Answer:
        request: Request[Any, Any] = Request(
            self._parse_body(body),
            self._parse_query(incoming),
            incoming.path_values(),
            incoming.headers,
            context,
            body,
            incoming.prefix(),
        )
        return self._endpoint.view(request, services)

    def _replayed(
        self, incoming: Incoming, services: Services, context: Context, body: bytes, key: str
    ) -> Answer:
        if self._endpoint.replay == "refuse":
            raise Invalid.field("Idempotency-Key", "this route takes none; leave it out")

        def run(settled: Context) -> Remembered:
            answer = self._run(incoming, services, settled, body)
            return Remembered(answer.status, _encoded(answer.payload), dict(answer.headers))

        # A form has another boundary each time it is sent: what it holds is what counts.
        is_form = self._media_type not in (None, JSON)
        meant = form_content(incoming.headers, body) if is_form else body
        remembered = idempotency.once(
            services.answers,
            context,
            incoming.target(),
            key,
            hashlib.sha256(meant).hexdigest(),
            run,
        )
        renew = self._endpoint.renew
        if renew is None or not remembered.is_replay:
            return Answer(remembered.status, remembered.body, remembered.headers)
        payload = renew(services, context, orjson.loads(remembered.body))
        return Answer(remembered.status, payload, remembered.headers)

    def _parse_body(self, body: bytes) -> Any:
        if self._body is None:
            return None
        try:
            return self._body.validate_json(body or b"{}")
        except ValidationError as error:
            raise invalid_of(error) from error

    def _parse_query(self, incoming: Incoming) -> Any:
        model = self._endpoint.query
        if model is None:
            return None
        values: dict[str, Any] = {}
        for name, given in incoming.query.items():
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


def proxy_answer(
    status: int, body: str, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a proxy function returns; every answer may be read by a page of any origin."""
    return {
        "statusCode": status,
        "headers": {**_HEADERS, **headers} if headers else _HEADERS,
        "multiValueHeaders": {},
        "body": body,
    }


def rendered(answer: Answer) -> dict[str, Any]:
    """An answer as a proxy function returns it."""
    return proxy_answer(answer.status, _encoded(answer.payload), answer.headers)


def refused(error: TrialbookError, request_id: str) -> dict[str, Any]:
    """An error as a proxy function returns it."""
    status = STATUS_OF[type(error)]
    body = error_body(status, error.message, details_of(error), request_id)
    return proxy_answer(status, body, headers_of(error))


def body_too_large(size_bytes: int) -> TooLarge:
    """What a body over `MAX_BODY_BYTES` is answered with, wherever it is noticed."""
    of_bytes, of_a_run = (
        "POST /api/v1/artifacts/uploads",
        "POST /api/v1/experiments/runs/{run_id}/artifacts/uploads",
    )
    return TooLarge(
        f"a request body is at most 4 MiB; upload larger bytes by {of_bytes}, to be named by their"
        f" sha256, and a file of a run by {of_a_run}; {MLFLOW_HINT}",
        size_bytes=size_bytes,
        max_bytes=MAX_BODY_BYTES,
        upload_routes=[of_bytes, of_a_run],
    )


def authorized(
    role: Role | None, incoming: Incoming, services: Services, work: RequestWork
) -> Principal:
    """The caller's principal; the anonymous one on a public route. Raises Unauthenticated,
    Forbidden."""
    if role is None:
        return wiring.ANYBODY
    principal = services.authenticator.authenticate(incoming.presented_key())
    work.principal = principal
    if principal.role < role:
        raise Forbidden(f"this needs a key with the role {role.label}", role=principal.role.label)
    return principal


def check_media_type(headers: Mapping[str, str], media_type: str) -> None:
    """A body without a type is taken for what the route reads. Raises UnsupportedMediaType."""
    sent = headers.get("content-type", media_type)
    if sent != media_type and sent.partition(";")[0].strip().lower() != media_type:
        raise UnsupportedMediaType(f"unsupported media type; send {media_type}")


def _list_fields(query: Any) -> frozenset[str]:
    if query is None:
        return frozenset()
    return frozenset(
        name for name, info in query.model_fields.items() if "list" in str(info.annotation)
    )


def _encoded(payload: Any) -> str:
    if payload is None:
        return ""
    return payload if isinstance(payload, str) else orjson.dumps(payload).decode()
