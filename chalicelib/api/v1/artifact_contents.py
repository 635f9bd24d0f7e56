"""Routes of the bytes of indexed artifacts: a file's, a manifest, files of a directory."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Params, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.artifact_shapes import ONE_ARTIFACT, path_artifact_id, stores_of
from chalicelib.api.v1.run_files import LocationOut, PathText, located
from chalicelib.api.v1.shapes import rfc3339
from chalicelib.core.context import Role
from chalicelib.domain import artifact_directories, artifacts
from chalicelib.domain.uploads import URL_S
from chalicelib.wiring import Services

routes = Blueprint(__name__)


class ContentQuery(Params):
    path: PathText | None = None


class ContentsAsked(Body):
    """Files of a directory, by their paths."""

    paths: Annotated[list[PathText], Field(min_length=1, max_length=500)]


class LocatedOut(TypedDict):
    path: str
    sha256: str
    size_bytes: int
    url: str


class ContentsOut(TypedDict):
    files: list[LocatedOut]
    expires_at: str


@endpoint(
    routes, "GET", ONE_ARTIFACT + "/content", query=ContentQuery, answer=LocationOut,
    role=Role.READ, errors=(307, 404),
)  # fmt: skip
def get_artifact_content(request: Request[None, ContentQuery], services: Services) -> Answer:
    """A redirect to an artifact's bytes, or with `Accept: application/json` where they are.

    Of a directory that is its manifest, or the file at `path`.
    """
    stores, context, path = stores_of(services), request.context, request.query.path
    artifact = artifacts.get(stores, context, path_artifact_id(request))
    if path is None:
        signed = artifacts.content_of(stores, artifact)
    else:
        [(_, signed)] = artifact_directories.locate(stores, context, artifact, [path])
    accepted = request.headers.get("accept", "")
    expires_at_ms = context.now_ms() + URL_S * 1000
    return located(signed.url, expires_at_ms, as_json="application/json" in accepted)


@endpoint(
    routes, "GET", ONE_ARTIFACT + "/preview", answer=LocationOut, role=Role.READ,
    errors=(307, 404),
)  # fmt: skip
def get_artifact_preview(request: Request[None, None], services: Services) -> Answer:
    """A redirect to the preview of an image, or with `Accept: application/json` where it is."""
    stores, context = stores_of(services), request.context
    signed = artifacts.preview_of(stores, artifacts.get(stores, context, path_artifact_id(request)))
    accepted = request.headers.get("accept", "")
    expires_at_ms = context.now_ms() + URL_S * 1000
    return located(signed.url, expires_at_ms, as_json="application/json" in accepted)


@endpoint(
    routes, "POST", ONE_ARTIFACT + "/content", body=ContentsAsked, answer=ContentsOut,
    role=Role.READ, read_only=True, errors=(404,),
)  # fmt: skip
def get_artifact_contents(request: Request[ContentsAsked, None], services: Services) -> Answer:
    """Where the bytes of many files of a directory are."""
    stores, context = stores_of(services), request.context
    artifact = artifacts.get(stores, context, path_artifact_id(request))
    found = artifact_directories.locate(stores, context, artifact, request.body.paths)
    payload: ContentsOut = {
        "files": [
            {
                "path": one.file.path,
                "sha256": one.file.sha256,
                "size_bytes": one.file.size_bytes,
                "url": one.signed.url,
            }
            for one in found
        ],
        "expires_at": rfc3339(context.now_ms() + URL_S * 1000),
    }
    return ok(payload)
