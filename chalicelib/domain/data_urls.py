"""Base64 data URLs (RFC 2397)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

MAX_HEAD: Final = 300
DEFAULT_MIME: Final = "text/plain;charset=us-ascii"
"""What RFC 2397 says of a URL that names no type."""
_TOKEN: Final = r"[a-z0-9][a-z0-9!#$&^_.+-]*"
_HEAD = re.compile(
    rf"data:(?P<mime>{_TOKEN}/{_TOKEN})?(?P<parameters>(?:;[a-z0-9_.-]+=[^;,]*)*);base64",
    re.IGNORECASE,
)
_CHARSET = re.compile(r";charset=([a-z0-9._-]+)(?=;|$)", re.IGNORECASE)
MAX_MIME: Final = 127


class DataUrl(NamedTuple):
    """What a data URL holds; of the parameters of the type only the charset is kept."""

    mime: str
    body: bytes


def read_data_url(text: str) -> DataUrl:
    """Raises ValueError, saying what is wrong, for anything but a base64 data URL. The base64 is
    the standard one, padded, in one piece."""
    head, comma, encoded = text[:MAX_HEAD].partition(",")
    match = _HEAD.fullmatch(head) if comma else None
    if match is None:
        raise ValueError("must be a data URL: data:<type>/<subtype>;base64,<base64>")
    mime = _mime(match["mime"], match["parameters"])
    if len(mime) > MAX_MIME:
        raise ValueError(f"names a media type of over {MAX_MIME} characters")
    encoded = text[len(head) + 1 :]
    try:
        return DataUrl(mime, base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError("is a data URL whose base64 is broken") from error


def family_of(mime: str) -> str:
    """`image` of `image/png`."""
    return mime.partition("/")[0].lower()


def _mime(essence: str | None, parameters: str) -> str:
    charset = _CHARSET.search(parameters)
    if essence is None:
        essence = "text/plain"
        if charset is None:
            return DEFAULT_MIME
    return essence.lower() if charset is None else f"{essence.lower()};charset={charset[1]}"
