"""The dispatcher of the change feed: each change is projected once, however often it is delivered.

What a change adds to is written in one transaction with what tells that it was: a mark of the
change's id where changes are pushed in any grouping (`dispatch`, on AWS), the position in the feed
where they are pulled in order (`pull`, on a laptop). A deployment uses one of the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from chalicelib.core.context import Clock, jitter_s
from chalicelib.core.errors import ConditionFailed, Contended, Throttled, TooLarge
from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import collection, variant_aggregation, verification
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.domain.variant_aggregation import Aggregates, Room
from chalicelib.domain.verification import Verification
from chalicelib.storage import (
    artifact_keys,
    experiment_artifacts,
    keys,
    run_files,
    runs,
    uploads,
    variant_keys,
    variant_logs,
)
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
"""Each is a mark, and at most one addition or unit: within a transaction's 100 writes, with room
for the aggregates."""
ATTEMPTS = 20

Counted = tuple[TenantId, ExperimentId, str]


@dataclass(frozen=True, slots=True)
class Projections:
    """The stores that changes are projected into."""

    table: Table
    experiments: ExperimentStore
    bytes: ByteStores
    verification: Verification
    aggregates: Aggregates
    clock: Clock


def dispatch(to: Projections, changes: Sequence[Change]) -> None:
    """Project the changes. A transaction per 40 of them that add to something, with a read of the
    units and one of the aggregates for logs, and a read of the bytes of an upload to be verified.
    What fails may be delivered again."""
    changes = list({change.id: change for change in changes}.values())
    adding = [change for change in changes if _adds(change)]
    for start in range(0, len(adding), CHANGES_AT_ONCE):
        _add(to, adding[start : start + CHANGES_AT_ONCE])
    _follow_up(to, changes)


def pull(to: Projections, limit: int = PULLED_AT_ONCE) -> int:
    """Project what the feed has since the last time; returns the number of changes. One read of the
    position, one of the feed, and one transaction for all that fit in it (a whole page when nothing
    but counts changes), which adds up and moves the position on. That is what makes each change
    count once: a mark a change would cost a second write."""
    kept = to.table.get(keys.FEED_POSITION)
    position = None if kept is None else cast(str, kept["position"])
    version = 0 if kept is None else cast(int, kept["version"])
    page = to.table.changes(position, limit)
    _follow_up(to, page.changes)
    done = 0
    pieces = list(_fitting(page.changes))
    while pieces:
        some = pieces.pop(0)
        is_last = done + len(some) == len(page.changes)
        next_position = page.next if is_last else to.table.changes(position, len(some)).next
        moved = _moved(next_position, version)
        try:
            _transact(to, [moved], some, 0)
        except TooLarge:
            if len(some) == 1:
                raise
            pieces[:0] = _halves(some)
        except ConditionFailed:
            return done  # somebody else pulled these
        else:
            done, position, version = done + len(some), next_position, version + 1
    return done


def _fitting(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The changes in pieces whose writes will mostly fit in a transaction."""
    some: list[Change] = []
    room = Room(MAX_TRANSACTION_WRITES - 1)
    for change in changes:
        amount = _amount(change)
        if not room.takes(change, None if amount is None else amount[0][:2]):
            yield some
            some, room = [], Room(MAX_TRANSACTION_WRITES - 1)
            room.takes(change, None if amount is None else amount[0][:2])
        some.append(change)
    if some:
        yield some


def _halves(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    middle = len(changes) // 2
    return list(changes[:middle]), list(changes[middle:])


def _moved(position: str, version: int) -> Put:
    address = keys.FEED_POSITION
    item: Item = {
        "pk": address.pk,
        "sk": address.sk,
        "position": position,
        "version": version + 1,
    }
    return Put(item, when=version or When.ABSENT)


def _transact(
    to: Projections, traces: Sequence[Write], changes: Sequence[Change], lane: int
) -> None:
    """What the changes add, with the traces that tell that they were. Raises TooLarge for more than
    a transaction takes, ConditionFailed with positions that are those of the traces first."""
    writes = [*traces, *_writes(to, changes, lane)]
    if len(writes) > MAX_TRANSACTION_WRITES:
        raise TooLarge("more changes than a transaction takes", writes=len(writes))
    to.table.transact(writes)


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


def _adds(change: Change) -> bool:
    """Whether there is anything to add up; late metrics of a log change no count."""
    return change.new.get("feed") == variant_logs.FEED or _amount(change) is not None


def _writes(to: Projections, changes: Sequence[Change], lane: int) -> list[Write]:
    """What the changes add to counts and aggregates."""
    totals = _totals(amount for change in changes if (amount := _amount(change)) is not None)
    batch = variant_aggregation.batch_of(changes)
    return [*_additions(to, totals, lane), *variant_aggregation.writes(to.aggregates, batch, lane)]


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
        case variant_logs.FEED:
            amount = 1 if change.old is None else 0
            tenant, experiment_id, _ = variant_keys.parse_log(change.key)
            counted = (tenant, experiment_id, "logs")
        case _:
            return None
    return (counted, amount) if amount else None


def _active(item: Item | None) -> int:
    return int(item is not None and _document(item)["stage"] == "active")


def _document(item: Item) -> dict[str, str]:
    return orjson.loads(cast(str, item["doc"]))


def _add(to: Projections, changes: Sequence[Change]) -> None:
    expires_at = to.clock.now_ms() // 1000 + MARK_KEPT_S
    left = list(changes)
    for attempt in range(ATTEMPTS):
        marks = [_mark(change, expires_at) for change in left]
        try:
            _transact(to, marks, left, variant_aggregation.lane_of(left))
        except TooLarge:
            if len(left) == 1:
                raise
            for half in _halves(left):
                _add(to, half)
            return
        except (ConditionFailed, Contended) as error:
            # Some were added before: the others are tried again. Or another worker changed the same
            # aggregates meanwhile: all are, with a fresh look.
            done = error.failed if isinstance(error, ConditionFailed) else ()
            left = [one for at, one in enumerate(left) if at not in done]
            if not left:
                return
            if len(left) == len(marks):
                to.clock.sleep_s(jitter_s(attempt))
        else:
            return
    raise Throttled("too many workers on the same aggregates; the changes are delivered again")


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


def _mark(change: Change, expires_at: int) -> Put:
    key = keys.feed_done(change.id)
    return Put({"pk": key.pk, "sk": key.sk, "expires_at": expires_at}, when=When.ABSENT)
