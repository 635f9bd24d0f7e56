"""An experiment and its register as assigning and logging see them, kept in the process.

Both are read by slug thousands of times a second and change rarely, so what was read is good for a
moment. What this process writes itself it sees at once; what another wrote, after `KEPT_S` at the
latest. Whoever would refuse something because of a definition asks for a fresh one first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Final, cast

from chalicelib.core.context import Clock
from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.experiment import Experiment
from chalicelib.core.model.variant_log import Definition, Register
from chalicelib.storage import keys, variant_keys
from chalicelib.storage.experiments import experiment_of
from chalicelib.storage.table import Check, Table
from chalicelib.storage.variant_register import register_of, replaced

KEPT_S: Final = 5.0
MAX_KEPT: Final = 1000


class DefinitionStore:
    """Definitions by slug. Safe to share between threads."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self.table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._forgotten = 0
        self._kept: OrderedDict[tuple[TenantId, str], tuple[float, Definition]] = OrderedDict()

    def get(self, tenant: TenantId, slug: str) -> Definition | None:
        """As it was at most `KEPT_S` ago; None when there is none. Two reads when it is not kept,
        else nothing."""
        with self._lock:
            kept = self._kept.get((tenant, slug))
        if kept is not None and self._clock.monotonic_s() - kept[0] < KEPT_S:
            return kept[1]
        return self.fresh(tenant, slug)

    def fresh(self, tenant: TenantId, slug: str) -> Definition | None:
        """As it is now. Two reads."""
        read_at_s, forgotten = self._clock.monotonic_s(), self._forgotten
        item = self.table.get(keys.experiment_slug(tenant, slug))
        if item is None:
            return None
        definition = self.of(tenant, ExperimentId(cast(str, item["experiment"])))
        if definition is not None:
            self._keep(tenant, slug, read_at_s, forgotten, definition)
        return definition

    def of(self, tenant: TenantId, experiment_id: ExperimentId) -> Definition | None:
        """As it is now, by id. One read."""
        experiment, known = self.table.get_many(
            [keys.experiment(tenant, experiment_id), variant_keys.register(tenant, experiment_id)]
        )
        if experiment is None:
            return None
        return Definition(experiment_of(experiment), register_of(known))

    def register(self, tenant: TenantId, old: Definition, new: Register) -> Definition:
        """Store the register where both it and the experiment are still as in `old`. One
        transaction. Raises ConditionFailed."""
        experiment = old.experiment
        written_at_s = self._clock.monotonic_s()
        self.table.transact(
            [
                replaced(tenant, experiment.id, old.register, new),
                Check(keys.experiment(tenant, experiment.id), when=experiment.version),
            ]
        )
        definition = Definition(experiment, replace(new, version=old.register.version + 1))
        self.forget(tenant, experiment)
        self._keep(tenant, experiment.slug, written_at_s, self._forgotten, definition)
        return definition

    def forget(self, tenant: TenantId, experiment: Experiment) -> None:
        """Read it anew the next time: it was changed."""
        with self._lock:
            self._forgotten += 1
            self._kept.pop((tenant, experiment.slug), None)

    def _keep(
        self,
        tenant: TenantId,
        slug: str,
        read_at_s: float,
        forgotten: int,
        definition: Definition,
    ) -> None:
        with self._lock:
            if self._forgotten != forgotten:
                return  # it may have been read before what was written meanwhile
            self._kept[tenant, slug] = (read_at_s, definition)
            self._kept.move_to_end((tenant, slug))
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
