"""Names of artifacts inside a run, and how their bytes are handed to a browser."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from chalicelib.core.errors import FieldError, Invalid

MAX_PATH_BYTES: Final = 850
MAX_SEGMENTS: Final = 90
MAX_SHOWN_NAME_BYTES: Final = 240
"""No file system takes a longer name than 255 bytes, and stores bound the length of a header."""

_REFUSED_CATEGORIES: Final = {
    "Cc": "a control character",
    "Cs": "half of a surrogate pair",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSAFE_IN_QUOTED = re.compile(r'[^ -~]|["%\\]')
_ATTR_CHAR: Final = "!#$&+-.^_`|~"

_INLINE_TYPES: Final = frozenset(
    {
        "application/json",
        "application/pdf",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
    }
)
_INLINE_FAMILY = re.compile(r"(audio|video)/[a-z0-9.-]+")


def clean_artifact_path(path: str, field: str = "path") -> str:
    """The path, unchanged, when it is a relative POSIX path of 1-90 segments and 850 UTF-8 bytes.

    Anything else is legal in it: spaces, any script, `%2F` as three characters. Refused, as
    Invalid about `field`: absolute paths and Windows drives, `.` and `..`, empty segments (so a
    slash at the end too), backslashes, control characters, line separators, lone surrogates.
    """
    problem = _problem(path)
    if problem is not None:
        # the path itself may hold what must not be shown: only the name of the trouble is told
        message = f"{field}: {problem}"
        raise Invalid(message, [FieldError(field, message)])
    return path


def clean_file_name(name: str, field: str = "file") -> str:
    """A name that is an artifact path of one segment. Raises Invalid about `field`."""
    if "/" in name:
        raise Invalid.field(field, "a file name cannot hold a slash; put folders in artifact_path")
    return clean_artifact_path(name, field)


def join_artifact_path(folder: str | None, name: str) -> str:
    """`folder/name`, or `name` when there is no folder. Raises Invalid unless all are clean."""
    clean_file_name(name)
    if not folder:
        return name
    return clean_artifact_path(f"{clean_artifact_path(folder, 'artifact_path')}/{name}")


def safe_disposition(filename: str, inline: bool) -> str:
    """A Content-Disposition for any file name or path, of which the last segment is kept.

    RFC 6266 with `filename*` of RFC 8187 when the plain form had to replace something. The answer
    is one line of at most 1,024 printable ASCII characters, whatever the name holds.
    """
    name = _shortened(filename.rpartition("/")[2])
    plain = _UNSAFE_IN_QUOTED.sub("_", name).strip() or "download"
    disposition = f'{"inline" if inline else "attachment"}; filename="{plain}"'
    if plain == name:
        return disposition
    encoded = quote(name.encode("utf-8", "replace"), safe=_ATTR_CHAR)
    return f"{disposition}; filename*=UTF-8''{encoded}" if encoded else disposition


def _shortened(name: str) -> str:
    raw = name.encode("utf-8", "replace")
    if len(raw) <= MAX_SHOWN_NAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix.encode("utf-8", "replace")
    suffix = suffix if len(suffix) <= 20 else b""
    return raw[: MAX_SHOWN_NAME_BYTES - len(suffix)].decode("utf-8", "ignore") + suffix.decode()


def is_inline_safe(mime: str) -> bool:
    """True for media types in which a browser runs nothing; false for what is not known."""
    essence = mime.partition(";")[0].strip().lower()
    return essence in _INLINE_TYPES or _INLINE_FAMILY.fullmatch(essence) is not None


def _problem(path: str) -> str | None:
    if not path:
        return "empty; name the artifact"
    for character in path:
        refused = _REFUSED_CATEGORIES.get(unicodedata.category(character))
        if refused is not None:
            return f"holds {refused}; leave it out: U+{ord(character):04X}"
    if "\\" in path:
        return "holds a backslash; separate folders by /"
    if path.startswith("/") or _DRIVE.match(path):
        return "absolute; make it relative to the run's artifacts"
    segments = path.split("/")
    if "" in segments:
        return "holds an empty folder name; remove the slash that is doubled or at the end"
    if "." in segments or ".." in segments:
        return "holds . or ..; name the folders themselves"
    size = len(path.encode())
    if size > MAX_PATH_BYTES:
        return f"too long; shorten it: bytes={size} max={MAX_PATH_BYTES}"
    if len(segments) > MAX_SEGMENTS:
        return f"too deep; use fewer folders: segments={len(segments)} max={MAX_SEGMENTS}"
    return None
