"""Images in tests: made by Pillow, and made up."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image


def image_bytes(image: Image.Image, format_name: str, **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, format_name, **options)
    return written.getvalue()


def png(width: int = 3, height: int = 2, colour: str = "red") -> bytes:
    return image_bytes(Image.new("RGB", (width, height), colour), "PNG")


def halves(width: int = 800, height: int = 400) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (width // 2, 0, width, height))
    return image


def vast_png(width: int, height: int) -> bytes:
    """A PNG that says that it is of this size and holds a few rows, of up to 1 MB; grey, one bit a
    pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(name + body)
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min((width + 7) // 8 + 1, 1_000_000)) * 10)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def opened(body: bytes | None) -> Image.Image:
    """The image that a preview is."""
    assert body is not None
    return Image.open(io.BytesIO(body), formats=["WEBP"])
