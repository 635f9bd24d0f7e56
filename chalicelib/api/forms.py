"""Files in multipart forms, which Chalice does not parse."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import multipart

from chalicelib.core.errors import Invalid, UnsupportedMediaType

UNTYPED = "application/octet-stream"
"""What clients declare when they do not know: the file name tells more."""
_MIME = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(; ?charset=[\w.-]+)?", re.ASCII)

# The package has no types of its own.
_library: Any = multipart


class FormFile(NamedTuple):
    """`mime` is None when the client declared none that says anything."""

    name: str
    mime: str | None
    body: bytes


def form_file(headers: Mapping[str, str], body: bytes) -> FormFile:
    """The form field `file`. Raises Invalid, UnsupportedMediaType."""
    media_type, options = _library.parse_options_header(headers.get("content-type", ""))
    boundary = options.get("boundary")
    if media_type != "multipart/form-data" or not boundary:
        raise UnsupportedMediaType("send multipart/form-data with its boundary")
    try:
        size = len(body)
        # The body is in memory already: parts spooled to disk would only leak their open files.
        parser = _library.MultipartParser(
            io.BytesIO(body), boundary, size, spool_limit=size, memory_limit=size
        )
        parts = list(parser)
        for part in parts:
            if part.name == "file":
                return _file(part)
    except (_library.MultipartError, UnicodeError) as error:
        raise Invalid(f"malformed multipart body: {error}") from error
    raise Invalid.field("file", "is missing from the form")


def form_content(headers: Mapping[str, str], body: bytes) -> bytes:
    """What the form field `file` holds, however the form is laid out. Raises as `form_file`."""
    name, mime, content = form_file(headers, body)
    return f"{name}\n{mime}\n".encode() + content


def _file(part: Any) -> FormFile:
    if not part.filename:
        raise Invalid.field("file", "needs a file name")
    declared: str = part.content_type or UNTYPED
    mime = declared if declared != UNTYPED and _MIME.fullmatch(declared) else None
    return FormFile(part.filename, mime, part.raw)
