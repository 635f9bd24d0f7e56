"""What every message does the same: authenticate, read, call, answer as JSON-RPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from chalicelib import wiring
from chalicelib.api.errors import CODE_OF, STATUS_OF, details_of, error_body, headers_of
from chalicelib.api.handler import (
    CONTENDED,
    INTERNAL,
    MAX_BODY_BYTES,
    REQUEST_S,
    TOLD,
    EventView,
    authorized,
    body_too_large,
    check_media_type,
    proxy_answer,
)
from chalicelib.api.incoming import Event, Incoming, method_of, request_id_of
from chalicelib.api.mcp import origins, protocol
from chalicelib.api.mcp.protocol import INTERNAL_ERROR, Message, ProtocolError, RequestId
from chalicelib.api.request_log import RequestWork
from chalicelib.core.context import Role
from chalicelib.core.errors import Contended, Throttled, TooLarge, TrialbookError

JSON: Final = "application/json"
MAX_ANSWER_BYTES: Final = 6_200_000
"""Of the body as a text in JSON: a function answers with 6 MiB at most, headers and all."""


class McpHandler(EventView):
    """The view of `POST /mcp`. What it serves is imported at the first message: no other request
    pays for it."""

    __name__ = "mcp_post"
    runs_long = True
    writes = False

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, event: Event) -> dict[str, Any]:
        request_id, method = request_id_of(event), method_of(event)
        with RequestWork() as work:
            exchange = _Exchange(event, work)
            answer = exchange.answer()
        work.answered(request_id, method, f"{self._path}{exchange.told}", exchange.status)
        return answer


class NoSession(EventView):
    """405: there is no stream to open, and no session to end."""

    runs_long = False
    writes = False

    def __init__(self, method: str, path: str) -> None:
        self.__name__ = f"mcp_{method.lower()}"
        self._path = path

    def __call__(self, event: Event) -> dict[str, Any]:
        request_id = request_id_of(event)
        with RequestWork() as work:
            message = "there are no sessions and no streams here; POST each message"
            body = error_body(405, message, None, request_id)
            answer = proxy_answer(405, body, {"allow": "POST"})
        work.answered(request_id, method_of(event), self._path, 405)
        return answer


class _Exchange:
    """One message and its answer. `told` and `status` are what the log is told: which tool it was,
    and how that went, whatever HTTP is answered."""

    def __init__(self, event: Event, work: RequestWork) -> None:
        self._event = event
        self._work = work
        self._id: RequestId | None = None
        self._is_modern = True
        self.told = ""
        self.status = 200

    def answer(self) -> dict[str, Any]:
        """Never raises."""
        try:
            return self._served(Incoming(self._event))
        except ProtocolError as error:
            self.status = protocol.status_of(error.code, is_modern=True)
            return self._failed(
                protocol.status_of(error.code, is_modern=self._is_modern), error.code,
                error.message, error.data,
            )  # fmt: skip
        except TrialbookError as error:
            return self._refused(error)
        except Contended as error:
            return self._refused(Throttled(CONTENDED), error)
        except Exception as error:  # noqa: BLE001 (whatever it was, the caller gets an answer)
            self._work.error = error
            self.status = 500
            return self._failed(500, INTERNAL_ERROR, INTERNAL, self._data("internal"))

    def _served(self, incoming: Incoming) -> dict[str, Any]:
        from chalicelib.api.mcp import methods

        services = wiring.services()
        domain = self._event["requestContext"].get("domainName")
        origins.check(incoming.headers, domain, services.mcp_origins)
        principal = authorized(Role.READ, incoming, services, self._work)
        check_media_type(incoming.headers, JSON)
        body = incoming.body()
        if len(body) > MAX_BODY_BYTES:
            raise body_too_large(len(body))
        message = self._read(body, incoming.headers)
        if message.id is None:
            return proxy_answer(202, "")
        self.told = " " + methods.name_of(message)
        context = services.context(principal, REQUEST_S)
        caller = methods.Caller(
            services, context, incoming.prefix(), incoming.headers.get("idempotency-key"), message
        )
        result = methods.answer(caller)
        self.status = result.status
        if result.status in TOLD:
            self._work.error = result.error
        try:
            return self._rendered(200, {"result": result.body})
        except TooLarge as error:
            refusal = methods.too_large(caller, error)
            self.status = refusal.status
            return self._rendered(200, {"result": refusal.body})

    def _read(self, body: bytes, headers: Mapping[str, str]) -> Message:
        envelope = protocol.decoded(body)
        self._id = protocol.id_of(envelope)
        self._is_modern = protocol.is_modern(envelope, headers)
        if self._is_modern:
            protocol.check_once(self._event.get("multiValueHeaders") or {})
        return protocol.message_of(envelope, headers)

    def _refused(self, error: TrialbookError, cause: Exception | None = None) -> dict[str, Any]:
        """Before any tool: its code is the status, which is outside of what the protocol keeps for
        itself."""
        self.status = status = STATUS_OF[type(error)]
        if status in TOLD:
            self._work.error = cause or error
        data = self._data(CODE_OF[status]) | {"details": details_of(error)}
        return self._failed(status, status, error.message, data, headers_of(error))

    def _data(self, code: str) -> dict[str, Any]:
        return {"code": code, "request_id": request_id_of(self._event)}

    def _failed(
        self,
        status: int,
        code: int,
        message: str,
        data: object,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        error = {"code": code, "message": message}
        return self._rendered(
            status, {"error": error if data is None else error | {"data": data}}, headers
        )

    def _rendered(
        self, status: int, what: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        body = orjson.dumps({"jsonrpc": "2.0", "id": self._id, **what}, default=str).decode()
        if len(body) > MAX_ANSWER_BYTES / 4 and len(orjson.dumps(body)) > MAX_ANSWER_BYTES:
            raise TooLarge("the answer is larger than a function may give; ask for less at once")
        return proxy_answer(status, body, headers)
