"""Previews of stored images: each lies beside its object, is named like it, and goes with it."""

from __future__ import annotations

from typing import Final

from chalicelib.core.errors import NotFound
from chalicelib.domain.artifact_paths import safe_disposition
from chalicelib.domain.image_previews import MAX_IMAGE_BYTES, PREVIEW_MIME, preview_of
from chalicelib.domain.image_types import raster_type
from chalicelib.domain.uploads import URL_S
from chalicelib.storage import artifact_keys
from chalicelib.storage.blobs import BlobMissing, Blobs, SignedRequest

FIRST_BYTES: Final = 64 * 1024
"""Tell whether it is an image at all, and are all of a small one."""


def make(blobs: Blobs, blob_key: str) -> None:
    """Make the preview of an object where it can have one and has none. One blob for what is no
    image; three to five for one. Again is fine, also after the object was deleted."""
    preview_key = artifact_keys.preview(blob_key)
    try:
        body = blobs.get(blob_key, 0, FIRST_BYTES)
        if raster_type(body) is None or blobs.head(preview_key) is not None:
            return
        if len(body) == FIRST_BYTES:
            body = blobs.get(blob_key, 0, MAX_IMAGE_BYTES + 1)
        preview = preview_of(body)
        if preview is None:
            return
        blobs.put(preview_key, preview, mime=PREVIEW_MIME)
        # Who deletes the object deletes its preview after it. Seen now, the object is still to be
        # deleted; seen no more, the preview may have come too late to be deleted with it.
        if blobs.head(blob_key) is not None:
            return
    except BlobMissing:
        pass
    blobs.delete(preview_key)


def delete(blobs: Blobs, blob_key: str) -> None:
    """Delete what there may be of an object that was deleted. One blob."""
    blobs.delete(artifact_keys.preview(blob_key))


def locate(blobs: Blobs, blob_key: str, name: str) -> SignedRequest:
    """A presigned GET of the preview of the object, good for `URL_S`. One blob. Raises NotFound."""
    preview_key = artifact_keys.preview(blob_key)
    if blobs.head(preview_key) is None:
        raise NotFound(
            "there is no preview; one is made soon after the bytes are stored, of PNG, JPEG, GIF "
            "and WebP images of at most 32 MiB and 25 megapixels"
        )
    return blobs.presign_get(
        preview_key,
        mime=PREVIEW_MIME,
        disposition=safe_disposition(f"{name}.webp", inline=True),
        expires_s=URL_S,
    )
