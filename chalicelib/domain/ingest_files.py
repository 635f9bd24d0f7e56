"""Files of lines as those see them who put them there: where they go, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.core.context import Context
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.model.ingestion import Ingestion, Report, Source
from chalicelib.domain.uploads import URL_S
from chalicelib.storage import ingest_keys
from chalicelib.storage.blobs import SignedRequest
from chalicelib.storage.ingestions import Ingestions, IngestionStore

MAX_GZIP_BYTES: Final = 256 * 1024 * 1024
MAX_PLAIN_BYTES: Final = 5 * 1024 * 1024 * 1024
"""What one presigned PUT takes, and what a gzip file may unpack to."""
JSON_LINES: Final = "application/x-ndjson"
GZIP: Final = "application/gzip"
GZIP_NAMES: Final = (".gz", ".gzip")


@dataclass(frozen=True, slots=True)
class Announced:
    """Where a file is to be put, until when (ms)."""

    ingestion: Ingestion
    put: SignedRequest
    expires_at_ms: int


def announce(
    ingestions: IngestionStore, context: Context, filename: str, size_bytes: int
) -> Announced:
    """Sign a PUT of a file into the drop zone. One write. Raises Invalid."""
    is_gzip = mime_of(filename) == GZIP
    most = MAX_GZIP_BYTES if is_gzip else MAX_PLAIN_BYTES
    if size_bytes > most:
        kind = "a gzip file" if is_gzip else "a file"
        raise Invalid.field("size_bytes", f"{kind} has at most {most} bytes; split it")
    ingest_id = context.new_id()
    object_key = ingest_keys.dropped(context.tenant, ingest_id, filename)
    source = Source(context.tenant, ingest_id, object_key, "", size_bytes, 0)
    waiting = Ingestion(source, context.user, "waiting", context.now_ms())
    ingestions.announce(waiting)
    return _signed(ingestions, context, waiting)


def sign_again(ingestions: IngestionStore, context: Context, ingest_id: str) -> Announced | None:
    """The same file signed anew; None when it has arrived. One read."""
    waiting = ingestions.announced(context.tenant, ingest_id)
    return None if waiting is None else _signed(ingestions, context, waiting)


def _signed(ingestions: IngestionStore, context: Context, waiting: Ingestion) -> Announced:
    source = waiting.source
    put = ingestions.blobs.presign_put(
        source.object_key,
        size_bytes=source.size_bytes,
        sha256=None,
        mime=mime_of(source.object_key),
        expires_s=URL_S,
    )
    return Announced(waiting, put, context.now_ms() + URL_S * 1000)


def mime_of(filename: str) -> str:
    """The media type of a file of lines by its name; whether it is gzip is told by its bytes."""
    return GZIP if filename.lower().endswith(GZIP_NAMES) else JSON_LINES


def get(ingestions: IngestionStore, context: Context, ingest_id: str) -> Report:
    """What became of a file, or has so far. One query, and another when lines were refused; a read
    while nothing has arrived. Raises NotFound."""
    found = ingestions.latest(context.tenant, ingest_id)
    if found is None:
        raise NotFound("there is no such file; it may have expired", ingest_id=ingest_id)
    return ingestions.report(found)


def page(
    ingestions: IngestionStore, context: Context, limit: int, after: tuple[str, ...] | None
) -> Ingestions:
    """Files of the tenant, newest first. One query."""
    return ingestions.page(context.tenant, limit, after)
