"""Aggregates of A/B experiments: cells, each in as many items as there are writers and bytes.

A cell is the sum of its items, its *lanes*. Writers that work beside each other use lanes of their
own, and one that fills up is left for the next, so neither a hot experiment nor a cell of many
metrics comes to an end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

import orjson

from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.variant_sums import (
    Cell,
    CellPlace,
    MetricCell,
    MetricSums,
    VariantSums,
)
from chalicelib.storage import variant_keys
from chalicelib.storage.keys import LANES
from chalicelib.storage.table import (
    MAX_GET_MANY,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Table,
    When,
    query_all,
)

FULL_BYTES: Final = 256 * 1024
"""A lane past this is added to no more: an item holds 400 KB."""


class Lane(NamedTuple):
    """A part of a cell, where it is, and the version that its next write names (0: none yet)."""

    key: Key
    cell: Cell
    version: int


class CellStore:
    """Aggregates of A/B experiments."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def lanes(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        generation: str,
        places: Sequence[CellPlace],
        lane: int,
    ) -> list[Lane]:
        """The lane of each cell (at most 100) that a writer of this lane adds to. One read, and one
        for each full lane on the way."""
        found: dict[CellPlace, Lane] = {}
        left = list(places)
        while left:
            keys = [
                variant_keys.cell(tenant, experiment_id, generation, place, lane) for place in left
            ]
            full: list[CellPlace] = []
            for place, key, item in zip(left, keys, self.table.get_many(keys), strict=True):
                if item is not None and len(cast(bytes, item["cell"])) > FULL_BYTES:
                    full.append(place)
                else:
                    found[place] = _lane(key, item)
            left, lane = full, lane + LANES
        return [found[place] for place in places]

    def replaced(self, lane: Lane, cell: Cell) -> Put:
        """The write of a lane where its version is still what is stored."""
        return _put(lane, _packed(cell))

    def made(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        generation: str,
        place: CellPlace,
        cell: Cell,
    ) -> Iterator[Put]:
        """The writes of a cell where there is none, in as many lanes as it needs."""
        for lane, body in enumerate(_bodies(cell)):
            key = variant_keys.cell(tenant, experiment_id, generation, place, lane)
            yield _put(Lane(key, {}, 0), body)

    def read(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        generation: str,
        dimension: str | None,
        first_day: str | None = None,
        last_day: str | None = None,
    ) -> Iterator[tuple[CellPlace, Cell]]:
        """Every lane of the cells of all units, or of a dimension's, from and to these days. One
        query per MB."""
        if first_day is not None and last_day is not None and first_day > last_day:
            return  # DynamoDB refuses a range that is none
        query = Query(
            variant_keys.cells(tenant, experiment_id, generation, dimension),
            start=None if first_day is None else variant_keys.cells_from(first_day),
            stop=None if last_day is None else variant_keys.cells_to(last_day),
        )
        for item in query_all(self.table, query):
            place, _ = variant_keys.parse_cell(cast(str, item["sk"]), dimension)
            yield place, _cell(item)

    def delete_all(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        generation: str,
        dimension: str | None,
    ) -> None:
        """Remove the cells of a generation that nobody reads any more."""
        pk = variant_keys.cells(tenant, experiment_id, generation, dimension)
        keys = [Key(pk, cast(str, item["sk"])) for item in query_all(self.table, Query(pk))]
        for start in range(0, len(keys), MAX_GET_MANY):
            self.table.transact([Delete(key) for key in keys[start : start + MAX_GET_MANY]])


_OPTIONS: Final = orjson.OPT_NON_STR_KEYS


def _put(lane: Lane, body: bytes) -> Put:
    item: Item = {
        "pk": lane.key.pk,
        "sk": lane.key.sk,
        "version": lane.version + 1,
        "cell": body,
    }
    return Put(item, when=lane.version or When.ABSENT)


def _packed(cell: Cell) -> bytes:
    return zlib.compress(orjson.dumps(_document(cell), option=_OPTIONS), 1)


def _bodies(cell: Cell) -> Iterator[bytes]:
    """The cell packed, in halves while it is too long for a lane."""
    body = _packed(cell)
    halves = _halves(cell) if len(body) > FULL_BYTES else ()
    if not halves:
        yield body
    for half in halves:
        yield from _bodies(half)


def _halves(cell: Cell) -> Sequence[Cell]:
    """By variants, or by the metrics of the only one; none when it has but one metric."""
    if len(cell) > 1:
        names = list(cell)
        middle = len(names) // 2
        return [{name: cell[name] for name in part} for part in (names[:middle], names[middle:])]
    ((variant, sums),) = cell.items()
    names = list(sums.metrics)
    middle = len(names) // 2
    if not middle:
        return ()
    first, second = (
        {name: sums.metrics[name] for name in part} for part in (names[:middle], names[middle:])
    )
    return [{variant: replace(sums, metrics=first)}, {variant: VariantSums(metrics=second)}]


def _lane(key: Key, item: Item | None) -> Lane:
    if item is None:
        return Lane(key, {}, 0)
    return Lane(key, _cell(item), cast(int, item["version"]))


def _cell(item: Item) -> Cell:
    document: dict[str, list[Any]] = orjson.loads(zlib.decompress(cast(bytes, item["cell"])))
    return {variant: _variant(*sums) for variant, sums in document.items()}


def _variant(
    units: int,
    logs: int,
    own: int,
    crossed: int,
    assigned: dict[str, int],
    metrics: dict[str, list[Any]],
) -> VariantSums:
    return VariantSums(
        units,
        logs,
        own,
        crossed,
        {int(epoch): count for epoch, count in assigned.items()},
        {
            name: MetricCell(_sums(sums), dict(zip(buckets, counts, strict=True)))
            for name, (sums, buckets, counts) in metrics.items()
        },
    )


def _sums(spelled: list[int | str]) -> MetricSums:
    return MetricSums(*(Decimal(one) if isinstance(one, str) else one for one in spelled))  # type: ignore[arg-type] # as `_document` spelled them


def _document(cell: Cell) -> dict[str, object]:
    return {
        variant: [
            sums.units,
            sums.logs,
            sums.own,
            sums.crossed,
            sums.assigned,
            {
                name: [_spelled(metric.sums), *_columns(metric.sketch)]
                for name, metric in sums.metrics.items()
            },
        ]
        for variant, sums in cell.items()
    }


_in_order: Final = attrgetter(*(field.name for field in fields(MetricSums)))
"""As `dataclasses.astuple`, which copies each number."""


def _spelled(sums: MetricSums) -> list[int | str]:
    return [str(one) if isinstance(one, Decimal) else one for one in _in_order(sums)]


def _columns(sketch: dict[int, int]) -> tuple[list[int], list[int]]:
    """Buckets in their order: neighbours compress well."""
    buckets = sorted(sketch)
    return buckets, [sketch[bucket] for bucket in buckets]
