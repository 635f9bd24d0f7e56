"""Checks that every Blobs adapter makes, so that all of them refuse the same calls."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from chalicelib.storage.blobs import MAX_KEY_BYTES, MAX_PARTS, BadPart, Part

CHECKSUM_HEADER: Final = "x-amz-checksum-sha256"
MAX_HEADER_BYTES: Final = 1024
"""Of a media type or a content disposition."""


def check_key(key: str) -> None:
    """Raises ValueError for a key that is empty, overlong, or that no URL can carry.

    HTTP clients resolve the segments `.` and `..` before they send a URL: S3 never sees them.
    """
    if not 1 <= len(key.encode()) <= MAX_KEY_BYTES:
        raise ValueError(f"a blob's key must have 1 to {MAX_KEY_BYTES} bytes")
    if any(segment in {".", ".."} for segment in key.split("/")):
        raise ValueError("a blob's key must not have . or .. between slashes")
    if "\0" in key:
        raise ValueError("a blob's key must not hold a zero character")


def check_header(name: str, text: str) -> None:
    """Raises ValueError for what an HTTP header cannot carry."""
    if not (text and text.isascii() and text.isprintable() and len(text) <= MAX_HEADER_BYTES):
        raise ValueError(f"{name} must be 1 to {MAX_HEADER_BYTES} printable ASCII characters")


def check_range(start: int, stop: int | None) -> None:
    """Raises ValueError unless 0 <= start <= stop."""
    if start < 0 or (stop is not None and stop < start):
        raise ValueError(f"a range of bytes must ascend from 0 or later: start={start} stop={stop}")


def check_parts(parts: Sequence[Part]) -> None:
    """Raises BadPart unless there are parts, ascending by number, within 1 to `MAX_PARTS`."""
    if not parts:
        raise BadPart("an upload is completed with at least one part")
    if not all(1 <= part.number <= MAX_PARTS for part in parts):
        raise BadPart(f"part numbers are 1 to {MAX_PARTS}")
    if any(left.number >= right.number for left, right in pairwise(parts)):
        raise BadPart("parts must be listed once each, ascending by number")


def checksum(sha256: str) -> str:
    """A digest as S3 spells it. Raises ValueError unless it is 64 lower-case hex characters."""
    digest = bytes.fromhex(sha256)
    if digest.hex() != sha256 or len(digest) != 32:
        raise ValueError("a sha256 digest must be 64 lower-case hex characters")
    return b64encode(digest).decode()
