"""The OpenAPI document: valid, complete, the one that is committed, and true in what it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter

from app import app
from chalicelib.api import openapi
from chalicelib.api.endpoint import ENDPOINTS, Endpoint
from chalicelib.api.handler import Handler
from chalicelib.core.context import Role
from tests.api.answers import found
from tests.api.harness import Service

DOCUMENT: Final[dict[str, Any]] = openapi.document()
PUBLIC: Final = {"/health", "/openapi.json"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """The part itself, or what its reference points to."""
    while "$ref" in part:
        reference: str = part["$ref"]
        target: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def described(name: str) -> Endpoint:
    (one,) = [one for one in ENDPOINTS if one.view.__name__ == name]
    return one


OPERATIONS: Final = [
    pytest.param(path, operation, id=operation["operationId"])
    for path, _, operation in operations()
]


def test_it_is_a_valid_openapi_document() -> None:
    errors = cast("Any", OpenAPIV31SpecValidator(cast("Any", DOCUMENT))).iter_errors()
    assert [error.message for error in errors] == []
    assert DOCUMENT["openapi"] == "3.1.0"


def test_every_schema_is_a_valid_json_schema() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_it_has_every_route_of_the_application() -> None:
    routes = {
        (path, method.lower())
        for path, entries in cast("dict[str, dict[str, Any]]", app.routes).items()
        for method, entry in entries.items()
        if method != "HEAD"  # answered wherever GET is
        if isinstance(entry.view_function, Handler)  # MLflow has a contract of its own
    }
    assert {(path, method) for path, method, _ in operations()} == routes


def test_the_committed_file_is_what_the_routes_make() -> None:
    made = openapi.text()
    assert openapi.FILE.read_text(encoding="utf-8") == made
    assert json.loads(made) == DOCUMENT


def test_making_it_twice_makes_the_same() -> None:
    assert openapi.text() == openapi.text()


def test_check_tells_a_stale_file_from_a_fresh_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(openapi, "FILE", tmp_path / "openapi.json")
    assert openapi.main(["--check"]) == 1
    assert openapi.main([]) == 0
    assert openapi.main(["--check"]) == 0
    (tmp_path / "openapi.json").write_text("{}")
    assert openapi.main(["--check"]) == 1
    assert capsys.readouterr().err.count("run make openapi\n") == 2


def test_the_service_serves_it_without_a_key(laptop: Service) -> None:
    assert found(laptop.anybody.get("/openapi.json")) == DOCUMENT


def test_behind_a_stage_it_names_the_stage() -> None:
    assert openapi.document("/prod")["servers"] == [{"url": "/prod"}]


@pytest.mark.parametrize("path, operation", OPERATIONS)
def test_an_operation_says_what_it_does(path: str, operation: dict[str, Any]) -> None:
    assert re.fullmatch(r"[A-Z].*[^.]", operation["summary"])
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    assert (operation.get("security") == []) == (path in PUBLIC)
    for parameter in operation.get("parameters", []):
        assert parameter["description"]
        assert "null" not in json.dumps(parameter["schema"])
    in_path = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
    assert in_path == re.findall(r"\{(\w+)\+?\}", path)


@pytest.mark.parametrize("path, operation", OPERATIONS)
def test_an_operation_lists_the_refusals_that_can_come(
    path: str, operation: dict[str, Any]
) -> None:
    one = described(operation["operationId"])
    statuses = set(operation["responses"])
    assert {"400", "500"} < statuses
    assert ("401" in statuses) == ("429" in statuses) == (path not in PUBLIC)
    assert ("413" in statuses) == (one.method != "GET")
    assert ("415" in statuses) == ("requestBody" in operation)
    if one.role is not None and one.role > Role.READ:
        assert "403" in statuses
    headers = {p["name"] for p in operation.get("parameters", []) if p["in"] == "header"}
    assert ("If-Match" in headers) == ("412" in statuses)
    if "Idempotency-Key" in headers:
        assert "409" in statuses
    for status in statuses & {"401", "429", "503"} if path not in PUBLIC else ():
        assert resolved(operation["responses"][status])["headers"]


@pytest.mark.parametrize("path, operation", OPERATIONS)
def test_a_body_has_an_example(path: str, operation: dict[str, Any]) -> None:
    del path
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        assert content["application/json"]["examples"]


@pytest.mark.parametrize("path, operation", OPERATIONS)
def test_examples_are_true(path: str, operation: dict[str, Any]) -> None:
    del path
    one = described(operation["operationId"])
    contents = [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in contents:
        media = resolved(content).get("content", {}).get("application/json", {})
        examples = [example["value"] for example in media.get("examples", {}).values()]
        examples += [media["example"]] if "example" in media else []
        for example in examples:
            assert problems(example, media["schema"]) == []
    for example in examples_of_body(operation):
        TypeAdapter[Any](one.body).validate_json(json.dumps(example))


def problems(instance: object, schema: dict[str, Any]) -> list[str]:
    """What keeps the instance from being what the schema says."""
    whole = {**schema, "components": DOCUMENT["components"]}
    errors: Any = cast("Any", Draft202012Validator(whole)).iter_errors(instance)
    return [error.message for error in errors]


def examples_of_body(operation: dict[str, Any]) -> list[Any]:
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return [example["value"] for example in media.get("examples", {}).values()]


def test_names_in_mappings_are_bound_by_their_pattern() -> None:
    log_params = {"$ref": "#/components/schemas/LogParams"}
    assert problems({"params": {"lr": 1}}, log_params) == []
    assert problems({"params": {"l\nr": 1}}, log_params)
    assert problems({"params": {"lr": None}}, log_params)


def test_times_are_declared_as_such() -> None:
    fields = DOCUMENT["components"]["schemas"]["RunOut"]["properties"]
    assert fields["start_time"] == {"type": "string", "format": "date-time"}
    assert {"type": "string", "format": "date-time"} in fields["end_time"]["anyOf"]
