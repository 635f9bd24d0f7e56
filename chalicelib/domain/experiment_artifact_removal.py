"""Deletion of the name of an experiment artifact, and removal of its entries.

The name goes at once, and with it the place that new entries could come to; what was logged under
it follows, now or later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from chalicelib.core.context import Clock, Context, retry_races
from chalicelib.core.errors import Contended, Throttled, TrialbookError, Unavailable
from chalicelib.core.model.experiment_artifact import Entry, SeriesPlace
from chalicelib.domain import collection
from chalicelib.domain.experiment_artifacts import (
    ExperimentArtifacts,
    open_for_writing,
    owner_of,
)
from chalicelib.storage.experiment_artifacts import DueSeries, entry_key
from chalicelib.storage.item_size import written_key
from chalicelib.storage.table import MAX_TRANSACTION_WRITES, Delete, Key, Write

LEAVE_MS: Final = 60_000
"""For this long the background leaves a deleted name to who deleted it."""
REMOVE_S: Final = 5.0
"""Who deletes a name waits this long at most for its entries to go."""


def delete(stores: ExperimentArtifacts, context: Context, id_or_slug: str, name: str) -> None:
    """Delete a name and all that was logged under it; again is fine. One read, one transaction, and
    for the entries a query per MB and a transaction per 100 (33 of those with bytes). A write at
    the same moment comes before, and is deleted too, or begins the name anew.

    Raises NotFound when there is no such experiment, Conflict when it is deleted.
    """

    def attempt() -> DueSeries | None:
        _, series = open_for_writing(stores, context, id_or_slug, name)
        if series is None:
            return None
        due = DueSeries(context.now_ms() + LEAVE_MS, series.place)
        stores.artifacts.table.transact(stores.artifacts.deleted(series, due.due_ms))
        return due

    due = retry_races(context, attempt)
    if due is None:
        return
    try:
        _remove(stores, context.clock, due, context.clock.monotonic_s() + REMOVE_S)
    except (Contended, Throttled, Unavailable):
        return  # the name is deleted; the background removes the rest


def remove_deleted(stores: ExperimentArtifacts, clock: Clock, *, deadline_s: float) -> int:
    """Remove what deletions left, until `deadline_s` on the clock; returns the number of names done
    with. It can stop anywhere and be done again. What fails stays due and does not keep the others
    from their turn; its error is raised after them."""
    done = 0
    failed: TrialbookError | None = None
    for due in stores.artifacts.due_before(clock.now_ms()):
        if clock.monotonic_s() > deadline_s:
            break
        try:
            done += _remove(stores, clock, due, deadline_s)
        except Contended:
            continue  # somebody is at it at this moment
        except TrialbookError as error:
            failed = error
    if failed is not None:
        raise failed
    return done


def _remove(stores: ExperimentArtifacts, clock: Clock, due: DueSeries, deadline_s: float) -> bool:
    """Whether nothing is left."""
    table, position = stores.artifacts.table, None
    while True:
        page = stores.artifacts.entries(due.place, after=position)
        for writes in _batches(_removals(stores, due.place, page.entries, clock.now_ms())):
            if clock.monotonic_s() > deadline_s:
                return False
            table.transact(writes)
        if page.next is None:
            table.transact([stores.artifacts.removed(due)])
            return True
        position = page.next


def _removals(
    stores: ExperimentArtifacts, place: SeriesPlace, entries: Iterable[Entry], now_ms: int
) -> Iterator[list[Write]]:
    """For each entry the writes that remove it, which belong together."""
    for entry in entries:
        writes: list[Write] = [Delete(entry_key(place, entry))]
        if entry.blob_key is not None:
            owner = owner_of(entry)
            writes += collection.let_go(stores.bytes.records, entry.blob_key, owner, now_ms)
        yield writes


def _batches(removals: Iterable[list[Write]]) -> Iterator[list[Write]]:
    """As few transactions as there may be. Entries of the same bytes queue the same object, which a
    transaction may write once."""
    batch: dict[Key, Write] = {}
    for writes in removals:
        if len(batch) + len(writes) > MAX_TRANSACTION_WRITES:
            yield list(batch.values())
            batch = {}
        batch |= {written_key(write): write for write in writes}
    if batch:
        yield list(batch.values())
