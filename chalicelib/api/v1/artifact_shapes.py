"""Shapes of indexed artifacts: what describes one, what finds it, and how it is answered."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import AfterValidator, BaseModel, Field, JsonValue, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.api.contract import Request
from chalicelib.api.v1.shapes import NO_CONTROLS, MetricKey, rfc3339
from chalicelib.core.ids import ArtifactId, is_hex_id
from chalicelib.core.model.artifact import ARTIFACT_IDS, Artifact
from chalicelib.domain.artifacts import ArtifactStores, no_such
from chalicelib.wiring import Services

ARTIFACTS: Final = "/api/v1/artifacts"
ONE_ARTIFACT: Final = ARTIFACTS + "/{artifact_id}"
INT64: Final = 2**63
UINT64: Final = 2**64


def _plain(value: JsonValue) -> JsonValue:
    """The value, when it comes back as it was sent."""
    match value:
        case bool() | str() | None:
            pass
        case float() if not isfinite(value):
            raise ValueError("numbers are finite; write others as strings")
        case int() if not -INT64 <= value < UINT64:
            raise ValueError("an integer has at most 64 bits; write a longer one as a string")
        case list():
            for each in value:
                _plain(each)
        case dict():
            for each in value.values():
                _plain(each)
        case _:
            pass
    return value


def _scalar(value: JsonValue) -> JsonValue:
    if isinstance(value, list | dict):
        raise ValueError("must be a number, a string, a boolean or null")  # noqa: TRY004 -- pydantic
    return _plain(value)


IdText: TypeAlias = Annotated[str, Field(min_length=1, max_length=250)]
Kind: TypeAlias = Annotated[str, Field(min_length=1, max_length=100, pattern=NO_CONTROLS)]
ToolText: TypeAlias = Annotated[str, Field(min_length=1, max_length=250)]
About: TypeAlias = Annotated[str, Field(max_length=4000)]
UriText: TypeAlias = Annotated[str, Field(min_length=1, max_length=2000, pattern=NO_CONTROLS)]
Tag: TypeAlias = Annotated[str, Field(min_length=1, max_length=250)]
ArtifactTags: TypeAlias = Annotated[list[Tag], Field(max_length=100)]
Label: TypeAlias = Annotated[
    JsonValue, AfterValidator(_plain), WithJsonSchema({"description": "Any JSON value."})
]
Labels: TypeAlias = dict[MetricKey, Label]
MetricValue: TypeAlias = Annotated[
    JsonValue,
    AfterValidator(_scalar),
    WithJsonSchema({"type": ["number", "string", "boolean", "null"]}),
]
Metrics: TypeAlias = dict[MetricKey, MetricValue]
FilterText: TypeAlias = Annotated[str, Field(min_length=1, max_length=250)]
LabelFilters: TypeAlias = Annotated[dict[FilterText, FilterText], Field(max_length=100)]


class Ids(BaseModel):
    """What an artifact belongs to, in the caller's own words."""

    run_id: IdText | None = None
    session_id: IdText | None = None
    graph_id: IdText | None = None
    node_id: IdText | None = None
    user_id: IdText | None = None
    org_id: IdText | None = None
    client_id: IdText | None = None
    app_id: IdText | None = None
    experiment_id: Annotated[
        IdText | None, Field(description="Of an artifact: compared, never looked up.")
    ] = None

    @property
    def ids(self) -> dict[str, str]:
        """Those that are given."""
        given = ((name, getattr(self, name)) for name in ARTIFACT_IDS)
        return {name: value for name, value in given if value is not None}


class ArtifactOut(TypedDict):
    artifact_id: str
    name: str | None
    kind: str
    sha256: str
    bytes: int
    mime: str
    created_at: str
    tags: list[str]
    labels: dict[str, Any]
    metrics: dict[str, float | str | bool | None]
    pinned: bool
    uri: str
    preview_uri: str | None
    suggested_uri: str | None
    run_id: str | None
    graph_id: str | None
    node_id: str | None
    tool_name: str | None
    tool_version: str | None
    description: str | None
    org_id: str | None
    user_id: str | None
    client_id: str | None
    app_id: str | None
    session_id: str | None
    experiment_id: str | None
    content_url: str
    verified: bool
    is_dir: bool
    file_count: int | None


def artifact_out(artifact: Artifact, prefix: str) -> ArtifactOut:
    """`prefix` is the stage that comes before every path."""
    ids = artifact.ids.get
    return {
        "artifact_id": artifact.artifact_id,
        "name": artifact.name,
        "kind": artifact.kind,
        "sha256": artifact.sha256,
        "bytes": artifact.size_bytes,
        "mime": artifact.mime,
        "created_at": rfc3339(artifact.created_at_ms),
        "tags": list(artifact.tags),
        "labels": dict(artifact.labels),
        "metrics": cast("dict[str, float | str | bool | None]", dict(artifact.metrics)),
        "pinned": artifact.pinned,
        "uri": f"trialbook://artifacts/{artifact.artifact_id}",
        "preview_uri": artifact.preview_uri,
        "suggested_uri": artifact.suggested_uri,
        "run_id": ids("run_id"),
        "graph_id": ids("graph_id"),
        "node_id": ids("node_id"),
        "tool_name": artifact.tool_name,
        "tool_version": artifact.tool_version,
        "description": artifact.description,
        "org_id": ids("org_id"),
        "user_id": ids("user_id"),
        "client_id": ids("client_id"),
        "app_id": ids("app_id"),
        "session_id": ids("session_id"),
        "experiment_id": ids("experiment_id"),
        "content_url": f"{prefix}{ARTIFACTS}/{artifact.artifact_id}/content",
        "verified": artifact.verified,
        "is_dir": artifact.file_count is not None,
        "file_count": artifact.file_count,
    }


def stores_of(services: Services) -> ArtifactStores:
    return ArtifactStores(services.artifacts, services.bytes)


def path_artifact_id(request: Request[Any, Any]) -> ArtifactId:
    """The artifact id in the path. Raises NotFound for what cannot be one."""
    text = request.path["artifact_id"]
    if not is_hex_id(text):
        raise no_such(text)
    return ArtifactId(text)
