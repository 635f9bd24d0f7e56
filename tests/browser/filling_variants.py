"""A/B experiments: one that goes well, one whose split is broken, one that has not begun."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.api.process import Serving
from tests.browser.filling import Filler, filler, until

DAYS: Final = 14
UNITS: Final = 3000
_BATCH: Final = 500


@dataclass(frozen=True)
class Trials:
    """Slugs."""

    checkout: str
    mismatch: str
    draft: str


def fill(server: Serving) -> Trials:
    with (
        tempfile.TemporaryDirectory() as folder,
        filler(server, Path(folder)) as tb,
        server.client() as http,
    ):
        to = Filler(tb, http, Path(folder))
        checkout = tb.experiments.create(
            "Checkout button",
            description="Does a larger button sell more?",
            variants=[
                {"key": "control", "weight": 50, "name": "As it is", "payload": {"size": "m"}},
                {"key": "large", "weight": 50, "name": "Large button", "payload": {"size": "l"}},
            ],
            metric_goals={"revenue": "max", "latency_ms": "min"},
            guardrails={"latency_ms": {"margin": 0.05, "kind": "relative"}},
            dimensions=["country"],
            unit_key="user_id",
            planned_units=4000,
            status="active",
        )
        _log(to, checkout.slug, _checkout())
        mismatch = tb.experiments.create(
            "Broken split",
            variants=[{"key": "A", "weight": 50}, {"key": "B", "weight": 50}],
            metric_goals={"rating": "max"},
            status="active",
        )
        _log(to, mismatch.slug, _mismatch())
        draft = tb.experiments.create(
            "Not begun",
            variants=[{"key": "A", "weight": 50}, {"key": "B", "weight": 50}],
            metric_goals={"rating": "max"},
        )
        for slug, count in ((checkout.slug, UNITS), (mismatch.slug, 900)):
            until(lambda slug=slug, count=count: _units(to, slug) == count)
    return Trials(checkout.slug, mismatch.slug, draft.slug)


def _units(to: Filler, slug: str) -> int:
    answer = to.http.get(f"/experiment/{slug}/results").json()
    return sum(one["units"] for one in answer["exposures"].values())


def _log(to: Filler, slug: str, logs: Iterator[dict[str, Any]]) -> None:
    all_of_them = list(logs)
    for start in range(0, len(all_of_them), _BATCH):
        answer = to.post(
            f"/experiment/{slug}/log/batch", {"logs": all_of_them[start : start + _BATCH]}
        )
        assert all(one["success"] for one in answer["results"]), answer["results"][0]


def _checkout() -> Iterator[dict[str, Any]]:
    """The larger button earns a tenth more and is as fast."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for unit in range(UNITS):
        is_large = unit % 2 == 1
        at = today - timedelta(days=1 + unit * DAYS // UNITS, seconds=-(unit * 37 % 80_000))
        wave = math.sin(unit * 12.9898)
        yield {
            "variantKey": "large" if is_large else "control",
            "unitId": f"user-{unit:05}",
            "timestamp": int(at.timestamp() * 1000),
            "input": {"cart": unit % 7},
            "output": {"bought": wave > 0},
            "metrics": {
                "revenue": round(20 + 5 * wave + (2 if is_large else 0), 2),
                "latency_ms": round(180 + 30 * math.cos(unit * 7.13), 1),
            },
            "context": {"country": ("de", "fr", "jp")[unit % 3]},
        }


def _mismatch() -> Iterator[dict[str, Any]]:
    """Two of three units are in one of two equal variants."""
    for unit in range(900):
        yield {
            "variantKey": "B" if unit % 3 == 0 else "A",
            "unitId": f"unit-{unit}",
            "metrics": {"rating": 3 + unit % 5 / 4},
        }
