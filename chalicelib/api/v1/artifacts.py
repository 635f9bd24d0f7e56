"""Routes of indexed artifacts: index, get, change, pin, delete."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field, model_validator

from chalicelib.api.contract import Answer, Body, Request, created, no_content, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.artifact_shapes import (
    ARTIFACTS,
    ONE_ARTIFACT,
    About,
    ArtifactOut,
    ArtifactTags,
    Ids,
    Kind,
    Labels,
    Metrics,
    ToolText,
    UriText,
    artifact_out,
    path_artifact_id,
    stores_of,
)
from chalicelib.api.v1.shapes import Mime, Name, Sha256
from chalicelib.core.context import Role
from chalicelib.core.model.artifact import ManifestFile
from chalicelib.domain import artifact_directories, artifacts
from chalicelib.domain.artifacts import Changes, Description
from chalicelib.storage.artifacts import OPTIONAL
from chalicelib.storage.blobs import MAX_OBJECT_BYTES
from chalicelib.wiring import Services

routes = Blueprint(__name__)


class FileIn(Body):
    """A file of a directory."""

    path: Annotated[str, Field(min_length=1, max_length=850)]
    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0, le=MAX_OBJECT_BYTES)]


class NewArtifact(Ids, Body):
    """Index bytes that are stored: a file by its `sha256`, or a directory by its `manifest`."""

    kind: Kind
    sha256: Sha256 | None = None
    manifest: (
        Annotated[list[FileIn], Field(min_length=1, max_length=artifact_directories.MAX_FILES)]
        | None
    ) = None
    name: Name | None = None
    suggested_uri: UriText | None = None
    mime: Mime | None = None
    preview_uri: UriText | None = None
    tool_name: ToolText | None = None
    tool_version: ToolText | None = None
    description: About | None = None
    tags: ArtifactTags = []
    labels: Labels = {}
    metrics: Metrics = {}
    pinned: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> NewArtifact:
        if (self.sha256 is None) == (self.manifest is None):
            raise ValueError("give either sha256, for a file, or manifest, for a directory")
        return self

    def to_description(self) -> Description:
        given = ((name, getattr(self, name)) for name in OPTIONAL)
        return Description(
            kind=self.kind,
            mime=self.mime,
            texts={name: value for name, value in given if value is not None},
            ids=self.ids,
            tags=self.tags,
            labels=self.labels,
            metrics=self.metrics,
            pinned=self.pinned,
        )


class ArtifactChanges(Body):
    """Only what is sent changes; labels and metrics merge, and null deletes one. An empty text
    deletes the description."""

    tags: ArtifactTags | None = None
    labels: Labels = {}
    metrics: Metrics = {}
    pinned: bool | None = None
    description: About | None = None

    def to_changes(self) -> Changes:
        return Changes(self.tags, self.labels, self.metrics, self.pinned, self.description)


class Pin(Body):
    pinned: bool


@endpoint(
    routes, "POST", ARTIFACTS, body=NewArtifact, answer=ArtifactOut, status=201, role=Role.WRITE,
    runs_long=True, errors=(409,),
)  # fmt: skip
def create_artifact(request: Request[NewArtifact, None], services: Services) -> Answer:
    """Index a file or a directory whose bytes are stored."""
    body, stores = request.body, stores_of(services)
    wanted = body.to_description()
    if body.sha256 is not None:
        artifact = artifacts.index(stores, request.context, body.sha256, wanted)
    else:
        files = [ManifestFile(one.path, one.sha256, one.size_bytes) for one in body.manifest or ()]
        artifact = artifact_directories.index(stores, request.context, files, wanted)
    return created(artifact_out(artifact, request.prefix))


@endpoint(routes, "GET", ONE_ARTIFACT, answer=ArtifactOut, role=Role.READ, errors=(404,))
def get_artifact(request: Request[None, None], services: Services) -> Answer:
    """Get an artifact."""
    artifact = artifacts.get(stores_of(services), request.context, path_artifact_id(request))
    return ok(artifact_out(artifact, request.prefix))


@endpoint(
    routes, "PATCH", ONE_ARTIFACT, body=ArtifactChanges, answer=ArtifactOut, role=Role.WRITE,
    errors=(404,),
)  # fmt: skip
def change_artifact(request: Request[ArtifactChanges, None], services: Services) -> Answer:
    """Change an artifact's tags, labels, metrics, description or pin."""
    artifact_id, changes = path_artifact_id(request), request.body.to_changes()
    artifact = artifacts.change(stores_of(services), request.context, artifact_id, changes)
    return ok(artifact_out(artifact, request.prefix))


@endpoint(
    routes, "PUT", ONE_ARTIFACT + "/pin", body=Pin, answer=ArtifactOut, role=Role.WRITE,
    errors=(404,),
)  # fmt: skip
def pin_artifact(request: Request[Pin, None], services: Services) -> Answer:
    """Pin an artifact, which keeps it from being removed by age, or unpin it."""
    artifact_id, pinned = path_artifact_id(request), request.body.pinned
    artifact = artifacts.pin(stores_of(services), request.context, artifact_id, pinned=pinned)
    return ok(artifact_out(artifact, request.prefix))


@endpoint(routes, "DELETE", ONE_ARTIFACT, status=204, role=Role.WRITE, errors=(404,))
def delete_artifact(request: Request[None, None], services: Services) -> Answer:
    """Delete an artifact. Again is fine."""
    artifacts.delete(stores_of(services), request.context, path_artifact_id(request))
    return no_content()
