"""The OpenAPI 3.1 document, made from the routes and their models.

`python -m chalicelib.api.openapi` writes openapi.json; `--check` fails when it would differ.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from pydantic import TypeAdapter

from chalicelib import __version__
from chalicelib.api import openapi_examples as examples
from chalicelib.api import openapi_texts as texts
from chalicelib.api.endpoint import ENDPOINTS, Endpoint
from chalicelib.api.errors import CODE_OF
from chalicelib.core.context import Role

FILE: Final = Path(__file__).resolve().parents[2] / "openapi.json"
REF: Final = "#/components/schemas/{model}"
_PATH_VARIABLE: Final = re.compile(r"\{([a-z_]+)\+?\}")
_MOMENT: Final = re.compile(r".*_(at|time)|last_updated")
_ERROR_REF: Final = {"$ref": REF.format(model="Error")}


def document(base_path: str = "") -> dict[str, Any]:
    """The whole document, paths in order. `base_path` is the stage that comes before them."""
    # Routes are registered when their modules are imported, which the application does.
    importlib.import_module("app")
    schemas = _Schemas(ENDPOINTS)
    paths: dict[str, dict[str, Any]] = {}
    for one in sorted(ENDPOINTS, key=lambda each: (each.path, each.method)):
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trialbook",
            "version": __version__,
            "summary": texts.SUMMARY,
            "description": texts.DESCRIPTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_path or "/"}],
        "tags": [{"name": name, "description": text} for name, text in texts.TAGS.items()],
        "security": [{"apiKey": []}, {"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**schemas.components, "Error": _error_schema()}.items())),
            "responses": {
                str(status): _error_response(status) for status in sorted(texts.STATUSES)
            },
            "securitySchemes": texts.SECURITY_SCHEMES,
        },
    }


class _Schemas:
    """JSON schemas of all bodies and answers, with the models they share as components."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        wanted: dict[Any, tuple[Any, Any]] = {}
        for one in endpoints:
            wanted[id(one.body), "validation"] = one.body, "validation"
            wanted[id(one.answer), "serialization"] = one.answer, "serialization"
        found, definitions = TypeAdapter.json_schemas(
            [
                (key, mode, TypeAdapter[Any](shape))
                for key, (shape, mode) in wanted.items()
                if shape is not None
            ],
            ref_template=REF,
        )
        self._found = found
        self.components: dict[str, Any] = {
            name: _tidied(schema) for name, schema in definitions.get("$defs", {}).items()
        }

    def body(self, one: Endpoint) -> dict[str, Any]:
        return _tidied(self._found[(id(one.body), "validation"), "validation"])

    def answer(self, one: Endpoint) -> dict[str, Any]:
        return _tidied(self._found[(id(one.answer), "serialization"), "serialization"])

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema itself, or the component it points to."""
        ref = schema.get("$ref")
        return schema if ref is None else self.components[ref.rpartition("/")[2]]


def _tidied(schema: Any) -> Any:
    """A schema without pydantic's habits: titles that repeat the names of fields, and names of
    mappings checked by a pattern that lets every other name pass."""
    if isinstance(schema, list):
        return [_tidied(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    tidy: dict[str, Any] = {}
    for name, value in cast("dict[str, Any]", schema).items():
        if name == "properties":
            tidy[name] = {field: _field(field, one) for field, one in value.items()}
        elif name == "patternProperties":
            ((pattern, values),) = value.items()
            tidy["additionalProperties"] = _tidied(values)
            tidy.setdefault("propertyNames", {})["pattern"] = pattern
        elif name == "propertyNames":
            tidy.setdefault(name, {}).update(value)
        elif name != "title":
            tidy[name] = value if name in {"default", "const", "enum"} else _tidied(value)
    return tidy


def _field(name: str, schema: Any) -> dict[str, Any]:
    """A property's schema. Fields that are named like a time hold an RFC 3339 string."""
    tidy: dict[str, Any] = _tidied(schema)
    if _MOMENT.fullmatch(name):
        for option in tidy.get("anyOf", [tidy]):
            if option.get("type") == "string":
                option["format"] = "date-time"
    return tidy


def _operation(one: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    name = one.view.__name__
    doc = (one.view.__doc__ or "").strip()
    notes = [*doc.split("\n\n")[1:], *texts.NOTES.get(name, ())]
    if one.role is not None:
        notes.append(f"Needs the role `{Role(one.role).label}` or a higher one.")
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": " ".join(doc.partition("\n\n")[0].split()).removesuffix("."),
        "tags": [next(tag for prefix, tag in texts.TAG_OF if one.path.startswith(prefix))],
        "responses": _responses(one, schemas),
    }
    if notes:
        operation["description"] = " ".join(" ".join(notes).split())
    parameters = _parameters(one)
    if parameters:
        operation["parameters"] = parameters
    if one.role is None:
        operation["security"] = []
    if one.body is not None:
        schema = schemas.body(one)
        # A body whose fields may all be left out may be left out itself.
        resolved = schemas.resolved(schema)
        is_required = bool(resolved.get("required") or resolved.get("minProperties"))
        operation["requestBody"] = _content(schema, examples.BODIES.get(name)) | {
            "required": is_required
        }
    elif one.media_type == "multipart/form-data":
        operation["requestBody"] = {
            "content": {"multipart/form-data": {"schema": texts.FORM}},
            "required": True,
        }
    return operation


def _content(schema: Mapping[str, Any], shown: Mapping[str, Any] | None) -> dict[str, Any]:
    """JSON of this schema, with examples by title."""
    media: dict[str, Any] = {"schema": schema}
    if shown is not None:
        media["examples"] = {
            title.replace(" ", "-"): {"summary": title, "value": value}
            for title, value in shown.items()
        }
    return {"content": {"application/json": media}}


def _parameters(one: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": texts.PATH_PARAMETERS[name][0],
            "schema": texts.PATH_PARAMETERS[name][1],
        }
        for name in _PATH_VARIABLE.findall(one.path)
    ]
    if one.query is not None:
        schema = one.query.model_json_schema(ref_template=REF)
        found.extend(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "description": field.get("description") or texts.QUERY_PARAMETERS[name],
                "schema": _without_null(_field(name, field)),
            }
            for name, field in schema["properties"].items()
            # No style of OpenAPI spells `label.<name>=<value>`: a note tells of it.
            if field.get("type") != "object"
        )
    if one.replay == "remember":
        found.append(texts.IDEMPOTENCY_KEY)
    if 412 in one.errors:
        found.append(texts.IF_MATCH)
    return found


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A query parameter may be left out, and cannot be null."""
    if "anyOf" not in field:
        return field
    (option,) = [option for option in field["anyOf"] if option != {"type": "null"}]
    rest = {name: value for name, value in field.items() if name not in {"anyOf", "default"}}
    return {**option, **rest}


def _responses(one: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    name = one.view.__name__
    success: dict[str, Any] = {"description": texts.ANSWERS.get(name, "Done.")}
    if one.answer is not None:
        success |= _content(schemas.answer(one), examples.PAYLOADS.get(name))
    responses = {str(one.status): success}
    for status in sorted(_other_statuses(one)):
        if status == 307:
            responses["307"] = texts.REDIRECT
        elif status == 202:
            responses["202"] = success | {"description": texts.PENDING}
        elif status == 503 and one.role is None:
            responses["503"] = success | {"description": "A store cannot be reached."}
        else:
            responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return responses


def _other_statuses(one: Endpoint) -> set[int]:
    """Every status besides the successful one that can really come."""
    # 400: a URL that is not percent-encoded UTF-8 is refused everywhere.
    found = {400, 500, *one.errors}
    if one.role is not None:
        found |= {401, 429, 503}
        if one.role > Role.READ:
            found.add(403)
    if one.method != "GET":
        found.add(413)
    if one.body is not None or one.media_type != "application/json":
        found.add(415)
    if one.replay == "remember":
        found.add(409)
    return found


def _error_response(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": texts.STATUSES[status],
        "content": {
            "application/json": {
                "schema": _ERROR_REF,
                "example": texts.error_example(status, CODE_OF[status]),
            }
        },
    }
    if status in texts.ERROR_HEADERS:
        response["headers"] = texts.ERROR_HEADERS[status]
    return response


def _error_schema() -> dict[str, Any]:
    schema = json.loads(json.dumps(texts.ERROR))
    schema["properties"]["error"]["properties"]["code"]["enum"] = sorted(CODE_OF.values())
    return schema


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` compare it."""
    if arguments == ["--check"]:
        if not FILE.exists() or FILE.read_text(encoding="utf-8") != text():
            sys.stderr.write("openapi.json is out of date: run make openapi\n")
            return 1
        return 0
    FILE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
