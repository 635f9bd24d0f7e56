"""Previews of images: small, upright, of one picture, and with nothing that the image said besides.

Bytes are anybody's. An image is decoded only by the decoder of the format that it begins like, and
only when its header promises so few pixels that they fit in a function's memory.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import TYPE_CHECKING, Final

from chalicelib.domain.image_types import raster_type

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger("trialbook")
PREVIEW_MIME: Final = "image/webp"
PREVIEW_PIXELS: Final = 512
"""Of the long side, at most."""
MAX_IMAGE_BYTES: Final = 32 * 1024 * 1024
MAX_IMAGE_PIXELS: Final = 24 * 1024 * 1024
QUALITY: Final = 80
_FORMATS: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
}


def preview_of(body: bytes) -> bytes | None:
    """A WebP of at most 512 pixels a side, not larger than the image; None when the bytes are no
    PNG, JPEG, GIF or WebP, are broken, or too many (`MAX_IMAGE_BYTES`, `MAX_IMAGE_PIXELS`).

    Memory: 8 to 9 bytes a pixel of the image, and 17 of a WebP: 400 MiB at most.
    """
    mime = raster_type(body)
    if mime is None or len(body) > MAX_IMAGE_BYTES:
        return None
    # Imported here: only the worker that makes previews needs it. The format's own module besides,
    # for Pillow would import those of all formats to find it.
    from PIL import Image, ImageOps, WebPImagePlugin

    del WebPImagePlugin
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about bytes that are odd; the answer tells enough
            with Image.open(io.BytesIO(body), formats=[_FORMATS[mime]]) as image:
                if image.width * image.height > MAX_IMAGE_PIXELS:
                    return None
                small = _shrunk(image)
            upright = ImageOps.exif_transpose(small)
            return _encoded(upright)
    except Exception as error:  # noqa: BLE001 # decoders raise anything at bytes that are broken
        log.info("no preview of a broken image: %s", type(error).__name__)
        return None


def _shrunk(image: Image.Image) -> Image.Image:
    """At most as large as a preview, in RGB or RGBA."""
    image = _of_many_colours(image)
    image.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
    is_seen_through = image.mode in {"LA", "PA", "RGBA"} or "transparency" in image.info
    return image.convert("RGBA" if is_seen_through else "RGB")


def _of_many_colours(image: Image.Image) -> Image.Image:
    """In a mode whose pixels can be mixed: those of a palette cannot, and two bytes of grey are cut
    rather than scaled."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value / 256).convert("L")
    if image.mode in {"1", "P", "PA"}:
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    return image


def _encoded(image: Image.Image) -> bytes:
    written = io.BytesIO()
    # named, though empty: Pillow takes those of the image otherwise
    image.save(written, "WEBP", quality=QUALITY, exif=b"", icc_profile=b"", xmp=b"")
    return written.getvalue()
