"""Routes of uploads: a run's file of any size, straight to the store by presigned PUTs."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.api.contract import Answer, Request, created, no_content, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.run_files import BASE, FileOut, PathText, file_out, stores_of
from chalicelib.api.v1.shapes import path_run_id
from chalicelib.api.v1.upload_shapes import (
    CompleteUpload,
    NewBytesIn,
    PartsAsked,
    UploadOut,
    path_upload_id,
    upload_out,
)
from chalicelib.core.context import Context, Role
from chalicelib.core.ids import UploadId
from chalicelib.domain import run_uploads, uploads
from chalicelib.domain.artifact_paths import clean_artifact_path
from chalicelib.domain.uploads import NewUpload
from chalicelib.wiring import Services

routes = Blueprint(__name__)
UPLOADS = BASE + "/artifacts/uploads"
ONE_UPLOAD = UPLOADS + "/{upload_id}"


class NewUploadIn(NewBytesIn):
    """Begin an upload of a run's file."""

    path: PathText


def _renewed(services: Services, context: Context, payload: UploadOut) -> UploadOut:
    """A remembered answer to the beginning of an upload, its parts signed anew."""
    opened = uploads.resign(
        stores_of(services).upload_stores,
        context,
        UploadId(payload["upload_id"]),
        [part["part_number"] for part in payload["parts"]],
    )
    return payload if opened is None else upload_out(opened)


@endpoint(
    routes, "POST", UPLOADS, body=NewUploadIn, answer=UploadOut, status=201, role=Role.WRITE,
    renew=_renewed, errors=(403, 404, 409),
)  # fmt: skip
def begin_upload(request: Request[NewUploadIn, None], services: Services) -> Answer:
    """Begin an upload of up to 5 TiB by presigned PUTs."""
    body = request.body
    path = clean_artifact_path(body.path)
    wanted = NewUpload(body.size_bytes, body.sha256, body.mime, path, body.part_sha256)
    opened = run_uploads.begin(
        stores_of(services), request.context, path_run_id(request), path, wanted
    )
    return created(upload_out(opened))


@endpoint(
    routes, "POST", ONE_UPLOAD + "/parts", body=PartsAsked, answer=UploadOut, role=Role.WRITE,
    read_only=True, errors=(403, 404, 409),
)  # fmt: skip
def sign_parts(request: Request[PartsAsked, None], services: Services) -> Answer:
    """Sign more parts of an upload, or the same anew."""
    opened = run_uploads.sign_parts(
        stores_of(services),
        request.context,
        path_run_id(request),
        path_upload_id(request),
        request.body.part_numbers,
        request.body.digests,
    )
    return ok(upload_out(opened))


@endpoint(
    routes, "POST", ONE_UPLOAD + "/complete", body=CompleteUpload, answer=FileOut,
    role=Role.WRITE, runs_long=True, errors=(403, 404, 409),
)  # fmt: skip
def complete_upload(request: Request[CompleteUpload, None], services: Services) -> Answer:
    """Complete an upload: the file appears in the run's tree. Again is fine."""
    run_id = path_run_id(request)
    artifact = run_uploads.complete(
        stores_of(services),
        request.context,
        run_id,
        path_upload_id(request),
        request.body.to_parts(),
    )
    return ok(file_out(run_id, artifact, request.prefix))


@endpoint(routes, "DELETE", ONE_UPLOAD, status=204, role=Role.WRITE, errors=(403, 404, 409))
def abort_upload(request: Request[None, None], services: Services) -> Answer:
    """Abort an upload. Again is fine."""
    run_uploads.abort(
        stores_of(services), request.context, path_run_id(request), path_upload_id(request)
    )
    return no_content()
