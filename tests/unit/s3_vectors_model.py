"""The client that talks to the stub of S3 Vectors, and what its service model allows."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any, cast

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader
from botocore.validate import ParamValidator

from tests.unit.s3_vectors_filters import Refused


def s3_vectors_client(*, knows_words: bool = True) -> Any:
    """boto3's, or that of a botocore from before there were searches by words. It repeats nothing,
    and reaches nothing but a stub."""
    return _client(knows_words)


@functools.cache  # making one takes longer than a test
def _client(knows_words: bool) -> Any:
    session: Any = botocore.session.Session()
    if not knows_words:
        session.register_component("data_loader", _Before())
    return session.create_client(
        "s3vectors",
        region_name="us-east-1",
        endpoint_url="http://s3vectors.invalid",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


class _Before(Loader):
    """Leaves searches by words out of the service model."""

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        loaded: Any = cast("Any", super()).load_service_model(service_name, type_name, api_version)
        model: dict[str, Any] = json.loads(json.dumps(loaded))
        if "shapes" in model and service_name == "s3vectors":
            members = {name: shape.get("members", {}) for name, shape in model["shapes"].items()}
            for name in ("queryTexts", "returnScores", "nextToken"):
                del members["QueryVectorsInput"][name]
            del members["QueryVectorsOutput"]["nextToken"]
            del members["QueryOutputVector"]["scores"]
            del members["MetadataConfiguration"]["textSearchConfigurations"]
            model["shapes"]["QueryVectorsInput"]["required"].append("queryVector")
        return model


def check(shape: Any, value: Any, where: str) -> None:
    """Raises Refused for what the service model does not allow. botocore checks types, and lets
    pass what is too long, too high or not among the values of an enumeration."""
    report: Any = cast("Any", ParamValidator()).validate(value, shape)
    if report.has_errors():
        raise Refused(f"{where}: {report.generate_report()}")
    for one, found, path in _walk(shape, value, where):
        limits = one.metadata
        if one.type_name in {"string", "list", "integer"}:
            size = found if one.type_name == "integer" else len(found)
            if not limits.get("min", size) <= size <= limits.get("max", size):
                raise Refused(f"{path}: {size} is not within {limits}")
        if "enum" in limits and found not in limits["enum"]:
            raise Refused(f"{path}: {found} is none of {limits['enum']}")
        if "pattern" in limits and not re.fullmatch(limits["pattern"], found):
            raise Refused(f"{path}: {found} does not match {limits['pattern']}")


def _walk(shape: Any, value: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    """Every part of the value, with its shape."""
    yield shape, value, path
    if shape.type_name == "structure" and not shape.is_document_type:
        unknown = set(value) - set(shape.members)
        if unknown:
            raise Refused(f"{path}: unknown {unknown}")
        for name, part in value.items():
            yield from _walk(shape.members[name], part, f"{path}.{name}")
    elif shape.type_name == "list":
        for part in value:
            yield from _walk(shape.member, part, f"{path}[]")
