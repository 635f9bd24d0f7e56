"""Which artifact is the better one, and how young it must be."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

from trialbook.artifacts.hits import Hit, Why
from trialbook.artifacts.model import Artifact, MetricMode
from trialbook.errors import Invalid

_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def of_metric(found: Iterable[Artifact], metric: str, mode: MetricMode) -> list[Hit]:
    """Those with a finite number for the metric, best first; of equals the first comes first."""
    values = ((_finite((artifact.metrics or {}).get(metric)), artifact) for artifact in found)
    ranked = [(value, artifact) for value, artifact in values if value is not None]
    sign = -1 if mode == "max" else 1
    ranked.sort(key=lambda pair: sign * pair[0])  # a stable sort keeps the order of equals
    return [Hit(artifact, value, Why(metric=metric, value=value)) for value, artifact in ranked]


def younger_than_ms(window: str) -> int:
    """Milliseconds of "90s", "30m", "24h" or "7d". Raises Invalid."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", window)
    if match is None:
        raise Invalid(
            f"time_window must be like 90s, 30m, 24h or 7d: {window!r:.100}",
            code="invalid",
            status=400,
        )
    return int(match[1]) * _MS[match[2]]


def _finite(value: Any) -> float | None:
    """None for what does not compete: booleans, text, NaN, infinities."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None
