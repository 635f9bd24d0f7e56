"""What a tool is: a route in the words of an assistant.

A tool names the route that it calls, and of that route's parameters and fields those that it takes,
each with a word on what it is. Its schemas are those of the route's models, its arguments are
checked by them, and its answer is the route's: what holds of the one holds of the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
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
from chalicelib.core.errors import FieldError, Forbidden, Invalid, NotFound
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
    """`missing` says what to do when something is not there, `conflict` when it is not as it would
    have to be; `answer` is the type of what `run`
    finds, where that is not the route's own answer; `note` makes one of a route's answer."""

    name: str
    title: str
    view: View
    description: str
    arguments: Mapping[str, Argument]
    missing: str
    conflict: str = "If something has to be changed first, no tool here does it: ask the user."
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
            schema = one.schema
            if schema is None:
                found = fields[one.of or name].items()
                schema = {key: value for key, value in found if key != "description"}
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
        given = {name: self._value(name, arguments) for name in self.arguments}
        given = {name: value for name, value in given.items() if value is not None}
        request = self._request(context, services, prefix, given, self._unknown(arguments))
        try:
            if self.run is not None:
                return self.run(Call(request, services, given))
            payload = self.view(request, services).payload
        except Forbidden as error:
            raise hidden(error) from None
        return Outcome(payload, self._note(payload, given))

    def own_name(self, name: str) -> str:
        """What the tool calls a parameter or field of its route."""
        return next((own for own, one in self.arguments.items() if one.of == name), name)

    def _value(self, name: str, arguments: Mapping[str, Any]) -> Any:
        given = arguments.get(name)
        return self.arguments[name].default if given is None else given

    def _unknown(self, arguments: Mapping[str, Any]) -> list[FieldError]:
        message = f"is no argument of this tool; it takes {', '.join(self.arguments)}"
        return [FieldError(name[:100], message) for name in arguments if name not in self.arguments]

    def _request(
        self,
        context: Context,
        services: Services,
        prefix: str,
        given: Mapping[str, Any],
        wrong: list[FieldError],
    ) -> Request[Any, Any]:
        """`wrong` is known already. Raises Invalid with all that is."""
        endpoint = self.endpoint
        named = {self.arguments[name].of or name: value for name, value in given.items()}
        path = {name: named.pop(name, None) for name in _VARIABLE.findall(endpoint.path)}
        wrong += filter(None, (self._path_error(name, value) for name, value in path.items()))
        query = body = None
        try:
            # From JSON, as the routes read theirs, and strictly: a query's texts are not numbers
            # here.
            if endpoint.query is not None:
                query = _adapter(endpoint.query).validate_json(to_json(named), strict=True)
            elif endpoint.body is not None:
                body = _adapter(endpoint.body).validate_json(to_json(named))
        except ValidationError as error:
            found = invalid_of(error).fields
            wrong += [FieldError(self.own_name(one.path), one.message) for one in found]
        wrong += self._too_many(given, {one.path for one in wrong})
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            place = f"{wrong[0].path}: " if wrong[0].path else ""
            raise Invalid(f"{place}{wrong[0].message}{more}", wrong)
        if self.prepare is not None:
            self.prepare(context, services, path)
        return Request(body, query, path, {"accept": "application/json"}, context, b"", prefix)

    def _path_error(self, name: str, value: Any) -> FieldError | None:
        own = self.own_name(name)
        if value is None:
            return FieldError(own, "is missing")
        if not isinstance(value, str) or not value:
            return FieldError(own, "must be a text that is not empty")
        return None

    def _too_many(self, given: Mapping[str, Any], known: set[str]) -> list[FieldError]:
        """Above a maximum of the tool's own; what is `known` to be wrong is told already."""
        return [
            FieldError(name, f"must be at most {one.maximum}")
            for name, one in self.arguments.items()
            if one.maximum is not None and name not in known and given[name] > one.maximum
        ]

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


def hidden(error: Forbidden) -> NotFound:
    """What is another tenant's, told as what does not exist."""
    noun = next(name for name in error.details if name.endswith("_id")).removesuffix("_id")
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


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)
