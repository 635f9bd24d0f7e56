"""Routes of the drop zone: announce a file of lines, and see what became of it."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Params, Request, created, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.pages import cursor_of, key_position, position_of
from chalicelib.api.v1.shapes import rfc3339
from chalicelib.core.context import Context, Role
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import is_hex_id
from chalicelib.core.model.ingestion import Ingestion, IngestState, Report
from chalicelib.domain import ingest_files
from chalicelib.domain.ingest_files import MAX_PLAIN_BYTES, Announced
from chalicelib.wiring import Services

routes = Blueprint(__name__)
BASE = "/api/v1/ingest"


class NewFile(Body):
    """A file of JSON Lines, plain or gzip, that is to be put into the drop zone."""

    filename: Annotated[
        str,
        Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f/\\.][^\x00-\x1f\x7f/\\]*$"),
    ]
    size_bytes: Annotated[int, Field(ge=1, le=MAX_PLAIN_BYTES)]


class ListQuery(Params):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: str | None = None


class AnnouncedOut(TypedDict):
    """Where to PUT the file, with exactly these headers."""

    ingest_id: str
    key: str
    method: str
    url: str
    headers: dict[str, str]
    expires_at: str


class LineErrorOut(TypedDict):
    line: int
    reason: str


class FileOut(TypedDict):
    """How far a file has come; `reason` says why it failed as a whole."""

    ingest_id: str
    key: str
    state: IngestState
    size_bytes: int
    lines: int
    applied: int
    refused: int
    reason: str | None
    created_by: str
    begun_at: str
    ended_at: str | None


class ReportOut(FileOut):
    """With the first thousand of the refused lines."""

    errors: list[LineErrorOut]


class FilesOut(TypedDict):
    files: list[FileOut]
    next_cursor: str | None


def _announced_out(announced: Announced) -> AnnouncedOut:
    source = announced.ingestion.source
    return {
        "ingest_id": source.ingest_id,
        "key": source.object_key,
        "method": "PUT",
        "url": announced.put.url,
        "headers": dict(announced.put.headers),
        "expires_at": rfc3339(announced.expires_at_ms),
    }


def _file_out(of: Ingestion) -> FileOut:
    return {
        "ingest_id": of.source.ingest_id,
        "key": of.source.object_key,
        "state": of.state,
        "size_bytes": of.source.size_bytes,
        "lines": of.line,
        "applied": of.applied,
        "refused": of.refused,
        "reason": of.reason,
        "created_by": of.user,
        "begun_at": rfc3339(of.begun_ms),
        "ended_at": None if of.ended_ms is None else rfc3339(of.ended_ms),
    }


def _report_out(report: Report) -> ReportOut:
    errors: list[LineErrorOut] = [
        {"line": line, "reason": reason} for line, reason in sorted(report.errors.items())
    ]
    return {**_file_out(report.ingestion), "errors": errors}


def _renewed(services: Services, context: Context, payload: AnnouncedOut) -> AnnouncedOut:
    """A remembered answer, its URL signed anew while nothing has been put there."""
    again = ingest_files.sign_again(services.ingestions, context, payload["ingest_id"])
    return payload if again is None else _announced_out(again)


@endpoint(
    routes, "POST", BASE, body=NewFile, answer=AnnouncedOut, status=201, role=Role.WRITE,
    renew=_renewed,
)  # fmt: skip
def announce_file(request: Request[NewFile, None], services: Services) -> Answer:
    """Get a presigned PUT for a file of JSON Lines; it is ingested once it is there."""
    body = request.body
    announced = ingest_files.announce(
        services.ingestions, request.context, body.filename, body.size_bytes
    )
    return created(_announced_out(announced))


@endpoint(routes, "GET", BASE, query=ListQuery, answer=FilesOut, role=Role.READ)
def list_ingested_files(request: Request[None, ListQuery], services: Services) -> Answer:
    """List ingested files, newest first."""
    query = request.query
    scope = ("ingest",)
    after = key_position(position_of(services, request.context, scope, query.cursor))
    page = ingest_files.page(services.ingestions, request.context, query.limit, after)
    place = page.places[-1] if page.more and page.places else None
    next_cursor = cursor_of(services, request.context, scope, place)
    return ok({"files": [_file_out(one) for one in page.files], "next_cursor": next_cursor})


@endpoint(routes, "GET", BASE + "/{ingest_id}", answer=ReportOut, role=Role.READ, errors=(404,))
def get_ingested_file(request: Request[None, None], services: Services) -> Answer:
    """See how far a file has come, and which of its lines were refused."""
    ingest_id = request.path["ingest_id"]
    if not is_hex_id(ingest_id):
        raise NotFound("there is no such file", ingest_id=ingest_id[:100])
    return ok(_report_out(ingest_files.get(services.ingestions, request.context, ingest_id)))
