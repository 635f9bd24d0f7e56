"""Units of A/B experiments: an item each, JSON with decimals spelled, compressed when long."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, cast

import orjson

from chalicelib.core.log_ids import LogId
from chalicelib.core.model.variant_unit import Unit, UnitArm, UnitMetric
from chalicelib.storage.table import MAX_GET_MANY, Item, Key, Put, Table, When

LONG_BYTES: Final = 1000
"""Up to a kilobyte an item is one write unit."""


class UnitStore:
    """Units by key; each with the version that its next write names."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def get_many(self, keys: Sequence[Key]) -> dict[Key, tuple[Unit | None, int]]:
        """Version 0 for a unit that is not there. One read per 100."""
        found: dict[Key, tuple[Unit | None, int]] = {}
        for start in range(0, len(keys), MAX_GET_MANY):
            some = keys[start : start + MAX_GET_MANY]
            for key, item in zip(some, self.table.get_many(some), strict=True):
                if item is None:
                    found[key] = None, 0
                else:
                    found[key] = unit_of(item), cast(int, item["version"])
        return found

    def replaced(self, key: Key, unit: Unit, version: int) -> Put:
        """The write of a unit where `version` is still what is stored."""
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "version": version + 1,
            "doc": _packed(orjson.dumps(_document(unit))),
        }
        return Put(item, when=version or When.ABSENT)


def unit_of(item: Item) -> Unit:
    """The unit of its item."""
    kept = cast("str | bytes", item["doc"])
    document: dict[str, Any] = orjson.loads(
        zlib.decompress(kept) if isinstance(kept, bytes) else kept
    )
    return Unit(
        LogId(document["first"]),
        document["variant"],
        document["epoch"],
        document["dimensions"],
        arms={variant: _arm(*arm) for variant, arm in document["arms"].items()},
        covariates={
            name: (LogId(log_id), Decimal(value))
            for name, (log_id, value) in document["covariates"].items()
        },
    )


def _packed(text: bytes) -> str | bytes:
    return text.decode() if len(text) <= LONG_BYTES else zlib.compress(text, 1)


def _arm(logs: int, metrics: dict[str, list[Any]]) -> UnitArm:
    return UnitArm(
        logs,
        {
            name: UnitMetric(
                count,
                Decimal(total),
                Decimal(squares),
                not_finite,
                dict(zip(buckets, counts, strict=True)),
            )
            for name, (count, total, squares, not_finite, buckets, counts) in metrics.items()
        },
    )


def _document(unit: Unit) -> dict[str, object]:
    return {
        "first": unit.first,
        "variant": unit.variant,
        "epoch": unit.epoch,
        "dimensions": unit.dimensions,
        "arms": {
            variant: [
                arm.logs,
                {
                    name: [
                        metric.count,
                        str(metric.total),
                        str(metric.squares),
                        metric.not_finite,
                        list(metric.sketch),
                        list(metric.sketch.values()),
                    ]
                    for name, metric in arm.metrics.items()
                },
            ]
            for variant, arm in unit.arms.items()
        },
        "covariates": {
            name: [log_id, str(value)] for name, (log_id, value) in unit.covariates.items()
        },
    }
