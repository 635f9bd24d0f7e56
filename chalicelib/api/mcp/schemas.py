"""JSON Schemas of tools, made from the models of the routes that they call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

from pydantic import TypeAdapter

Schema: TypeAlias = dict[str, Any]

_NULL: Final[Schema] = {"type": "null"}
_BY_NAME: Final = ("properties", "patternProperties", "$defs")
"""Keywords whose values are named by whoever wrote the model."""


def fields_of(model: Any) -> tuple[dict[str, Schema], frozenset[str], dict[str, Schema]]:
    """The fields of a model, those that must be there, and the definitions they refer to. A field
    that may be null may be left out, which says the same in fewer words."""
    if model is None:
        return {}, frozenset(), {}
    whole = _untitled(TypeAdapter(model).json_schema())
    fields = {name: _without_null(field) for name, field in whole["properties"].items()}
    return fields, frozenset(whole.get("required", ())), whole.get("$defs", {})


def answer_schema(answer: Any) -> Schema:
    """Of what a route answers."""
    return _untitled(TypeAdapter(answer).json_schema(mode="serialization"))


def object_schema(
    properties: Mapping[str, Schema], required: list[str], definitions: Mapping[str, Schema]
) -> Schema:
    """An object with these properties and no others."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    needed = _needed(properties, definitions)
    if needed:
        schema["$defs"] = {name: definitions[name] for name in sorted(needed)}
    return schema


def _needed(schema: object, definitions: Mapping[str, Schema]) -> set[str]:
    """Names of the definitions that it refers to, at whatever distance."""
    needed: set[str] = set()
    waiting: list[object] = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            found = cast("Schema", one)
            name = str(found.get("$ref", "")).removeprefix("#/$defs/")
            if name in definitions and name not in needed:
                needed.add(name)
                waiting.append(definitions[name])
            waiting.extend(found.values())
        elif isinstance(one, list):
            waiting.extend(cast("list[object]", one))
    return needed


def _without_null(field: Schema) -> Schema:
    options = field.get("anyOf")
    if options is None or _NULL not in options:
        return field
    rest = {name: value for name, value in field.items() if name != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    options = [option for option in options if option != _NULL]
    return {**options[0], **rest} if len(options) == 1 else {"anyOf": options, **rest}


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names: they are a third of it and say nothing."""
    if isinstance(schema, list):
        return [_untitled(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    kept: Schema = {}
    for name, value in cast("Schema", schema).items():
        if name in _BY_NAME:
            kept[name] = {one: _untitled(inner) for one, inner in value.items()}
        elif name != "title" or not isinstance(value, str):
            kept[name] = _untitled(value)
    return kept
