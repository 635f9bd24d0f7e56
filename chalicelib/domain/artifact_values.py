"""What may be logged under a name, by its kind, and how it is spelled where it is kept."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from math import isfinite
from typing import Final, Literal, TypeAlias

from chalicelib.core.model.experiment_artifact import (
    JsonContent,
    MediaContent,
    Number,
    Point,
    SentKind,
)
from chalicelib.domain.data_urls import read_data_url
from chalicelib.domain.image_types import IMAGE_TYPES, canonical_image_type, image_type

ValueKind: TypeAlias = Literal["text", "value", "list", "dict", "image", "file"]
BYTES_KINDS: Final[tuple[SentKind, ...]] = ("image", "file")
MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
_MAX_DOUBLE: Final = (2**53 - 1) << (1024 - 53)


class Unfit(ValueError):
    """A value is not what its kind says; the message tells what is wrong with it."""


def content_of(kind: ValueKind, value: object) -> JsonContent | MediaContent:
    """A value as it is to be kept. Raises Unfit. A text that is a base64 data URL is bytes."""
    match kind:
        case "value":
            return JsonContent(spelled(checked_number(value)), numeric=True)
        case "text":
            if not isinstance(value, str):
                raise Unfit("must be a string")
            return _text(value)
        case "list":
            if not isinstance(value, list):
                raise Unfit("must be an array")
            return JsonContent(spelled(value), numeric=False)  # pyright: ignore[reportUnknownArgumentType] # any JSON
        case "dict":
            if not isinstance(value, dict):
                raise Unfit("must be an object")
            return JsonContent(spelled(value), numeric=False)  # pyright: ignore[reportUnknownArgumentType] # any JSON
        case "image":
            return _image(_media(value))
        case "file":
            return _media(value)


def checked_number(value: object) -> Number:
    """The number itself. Raises Unfit unless it is one and a double can hold its magnitude; a
    boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit("must be a number")
    finite = abs(value) <= _MAX_DOUBLE if isinstance(value, int) else isfinite(value)
    if not finite:
        raise Unfit("must be a finite number")
    return value


def spelled(value: object) -> str:
    """JSON text: floats bit for bit, ints of any size, keys in their order. Raises Unfit for what
    JSON cannot spell."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise Unfit("holds half of a surrogate pair, which is no text") from error
    except ValueError as error:
        raise Unfit("holds NaN or an infinity, which JSON cannot spell") from error
    if size_bytes > MAX_TEXT_BYTES:  # `1e15` grows to eighteen characters
        raise Unfit("is over 4 MiB when it is spelled out")
    return text


def read_numbers(texts: Sequence[str]) -> list[Number]:
    """Inverse of `spelled` for numbers."""
    return json.loads(f"[{','.join(texts)}]")


def packed(points: Sequence[Point]) -> bytes:
    """Points as columns in compressed JSON, which keeps ints and floats apart and exact."""
    columns = [[point.x for point in points], [point.y for point in points]]
    return zlib.compress(json.dumps(columns, separators=(",", ":")).encode(), 1)


def unpacked(body: bytes) -> tuple[list[Number], list[Number]]:
    """The columns x and y of points that were packed."""
    xs, ys = json.loads(zlib.decompress(body))
    return xs, ys


def _text(value: str) -> JsonContent | MediaContent:
    if value[:5].lower() == "data:":
        with suppress(ValueError):  # a text may begin as it likes
            mime, body = read_data_url(value)
            return MediaContent(body, mime)
    return JsonContent(spelled(value), numeric=False)


def _media(value: object) -> MediaContent:
    if not isinstance(value, str):
        raise Unfit("must be a string that is a base64 data URL")
    try:
        mime, body = read_data_url(value)
    except ValueError as error:
        raise Unfit(str(error)) from error
    return MediaContent(body, mime)


def _image(media: MediaContent) -> MediaContent:
    claimed = canonical_image_type(media.mime)
    if claimed not in IMAGE_TYPES:
        raise Unfit(f"must be one of {', '.join(IMAGE_TYPES)}; log any other type as a file")
    found = image_type(media.body)
    if found != claimed:
        is_what = "no image of a known type" if found is None else found
        raise Unfit(f"says {claimed}, but its bytes are {is_what}")
    return MediaContent(media.body, claimed)
