"""Values as people read them: times, numbers, sizes, and text that cannot harm a terminal."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

_REPLACED: Final = frozenset({"Cc", "Cs"})
# these turn around how what follows is shown
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60 * _SECOND_MS
_HOUR_MS: Final = 60 * _MINUTE_MS


def one_line(text: str) -> str:
    """The text without line breaks and without what a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(c) for c in " ".join(text.split()))


def _shown(character: str) -> str:
    harmful = unicodedata.category(character) in _REPLACED or character in _BIDI
    return "\ufffd" if harmful else character


def number(value: float) -> str:
    """Six significant digits; whole numbers whole."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e12):
        return str(int(value))
    return f"{value:.6g}"


def exact(value: float) -> str:
    """Every digit: what a program reads back is the same double."""
    return repr(value) if math.isfinite(value) else number(value)


def local_time(value: datetime) -> str:
    """To the second, in this machine's zone."""
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def moment(text: str | None) -> datetime | None:
    """Of an RFC 3339 text; None for what is none."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def duration(ms: int | None) -> str:
    """Two units at most: `850 ms`, `12.5 s`, `3m 20s`, `26h 5m`."""
    if ms is None:
        return ""
    if ms < _SECOND_MS:
        return f"{ms} ms"
    if ms < _MINUTE_MS:
        return f"{ms / _SECOND_MS:.1f} s"
    if ms < _HOUR_MS:
        return f"{ms // _MINUTE_MS}m {ms % _MINUTE_MS // _SECOND_MS}s"
    return f"{ms // _HOUR_MS}h {ms % _HOUR_MS // _MINUTE_MS}m"


def size(count: int | None) -> str:
    """In binary units: `812 B`, `1.5 MiB`."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def plain_pairs(pairs: dict[str, Any] | None) -> str:
    """`a=1 b=x`."""
    return " ".join(f"{key}={value}" for key, value in (pairs or {}).items())


def plot(values: Sequence[float], width: int, height: int) -> list[str]:
    """The values as a curve of block characters, from the top line to the bottom one.

    More values than columns are averaged in each; what is not finite leaves a gap.
    """
    columns = [_mean(part) for part in _parts(values, min(width, len(values)))]
    seen = [value for value in columns if value is not None]
    if not seen:
        return []
    low, high = min(seen), max(seen)
    steps = height * (len(_BLOCKS) - 1)
    lines = [""] * height
    # Halved where the numbers are so far apart that their difference is none.
    scale = 1.0 if math.isfinite(high - low) else 0.5
    span = high * scale - low * scale
    for value in columns:
        filled = 0
        if value is not None:
            above = value * scale - low * scale
            filled = 1 + round(above / span * (steps - 1)) if span > 0 else steps // 2
        for row in range(height):
            left = filled - (height - 1 - row) * (len(_BLOCKS) - 1)
            lines[row] += _BLOCKS[min(max(left, 0), len(_BLOCKS) - 1)]
    return lines


def _parts(values: Sequence[float], count: int) -> list[Sequence[float]]:
    edges = [len(values) * n // count for n in range(count + 1)] if count else []
    return [values[a:b] for a, b in pairwise(edges)]


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    # each divided first: the sum of two doubles may be none
    return sum(value / len(finite) for value in finite) if finite else None
