"""The dispatcher of the change feed: each change is projected once, however often it is delivered.

What a change adds to is written in one transaction with what tells that it was: a mark of the
change's id where changes are pushed in any grouping (`dispatch`, on AWS), the position in the feed
where they are pulled in order (`pull`, on a laptop). A deployment uses one of the two.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.storage import keys, run_files, runs, uploads
from chalicelib.storage.blobs import BlobMissing, Blobs
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.run_files import RunFileStore
from chalicelib.storage.table import (
    MAX_TRANSACTION_WRITES,
    Change,
    Item,
    Put,
    Table,
    When,
    Write,
)
from chalicelib.storage.uploads import UploadStore

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
    blobs: Blobs
    experiments: ExperimentStore
    files: RunFileStore
    uploads: UploadStore
    clock: Clock


def dispatch(to: Projections, changes: Sequence[Change]) -> None:
    """Project the changes. One transaction per 40 of them that count something, and a read of the
    bytes of an upload to be verified. What fails may be delivered again."""
    changes = list({change.id: change for change in changes}.values())
    counting = [(change, amount) for change in changes if (amount := _amount(change)) is not None]
    for start in range(0, len(counting), CHANGES_AT_ONCE):
        _count(to, counting[start : start + CHANGES_AT_ONCE])
    for change in changes:
        if change.new.get("feed") == uploads.FEED:
            _verify(to, change)


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
    for change in page.changes:
        if change.new.get("feed") == uploads.FEED:
            _verify(to, change)
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


def _verify(to: Projections, change: Change) -> None:
    """Read the bytes of a multipart upload and compare their digest with the one it claimed."""
    tenant, upload_id = keys.parse_upload(change.key.pk)
    upload = to.uploads.get(tenant, upload_id)
    if upload is None:
        return
    try:
        digest = _sha256(to.blobs.stream(upload.blob_key))
    except BlobMissing:
        return
    if digest == upload.sha256:
        to.files.set_verified(tenant, upload.run_id, upload.path, upload_id)


def _sha256(pieces: Iterable[bytes]) -> str:
    state = hashlib.sha256()
    for piece in pieces:
        state.update(piece)
    return state.hexdigest()
