"""Routes of a run's files: small ones through us, any size by presigned upload, listing, bytes."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias
from urllib.parse import quote

from chalice.app import Blueprint
from pydantic import Field
from typing_extensions import TypedDict

from chalicelib import wiring
from chalicelib.api.contract import Answer, Params, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.forms import form_file
from chalicelib.api.v1.pages import cursor_of, key_position, position_of
from chalicelib.api.v1.shapes import path_run_id, rfc3339
from chalicelib.core.context import Role
from chalicelib.core.ids import RunId
from chalicelib.core.model.artifact import Folder, RunArtifact
from chalicelib.domain import run_files
from chalicelib.domain.artifact_paths import (
    clean_artifact_path,
    clean_file_name,
    join_artifact_path,
)
from chalicelib.domain.run_files import RunFiles
from chalicelib.wiring import Services

routes = Blueprint(__name__)
BASE = "/api/v1/experiments/runs/{run_id}"

PathText: TypeAlias = Annotated[str, Field(min_length=1, max_length=850)]


class LogArtifactQuery(Params):
    artifact_path: Annotated[str, Field(max_length=850)] | None = None


class ListQuery(Params):
    path: Annotated[str, Field(max_length=850)] = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    cursor: str | None = None


class ContentQuery(Params):
    path: PathText


class FileOut(TypedDict):
    path: str
    is_dir: Literal[False]
    artifact_id: str
    size_bytes: int
    sha256: str | None
    mime: str
    verified: bool
    created_at: str
    created_by: str
    content_url: str


class FolderOut(TypedDict):
    path: str
    is_dir: Literal[True]


class FilesOut(TypedDict):
    path: str
    artifacts: list[FolderOut | FileOut]
    next_cursor: str | None


class ArtifactLogged(TypedDict):
    message: str
    run_id: str
    artifact: str
    artifact_id: str
    size_bytes: int
    sha256: str


class LocationOut(TypedDict):
    url: str
    expires_at: str


def stores_of(services: Services) -> RunFiles:
    return wiring.run_files(services)


def file_out(run_id: RunId, artifact: RunArtifact, prefix: str) -> FileOut:
    base = BASE.replace("{run_id}", run_id)
    return {
        "path": artifact.path,
        "is_dir": False,
        "artifact_id": artifact.artifact_id,
        "size_bytes": artifact.size_bytes,
        "sha256": artifact.sha256,
        "mime": artifact.mime,
        "verified": artifact.verified,
        "created_at": rfc3339(artifact.created_at_ms),
        "created_by": artifact.created_by,
        "content_url": f"{prefix}{base}/artifacts/content?path={quote(artifact.path, safe='')}",
    }


@endpoint(
    routes, "POST", BASE + "/log-artifact", query=LogArtifactQuery, answer=ArtifactLogged,
    role=Role.WRITE, media_type="multipart/form-data", runs_long=True, errors=(403, 404, 409),
)  # fmt: skip
def log_artifact(request: Request[None, LogArtifactQuery], services: Services) -> Answer:
    """Upload a file of at most 4 MiB as the form field `file`."""
    sent = form_file(request.headers, request.raw_body)
    path = join_artifact_path(request.query.artifact_path or None, clean_file_name(sent.name))
    run_id = path_run_id(request)
    artifact = run_files.save(
        stores_of(services), request.context, run_id, path, sent.body, sent.mime
    )
    assert artifact.sha256 is not None  # it passed through us
    payload: ArtifactLogged = {
        "message": f"stored {artifact.path}",
        "run_id": run_id,
        "artifact": artifact.path,
        "artifact_id": artifact.artifact_id,
        "size_bytes": artifact.size_bytes,
        "sha256": artifact.sha256,
    }
    return ok(payload)


@endpoint(
    routes, "GET", BASE + "/artifacts", query=ListQuery, answer=FilesOut, role=Role.READ,
    errors=(403, 404),
)  # fmt: skip
def list_files(request: Request[None, ListQuery], services: Services) -> Answer:
    """List one level of a run's files, folders first."""
    run_id, query = path_run_id(request), request.query
    folder = clean_artifact_path(query.path.rstrip("/")) if query.path.strip("/") else ""
    scope = ("files", run_id, folder)
    page = run_files.level(
        stores_of(services),
        request.context,
        run_id,
        folder,
        query.limit,
        key_position(position_of(services, request.context, scope, query.cursor)),
    )
    entries: list[FolderOut | FileOut] = [
        {"path": entry.path, "is_dir": True}
        if isinstance(entry, Folder)
        else file_out(run_id, entry, request.prefix)
        for entry in page.entries
    ]
    payload: FilesOut = {
        "path": folder,
        "artifacts": entries,
        "next_cursor": cursor_of(services, request.context, scope, page.next),
    }
    return ok(payload)


@endpoint(
    routes, "GET", BASE + "/artifacts/content", query=ContentQuery, answer=LocationOut,
    role=Role.READ, errors=(307, 403, 404),
)  # fmt: skip
def get_content(request: Request[None, ContentQuery], services: Services) -> Answer:
    """A redirect to a file's bytes, or with `Accept: application/json` where they are."""
    signed, expires_at_ms = run_files.content(
        stores_of(services),
        request.context,
        path_run_id(request),
        clean_artifact_path(request.query.path),
    )
    accepted = request.headers.get("accept", "")
    return located(signed.url, expires_at_ms, as_json="application/json" in accepted)


@endpoint(
    routes, "GET", BASE + "/artifacts/preview", query=ContentQuery, answer=LocationOut,
    role=Role.READ, errors=(307, 403, 404),
)  # fmt: skip
def get_preview(request: Request[None, ContentQuery], services: Services) -> Answer:
    """A redirect to the preview of an image, or with `Accept: application/json` where it is."""
    signed, expires_at_ms = run_files.preview(
        stores_of(services),
        request.context,
        path_run_id(request),
        clean_artifact_path(request.query.path),
    )
    accepted = request.headers.get("accept", "")
    return located(signed.url, expires_at_ms, as_json="application/json" in accepted)


def located(url: str, expires_at_ms: int, *, as_json: bool) -> Answer:
    """Where bytes are: as JSON for who must send no key along, else as a redirect."""
    if as_json:
        return ok({"url": url, "expires_at": rfc3339(expires_at_ms)})
    return Answer(307, "", {"location": url, "cache-control": "no-store"})
