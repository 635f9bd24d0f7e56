"""Media types of files: by their names, and by their first bytes where the name says nothing.

The signatures are those of https://mimesniff.spec.whatwg.org (section 6) without those of fonts,
and besides them those of formats that data are kept in. None is of markup.
"""

from __future__ import annotations

import codecs
from mimetypes import MimeTypes
from typing import Final

from chalicelib.domain.image_types import raster_type
from chalicelib.storage.blobs import BlobMissing, Blobs

UNKNOWN_MIME: Final = "application/octet-stream"
SNIFFED_BYTES: Final = 1445
"""What the standard calls the resource header."""
TEXT: Final = "text/plain"
_KNOWN_TYPES = MimeTypes()
"""The table that Python brings, not the machine's: the same file has the same type everywhere."""

_SIGNATURES: Final = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS-Adobe-", "application/postscript"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"ARROW1\x00\x00", "application/vnd.apache.arrow.file"),
    (0, b"\x93NUMPY", "application/x-npy"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS\x00", "application/ogg"),
    (0, b"fLaC\x00", "audio/flac"),
    (0, b"MThd\x00\x00\x00\x06", "audio/midi"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
)
_RIFF: Final = {b"WAVE": "audio/wave", b"AVI ": "video/avi"}
_BINARY: Final = frozenset(range(0x20)) - frozenset(b"\t\n\x0c\r\x1b")
"""Bytes that no text holds."""


def mime_by_name(path: str | None) -> str | None:
    """The media type of a file by its name; None when that says nothing."""
    return _KNOWN_TYPES.guess_type(path)[0] if path else None


def guess_mime(path: str | None) -> str:
    """The media type of a file by its name, or the one that means that nobody knows."""
    return mime_by_name(path) or UNKNOWN_MIME


def sniff_mime(head: bytes) -> str:
    """The media type that bytes begin like, told by the first `SNIFFED_BYTES` of them.

    Text of any kind is plain text: what a browser could run is never told from bytes.
    """
    image = raster_type(head)
    if image is not None:
        return image
    for offset, signature, mime in _SIGNATURES:
        if head.startswith(signature, offset):
            return mime
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if _is_mp4(head):
        return "video/mp4"
    return TEXT if _is_text(head) else UNKNOWN_MIME


def sniff_blob(blobs: Blobs, blob_key: str) -> str:
    """The same of what is stored. One blob."""
    try:
        return sniff_mime(blobs.get(blob_key, 0, SNIFFED_BYTES))
    except BlobMissing:  # collected at this moment, which the caller's transaction will notice
        return UNKNOWN_MIME


def _is_mp4(head: bytes) -> bool:
    """https://mimesniff.spec.whatwg.org/#signature-for-mp4"""
    box = int.from_bytes(head[:4], "big")
    if len(head) < 12 or box % 4 or head[4:8] != b"ftyp":
        return False
    places = (8, *range(16, min(box, len(head)), 4))
    return any(head[at : at + 3] == b"mp4" for at in places)


def _is_text(head: bytes) -> bool:
    """Of some length, in UTF-8, and without bytes that no text holds."""
    if not head or not _BINARY.isdisjoint(head):
        return False
    is_whole = len(head) < SNIFFED_BYTES  # else its last character may be cut
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head[:SNIFFED_BYTES], is_whole)
    except UnicodeDecodeError:
        return False
    return True
