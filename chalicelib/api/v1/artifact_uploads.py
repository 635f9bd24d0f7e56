"""Routes of uploads of bytes that are to be indexed, straight to the store by presigned PUTs."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Request, no_content, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.shapes import HexId, Mime, Sha256
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
from chalicelib.core.model.stored_bytes import StoredBytes
from chalicelib.domain import artifact_uploads, uploads
from chalicelib.domain.uploads import NewUpload, UploadStores
from chalicelib.storage.blobs import MAX_SINGLE_PUT_BYTES
from chalicelib.wiring import Services

routes = Blueprint(__name__)
UPLOADS = "/api/v1/artifacts/uploads"
ONE_UPLOAD = UPLOADS + "/{upload_id}"
BATCH = UPLOADS + "/batch"


class NewArtifactUpload(NewBytesIn):
    """Begin an upload of bytes. Without `mime` it follows from `filename`."""

    filename: Annotated[str, Field(min_length=1, max_length=850)] | None = None

    def to_new_upload(self) -> NewUpload:
        return NewUpload(self.size_bytes, self.sha256, self.mime, self.filename, self.part_sha256)


class SmallFile(Body):
    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0, lt=MAX_SINGLE_PUT_BYTES)]
    mime: Mime | None = None


class BatchIn(Body):
    """Begin the uploads of many files, each below 64 MiB."""

    files: Annotated[list[SmallFile], Field(min_length=1, max_length=100)]


class BatchCompleted(Body):
    """Complete uploads that have one part."""

    upload_ids: Annotated[list[HexId], Field(min_length=1, max_length=100)]


class BegunOut(TypedDict):
    upload: UploadOut | None


class BatchOut(TypedDict):
    uploads: list[UploadOut | None]


class StoredOut(TypedDict):
    sha256: str
    size_bytes: int
    verified: bool


class CompletedOut(StoredOut):
    upload_id: str


class BatchCompletedOut(TypedDict):
    files: list[CompletedOut]


def stores_of(services: Services) -> UploadStores:
    return UploadStores(services.uploads, services.bytes)


def _stored_out(stored: StoredBytes) -> StoredOut:
    return {
        "sha256": stored.sha256,
        "size_bytes": stored.size_bytes,
        "verified": stored.verified,
    }


def _signed_anew(services: Services, context: Context, payload: UploadOut) -> UploadOut:
    numbers = [part["part_number"] for part in payload["parts"]]
    upload_id = UploadId(payload["upload_id"])
    opened = uploads.resign(stores_of(services), context, upload_id, numbers)
    return payload if opened is None else upload_out(opened)


def _renewed(services: Services, context: Context, payload: BegunOut) -> BegunOut:
    """A remembered answer to the beginning of an upload, its parts signed anew."""
    upload = payload["upload"]
    return {"upload": None if upload is None else _signed_anew(services, context, upload)}


def _batch_renewed(services: Services, context: Context, payload: BatchOut) -> BatchOut:
    """The same of many uploads."""
    return {
        "uploads": [
            None if upload is None else _signed_anew(services, context, upload)
            for upload in payload["uploads"]
        ]
    }


@endpoint(
    routes, "POST", UPLOADS, body=NewArtifactUpload, answer=BegunOut, role=Role.WRITE,
    renew=_renewed,
)  # fmt: skip
def begin_artifact_upload(request: Request[NewArtifactUpload, None], services: Services) -> Answer:
    """Begin an upload of bytes to be indexed; `upload` is null when they are there already."""
    opened = artifact_uploads.begin(
        stores_of(services), request.context, request.body.to_new_upload()
    )
    return ok({"upload": None if opened is None else upload_out(opened)})


@endpoint(
    routes, "POST", BATCH, body=BatchIn, answer=BatchOut, role=Role.WRITE, renew=_batch_renewed,
)  # fmt: skip
def begin_artifact_uploads(request: Request[BatchIn, None], services: Services) -> Answer:
    """Begin the uploads of many small files, in their order."""
    wanted = [NewUpload(one.size_bytes, one.sha256, one.mime) for one in request.body.files]
    begun = artifact_uploads.begin_many(stores_of(services), request.context, wanted)
    return ok({"uploads": [None if one is None else upload_out(one) for one in begun]})


@endpoint(
    routes, "POST", ONE_UPLOAD + "/parts", body=PartsAsked, answer=UploadOut, role=Role.WRITE,
    read_only=True, errors=(404, 409),
)  # fmt: skip
def sign_artifact_parts(request: Request[PartsAsked, None], services: Services) -> Answer:
    """Sign more parts of an upload, or the same anew."""
    stores, body = stores_of(services), request.body
    upload = artifact_uploads.find(stores, request.context, path_upload_id(request))
    opened = uploads.sign_parts(stores, request.context, upload, body.part_numbers, body.digests)
    return ok(upload_out(opened))


@endpoint(
    routes, "POST", ONE_UPLOAD + "/complete", body=CompleteUpload, answer=StoredOut,
    role=Role.WRITE, runs_long=True, errors=(404, 409),
)  # fmt: skip
def complete_artifact_upload(request: Request[CompleteUpload, None], services: Services) -> Answer:
    """Complete an upload: the bytes can be indexed. Again is fine."""
    stored = artifact_uploads.complete(
        stores_of(services), request.context, path_upload_id(request), request.body.to_parts()
    )
    return ok(_stored_out(stored))


@endpoint(
    routes, "POST", BATCH + "/complete", body=BatchCompleted, answer=BatchCompletedOut,
    role=Role.WRITE, errors=(404, 409),
)  # fmt: skip
def complete_artifact_uploads(request: Request[BatchCompleted, None], services: Services) -> Answer:
    """Complete many uploads of one part each. Again is fine."""
    upload_ids = [UploadId(one) for one in request.body.upload_ids]
    stored = artifact_uploads.complete_many(stores_of(services), request.context, upload_ids)
    files = [
        {"upload_id": upload_id, **_stored_out(one)}
        for upload_id, one in zip(upload_ids, stored, strict=True)
    ]
    return ok({"files": files})


@endpoint(routes, "DELETE", ONE_UPLOAD, status=204, role=Role.WRITE, errors=(404, 409))
def abort_artifact_upload(request: Request[None, None], services: Services) -> Answer:
    """Abort an upload. Again is fine."""
    artifact_uploads.abort(stores_of(services), request.context, path_upload_id(request))
    return no_content()
