"""Routes of uploads: a run's file of any size, straight to the store by presigned PUTs."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from chalice.app import Blueprint
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Request, created, no_content, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.run_files import BASE, FileOut, PathText, file_out, stores_of
from chalicelib.api.v1.shapes import DISTINCT, Mime, Sha256, path_run_id, rfc3339
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import UploadId, is_hex_id
from chalicelib.domain import uploads
from chalicelib.domain.artifact_paths import clean_artifact_path
from chalicelib.domain.uploads import NewUpload, OpenUpload
from chalicelib.storage.blobs import MAX_OBJECT_BYTES, MAX_PARTS, Part
from chalicelib.wiring import Services

routes = Blueprint(__name__)
UPLOADS = BASE + "/artifacts/uploads"
ONE_UPLOAD = UPLOADS + "/{upload_id}"

PartNumber: TypeAlias = Annotated[int, Field(ge=1, le=MAX_PARTS)]


class NewUploadIn(Body):
    """Begin an upload. `part_sha256` binds every part's digest, for who knows them already."""

    path: PathText
    size_bytes: Annotated[int, Field(ge=0, le=MAX_OBJECT_BYTES)]
    sha256: Sha256
    mime: Mime | None = None
    part_sha256: Annotated[list[Sha256], Field(max_length=MAX_PARTS)] | None = None


class PartsAsked(Body):
    """Sign these parts, or sign them anew; `sha256` by part number binds their digests."""

    part_numbers: Annotated[list[PartNumber], Field(min_length=1, max_length=100), DISTINCT]
    sha256: Annotated[dict[str, Sha256], Field(max_length=100)] = {}

    @model_validator(mode="after")
    def _consistent(self) -> PartsAsked:
        if self.sha256.keys() - {str(number) for number in self.part_numbers}:
            raise ValueError("sha256 names a part that part_numbers does not")
        return self


class PartIn(Body):
    """A part that was uploaded."""

    part_number: PartNumber
    etag: Annotated[str, Field(min_length=1, max_length=200)]
    sha256: Sha256 | None = None


class CompleteUpload(Body):
    """`parts` in order; a single part may be left out."""

    parts: Annotated[list[PartIn], Field(max_length=MAX_PARTS)] = []


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


def _path_upload_id(request: Request[Any, Any]) -> UploadId:
    text = request.path["upload_id"]
    if not is_hex_id(text):
        raise NotFound("there is no such upload", upload_id=text[:100])
    return UploadId(text)


def _renewed(services: Services, context: Context, payload: UploadOut) -> UploadOut:
    """A remembered answer to the beginning of an upload, its parts signed anew."""
    opened = uploads.resign(
        stores_of(services),
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
    opened = uploads.begin(stores_of(services), request.context, path_run_id(request), wanted)
    return created(_upload_out(opened))


@endpoint(
    routes, "POST", ONE_UPLOAD + "/parts", body=PartsAsked, answer=UploadOut, role=Role.WRITE,
    read_only=True, errors=(403, 404, 409),
)  # fmt: skip
def sign_parts(request: Request[PartsAsked, None], services: Services) -> Answer:
    """Sign more parts of an upload, or the same anew."""
    digests = {int(number): sha256 for number, sha256 in request.body.sha256.items()}
    opened = uploads.sign_parts(
        stores_of(services),
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
    artifact = uploads.complete(
        stores_of(services), request.context, run_id, _path_upload_id(request), parts
    )
    return ok(file_out(run_id, artifact, request.prefix))


@endpoint(routes, "DELETE", ONE_UPLOAD, status=204, role=Role.WRITE, errors=(403, 404, 409))
def abort_upload(request: Request[None, None], services: Services) -> Answer:
    """Abort an upload. Again is fine."""
    uploads.abort(
        stores_of(services), request.context, path_run_id(request), _path_upload_id(request)
    )
    return no_content()
