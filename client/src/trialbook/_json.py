"""JSON as the service reads it: NaN and the infinities are strings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast


def encode(body: object) -> bytes:
    """Compact JSON; the same body always gives the same bytes, and bytes are JSON already.

    Scalars of numpy and torch become numbers, datetimes RFC 3339. Raises TypeError for what is no
    JSON. Cost: that of the C encoder, and a walk through the body when a number is not finite.
    """
    if isinstance(body, bytes):
        return body
    try:
        text = _dumps(body)
    except ValueError:
        text = _dumps(_spelled(body))
    return text.encode("ascii")


def spell(value: float) -> float | str:
    """A finite number as it is, else its name."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _dumps(body: object) -> str:
    return json.dumps(body, allow_nan=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    item = getattr(value, "item", None)
    if callable(item) and not getattr(value, "shape", ()):
        return item()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def _spelled(value: object) -> object:
    if isinstance(value, float):
        return spell(value)
    if isinstance(value, Mapping):
        return {k: _spelled(v) for k, v in cast("Mapping[Any, object]", value).items()}
    if isinstance(value, str | bytes | int) or value is None:
        return value
    if isinstance(value, Sequence):
        return [_spelled(v) for v in cast("Sequence[object]", value)]
    return _spelled(_plain(value))
