"""Experiments: item to dataclass, unique names and slugs, counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import orjson

from chalicelib.core.errors import ConditionFailed, TooLarge
from chalicelib.core.ids import ExperimentId, TenantId, UserId
from chalicelib.core.model.experiment import (
    DEFAULT_PLANNED_UNITS,
    Experiment,
    ExperimentCounts,
    Guardrail,
    Stage,
    Variant,
    WeightChange,
)
from chalicelib.core.model.variant_log import Register
from chalicelib.storage import directory, keys, variant_keys
from chalicelib.storage.table import (
    MAX_GET_MANY,
    Add,
    Delete,
    Index,
    Item,
    Key,
    Put,
    Query,
    Table,
    When,
    Write,
    query_all,
)
from chalicelib.storage.variant_register import register_of, unchanged

MAX_DOCUMENT_BYTES = 380 * 1024
"""An item's limit, less what the item has besides the document."""


class NameTaken(Exception):
    """Another experiment of the tenant has the name."""


class SlugTaken(Exception):
    """Another experiment of the tenant has the slug."""


class ExperimentStore:
    """Experiments of tenants."""

    def __init__(
        self, table: Table, replaced: Callable[[TenantId, Experiment], None] | None = None
    ) -> None:
        """`replaced` hears of each experiment that was stored anew."""
        self.table = table
        self._replaced = replaced or _unheard

    def create(self, tenant: TenantId, experiment: Experiment) -> None:
        """One transaction. Raises NameTaken, SlugTaken."""
        writes: list[Write] = [
            _holds_name(tenant, experiment),
            _holds_slug(tenant, experiment),
            Put(_item(tenant, experiment), when=When.ABSENT),
            directory.owned(tenant, experiment.id),
        ]
        try:
            self.table.transact(writes)
        except ConditionFailed as error:
            raise _taken(error) from error

    def get(self, tenant: TenantId, experiment_id: ExperimentId) -> Experiment:
        """One read. Raises NotFound, Forbidden."""
        item = self.table.get(keys.experiment(tenant, experiment_id))
        if item is None:
            raise directory.why_missing(self.table, tenant, "experiment", experiment_id)
        return experiment_of(item)

    def get_many(
        self, tenant: TenantId, experiment_ids: Sequence[ExperimentId]
    ) -> list[Experiment]:
        """At most 100, in their order. One batch read. Raises NotFound, Forbidden for the first
        that is missing."""
        items = self.table.get_many([keys.experiment(tenant, one) for one in experiment_ids])
        for experiment_id, item in zip(experiment_ids, items, strict=True):
            if item is None:
                raise directory.why_missing(self.table, tenant, "experiment", experiment_id)
        return [experiment_of(item) for item in items if item is not None]

    def present(self, tenant: TenantId, experiment_ids: Sequence[ExperimentId]) -> list[Experiment]:
        """Those of the ids that are the tenant's, in their order. A batch read per 100."""
        found: list[Experiment] = []
        for start in range(0, len(experiment_ids), MAX_GET_MANY):
            some = experiment_ids[start : start + MAX_GET_MANY]
            items = self.table.get_many([keys.experiment(tenant, one) for one in some])
            found.extend(experiment_of(item) for item in items if item is not None)
        return found

    def get_counted(
        self, tenant: TenantId, experiment_id: ExperimentId
    ) -> tuple[Experiment, ExperimentCounts]:
        """With its counts, in one read. Raises NotFound, Forbidden."""
        item, *counts = self.table.get_many(
            [keys.experiment(tenant, experiment_id), *_lanes_of(tenant, experiment_id)]
        )
        if item is None:
            raise directory.why_missing(self.table, tenant, "experiment", experiment_id)
        return experiment_of(item), _counts(counts)

    def counts(self, tenant: TenantId, experiments: Sequence[Experiment]) -> list[ExperimentCounts]:
        """In their order; one batch read per 100 of them, or 25 that have variants."""
        found: list[ExperimentCounts] = []
        keys_of = [
            _lanes_of(tenant, one.id) if one.variants else [keys.experiment_counts(tenant, one.id)]
            for one in experiments
        ]
        wanted = [key for some in keys_of for key in some]
        items: dict[Key, Item | None] = {}
        for start in range(0, len(wanted), MAX_GET_MANY):
            some = wanted[start : start + MAX_GET_MANY]
            items.update(zip(some, self.table.get_many(some), strict=True))
        found.extend(_counts([items[key] for key in some]) for some in keys_of)
        return found

    def id_of_slug(self, tenant: TenantId, slug: str) -> ExperimentId | None:
        """One read."""
        item = self.table.get(keys.experiment_slug(tenant, slug))
        return None if item is None else ExperimentId(cast(str, item["experiment"]))

    def id_of_name(self, tenant: TenantId, name: str) -> ExperimentId | None:
        """One read."""
        item = self.table.get(keys.experiment_name(tenant, name))
        return None if item is None else ExperimentId(cast(str, item["experiment"]))

    def register(self, tenant: TenantId, experiment_id: ExperimentId) -> Register:
        """What its logs have named so far. One read."""
        return register_of(self.table.get(variant_keys.register(tenant, experiment_id)))

    def replace(
        self,
        tenant: TenantId,
        old: Experiment,
        new: Experiment,
        register: Register | None = None,
    ) -> Experiment:
        """Store `new` (a version higher) where `old` is still the stored version, and where the
        register is still this one when it is given.

        A changed name is taken and the old one given up in the same transaction. Raises
        ConditionFailed when `old` or the register is stale, NameTaken.
        """
        stored = replace(new, version=old.version + 1)
        put = Put(_item(tenant, stored), when=old.version)
        others: list[Write] = []
        if new.name != old.name:
            others = [_holds_name(tenant, stored), Delete(keys.experiment_name(tenant, old.name))]
        if register is not None:
            others.append(unchanged(tenant, old.id, register))
        if not others:
            self.table.put(put.item, put.when)
        else:
            try:
                self.table.transact([*others, put])
            except ConditionFailed as error:
                if error.failed == (0,) and new.name != old.name:
                    raise NameTaken from error
                raise
        self._replaced(tenant, stored)
        return stored

    def count(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        amounts: Mapping[str, int],
        lane: int = 0,
    ) -> Add:
        """The write that adds to the counts: runs and artifacts in lane 0, logs in any."""
        return Add(keys.experiment_counts(tenant, experiment_id, lane), amounts)

    def listed(self, tenant: TenantId, stage: Stage) -> list[Item]:
        """Items of a stage, newest first. One query per MB."""
        return list(
            query_all(
                self.table,
                Query(keys.experiments_listed(tenant, stage), reverse=True, index=Index.LISTED),
            )
        )


def _unheard(tenant: TenantId, experiment: Experiment) -> None:
    del tenant, experiment


def _holds_name(tenant: TenantId, experiment: Experiment) -> Put:
    key = keys.experiment_name(tenant, experiment.name)
    return Put(
        {"pk": key.pk, "sk": key.sk, "name": experiment.name, "experiment": experiment.id},
        when=When.ABSENT,
    )


def _holds_slug(tenant: TenantId, experiment: Experiment) -> Put:
    key = keys.experiment_slug(tenant, experiment.slug)
    return Put({"pk": key.pk, "sk": key.sk, "experiment": experiment.id}, when=When.ABSENT)


def _taken(error: ConditionFailed) -> Exception:
    if 0 in error.failed:
        return NameTaken()
    return SlugTaken() if 1 in error.failed else error


def _item(tenant: TenantId, experiment: Experiment) -> Item:
    key = keys.experiment(tenant, experiment.id)
    document: dict[str, object] = {
        "slug": experiment.slug,
        "name": experiment.name,
        "description": experiment.description,
        "location": experiment.artifact_location,
        "stage": experiment.lifecycle_stage,
        "tags": dict(experiment.tags),
        "goals": dict(experiment.metric_goals),
        "status": experiment.status,
        "variants": [
            {"key": v.key, "weight": v.weight, "name": v.name, "payload": dict(v.payload)}
            for v in experiment.variants
        ],
        **_variant_rules(experiment),
        "created": experiment.created_at_ms,
        "updated": experiment.last_updated_ms,
        "by": experiment.created_by,
    }
    return {
        "pk": key.pk,
        "sk": key.sk,
        "version": experiment.version,
        "lpk": keys.experiments_listed(tenant, experiment.lifecycle_stage),
        "lsk": experiment.id,
        "cpk": keys.experiments_changed(tenant),
        "id": experiment.id,
        "doc": _text(document),
    }


def _variant_rules(experiment: Experiment) -> dict[str, object]:
    """What only A/B experiments have: others keep the short document of before."""
    rules: dict[str, object] = {
        "unit_key": experiment.unit_key,
        "dimensions": experiment.dimensions,
        "guardrails": {
            metric: [rail.margin, rail.kind] for metric, rail in experiment.guardrails.items()
        },
        "weight_changes": [
            [change.at_ms, dict(change.weights)] for change in experiment.weight_changes
        ],
    }
    kept = {name: rule for name, rule in rules.items() if rule}
    if experiment.planned_units != DEFAULT_PLANNED_UNITS:
        kept["planned_units"] = experiment.planned_units
    return kept


def _text(document: dict[str, object]) -> str:
    text = orjson.dumps(document)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise TooLarge(
            "an experiment's tags, goals and variants are too large together; shorten them",
            size_bytes=len(text), max_bytes=MAX_DOCUMENT_BYTES,
        )  # fmt: skip
    return text.decode()


def experiment_of(item: Item) -> Experiment:
    """The experiment of its item."""
    document: dict[str, Any] = orjson.loads(cast(str, item["doc"]))
    return Experiment(
        id=ExperimentId(cast(str, item["id"])),
        slug=document["slug"],
        name=document["name"],
        created_at_ms=document["created"],
        last_updated_ms=document["updated"],
        created_by=UserId(document["by"]),
        description=document["description"],
        artifact_location=document["location"],
        lifecycle_stage=document["stage"],
        tags=document["tags"],
        metric_goals=document["goals"],
        status=document["status"],
        variants=tuple(Variant(**variant) for variant in document["variants"]),
        unit_key=document.get("unit_key"),
        dimensions=tuple(document.get("dimensions", ())),
        guardrails={
            metric: Guardrail(*rail) for metric, rail in document.get("guardrails", {}).items()
        },
        planned_units=document.get("planned_units", DEFAULT_PLANNED_UNITS),
        weight_changes=tuple(
            WeightChange(*change) for change in document.get("weight_changes", ())
        ),
        version=cast(int, item["version"]),
    )


def _lanes_of(tenant: TenantId, experiment_id: ExperimentId) -> list[Key]:
    return [keys.experiment_counts(tenant, experiment_id, lane) for lane in range(keys.LANES)]


def _counts(items: Sequence[Item | None]) -> ExperimentCounts:
    found = [item for item in items if item is not None]
    return ExperimentCounts(
        *(
            sum(int(cast(int, item.get(name, 0))) for item in found)
            for name in ("runs", "artifacts", "logs")
        )
    )
