"""Aggregates beside what the logs themselves add up to: comparing the two, and making them anew.

Both read every log. A rebuild makes the next *generation* of units and cells while nothing may be
logged to the experiment, and then declares it the one that counts. Each state of a log carries the
generation that it is to be added to, so what the feed still delivers of before the rebuild goes to
the old one, where nobody looks.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.core.context import Clock, jitter_s
from chalicelib.core.errors import ConditionFailed, Conflict, Contended, NotFound, Throttled
from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.variant_log import Definition, Register
from chalicelib.core.model.variant_sums import CellPlace, VariantSums
from chalicelib.core.model.variant_unit import Unit
from chalicelib.domain import variant_aggregation, variant_units
from chalicelib.domain.variant_aggregation import Aggregates
from chalicelib.domain.variant_units import Cells
from chalicelib.storage import variant_keys
from chalicelib.storage.table import MAX_TRANSACTION_WRITES, Delete, Put, Write
from chalicelib.storage.variant_definitions import KEPT_S, DefinitionStore
from chalicelib.storage.variant_logs import VariantLogStore

UNITS_AT_ONCE: Final = 500_000
"""Units that memory holds; for more the logs are read more than once."""
LEASE_MS: Final = 10 * 60_000
"""After so long without a sign of life, a rebuild has died and logging goes on."""
QUIET_S: Final = KEPT_S + 30.0
"""Until every process knows that nothing may be logged, and who did not is done."""
ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class VerificationStores:
    """The stores that are compared."""

    definitions: DefinitionStore
    logs: VariantLogStore
    aggregates: Aggregates
    clock: Clock
    units_at_once: int = UNITS_AT_ONCE


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared, and where the aggregates differ from the logs: a line each, none when they
    agree. Differences may be what the feed has yet to deliver."""

    logs: int
    units: int
    differences: list[str]


def verify(
    stores: VerificationStores, tenant: TenantId, experiment_id: ExperimentId, logs: int
) -> Verified:
    """Compare. `logs` is how many there are, about. Reads every log (a query per MB, once for each
    half million units) and the aggregates. Raises NotFound."""
    definition = _definition(stores, tenant, experiment_id)
    expected: Cells = {}
    counted = _Counted()
    with variant_units.exact():
        for units in _units(stores, tenant, experiment_id, logs, counted):
            for unit in units.values():
                variant_units.add_unit(expected, unit, 1)
        found = _found(stores, tenant, definition)
    return Verified(counted.logs, counted.units, _differences(found, expected))


def rebuild(
    stores: VerificationStores,
    tenant: TenantId,
    experiment_id: ExperimentId,
    logs: int,
    *,
    quiet_s: float = QUIET_S,
    progress: Callable[[str], None] = lambda _: None,
) -> Verified:
    """Make the aggregates anew. Until it is done, whoever logs is told to send it again. Stopped
    anywhere, the old aggregates go on as they were after `LEASE_MS`, and it can be begun again.
    Raises NotFound, Conflict when somebody else rebuilds."""
    definition = _begun(stores, tenant, experiment_id)
    old = definition.register.generation
    progress(f"nothing is logged from now on; waiting {quiet_s:.0f} s for who is at it")
    stores.clock.sleep_s(quiet_s)
    new = stores.clock.new_id()
    place = variant_aggregation.Generation(tenant, experiment_id, new)
    cells: Cells = {}
    counted = _Counted()
    lease = _Lease(stores, tenant, experiment_id)
    with variant_units.exact():
        for units in _units(stores, tenant, experiment_id, logs, counted):
            for unit in units.values():
                variant_units.add_unit(cells, unit, 1)
            kept = ((name, unit) for name, unit in units.items() if not unit.is_own)
            puts = (
                stores.aggregates.units.replaced(variant_keys.unit(*place, name), unit, 0)
                for name, unit in kept
            )
            _write_all(stores, puts, lease)
            progress(f"{counted.logs} logs, {counted.units} units")
        _write_all(stores, _cell_puts(stores, place, cells), lease)
    lease.end(new)
    progress("the new results count; removing the old ones")
    _remove(stores, tenant, experiment_id, old, definition, logs)
    return Verified(counted.logs, counted.units, [])


@dataclass(slots=True)
class _Counted:
    logs: int = 0
    units: int = 0


def _units(
    stores: VerificationStores,
    tenant: TenantId,
    experiment_id: ExperimentId,
    logs: int,
    counted: _Counted,
) -> Iterator[dict[str, Unit]]:
    """All units by name, a part at a time; logs of their own are named by their ids, which no
    unit is."""
    parts = max(1, -(-logs // stores.units_at_once))
    for part in range(parts):
        units: dict[str, Unit] = {}
        for log in stores.logs.all(tenant, experiment_id):
            facts = log.facts
            name = f"\0{facts.log_id}" if facts.unit is None else facts.unit
            if zlib.crc32(name.encode()) % parts == part:
                units[name] = variant_units.changed(units.get(name), None, facts)
                counted.logs += 1
        counted.units += len(units)
        yield units


def _found(stores: VerificationStores, tenant: TenantId, definition: Definition) -> Cells:
    found: Cells = {}
    experiment_id, register = definition.experiment.id, definition.register
    for dimension in (None, *register.dimensions):
        lanes = stores.aggregates.cells.read(tenant, experiment_id, register.generation, dimension)
        for place, cell in lanes:
            variant_units.merge(found.setdefault(place, {}), cell)
    return {place: cell for place, cell in found.items() if cell}


def _differences(found: Cells, expected: Cells) -> list[str]:
    lines: list[str] = []
    for place in sorted({*found, *expected}, key=str):
        one, other = found.get(place, {}), expected.get(place, {})
        lines += [
            f"{_where(place)}: variant {variant!r} has {_shown(one.get(variant))},"
            f" its logs add up to {_shown(other.get(variant))}"
            for variant in sorted({*one, *other})
            if one.get(variant) != other.get(variant)
        ]
    return lines


def _where(place: CellPlace) -> str:
    return place.day if place.dimension is None else f"{place.day}, {place.dimension}={place.value}"


def _shown(sums: VariantSums | None) -> str:
    if sums is None:
        return "nothing"
    metrics = ", ".join(
        f"{name} {metric.sums.logs} values, sum {metric.sums.total}"
        for name, metric in sorted(sums.metrics.items())
    )
    return f"{sums.units} units, {sums.logs} logs ({metrics})"


# -- rebuilding --------------------------------------------------------------------------------


def _definition(
    stores: VerificationStores, tenant: TenantId, experiment_id: ExperimentId
) -> Definition:
    definition = stores.definitions.of(tenant, experiment_id)
    if definition is None:
        raise NotFound("there is no such experiment", experiment_id=experiment_id)
    return definition


def _edited(
    stores: VerificationStores,
    tenant: TenantId,
    experiment_id: ExperimentId,
    edit: Callable[[Register], Register],
) -> Definition:
    """The definition with its register edited; tried again while others change it."""
    for attempt in range(ATTEMPTS):
        definition = _definition(stores, tenant, experiment_id)
        try:
            return stores.definitions.register(tenant, definition, edit(definition.register))
        except (ConditionFailed, Contended):
            stores.clock.sleep_s(jitter_s(attempt))
    raise Throttled("too many writers on the experiment's register; try again")


def _begun(stores: VerificationStores, tenant: TenantId, experiment_id: ExperimentId) -> Definition:
    def edit(register: Register) -> Register:
        now_ms = stores.clock.now_ms()
        if register.rebuilt_until_ms > now_ms:
            raise Conflict(
                "somebody rebuilds it, or did until a moment ago",
                seconds_left=(register.rebuilt_until_ms - now_ms) // 1000,
            )
        return replace(register, rebuilt_until_ms=now_ms + LEASE_MS)

    return _edited(stores, tenant, experiment_id, edit)


class _Lease:
    """Keeps others from logging while the rebuild is alive."""

    def __init__(
        self, stores: VerificationStores, tenant: TenantId, experiment_id: ExperimentId
    ) -> None:
        self._stores = stores
        self._experiment = tenant, experiment_id
        self._until_ms = stores.clock.now_ms() + LEASE_MS // 2

    def renew(self) -> None:
        """Cheap, and to be called often. Raises Conflict when it is over."""
        now_ms = self._stores.clock.now_ms()
        if now_ms < self._until_ms:
            return

        def edit(register: Register) -> Register:
            self._check(register)
            return replace(register, rebuilt_until_ms=now_ms + LEASE_MS)

        _edited(self._stores, *self._experiment, edit)
        self._until_ms = now_ms + LEASE_MS // 2

    def end(self, generation: str) -> None:
        """From now on this generation counts, and logging goes on."""

        def edit(register: Register) -> Register:
            self._check(register)
            return replace(register, rebuilt_until_ms=0, generation=generation)

        _edited(self._stores, *self._experiment, edit)

    def _check(self, register: Register) -> None:
        if register.rebuilt_until_ms <= self._stores.clock.now_ms():
            raise Conflict("it took too long, and logging went on meanwhile; begin again")


def _cell_puts(
    stores: VerificationStores, place: variant_aggregation.Generation, cells: Cells
) -> Iterator[Put]:
    for at, cell in cells.items():
        yield from stores.aggregates.cells.made(*place, at, cell)


def _write_all(stores: VerificationStores, puts: Iterator[Put], lease: _Lease) -> None:
    writes: list[Write] = []
    size = 0
    for put in puts:
        writes.append(put)
        body = put.item.get("doc", put.item.get("cell"))
        size += 500 + len(body if isinstance(body, str | bytes) else b"")
        if len(writes) == MAX_TRANSACTION_WRITES or size > 3_000_000:
            lease.renew()
            stores.aggregates.units.table.transact(writes)
            writes, size = [], 0
    if writes:
        lease.renew()
        stores.aggregates.units.table.transact(writes)


def _remove(
    stores: VerificationStores,
    tenant: TenantId,
    experiment_id: ExperimentId,
    generation: str,
    definition: Definition,
    logs: int,
) -> None:
    for dimension in (None, *definition.register.dimensions):
        stores.aggregates.cells.delete_all(tenant, experiment_id, generation, dimension)
    for units in _units(stores, tenant, experiment_id, logs, _Counted()):
        names = [name for name, unit in units.items() if not unit.is_own]
        for start in range(0, len(names), MAX_TRANSACTION_WRITES):
            stores.aggregates.units.table.transact(
                [
                    Delete(variant_keys.unit(tenant, experiment_id, generation, name))
                    for name in names[start : start + MAX_TRANSACTION_WRITES]
                ]
            )
