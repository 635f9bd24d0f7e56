"""The dispatcher of the change feed: each change is projected once, however often it is delivered.

What a change adds to is written in one transaction with what tells that it was: a mark of the
change's id where changes are pushed in any grouping (`dispatch`, on AWS), the position in the feed
where they are pulled in order (`pull`, on a laptop). A deployment uses one of the two.

A change that cannot be projected does not stop the others: it is parked, with a mark that tells so,
until it is given back (`give_back`). What may pass stops the feed, which is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, cast

from chalicelib.core.context import jitter_s
from chalicelib.core.errors import (
    PASSING,
    ConditionFailed,
    Conflict,
    Contended,
    NotFound,
    Throttled,
    Unavailable,
)
from chalicelib.domain import projections, variant_aggregation
from chalicelib.domain.projections import Projections
from chalicelib.domain.variant_aggregation import Room
from chalicelib.storage import keys
from chalicelib.storage.parked_changes import Parked, Part
from chalicelib.storage.table import MAX_TRANSACTION_WRITES, Change, Item, Put, When

MARK_KEPT_S = 48 * 3600
"""Twice as long as the feed keeps a change."""
PULLED_AT_ONCE = 500
CHANGES_AT_ONCE = 40
"""Each is a mark, and at most one addition or unit: within a transaction's 100 writes, with room
for the aggregates."""
ATTEMPTS = 20
PARKED: Final = 1
"""Version of the mark of a change that is parked; that of one that was projected has none."""
SETTLED_MS: Final = 15 * 60 * 1000
"""Longer than whoever parks a change can take to mark it."""
log = logging.getLogger("trialbook")


class Interrupted(Unavailable):
    """A store did not serve: everything before `change` is done, the rest is to be delivered
    again."""

    def __init__(self, change: Change) -> None:
        super().__init__("the change feed was interrupted; deliver the changes again")
        self.change = change


def dispatch(to: Projections, changes: Sequence[Change]) -> None:
    """Project the changes, and park those that cannot be. A transaction per 40 of them that add to
    something, with a read of the units and one of the aggregates for logs, and a read of the bytes
    of an upload to be verified. Raises Interrupted."""
    for some in _chunks(list({change.id: change for change in changes}.values())):
        undone = some[0]
        try:
            _add(to, [change for change in some if _adds(change)])
            _index(to, [change for change in some if projections.is_indexed(change)])
            for undone in some:
                if not projections.is_indexed(undone):
                    _follow_up(to, undone)
        except PASSING as error:
            raise Interrupted(undone) from error


def pull(to: Projections, limit: int = PULLED_AT_ONCE) -> int:
    """Project what the feed has since the last time, and park what cannot be; returns the number of
    changes. One read of the position, one of the feed, and one transaction for all that fit in it
    (a whole page when nothing but counts changes), which adds up and moves the position on. That is
    what makes each change count once: a mark a change would cost a second write."""
    kept = to.table.get(keys.FEED_POSITION)
    position = None if kept is None else cast(str, kept["position"])
    version = 0 if kept is None else cast(int, kept["version"])
    page = to.table.changes(position, limit)
    _index(to, [change for change in page.changes if projections.is_indexed(change)])
    for change in page.changes:
        if not projections.is_indexed(change):
            _follow_up(to, change)
    done = 0
    pieces = list(_fitting(page.changes))
    while pieces:
        some = pieces.pop(0)
        is_last = done + len(some) == len(page.changes)
        next_position = page.next if is_last else to.table.changes(position, len(some)).next
        moved = _moved(next_position, version)
        try:
            _project_pulled(to, moved, some)
        except ConditionFailed:
            return done  # somebody else pulled these
        except _TooMuch:
            pieces[:0] = _halves(some)
        else:
            done, position, version = done + len(some), next_position, version + 1
    return done


def give_back(to: Projections, parked: Parked) -> None:
    """Project a parked change, once however often it is given back. Raises NotFound when its blob
    is gone, Conflict when it is being parked at this moment, and what projecting it raises."""
    change = to.parked.read(parked)
    if parked.part == "follow-up":
        if change is not None:  # else it was given back before
            projections.follow_up(to, change)
            to.parked.forget(parked)
        return
    mark = to.table.get(keys.feed_done(parked.change_id))
    if mark is None:
        # Whoever parked it did not live to mark it, so the feed delivers it again. What is in the
        # blob may be of the next one to park it.
        if to.clock.now_ms() - parked.parked_ms < SETTLED_MS:
            raise Conflict("the change is being parked; give it back in a quarter of an hour")
        return
    if mark.get("version") == PARKED:
        if change is None:
            raise NotFound("the parked change is gone", blob=parked.blob)
        _add_together(to, [change], PARKED)
    to.parked.forget(parked)


class _TooMuch(Exception):
    """The changes can be projected in parts, perhaps."""


def _project_pulled(to: Projections, moved: Put, changes: Sequence[Change]) -> None:
    """Project the changes, or park the only one, and move the position on. Raises _TooMuch."""
    try:
        projections.project(to, [moved], changes, 0)
    except (ConditionFailed, *PASSING):
        raise
    except Exception as error:
        if len(changes) > 1:
            raise _TooMuch from error
        (change,) = changes
        _park(to, change, "amounts", error)
        to.table.transact([moved, _parked_mark(change, None)])


def _fitting(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The changes in pieces whose writes will mostly fit in a transaction."""
    some: list[Change] = []
    room = Room(MAX_TRANSACTION_WRITES - 1)
    for change in changes:
        if not _takes(room, change):
            if some:
                yield some
            some, room = [], Room(MAX_TRANSACTION_WRITES - 1)
            _takes(room, change)
        some.append(change)
    if some:
        yield some


def _takes(room: Room, change: Change) -> bool:
    try:
        amount = projections.amount_of(change)
        return room.takes(change, None if amount is None else amount[0][:2])
    except Exception:  # noqa: BLE001 (it is told when the change is projected, and parked for it)
        return False


def _chunks(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The changes in order, in pieces with as many as are added up at once."""
    some: list[Change] = []
    adding = 0
    for change in changes:
        some.append(change)
        adding += _adds(change)
        if adding == CHANGES_AT_ONCE:
            yield some
            some, adding = [], 0
    if some:
        yield some


def _adds(change: Change) -> bool:
    try:
        return projections.adds(change)
    except Exception:  # noqa: BLE001 (it is told when the change is projected, and parked for it)
        return True


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


def _add(to: Projections, changes: Sequence[Change]) -> None:
    """Add up the changes; one that cannot be is parked."""
    if not changes:
        return
    try:
        _add_together(to, changes, When.ABSENT)
    except PASSING:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, the others are projected)
        failed = error
    else:
        return
    if len(changes) > 1:
        for half in _halves(changes):
            _add(to, half)
        return
    (change,) = changes
    if to.table.get(keys.feed_done(change.id)) is not None:
        return  # it was parked before
    _park(to, change, "amounts", failed)
    mark = _parked_mark(change, When.ABSENT)
    with suppress(ConditionFailed):  # another worker parked it, or could project it
        to.table.put(mark.item, mark.when)


def _add_together(to: Projections, changes: Sequence[Change], when: When | int) -> None:
    """Add up the changes whose marks are so, and mark them as projected."""
    expires_at = to.clock.now_ms() // 1000 + MARK_KEPT_S
    left = list(changes)
    for attempt in range(ATTEMPTS):
        marks = [_mark(change, when, expires_at=expires_at) for change in left]
        try:
            projections.project(to, marks, left, variant_aggregation.lane_of(left))
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


def _index(to: Projections, changes: Sequence[Change]) -> None:
    """Tell the search of changed artifacts: together, and one by one when that cannot be."""
    try:
        projections.index(to, changes)
    except PASSING:
        raise
    except Exception:  # noqa: BLE001 (whatever it is, the others are told)
        for change in changes:
            _follow_up(to, change)


def _follow_up(to: Projections, change: Change) -> None:
    try:
        projections.follow_up(to, change)
    except PASSING:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, the others are projected)
        _park(to, change, "follow-up", error)


def _park(to: Projections, change: Change, part: Part, error: Exception) -> None:
    log.error("a change of the feed is parked: %s", change.id, exc_info=error)
    to.parked.park(change, part, f"{type(error).__name__}: {error}")


def _mark(change: Change, when: When | int | None, **attributes: int) -> Put:
    key = keys.feed_done(change.id)
    return Put({"pk": key.pk, "sk": key.sk, **attributes}, when)


def _parked_mark(change: Change, when: When | None) -> Put:
    """Kept until the change is given back, however long that takes."""
    return _mark(change, when, version=PARKED)
