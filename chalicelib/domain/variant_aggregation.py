"""From the change feed to the aggregates of A/B experiments.

A batch of changed logs becomes writes: of the units that they belong to and of the cells that these
units count in, each naming the version that was read. Whoever makes them writes them in one
transaction with what tells that the changes were projected, so that each is added exactly once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias, cast

from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.variant_log import Facts
from chalicelib.core.model.variant_sums import Cell
from chalicelib.core.model.variant_unit import Unit
from chalicelib.domain import variant_units
from chalicelib.domain.variant_units import Cells
from chalicelib.storage import variant_keys, variant_logs
from chalicelib.storage.keys import LANES
from chalicelib.storage.table import Change, Key, Write
from chalicelib.storage.variant_cells import CellStore
from chalicelib.storage.variant_units import UnitStore


@dataclass(frozen=True, slots=True)
class Aggregates:
    """The stores of what logs add up to."""

    units: UnitStore
    cells: CellStore


class Generation(NamedTuple):
    """The aggregates that a log is added to."""

    tenant: TenantId
    experiment_id: ExperimentId
    name: str


class Changed(NamedTuple):
    """A log before and after a write; `old` is None for a new one."""

    old: Facts | None
    new: Facts


Batch: TypeAlias = dict[Generation, list[Changed]]


class Room:
    """How many writes a batch of changes needs, about: units that move from one day to another take
    one more a day."""

    def __init__(self, writes: int) -> None:
        self._writes = writes
        self._needed = set[object]()

    def takes(self, change: Change, counted: object) -> bool:
        """Whether the change still fits, with the item that it counts in; the first always does."""
        needed: set[object] = set() if counted is None else {counted}
        for generation, logs in batch_of([change]).items():
            for log in logs:
                if log.new.unit is not None:
                    needed.add(_unit_key(generation, log.new.unit))
                day = variant_units.day_of(log.new.timestamp_ms)
                needed.add((generation, day))
                needed.update((generation, day, *one) for one in log.new.dimensions.items())
        needed -= self._needed
        if self._needed and len(self._needed) + len(needed) > self._writes:
            return False
        self._needed |= needed
        return True


def batch_of(changes: Iterable[Change]) -> Batch:
    """The changes that are of logs, by the aggregates they are added to."""
    found: Batch = {}
    for change in changes:
        if change.new.get("feed") == variant_logs.FEED:
            old = None if change.old is None else cast(str, change.old["facts"])
            generation, changed = _parsed(change.key, old, cast(str, change.new["facts"]))
            found.setdefault(generation, []).append(changed)
    return found


# Each is looked at twice: whether there is room for it, and to add it.
@lru_cache(1024)
def _parsed(key: Key, old: str | None, new: str) -> tuple[Generation, Changed]:
    tenant, experiment_id, _ = variant_keys.parse_log(key)
    before = None if old is None else variant_logs.facts_of({"sk": key.sk, "facts": old})
    after = variant_logs.facts_of({"sk": key.sk, "facts": new})
    return Generation(tenant, experiment_id, after.generation), Changed(before, after)


def lane_of(changes: Sequence[Change]) -> int:
    """Workers that are fed from different partitions of logs write to different lanes."""
    return zlib.crc32(changes[0].key.pk.encode()) % LANES


def writes(to: Aggregates, batch: Batch, lane: int) -> list[Write]:
    """What adds the changes to the aggregates. A read of the units and one of the cells for each
    experiment (and one more per 100)."""
    found: list[Write] = []
    with variant_units.exact():
        for generation, logs in batch.items():
            found += _writes(to, generation, logs, lane)
    return found


def _writes(
    to: Aggregates, generation: Generation, logs: Sequence[Changed], lane: int
) -> list[Write]:
    by_unit: dict[Key, list[Changed]] = {}
    cells: Cells = {}
    for log in logs:
        if log.new.unit is None:
            _add_own(cells, log)
        else:
            by_unit.setdefault(_unit_key(generation, log.new.unit), []).append(log)
    found: list[Write] = []
    for key, (kept, version) in to.units.get_many(list(by_unit)).items():
        if kept is not None:
            variant_units.add_unit(cells, kept, -1)
        unit = kept  # which the logs change
        for log in by_unit[key]:
            unit = variant_units.changed(unit, *log)
        assert unit is not None, "a unit is here for a log of its own"
        variant_units.add_unit(cells, unit, 1)
        found.append(to.units.replaced(key, unit, version))
    return found + _cell_writes(to.cells, generation, cells, lane)


def _cell_writes(store: CellStore, generation: Generation, cells: Cells, lane: int) -> list[Write]:
    differences: Cells = {}
    for place, cell in cells.items():
        difference: Cell = {}
        variant_units.merge(difference, cell)
        if difference:
            differences[place] = difference
    found: list[Write] = []
    lanes = store.lanes(*generation, list(differences), lane)
    for kept, difference in zip(lanes, differences.values(), strict=True):
        variant_units.merge(kept.cell, difference)
        found.append(store.replaced(kept, kept.cell))
    return found


def _add_own(cells: Cells, log: Changed) -> None:
    """A log without a unit is a unit that consists of it."""
    if log.old is not None:
        variant_units.add_unit(cells, own_unit(log.old), -1)
    variant_units.add_unit(cells, own_unit(log.new), 1)


def own_unit(log: Facts) -> Unit:
    """The unit of a log that names none."""
    return variant_units.changed(None, None, log)


def _unit_key(generation: Generation, name: str) -> Key:
    return variant_keys.unit(*generation, name)
