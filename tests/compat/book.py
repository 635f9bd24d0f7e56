"""Where a scenario writes down what came of each call. Runs where `mlflow` is installed."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from tests.compat.normal import Normal

_NO_PAGE: Final = object()


class Book:
    """Steps of a scenario, in order, and their outcomes as JSON."""

    def __init__(self, scenario: str) -> None:
        self.name = scenario
        self.folder = Path(tempfile.mkdtemp(prefix="compat-"))
        uri = os.environ["MLFLOW_TRACKING_URI"]
        places = {
            str(self.folder): "<folder>",
            uri: "<server>",
            f"port={urlsplit(uri).port}": "port=<port>",
            tempfile.gettempdir(): "<tmp>",
        }
        self._normal = Normal(time.time_ns() // 1_000_000, places)
        self.steps: dict[str, Any] = {}

    def note(self, step: str, value: Any) -> None:
        """What a call returned."""
        step = str(self._normal.of(step))
        assert step not in self.steps, f"two steps are named {step}"
        self.steps[step] = self._normal.of(plain(value))

    def attempt(
        self,
        step: str,
        call: Callable[..., Any],
        /,
        *given: Any,
        shown: Callable[[Any], Any] | None = None,
        **named: Any,
    ) -> Any:
        """Make a call and note what it returns or raises; what it returned, or None. `shown` makes
        what is noted of what is returned."""
        try:
            answer = call(*given, **named)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the outcome
            self.note(step, _raised(error))
            return None
        self.note(step, answer if shown is None else shown(answer))
        return answer


def _raised(error: Exception) -> dict[str, Any]:
    return {
        "raised": type(error).__name__,
        "error_code": getattr(error, "error_code", None),
        "message": _SET.sub(_sorted, str(error)),
    }


_SET = re.compile(r"\{('[^'{}]*')(, '[^'{}]*')*\}?")
"""A set in a message, in whatever order; some messages forget its end."""


def _sorted(found: re.Match[str]) -> str:
    return "{" + ", ".join(sorted(re.findall("'[^']*'", found[0]))) + "}"


def plain(value: Any) -> Any:  # a table of kinds
    """Entities by their properties, tables by their rows; anything else by its text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        return {str(key): plain(entries[key]) for key in sorted(entries, key=str)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted((plain(each) for each in cast("set[Any]", value)), key=str)
    if isinstance(value, list | tuple):
        items = [plain(each) for each in cast("list[Any]", value)]
        token = getattr(cast("object", value), "token", _NO_PAGE)
        return items if token is _NO_PAGE else {"items": items, "has_more": bool(token)}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return {
            "columns": sorted(map(str, value.columns)),
            "rows": [plain(row) for row in value.to_dict("records")],
        }
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        return plain(value.item())
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if hasattr(value, "_properties"):
        return {name: plain(inner) for name, inner in sorted(dict(value).items())}
    if hasattr(value, "isoformat"):
        return "<time>"
    if hasattr(value, "value") and hasattr(value, "name"):  # an enumeration
        return f"{type(value).__name__}.{value.name}"
    if hasattr(value, "to_dictionary"):
        return plain(value.to_dictionary())
    return f"<{type(value).__name__}>"
