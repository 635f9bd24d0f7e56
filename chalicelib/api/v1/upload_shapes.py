"""Shapes of uploads: of a run's file and of bytes to be indexed alike."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from chalicelib.api.contract import Body, Request
from chalicelib.api.v1.shapes import DISTINCT, Mime, Sha256, rfc3339
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import UploadId, is_hex_id
from chalicelib.domain.uploads import OpenUpload
from chalicelib.storage.blobs import MAX_OBJECT_BYTES, MAX_PARTS, Part

PartNumber: TypeAlias = Annotated[int, Field(ge=1, le=MAX_PARTS)]


class NewBytesIn(Body):
    """Begin an upload. `part_sha256` binds every part's digest, for who knows them already."""

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

    @property
    def digests(self) -> dict[int, str]:
        """By part number."""
        return {int(number): sha256 for number, sha256 in self.sha256.items()}


class PartIn(Body):
    """A part that was uploaded."""

    part_number: PartNumber
    etag: Annotated[str, Field(min_length=1, max_length=200)]
    sha256: Sha256 | None = None


class CompleteUpload(Body):
    """`parts` in order; a single part may be left out."""

    parts: Annotated[list[PartIn], Field(max_length=MAX_PARTS)] = []

    def to_parts(self) -> list[Part]:
        return [Part(one.part_number, one.etag, one.sha256) for one in self.parts]


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


def upload_out(opened: OpenUpload) -> UploadOut:
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


def path_upload_id(request: Request[Any, Any]) -> UploadId:
    text = request.path["upload_id"]
    if not is_hex_id(text):
        raise NotFound("there is no such upload", upload_id=text[:100])
    return UploadId(text)
