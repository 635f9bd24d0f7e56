"""Media types of files by their names."""

from __future__ import annotations

from mimetypes import MimeTypes

UNKNOWN_MIME = "application/octet-stream"
_KNOWN_TYPES = MimeTypes()
"""The table that Python brings, not the machine's: the same file has the same type everywhere."""


def guess_mime(path: str) -> str:
    """The media type of a file by its name."""
    return _KNOWN_TYPES.guess_type(path)[0] or UNKNOWN_MIME
