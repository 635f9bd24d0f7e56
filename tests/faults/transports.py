"""Connections that break, and who tries again: between the tests of a suite and the app."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

import httpx

from app import app
from chalicelib.api.endpoint import ENDPOINTS
from chalicelib.core.log_ids import log_id
from local.routing import Resource, Router
from tests.api.answers import Json
from tests.api.engines import START_MS
from tests.faults import mlflow_calls
from tests.faults.faults import Died, Faults

if TYPE_CHECKING:
    from tests.faults.suite import BadLuck

CLAIMED_S: Final = 61
"""By then what somebody had claimed who died may be taken over."""
ATTEMPTS: Final = 20
LOG_BATCH: Final = "/experiment/{slug}/log/batch"
PASSING: Final = {"throttled", "unavailable"}
_BEFALLEN: Final = "trialbook.befallen"
_WROTE: Final = "trialbook.wrote"
_IDS: Final = re.compile(r"[0-9a-f]{32,}|[^/?]{40,}")


class Exposed(httpx.BaseTransport):
    """A transport whose connections break, before it something that fails and dies."""

    def __init__(self, inner: httpx.BaseTransport, luck: BadLuck, in_a_row: int) -> None:
        self._inner = inner
        self._luck = luck
        self._in_a_row = in_a_row

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        name = _name(request)
        faults = self._luck.faults_of(name)
        befallen = self._luck.befallen[name]
        faults.are_on = befallen < self._in_a_row
        faults.spares_done = mlflow_calls.creates(request)
        try:
            answer = self._answer(request, faults)
            if not is_in_flight(answer):
                self._luck.befallen[name] = 0
            return answer
        finally:
            if faults.wrote:
                request.extensions[_WROTE] = True
            if befell(faults):
                request.extensions[_BEFALLEN] = True
                self._luck.befallen[name] = befallen + 1
            self._luck.note(name, faults)

    def _answer(self, request: httpx.Request, faults: Faults) -> httpx.Response:
        if faults.is_broken("connection"):
            raise httpx.ConnectError("connection refused", request=request)
        try:
            with self._luck.asked.during(faults):
                answer = self._inner.handle_request(request)
        except Died:
            self._luck.restart()
            return httpx.Response(502, json={"message": "Internal server error"})
        if faults.is_broken("answer"):
            raise httpx.ReadError("connection reset", request=request)
        if answer.status_code == 202 or (is_in_flight(answer) and _BEFALLEN in request.extensions):
            self._luck.clock.advance(CLAIMED_S)  # who is told to wait may have another clock
        return answer


class Endured(httpx.BaseTransport):
    """Tries again what something befell, as our client and MLflow's do, so that it is done, and
    done once. Not so a 500, which MLflow's sends again: it must not be answered."""

    def __init__(self, inner: httpx.BaseTransport, luck: BadLuck) -> None:
        self._inner = inner
        self._luck = luck

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        route = _route(request)
        if route is not None and request.method == "POST" and "POST" in route.endpoints:
            if route.pattern == LOG_BATCH and _logs_of(request):
                return self._logged(request)
            if route.pattern in _REMEMBERED and "idempotency-key" not in request.headers:
                number = self._luck.number_of("idempotency key")
                request.headers["idempotency-key"] = f"endured-{number}"
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        for _ in range(ATTEMPTS):
            wrote = _WROTE in request.extensions
            try:
                answer = self._inner.handle_request(request)
            except httpx.TransportError:
                continue
            if wrote and mlflow_calls.says_that_it_was_done(request, answer):
                told = mlflow_calls.telling(request)
                return httpx.Response(200, json={}) if told is None else self._answer(told)
            passes = answer.status_code in (429, 502, 503) or is_in_flight(answer)
            if not passes or _BEFALLEN not in request.extensions:
                return answer
        raise AssertionError(f"{request.method} {request.url.path} is never answered")

    def _logged(self, request: httpx.Request) -> httpx.Response:
        """A batch, and again those of it that were not taken. Logs have ids, which our client makes
        where the caller did not."""
        logs = _logs_of(request)
        for log in logs:
            at_ms = log.get("timestamp", self._luck.clock.now_ms())
            if "logId" not in log and type(at_ms) is int and START_MS / 2 < at_ms < 2 * START_MS:
                log["logId"] = log_id(at_ms, self._luck.clock.random_bytes(10))
        results: dict[int, Json] = {}
        while left := [at for at in range(len(logs)) if at not in results]:
            answer = self._answer(_with_logs(request, [logs[at] for at in left]))
            if answer.status_code != 200:
                return answer
            told: list[Json] = answer.json()["results"]
            results |= {at: one for at, one in zip(left, told, strict=True) if not _passes(one)}
        content = json.dumps({"results": [results[at] for at in range(len(logs))]})
        return httpx.Response(200, content=content)


_router = Router(app.routes)
_REMEMBERED: Final = {one.path for one in ENDPOINTS if one.replay == "remember"}
"""Routes whose POST may have an idempotency key."""


def _route(request: httpx.Request) -> Resource | None:
    path = request.url.raw_path.partition(b"?")[0].decode("ascii")
    matched = _router.match(path)
    return None if matched is None else matched[0]


def _name(request: httpx.Request) -> str:
    """What requests have in common of which one is the n-th."""
    call = mlflow_calls.call_of(request)  # many are behind one route
    if call is not None:
        return _IDS.sub("*", call)
    route = _route(request)
    path = _IDS.sub("*", request.url.path) if route is None else route.pattern
    return f"{request.method} {path}"


def _logs_of(request: httpx.Request) -> list[Json]:
    """Those of a batch that is well-formed and has no key to be known again by, else none."""
    try:
        body: Any = json.loads(request.content)
    except ValueError:
        return []
    logs = cast("Json", body).get("logs") if isinstance(body, dict) else None
    if not isinstance(logs, list) or "idempotency-key" in request.headers:
        return []
    given = cast("list[Any]", logs)
    return given if all(isinstance(log, dict) for log in given) else []


def _passes(result: Json) -> bool:
    return not result["success"] and result["error"]["code"] in PASSING


def _with_logs(request: httpx.Request, logs: list[Json]) -> httpx.Request:
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    content = json.dumps({**json.loads(request.content), "logs": logs})
    return httpx.Request(request.method, request.url, headers=headers, content=content)


def is_in_flight(answer: httpx.Response) -> bool:
    """Whether an earlier attempt has not ended, or died."""
    return answer.status_code == 409 and "retry-after" in answer.headers


def befell(faults: Faults) -> bool:
    """Whether any of it did."""
    return any(": " in one for one in faults.trace)
