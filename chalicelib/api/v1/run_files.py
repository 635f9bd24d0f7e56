"""Routes of a run's files: small ones through us, any size by presigned upload, listing, bytes."""

from __future__ import annotations

import io
from typing import Annotated, Literal, TypeAlias
from urllib.parse import quote

from chalice.app import Blueprint
from multipart import MultipartError, MultipartParser, parse_options_header
from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from chalicelib.api.endpoint import (
    Answer,
    Body,
    Params,
    Request,
    created,
    endpoint,
    no_content,
    ok,
)
from chalicelib.api.v1.pages import cursor_of, key_position, position_of
from chalicelib.api.v1.shapes import Mime, Sha256, path_run_id, rfc3339
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import Invalid, NotFound, UnsupportedMediaType
from chalicelib.core.ids import RunId, UploadId, is_hex_id
from chalicelib.core.model.artifact import Folder, RunArtifact
from chalicelib.domain import run_files
from chalicelib.domain.artifact_paths import (
    clean_artifact_path,
    clean_file_name,
    join_artifact_path,
)
from chalicelib.domain.run_files import NewUpload, OpenUpload, RunFiles
from chalicelib.storage.blobs import MAX_OBJECT_BYTES, MAX_PARTS, Part
from chalicelib.wiring import Services

routes = Blueprint(__name__)
BASE = "/api/v1/experiments/runs/{run_id}"
UPLOADS = BASE + "/artifacts/uploads"
ONE_UPLOAD = UPLOADS + "/{upload_id}"

PartNumber: TypeAlias = Annotated[int, Field(ge=1, le=MAX_PARTS)]
PathText: TypeAlias = Annotated[str, Field(min_length=1, max_length=850)]


class NewUploadIn(Body):
    """Begin an upload. `part_sha256` binds every part's digest, for who knows them already."""

    path: PathText
    size_bytes: Annotated[int, Field(ge=0, le=MAX_OBJECT_BYTES)]
    sha256: Sha256
    mime: Mime | None = None
    part_sha256: Annotated[list[Sha256], Field(max_length=MAX_PARTS)] | None = None


class PartsAsked(Body):
    """Sign these parts, or sign them anew; `sha256` by part number binds their digests."""

    part_numbers: Annotated[list[PartNumber], Field(min_length=1, max_length=100)]
    sha256: Annotated[dict[str, Sha256], Field(max_length=100)] = {}

    @model_validator(mode="after")
    def _consistent(self) -> PartsAsked:
        if len(set(self.part_numbers)) != len(self.part_numbers):
            raise ValueError("part_numbers must be distinct")
        if self.sha256.keys() - {str(number) for number in self.part_numbers}:
            raise ValueError("sha256 names a part that part_numbers does not")
        return self


class PartIn(BaseModel):
    """A part that was uploaded."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, frozen=True)

    part_number: PartNumber
    etag: Annotated[str, Field(min_length=1, max_length=200)]
    sha256: Sha256 | None = None


class CompleteUpload(Body):
    """`parts` in order; a single part may be left out."""

    parts: Annotated[list[PartIn], Field(max_length=MAX_PARTS)] = []


class LogArtifactQuery(Params):
    artifact_path: Annotated[str, Field(max_length=850)] | None = None


class ListQuery(Params):
    path: Annotated[str, Field(max_length=850)] = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    cursor: str | None = None


class ContentQuery(Params):
    path: PathText


class SignedPartOut(TypedDict):
    part_number: int
    url: str
    headers: dict[str, str]


class UploadOut(TypedDict):
    upload_id: str
    part_size: int
    part_count: int
    parts: list[SignedPartOut]
    expires_at: str


class FileOut(TypedDict):
    path: str
    is_dir: Literal[False]
    artifact_id: str
    size_bytes: int
    sha256: str
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


def _stores(services: Services) -> RunFiles:
    return RunFiles(services.runs, services.files, services.uploads, services.blobs)


def _file_out(run_id: RunId, artifact: RunArtifact, prefix: str) -> FileOut:
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


def _upload_out(opened: OpenUpload) -> UploadOut:
    return {
        "upload_id": opened.upload.upload_id,
        "part_size": opened.upload.part_size,
        "part_count": opened.upload.part_count,
        "parts": [
            {
                "part_number": part.part_number,
                "url": part.request.url,
                "headers": dict(part.request.headers),
            }
            for part in opened.parts
        ],
        "expires_at": rfc3339(opened.expires_at_ms),
    }


def _path_upload_id(request: Request[object, object]) -> UploadId:
    text = request.path["upload_id"]
    if not is_hex_id(text):
        raise NotFound("there is no such upload", upload_id=text[:100])
    return UploadId(text)


@endpoint(
    routes, "POST", BASE + "/log-artifact", query=LogArtifactQuery, answer=ArtifactLogged,
    role=Role.WRITE, media_type="multipart/form-data", runs_long=True, errors=(403, 404, 409),
)  # fmt: skip
def log_artifact(request: Request[None, LogArtifactQuery], services: Services) -> Answer:
    """Upload a file of at most 4 MiB as the form field `file`."""
    name, mime, body = _form_file(request)
    path = join_artifact_path(request.query.artifact_path or None, clean_file_name(name))
    run_id = path_run_id(request)
    artifact = run_files.save(_stores(services), request.context, run_id, path, body, mime)
    payload: ArtifactLogged = {
        "message": f"stored {artifact.path}",
        "run_id": run_id,
        "artifact": artifact.path,
        "artifact_id": artifact.artifact_id,
        "size_bytes": artifact.size_bytes,
        "sha256": artifact.sha256,
    }
    return ok(payload)


def _form_file(request: Request[None, LogArtifactQuery]) -> tuple[str, str | None, bytes]:
    """File name, media type and bytes of the form field `file`."""
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary")
    if media_type != "multipart/form-data" or not boundary:
        raise UnsupportedMediaType("send multipart/form-data with its boundary")
    try:
        parts = list(
            MultipartParser(
                io.BytesIO(request.raw_body), boundary, len(request.raw_body), strict=False
            )
        )
    except MultipartError as error:
        raise Invalid(f"malformed multipart body: {error}") from error
    for part in parts:
        if part.name == "file":
            if not part.filename:
                raise Invalid.field("file", "needs a file name")
            declared = part.content_type or ""
            mime = declared if "/" in declared and "octet-stream" not in declared else None
            return part.filename, mime, part.raw
    raise Invalid.field("file", "is missing from the form")


def _renewed(services: Services, context: Context, payload: UploadOut) -> UploadOut:
    """A remembered answer to the beginning of an upload, its parts signed anew."""
    opened = run_files.resign(
        _stores(services),
        context,
        UploadId(payload["upload_id"]),
        [part["part_number"] for part in payload["parts"]],
    )
    return payload if opened is None else _upload_out(opened)


@endpoint(
    routes, "POST", UPLOADS, body=NewUploadIn, answer=UploadOut, status=201, role=Role.WRITE,
    renew=_renewed, errors=(403, 404, 409),
)  # fmt: skip
def begin_upload(request: Request[NewUploadIn, None], services: Services) -> Answer:
    """Begin an upload of up to 5 TiB by presigned PUTs."""
    body = request.body
    wanted = NewUpload(
        clean_artifact_path(body.path), body.size_bytes, body.sha256, body.mime, body.part_sha256
    )
    opened = run_files.begin_upload(
        _stores(services), request.context, path_run_id(request), wanted
    )
    return created(_upload_out(opened))


@endpoint(
    routes, "POST", ONE_UPLOAD + "/parts", body=PartsAsked, answer=UploadOut, role=Role.WRITE,
    read_only=True, errors=(403, 404, 409),
)  # fmt: skip
def sign_parts(request: Request[PartsAsked, None], services: Services) -> Answer:
    """Sign more parts of an upload, or the same anew."""
    digests = {int(number): sha256 for number, sha256 in request.body.sha256.items()}
    opened = run_files.sign_parts(
        _stores(services),
        request.context,
        path_run_id(request),
        _path_upload_id(request),
        request.body.part_numbers,
        digests,
    )
    return ok(_upload_out(opened))


@endpoint(
    routes, "POST", ONE_UPLOAD + "/complete", body=CompleteUpload, answer=FileOut,
    role=Role.WRITE, runs_long=True, errors=(403, 404, 409),
)  # fmt: skip
def complete_upload(request: Request[CompleteUpload, None], services: Services) -> Answer:
    """Complete an upload: the file appears in the run's tree. Again is fine."""
    run_id = path_run_id(request)
    parts = [Part(one.part_number, one.etag, one.sha256) for one in request.body.parts]
    artifact = run_files.complete_upload(
        _stores(services), request.context, run_id, _path_upload_id(request), parts
    )
    return ok(_file_out(run_id, artifact, request.prefix))


@endpoint(routes, "DELETE", ONE_UPLOAD, status=204, role=Role.WRITE, errors=(403, 404, 409))
def abort_upload(request: Request[None, None], services: Services) -> Answer:
    """Abort an upload. Again is fine."""
    run_files.abort_upload(
        _stores(services), request.context, path_run_id(request), _path_upload_id(request)
    )
    return no_content()


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
        _stores(services),
        request.context,
        run_id,
        folder,
        query.limit,
        key_position(position_of(services, request.context, scope, query.cursor)),
    )
    entries: list[FolderOut | FileOut] = [
        {"path": entry.path, "is_dir": True}
        if isinstance(entry, Folder)
        else _file_out(run_id, entry, request.prefix)
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
        _stores(services),
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
