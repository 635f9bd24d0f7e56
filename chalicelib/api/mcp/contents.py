"""Bytes of an experiment artifact as an assistant can take them: what it can look at, or a link."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from typing_extensions import TypedDict

from chalicelib.api.v1.experiment_artifacts import stores_of
from chalicelib.api.v1.shapes import rfc3339
from chalicelib.core.context import Context
from chalicelib.core.model.experiment_artifact import Series
from chalicelib.domain import experiment_artifact_reads
from chalicelib.domain.image_types import raster_type
from chalicelib.domain.media_types import UNKNOWN_MIME
from chalicelib.wiring import Services

MAX_SHOWN_BYTES: Final = 1_000_000
"""Of bytes that come along; larger ones are linked."""
MAX_TEXT: Final = 100_000
_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What models can look at; of others, SVG say, the text or a link serves better."""
_TEXTS: Final = frozenset(
    {"application/json", "application/xml", "application/yaml", "image/svg+xml"}
)

Shown: TypeAlias = Literal["image", "audio", "text", "link"]
Block: TypeAlias = Mapping[str, Any]


class ContentOut(TypedDict):
    """`url` needs no key and works until `expires_at`."""

    name: str
    mime_type: str
    size_bytes: int
    shown_as: Shown
    truncated: bool
    url: str
    expires_at: str


class Content(NamedTuple):
    """Where the bytes are, and the block that shows them."""

    about: ContentOut
    block: Block


def text_block(text: str) -> Block:
    return {"type": "text", "text": text}


def shown_as(mime: str, size_bytes: int) -> Shown:
    """How bytes of this type and size come along."""
    plain = mime.partition(";")[0].strip().lower()
    if size_bytes > MAX_SHOWN_BYTES:
        return "link"
    if plain in _IMAGES:
        return "image"
    if plain.startswith("audio/"):
        return "audio"
    is_text = plain.startswith("text/") or plain in _TEXTS or plain.endswith(("+json", "+xml"))
    return "text" if is_text else "link"


def content_of(context: Context, services: Services, series: Series) -> Content:
    """One blob when it can be shown, else no request. Raises NotFound when it has no bytes."""
    stores = stores_of(services)
    signed, expires_at_ms = experiment_artifact_reads.content(
        stores.bytes, context, series, inline=True
    )
    latest = series.latest
    mime = latest.mime or UNKNOWN_MIME
    shown = shown_as(mime, latest.size_bytes)
    about: ContentOut = {
        "name": series.name,
        "mime_type": mime,
        "size_bytes": latest.size_bytes,
        "shown_as": shown,
        "truncated": False,
        "url": signed.url,
        "expires_at": rfc3339(expires_at_ms),
    }
    if shown == "link":
        return Content(about, link_block(about))
    assert latest.blob_key is not None
    body = stores.bytes.blobs.get(latest.blob_key)
    if shown == "image":
        found = raster_type(body)
        if found is None:  # with an image that nobody can decode, a talk with a model is over
            about["shown_as"] = "link"
            return Content(about, link_block(about))
        mime = found
    if shown != "text":
        data = b64encode(body).decode()
        return Content(about, {"type": shown, "data": data, "mimeType": mime})
    text = body.decode(errors="replace")
    about["truncated"] = len(text) > MAX_TEXT
    return Content(about, text_block(text[:MAX_TEXT]))


def link_block(about: ContentOut) -> Block:
    """A link for whoever wants the bytes themselves."""
    return {
        "type": "resource_link",
        "uri": about["url"],
        "name": about["name"],
        "mimeType": about["mime_type"],
        "size": about["size_bytes"],
        "description": f"The bytes, without a key, until {about['expires_at']}.",
    }
