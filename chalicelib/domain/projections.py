"""What the changes of the feed add up to, and what they ask for besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import orjson

from chalicelib.core.context import Clock
from chalicelib.core.errors import TooLarge
from chalicelib.core.ids import ArtifactId, ExperimentId, TenantId
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import collection, variant_aggregation, verification
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.domain.variant_aggregation import Aggregates
from chalicelib.domain.verification import Verification
from chalicelib.search.backend import SearchBackend
from chalicelib.storage import (
    artifact_keys,
    artifacts,
    experiment_artifacts,
    file_keys,
    keys,
    run_files,
    runs,
    uploads,
    variant_keys,
    variant_logs,
)
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.parked_changes import ParkedChanges
from chalicelib.storage.table import MAX_TRANSACTION_WRITES, Change, Item, Table, Write

Counted: TypeAlias = tuple[TenantId, ExperimentId, str]


@dataclass(frozen=True, slots=True)
class Projections:
    """The stores that changes are projected into, and where those go that cannot be."""

    table: Table
    experiments: ExperimentStore
    bytes: ByteStores
    verification: Verification
    aggregates: Aggregates
    parked: ParkedChanges
    search: Callable[[], SearchBackend]
    clock: Clock


def adds(change: Change) -> bool:
    """Whether there is anything to add up; late metrics of a log change no count."""
    return change.new.get("feed") == variant_logs.FEED or amount_of(change) is not None


def amount_of(change: Change) -> tuple[Counted, int] | None:
    """What a change adds to which count."""
    match change.new.get("feed"):
        case runs.FEED:
            amount = _active(change.new) - _active(change.old)
            tenant, _ = keys.parse_run(change.key.pk)
            counted = (tenant, ExperimentId(_document(change.new)["experiment"]), "runs")
        case run_files.FEED:
            amount = 1 if change.old is None else 0
            tenant = file_keys.tenant_of(change.key.pk)
            counted = (tenant, ExperimentId(cast(str, change.new["experiment"])), "artifacts")
        case experiment_artifacts.FEED_LOGGED | experiment_artifacts.FEED_DELETED as named:
            place, amount = experiment_artifacts.counted(change.key, named)
            counted = (place.tenant, place.experiment_id, "artifacts")
        case variant_logs.FEED:
            amount = 1 if change.old is None else 0
            tenant, experiment_id, _ = variant_keys.parse_log(change.key)
            counted = (tenant, experiment_id, "logs")
        case _:
            return None
    return (counted, amount) if amount else None


def project(to: Projections, traces: Sequence[Write], changes: Sequence[Change], lane: int) -> None:
    """What the changes add, with the traces that tell that they were. Raises TooLarge for more than
    a transaction takes, ConditionFailed with positions that are those of the traces first."""
    writes = [*traces, *_writes(to, changes, lane)]
    if len(writes) > MAX_TRANSACTION_WRITES:
        raise TooLarge("more changes than a transaction takes", writes=len(writes))
    to.table.transact(writes)


def follow_up(to: Projections, change: Change) -> None:
    """What a change asks for besides counting; doing it again is fine."""
    match change.new.get("feed"):
        case uploads.FEED:
            verification.verify(to.verification, *keys.parse_upload(change.key.pk))
        case run_files.FEED:
            if change.old is not None:
                _let_go_of_replaced(to, change.old, change.new)
        case artifacts.FEED:
            index(to, [change])
        case _:
            pass


def is_indexed(change: Change) -> bool:
    """Whether the change is of an artifact, which the search is told of."""
    return change.new.get("feed") == artifacts.FEED


def index(to: Projections, changes: Sequence[Change]) -> None:
    """Tell the search of the artifacts that changed; doing it again is fine."""
    changed: dict[TenantId, dict[ArtifactId, None]] = {}
    for change in changes:
        tenant, artifact_id = artifact_keys.parse_artifact(change.key.pk)
        changed.setdefault(tenant, {})[artifact_id] = None
    for tenant, ids in changed.items():
        to.search().changed(tenant, [*ids])


def _let_go_of_replaced(to: Projections, old: Item, new: Item) -> None:
    """A file took the place of another, whose bytes it no longer needs."""
    if old["id"] == new["id"]:
        return
    blob_key, owner = cast(str, old["blob"]), Owner("file", cast(str, old["id"]))
    if not artifact_keys.is_of_one_writer(blob_key):
        return  # from before bytes had owners: others may read the same object
    to.table.transact(collection.let_go(to.bytes.records, blob_key, owner, to.clock.now_ms()))


def _writes(to: Projections, changes: Sequence[Change], lane: int) -> list[Write]:
    """What the changes add to counts and aggregates."""
    totals = _totals(amount for change in changes if (amount := amount_of(change)) is not None)
    batch = variant_aggregation.batch_of(changes)
    return [*_additions(to, totals, lane), *variant_aggregation.writes(to.aggregates, batch, lane)]


def _active(item: Item | None) -> int:
    return int(item is not None and _document(item)["stage"] == "active")


def _document(item: Item) -> dict[str, str]:
    return orjson.loads(cast(str, item["doc"]))


def _totals(amounts: Iterable[tuple[Counted, int]]) -> Counter[Counted]:
    totals: Counter[Counted] = Counter()
    for counted, amount in amounts:
        totals[counted] += amount
    return totals


def _additions(to: Projections, totals: Counter[Counted], lane: int) -> list[Write]:
    """One addition an experiment; logs, of which there may be many, in their worker's lane."""
    grouped: dict[tuple[TenantId, ExperimentId, int], dict[str, int]] = {}
    for (tenant, experiment_id, name), amount in totals.items():
        place = tenant, experiment_id, lane if name == "logs" else 0
        grouped.setdefault(place, {})[name] = amount
    return [
        to.experiments.count(tenant, experiment_id, counts, lane)
        for (tenant, experiment_id, lane), counts in grouped.items()
    ]
