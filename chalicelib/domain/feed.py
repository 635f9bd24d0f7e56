"""The dispatcher of the change feed: each change is projected once, however often it is delivered.

What a change adds to is written in one transaction with what tells that it was: a mark of the
change's id where changes are pushed in any grouping (`dispatch`, on AWS), the position in the feed
where they are pulled in order (`pull`, on a laptop). A deployment uses one of the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import collection, verification
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.domain.verification import Verification
from chalicelib.storage import artifact_keys, experiment_artifacts, keys, run_files, runs, uploads
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.table import (
    MAX_TRANSACTION_WRITES,
    Change,
    Item,
    Put,
    Table,
    When,
    Write,
)

MARK_KEPT_S = 48 * 3600
"""Twice as long as the feed keeps a change."""
PULLED_AT_ONCE = 500
CHANGES_AT_ONCE = 40
"""Each is a mark and at most one addition: within a transaction's 100 writes."""

Counted = tuple[TenantId, ExperimentId, str]


@dataclass(frozen=True, slots=True)
class Projections:
    """The stores that changes are projected into."""

    table: Table
    experiments: ExperimentStore
    bytes: ByteStores
    verification: Verification
    clock: Clock


def dispatch(to: Projections, changes: Sequence[Change]) -> None:
    """Project the changes. One transaction per 40 of them that count something, and a read of the
    bytes of an upload to be verified. What fails may be delivered again."""
    changes = list({change.id: change for change in changes}.values())
    counting = [(change, amount) for change in changes if (amount := _amount(change)) is not None]
    for start in range(0, len(counting), CHANGES_AT_ONCE):
        _count(to, counting[start : start + CHANGES_AT_ONCE])
    _follow_up(to, changes)


def pull(to: Projections, limit: int = PULLED_AT_ONCE) -> int:
    """Project what the feed has since the last time; returns the number of changes. One read of the
    position, one of the feed, and one transaction that adds up a whole page and moves the position
    on, which is what makes each change count once: the mark a change costs a second write."""
    kept = to.table.get(keys.FEED_POSITION)
    position = None if kept is None else cast(str, kept["position"])
    page = to.table.changes(position, limit)
    if not page.changes:
        return 0
    totals = _totals(amount for change in page.changes if (amount := _amount(change)) is not None)
    additions = _additions(to, totals)
    if len(additions) >= MAX_TRANSACTION_WRITES:
        return pull(to, MAX_TRANSACTION_WRITES - 1)
    _follow_up(to, page.changes)
    version = 0 if kept is None else cast(int, kept["version"])
    address = keys.FEED_POSITION
    moved: Item = {
        "pk": address.pk,
        "sk": address.sk,
        "position": page.next,
        "version": version + 1,
    }
    try:
        to.table.transact([Put(moved, when=version or When.ABSENT), *additions])
    except ConditionFailed:
        return 0  # somebody else pulled these
    return len(page.changes)


def _follow_up(to: Projections, changes: Sequence[Change]) -> None:
    """What a change asks for besides counting; doing it again is fine."""
    for change in changes:
        match change.new.get("feed"):
            case uploads.FEED:
                verification.verify(to.verification, *keys.parse_upload(change.key.pk))
            case run_files.FEED:
                if change.old is not None:
                    _let_go_of_replaced(to, change.old, change.new)
            case _:
                pass


def _let_go_of_replaced(to: Projections, old: Item, new: Item) -> None:
    """A file took the place of another, whose bytes it no longer needs."""
    if old["id"] == new["id"]:
        return
    blob_key, owner = cast(str, old["blob"]), Owner("file", cast(str, old["id"]))
    if not artifact_keys.is_of_one_writer(blob_key):
        return  # from before bytes had owners: others may read the same object
    to.table.transact(collection.let_go(to.bytes.records, blob_key, owner, to.clock.now_ms()))


def _amount(change: Change) -> tuple[Counted, int] | None:
    """What a change adds to which count."""
    match change.new.get("feed"):
        case runs.FEED:
            amount = _active(change.new) - _active(change.old)
            tenant, _ = keys.parse_run(change.key.pk)
            counted = (tenant, ExperimentId(_document(change.new)["experiment"]), "runs")
        case run_files.FEED:
            amount = 1 if change.old is None else 0
            tenant, _ = keys.parse_run(change.key.pk)
            counted = (tenant, ExperimentId(cast(str, change.new["experiment"])), "artifacts")
        case experiment_artifacts.FEED_LOGGED | experiment_artifacts.FEED_DELETED as named:
            place, amount = experiment_artifacts.counted(change.key, named)
            counted = (place.tenant, place.experiment_id, "artifacts")
        case _:
            return None
    return (counted, amount) if amount else None


def _active(item: Item | None) -> int:
    return int(item is not None and _document(item)["stage"] == "active")


def _document(item: Item) -> dict[str, str]:
    return orjson.loads(cast(str, item["doc"]))


def _count(to: Projections, some: Sequence[tuple[Change, tuple[Counted, int]]]) -> None:
    expires_at = to.clock.now_ms() // 1000 + MARK_KEPT_S
    marks = [_mark(change, expires_at) for change, _ in some]
    additions = _additions(to, _totals(amount for _, amount in some))
    try:
        to.table.transact([*marks, *additions])
    except ConditionFailed as error:
        # Some were counted before: the others are tried again.
        left = [one for at, one in enumerate(some) if at not in error.failed]
        if len(left) == len(some):
            raise
        if left:
            _count(to, left)


def _totals(amounts: Iterable[tuple[Counted, int]]) -> Counter[Counted]:
    totals: Counter[Counted] = Counter()
    for counted, amount in amounts:
        totals[counted] += amount
    return totals


def _additions(to: Projections, totals: Counter[Counted]) -> list[Write]:
    """One addition an experiment."""
    grouped: dict[tuple[TenantId, ExperimentId], dict[str, int]] = {}
    for (tenant, experiment_id, name), amount in totals.items():
        grouped.setdefault((tenant, experiment_id), {})[name] = amount
    return [to.experiments.count(*experiment, counts) for experiment, counts in grouped.items()]


def _mark(change: Change, expires_at: int) -> Put:
    key = keys.feed_done(change.id)
    return Put({"pk": key.pk, "sk": key.sk, "expires_at": expires_at}, when=When.ABSENT)
