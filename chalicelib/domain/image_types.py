"""Media types of images, told by their bytes.

The signatures are those of https://mimesniff.spec.whatwg.org/#image-type-pattern-matching-algorithm
and, after them, the first structure that the format demands.
"""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

SNIFFED_BYTES: Final = 512
"""Enough to tell every type but SVG."""
SVG: Final = "image/svg+xml"
IMAGE_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", SVG)
_ALIASES: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_WEBP_CHUNKS: Final = (b"VP8 ", b"VP8L", b"VP8X")
_SVG_ROOTS: Final = ("svg", "http://www.w3.org/2000/svg svg")


def canonical_image_type(mime: str) -> str:
    """The registered name of a type of image."""
    essence = mime.partition(";")[0].strip().lower()
    return _ALIASES.get(essence, essence)


def image_type(body: bytes) -> str | None:
    """The type that the bytes have, None when they are no image of `IMAGE_TYPES`."""
    return raster_type(body) or (SVG if is_svg(body) else None)


def raster_type(head: bytes) -> str | None:
    """The same from the first `SNIFFED_BYTES`, of every type but SVG."""
    if _is_png(head):
        return "image/png"
    if head[:3] == b"\xff\xd8\xff" and len(head) > 3 and head[3] >= 0xC0:  # a marker follows
        return "image/jpeg"
    if head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 13:  # the screen descriptor
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and head[12:16] in _WEBP_CHUNKS:
        return "image/webp"
    return None


def is_svg(body: bytes) -> bool:
    """Whether it is well-formed XML with the root `svg`. Documents that define entities are
    refused, and nothing they refer to is fetched."""
    root: list[str] = []

    def started(name: str, _: dict[str, str]) -> None:
        if not root:
            root.append(name)
            if name not in _SVG_ROOTS:
                raise ValueError(name)

    def doctype(_name: str, _system: str | None, _public: str | None, internal: int) -> None:
        if internal:  # where entities are defined; plotters write a doctype without it
            raise ValueError("an internal subset")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = started
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return bool(root)


def _is_png(head: bytes) -> bool:
    width, height = head[16:20], head[20:24]
    return (
        head[:8] == _PNG_SIGNATURE
        and head[8:16] == b"\x00\x00\x00\rIHDR"
        and len(head) >= 33
        and any(width)
        and any(height)
    )
