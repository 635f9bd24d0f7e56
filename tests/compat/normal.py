"""Outcomes with what differs from run to run taken out: ids, times, made-up names, addresses."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, cast

FIRST_EXPERIMENT: Final = 770_010_000_000
"""Experiments of `mlflow server` have ids from here on, which are like no other number."""
_NOW_WITHIN_MS: Final = 6 * 3600 * 1000
_ID: Final = re.compile(
    r"(?<![0-9a-f])(?P<model>m-)?(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"(?![0-9a-f])|(?<!\d)77001\d{7}(?!\d)"
)
_COMMIT: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
_MADE_UP: Final = re.compile(r"[a-z]+-[a-z]+-\d{1,4}")
_MILLISECONDS: Final = re.compile(r"(?<!\d)\d{13}(?!\d)")


class Normal:
    """Of one scenario: the first id that is met is `<id 1>`, wherever it is met again."""

    def __init__(self, now_ms: int, places: Mapping[str, str]) -> None:
        """`places` are texts, such as the server's address, and what is written for them."""
        self._now_ms = now_ms
        self._places = sorted(places.items(), key=lambda place: -len(place[0]))
        self._ids: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        """JSON as it is compared. NaN and the infinities are strings."""
        match value:
            case bool() | None:
                return value
            case int():
                return "<now>" if self._is_now(value) else self._text(str(value), value)
            case float():
                return value if math.isfinite(value) else str(value)
            case str():
                return self._text(value, value)
            case dict():
                entries = cast("dict[str, Any]", value)
                return {self.of(str(key)): self.of(inner) for key, inner in entries.items()}
            case list() | tuple():
                return [self.of(each) for each in cast("list[Any]", value)]
            case _:
                raise TypeError(f"not JSON: {type(value).__name__}")

    def _text(self, text: str, value: Any) -> Any:
        told = text
        for place, name in self._places:
            told = told.replace(place, name)
        told = _COMMIT.sub("<commit>", told)
        told = _ID.sub(self._label, told)
        told = _MILLISECONDS.sub(
            lambda found: "<now>" if self._is_now(int(found[0])) else found[0], told
        )
        if _MADE_UP.fullmatch(told):
            told = "<name>"
        return value if told == text else told

    def _label(self, found: re.Match[str]) -> str:
        kind = "model" if found["model"] else "id"
        return self._ids.setdefault(found[0], f"<{kind} {len(self._ids) + 1}>")

    def _is_now(self, value: int) -> bool:
        return abs(value - self._now_ms) < _NOW_WITHIN_MS
