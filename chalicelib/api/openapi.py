"""The OpenAPI 3.1 document, made from the routes and their models.

`python -m chalicelib.api.openapi` writes openapi.json; `--check` fails when it would differ.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from chalicelib import __version__
from chalicelib.api.contract import Endpoint
from chalicelib.api.endpoint import ENDPOINTS
from chalicelib.api.errors import CODE_OF
from chalicelib.core.context import Role

FILE = Path(__file__).resolve().parents[2] / "openapi.json"
REF = "#/components/schemas/{model}"
_PATH_VARIABLE = re.compile(r"\{([a-z_]+)\+?\}")
_TAG_OF = (
    ("/api/v1/keys", "keys"),
    ("/api/v1/experiments/runs", "runs"),
    ("/api/v1/experiments", "experiments"),
)
DESCRIPTION_OF = {
    307: "Where the bytes are, in `Location`.",
    400: "The request is malformed; `details.fields` lists every bad field.",
    401: "The API key is missing, malformed, unknown, expired or revoked.",
    403: "The key's role is too low, or the thing is another tenant's.",
    404: "There is no such thing.",
    405: "The route does not have that method.",
    409: "The state of the thing does not allow it.",
    412: "`If-Match` named another version.",
    413: "The body is over 4 MiB; the message names the way for larger ones.",
    415: "The body's media type is not one the route reads.",
    429: "Slow down: `Retry-After` says for how long.",
    503: "A store did not answer: `Retry-After` says when to try again.",
}


def document() -> dict[str, Any]:
    """The whole document; routes in order of path and method."""
    # Routes are registered when their modules are imported, which the application does.
    importlib.import_module("app")
    adapters = [
        (key, mode, TypeAdapter[Any](key))
        for one in ENDPOINTS
        for key, mode in ((one.body, "validation"), (one.answer, "serialization"))
        if key is not None
    ]
    schemas, definitions = TypeAdapter.json_schemas(
        [((number, mode), mode, adapter) for number, (_, mode, adapter) in enumerate(adapters)],
        ref_template=REF,
    )
    by_type = {
        (id(key), mode): schemas[((number, mode), mode)]
        for number, (key, mode, _) in enumerate(adapters)
    }
    paths: dict[str, dict[str, Any]] = {}
    for one in sorted(ENDPOINTS, key=lambda e: (e.path, e.method)):
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_type)
    components = dict(definitions.get("$defs", {}))
    components["Error"] = _ERROR
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trialbook",
            "version": __version__,
            "description": "Experiments, runs, metrics, artifacts and A/B variant logs.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The API key is the password.",
                },
            },
        },
    }


def _operation(one: Endpoint, by_type: dict[tuple[int, str], Any]) -> dict[str, Any]:
    doc = (one.view.__doc__ or "").strip()
    operation: dict[str, Any] = {
        "operationId": one.view.__name__,
        "summary": doc.partition("\n")[0],
        "tags": [next((tag for prefix, tag in _TAG_OF if one.path.startswith(prefix)), "service")],
        "parameters": _parameters(one),
        "responses": _responses(one, by_type),
        "security": [] if one.role is None else [{"apiKey": []}, {"bearer": []}, {"basic": []}],
    }
    if one.role is not None:
        operation["description"] = f"Needs the role `{Role(one.role).label}` or a higher one."
    if one.body is not None:
        schema = by_type[(id(one.body), "validation")]
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    elif one.media_type == "multipart/form-data":
        operation["requestBody"] = {
            "required": True,
            "content": {"multipart/form-data": {"schema": _FORM}},
        }
    return operation


def _parameters(one: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PATH_VARIABLE.findall(one.path)
    ]
    if one.query is not None:
        schema = one.query.model_json_schema(ref_template=REF)
        required = schema.get("required", [])
        found.extend(
            {"name": name, "in": "query", "required": name in required, "schema": _plain(field)}
            for name, field in schema["properties"].items()
        )
    if one.replay == "remember":
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key with the same body gives the first 2xx answer again.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    if 412 in one.errors:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": False,
                "description": "The version that must still be the stored one.",
                "schema": {"type": "string", "pattern": '^("?[0-9]+"?|\\*)$'},
            }
        )
    return found


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    """A query parameter that may be left out is not one that may be null."""
    options = [option for option in field.get("anyOf", []) if option != {"type": "null"}]
    if len(options) != 1:
        return {name: value for name, value in field.items() if name != "title"}
    return options[0]


def _responses(one: Endpoint, by_type: dict[tuple[int, str], Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if one.answer is not None:
        schema = by_type[(id(one.answer), "serialization")]
        success["content"] = {"application/json": {"schema": schema}}
    responses: dict[str, Any] = {str(one.status): success}
    statuses = {*one.errors, 429, 503, 500}
    if one.role is not None:
        statuses |= {400, 401, 403}
    if one.body is not None or one.media_type != "application/json":
        statuses |= {413, 415}
    for status in sorted(statuses):
        if status == 307:
            responses["307"] = {
                "description": DESCRIPTION_OF[307],
                "headers": {"Location": {"schema": {"type": "string"}}},
            }
        elif status == 503 and one.path == "/health":
            responses["503"] = success | {"description": "A store cannot be reached."}
        else:
            text = DESCRIPTION_OF.get(status, f"An internal error (`{CODE_OF[status]}`).")
            responses[str(status)] = {
                "description": text,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
    return responses


_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "request_id"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"enum": sorted(CODE_OF.values())},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        },
        "request_id": {"type": "string"},
    },
}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}},
}


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=1, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` compare it."""
    if arguments == ["--check"]:
        if not FILE.exists() or FILE.read_text() != text():
            sys.stderr.write("openapi.json is out of date: run make openapi\n")
            return 1
        return 0
    FILE.write_text(text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
