"""A/B experiments on real stores, and what their logs add up to, computed the slow way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.ids import ExperimentId
from chalicelib.core.log_ids import LogId
from chalicelib.core.model.experiment import Experiment, Variant
from chalicelib.core.model.variant_log import LogContent
from chalicelib.domain import experiments, feed, variant_logs, variant_verification
from chalicelib.domain.experiments import NewExperiment
from chalicelib.domain.variant_intake import NewLog, VariantStores
from chalicelib.domain.variant_verification import VerificationStores
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.variant_definitions import DefinitionStore
from chalicelib.storage.variant_exports import ExportStore
from chalicelib.storage.variant_logs import VariantLogStore
from tests.unit.stores import Stores

DAY_MS = 24 * 3600 * 1000


class Variants:
    """An A/B experiment and its logs on these stores."""

    def __init__(self, stores: Stores, **fields: Any) -> None:
        self.stores = stores
        self.definitions = DefinitionStore(stores.table, stores.clock)
        self.experiments = ExperimentStore(stores.table, self.definitions.forget)
        wanted: dict[str, Any] = {
            "name": "an A/B test",
            "slug": "ab",
            "variants": (Variant("A", 50), Variant("B", 50)),
            "status": "active",
            "unit_key": "user",
        }
        self.experiment: Experiment = experiments.create(
            self.experiments, stores.context, NewExperiment(**{**wanted, **fields})
        )

    @property
    def id(self) -> ExperimentId:
        return self.experiment.id

    @property
    def variants(self) -> VariantStores:
        return VariantStores(
            self.definitions,
            VariantLogStore(self.stores.table, self.stores.blobs),
            ExportStore(self.stores.table, self.stores.blobs),
        )

    @property
    def verification(self) -> VerificationStores:
        return VerificationStores(
            self.definitions,
            self.variants.logs,
            self.stores.projections.aggregates,
            self.stores.clock,
        )

    def log(
        self,
        variant: str,
        unit: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> LogId:
        content = LogContent(context=fields.pop("context", {}))
        new = NewLog(variant, content, metrics or {}, unit_id=unit, **fields)
        return variant_logs.log(self.variants, self.stores.context, "ab", new)

    def late(self, log_id: LogId, metrics: Mapping[str, Any]) -> None:
        variant_logs.add_metrics(self.variants, self.stores.context, "ab", log_id, metrics)

    def pull(self) -> None:
        while feed.pull(self.stores.projections):
            pass

    def differences(self, logs: int = 0) -> list[str]:
        """Where the aggregates are not what the logs add up to."""
        return variant_verification.verify(
            self.verification, self.stores.tenant, self.id, logs
        ).differences

    def cells(self, dimension: str | None = None) -> list[Any]:
        register = self.experiments.register(self.stores.tenant, self.id)
        found: Iterable[Any] = self.stores.projections.aggregates.cells.read(
            self.stores.tenant, self.id, register.generation, dimension
        )
        return list(found)
