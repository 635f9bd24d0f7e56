"""What a tool is: a route in the words of an assistant.

A tool names the route that it calls, and of that route's parameters and fields those that it takes,
each with a word on what it is. Its schemas are those of the route's models, its arguments are
checked by them, and its answer is the route's: what holds of the one holds of the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from chalicelib.api.contract import Endpoint, Request, View
from chalicelib.api.endpoint import ENDPOINTS
from chalicelib.api.errors import invalid_of
from chalicelib.api.mcp import schemas
from chalicelib.api.mcp.schemas import Schema
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import FieldError, Forbidden, Invalid, NotFound, TrialbookError
from chalicelib.wiring import Services

MAX_TEXT: Final = 100_000
"""Characters of an answer that are repeated as text: more than that no model reads."""
_VARIABLE: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Argument:
    """What a tool says of one of its arguments. `default` and `maximum` are the tool's own, where a
    model wants less than a program; `of` is the route's name for it where that is another one;
    `schema` replaces what the route's model says of it."""

    description: str
    default: Any = None
    maximum: int | None = None
    of: str | None = None
    schema: Schema | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, its arguments checked and taken apart for the route."""

    request: Request[Any, Any]
    services: Services
    arguments: Mapping[str, Any]


class Outcome(NamedTuple):
    """What a tool found: `payload` is JSON, `note` what a reader should know of it first, `blocks`
    are contents besides."""

    payload: Any
    note: str | None = None
    blocks: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Tool:
    """`missing` says what to do when something is not there; `answer` is the type of what `run`
    finds, where that is not the route's own answer; `note` makes one of a route's answer."""

    name: str
    title: str
    view: View
    description: str
    arguments: Mapping[str, Argument]
    missing: str
    answer: Any = None
    run: Callable[[Call], Outcome] | None = None
    note: Callable[[Any, Mapping[str, Any]], str | None] | None = None
    prepare: Callable[[Context, Services, dict[str, Any]], None] | None = None
    """Changes the values of the route's path before it is called."""

    @cached_property
    def endpoint(self) -> Endpoint:
        return next(one for one in ENDPOINTS if one.view is self.view)

    @property
    def role(self) -> Role:
        assert self.endpoint.role is not None
        return self.endpoint.role

    @property
    def writes(self) -> bool:
        return self.role > Role.READ

    @cached_property
    def described(self) -> Schema:
        """As `tools/list` shows it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": _paragraphs(self.description),
            "inputSchema": self.input_schema,
            "outputSchema": schemas.answer_schema(self.answer or self.endpoint.answer),
            "annotations": {
                "title": self.title,
                "readOnlyHint": not self.writes,
                # What is written is added; there is no tool that changes or removes anything.
                "destructiveHint": False,
                "idempotentHint": not self.writes,
                "openWorldHint": False,
            },
        }

    @cached_property
    def input_schema(self) -> Schema:
        fields, required, definitions = _fields(self.endpoint)
        properties: dict[str, Schema] = {}
        for name, one in self.arguments.items():
            schema = one.schema or {
                key: value for key, value in fields[one.of or name].items() if key != "description"
            }
            if one.default is not None:
                schema = {**schema, "default": one.default}
            if one.maximum is not None:
                schema = {**schema, "maximum": one.maximum}
            properties[name] = {"description": one.description, **schema}
        needed = [name for name, one in self.arguments.items() if (one.of or name) in required]
        return schemas.object_schema(properties, needed, definitions)

    def called(
        self, context: Context, services: Services, prefix: str, arguments: Mapping[str, Any]
    ) -> Outcome:
        """Raises TrialbookError. What is another tenant's is not there."""
        given, wrong = self._checked(arguments)
        request = self._request(context, services, prefix, given, wrong)
        try:
            if self.run is not None:
                return self.run(Call(request, services, given))
            payload = self.view(request, services).payload
        except Forbidden as error:
            raise hidden(error) from None
        return Outcome(payload, self._note(payload, given))

    def _checked(self, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
        """Known arguments, with defaults and without what is null, and what is wrong so far."""
        given = {name: arguments.get(name) for name in self.arguments}
        given = {
            name: self.arguments[name].default if value is None else value
            for name, value in given.items()
        }
        wrong = [
            FieldError(
                name[:100], f"is no argument of this tool; it takes {', '.join(self.arguments)}"
            )
            for name in arguments
            if name not in self.arguments
        ]
        wrong += [
            FieldError(name, f"must be at most {one.maximum}")
            for name, one in self.arguments.items()
            if one.maximum is not None and _is_above(given[name], one.maximum)
        ]
        return {name: value for name, value in given.items() if value is not None}, wrong

    def _request(
        self,
        context: Context,
        services: Services,
        prefix: str,
        given: Mapping[str, Any],
        wrong: list[FieldError],
    ) -> Request[Any, Any]:
        """Raises Invalid with all that is wrong."""
        endpoint = self.endpoint
        named = {self.arguments[name].of or name: value for name, value in given.items()}
        path = {name: named.pop(name, None) for name in _VARIABLE.findall(endpoint.path)}
        errors = [_path_error(name, value) for name, value in path.items()]
        wrong += [error for error in errors if error is not None]
        query = body = None
        try:
            if endpoint.query is not None:
                query = endpoint.query.model_validate(named)
            elif endpoint.body is not None:
                body = _adapter(endpoint).validate_json(to_json(named))
        except ValidationError as error:
            wrong += invalid_of(error).fields
        if wrong:
            raise self._in_own_words(wrong)
        if self.prepare is not None:
            self.prepare(context, services, path)
        return Request(body, query, path, {"accept": "application/json"}, context, b"", prefix)

    def _in_own_words(self, wrong: list[FieldError]) -> Invalid:
        names = {one.of: name for name, one in self.arguments.items() if one.of is not None}
        wrong = [FieldError(names.get(one.path, one.path), one.message) for one in wrong]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        place = f"{wrong[0].path}: " if wrong[0].path else ""
        return Invalid(f"{place}{wrong[0].message}{more}", wrong)

    def _note(self, payload: Any, given: Mapping[str, Any]) -> str | None:
        if self.note is not None:
            return self.note(payload, given)
        cursor: str | None = payload.get("next_cursor")
        if cursor is None:
            return None
        return (
            f"This is one page and there is more: call {self.name} again with the same arguments"
            f' and cursor="{cursor}".'
        )


def hidden(error: Forbidden) -> TrialbookError:
    """What is another tenant's, told as what does not exist."""
    names = [name for name in error.details if name.endswith("_id")]
    if not names:
        return error
    noun = names[0].removesuffix("_id")
    return NotFound(f"there is no such {noun}", **error.details)


def _paragraphs(text: str) -> str:
    """Each on a line of its own, however long."""
    return "\n\n".join(" ".join(one.split()) for one in text.split("\n\n"))


def json_text(payload: Any) -> str:
    return orjson.dumps(payload).decode()


def _fields(endpoint: Endpoint) -> tuple[dict[str, Schema], frozenset[str], dict[str, Schema]]:
    path = {name: {"type": "string", "minLength": 1} for name in _VARIABLE.findall(endpoint.path)}
    model = endpoint.query if endpoint.query is not None else endpoint.body
    fields, required, definitions = schemas.fields_of(model)
    return path | fields, required | path.keys(), definitions


def _adapter(endpoint: Endpoint) -> TypeAdapter[Any]:
    found = _ADAPTERS.get(endpoint.path)
    if found is None:
        found = _ADAPTERS[endpoint.path] = TypeAdapter[Any](endpoint.body)
    return found


_ADAPTERS: Final[dict[str, TypeAdapter[Any]]] = {}


def _is_above(value: Any, maximum: int) -> bool:
    return isinstance(value, int | float) and value > maximum


def _path_error(name: str, value: Any) -> FieldError | None:
    if value is None:
        return FieldError(name, "is missing")
    if not isinstance(value, str) or not value:
        return FieldError(name, "must be a text that is not empty")
    return None
