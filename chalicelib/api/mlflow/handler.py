"""What every MLflow call does the same: authenticate, parse, call, map errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from importlib import import_module
from typing import Any, Final, cast
from urllib.parse import unquote

import orjson
from pydantic import ValidationError

from chalicelib import wiring
from chalicelib.api.contract import Answer
from chalicelib.api.handler import (
    CONTENDED,
    INTERNAL,
    MAX_BODY_BYTES,
    REQUEST_S,
    EventView,
    authorized,
    body_too_large,
    proxy_answer,
    rendered,
)
from chalicelib.api.incoming import Event, Incoming, method_of, request_id_of
from chalicelib.api.mlflow import checks, errors
from chalicelib.api.mlflow.calls import Asked, Call, Described
from chalicelib.api.mlflow.errors import STATUS_OF, Failure, failure_of
from chalicelib.api.request_log import RequestWork
from chalicelib.core.errors import Contended, Invalid, Throttled, TrialbookError
from chalicelib.wiring import Services

RETRY_AFTER_S: Final = "1"


class MlflowHandler(EventView):
    """The view that Chalice registers for a prefix and a method; called with the event. The areas'
    modules are imported at the first call: no other request pays for them."""

    def __init__(
        self,
        name: str,
        areas: Sequence[str],
        method: str,
        *,
        runs_long: bool,
        path: str | None = None,
    ) -> None:
        """`areas` are modules of this package that have `calls`; `path` is the one call of a route
        that is no prefix."""
        self.__name__ = name
        self._path = path
        self.runs_long = runs_long
        self.writes = method != "GET"
        self._areas = areas

    @cached_property
    def _table(self) -> _Table:
        modules = (import_module(f"chalicelib.api.mlflow.{area}") for area in self._areas)
        return _Table([one for module in modules for one in module.calls.described])

    def __call__(self, event: Event) -> dict[str, Any]:
        method = method_of(event)
        found = self._table.find(method, _path_of(event) if self._path is None else self._path)
        route = "(unknown)" if found is None else found[0].path
        with RequestWork() as work:
            try:
                answer = self._answered_call(event, found, work)
            except Failure as failure:
                answer = refused(failure)
            except TrialbookError as error:
                answer = refused(failure_of(error))
                if answer["statusCode"] in (429, 503):
                    work.error = error
            except Contended as error:
                work.error = error
                answer = refused(failure_of(Throttled(CONTENDED)))
            except Exception as error:  # noqa: BLE001 (whatever it was, the caller gets an answer)
                work.error = error
                answer = refused(Failure("INTERNAL_ERROR", INTERNAL))
        resource = event["requestContext"].get("resourcePath", "")
        told = resource.replace("{path+}", route)
        work.answered(request_id_of(event), method, told, answer["statusCode"])
        return answer

    def _answered_call(
        self, event: Event, found: tuple[Described, dict[str, str]] | None, work: RequestWork
    ) -> dict[str, Any]:
        incoming, services = Incoming(event), wiring.services()
        if found is None:
            raise Failure("ENDPOINT_NOT_FOUND", "there is no such endpoint here")
        described, path = found
        principal = authorized(described.role, incoming, services, work)
        body = incoming.body()
        if len(body) > MAX_BODY_BYTES:
            raise errors.invalid(body_too_large(len(body)).message)
        call: Call[Any] = Call(
            _asked(described, incoming, body),
            path,
            incoming.headers,
            services.context(principal, REQUEST_S),
            body,
            incoming.prefix(),
        )
        return _rendered(described, call, services)


def _rendered(described: Described, call: Call[Any], services: Services) -> dict[str, Any]:
    payload = described.view(call, services)
    return rendered(payload if isinstance(payload, Answer) else Answer(200, payload))


def refused(failure: Failure) -> dict[str, Any]:
    """A failure as a proxy function returns it."""
    status = STATUS_OF[failure.code]
    headers = {"content-type": "application/json"}
    if status in (429, 503):
        headers["retry-after"] = RETRY_AFTER_S
    return proxy_answer(status, errors.body_of(failure), headers)


class _Table:
    """Finds a call by method and path: one look-up, or a walk over those with variables."""

    def __init__(self, described: Sequence[Described]) -> None:
        self._literal = {(one.method, one.path): one for one in described if "{" not in one.path}
        self._patterns = [(one, one.path.split("/")) for one in described if "{" in one.path]

    def find(self, method: str, path: str) -> tuple[Described, dict[str, str]] | None:
        literal = self._literal.get((method, path))
        if literal is not None:
            return literal, {}
        segments = path.split("/")
        for one, pattern in self._patterns:
            if one.method == method:
                values = _matched(pattern, segments)
                if values is not None:
                    return one, values
        return None


def _matched(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """Values of the variables; the last may be greedy (`{path+}`), of at least one segment."""
    is_greedy = pattern[-1].endswith("+}")
    if len(segments) < len(pattern) if is_greedy else len(segments) != len(pattern):
        return None
    values: dict[str, str] = {}
    for at, name in enumerate(pattern):
        if name[:1] != "{":
            if segments[at] != name:
                return None
        elif name.endswith("+}"):
            values[name[1:-2]] = "/".join(segments[at:])
        elif not segments[at]:
            return None
        else:
            values[name[1:-1]] = segments[at]
    try:
        return {name: unquote(value, errors="strict") for name, value in values.items()}
    except UnicodeDecodeError:
        raise Invalid("the path is not percent-encoded UTF-8") from None


def _path_of(event: Event) -> str:
    """The path below the prefix, as it was sent."""
    values: dict[str, str] = event["pathParameters"] or {}
    return values.get("path", "").strip("/")


def _asked(described: Described, incoming: Incoming, body: bytes) -> Any:
    """Raises Failure."""
    model = described.asked
    fields: dict[str, Any] = {}
    for name, given in incoming.query.items():
        plain = name.removesuffix("[]")
        fields[plain] = given if plain in _list_fields(model) else given[-1]
    if body and not described.raw:
        fields |= _json_object(body)
    if None in fields.values():  # as good as absent
        fields = {name: value for name, value in fields.items() if value is not None}
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _told(error) from error


@cache
def _list_fields(model: type[Asked]) -> frozenset[str]:
    fields = model.model_fields.items()
    return frozenset(name for name, info in fields if "list" in str(info.annotation).lower())


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Failure("BAD_REQUEST", "the body is not JSON") from None
    if isinstance(found, str):  # some clients encode twice
        return _json_object(found.encode())
    if not isinstance(found, dict):
        raise Failure("BAD_REQUEST", "the body is not a JSON object")
    return cast("dict[str, Any]", found)


def _told(error: ValidationError) -> Failure:
    """In MLflow's words: it looks at the type of a value, and for one that must be there."""
    first = error.errors(include_url=False)[0]
    # the branch of a union is no part of the name
    loc = [part for part in first["loc"] if part not in ("str", "int")]
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    name, value = "".join(parts).removeprefix("."), first["input"]
    if first["type"] == "missing" or (first["type"] == "string_too_short" and value == ""):
        return checks.absent(name)
    if first["type"] == "string_too_long":
        limit = first.get("ctx", {}).get("max_length")
        field = name.rpartition(".")[2]
        return errors.invalid(f"'{field}' exceeds the maximum length of {limit} characters")
    # of how many results are wanted the limit counts as part of the type
    if name == "max_results" or first["type"].endswith(("_type", "_parsing", "_from_float")):
        return checks.bad_type(name, value)
    return checks.bad_value(name, value, first["msg"])
