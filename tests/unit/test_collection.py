"""The collector: what it tells beforehand, and what it does when something fails."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import cast

import pytest

from chalicelib.core.errors import Contended, Unavailable
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import stored_bytes
from chalicelib.domain.collection import Collected, collect, let_go
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.storage.artifact_keys import COLLECTION_DUE
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Query, Table
from tests.unit.bytes_given import sha256_of, uploaded
from tests.unit.interleaving import Gated
from tests.unit.stores import HandClock, Stopped, Stores, WatchedTable

OWNER = Owner("artifact", "a")


def garbage(stores: Stores, bodies: list[bytes]) -> None:
    """Bytes that were saved, then let go of, and now have waited for their grace."""
    records = stores.bytes.records
    for body in bodies:
        kept = stored_bytes.keep(
            stores.bytes, stores.context, body, "text/plain", OWNER, lambda _: []
        )
        advance(stores, 1)
        writes = let_go(records, kept.blob_key, OWNER, stores.clock.now_ms())
        records.table.transact(writes)
    advance(stores, GRACE_MS)


def advance(stores: Stores, ms: int) -> None:
    assert isinstance(stores.clock, HandClock)
    stores.clock.advance(ms)


def collected(stores: Stores, *, dry_run: bool = False) -> Collected:
    return collect(stores.bytes, stores.clock, deadline_s=float("inf"), dry_run=dry_run)


def stored(stores: Stores) -> list[bytes]:
    return sorted(stores.blobs.get(blob.key) for blob in stores.blobs.list("cas/").blobs)


def waiting(stores: Stores) -> int:
    return len(stores.table.query(Query(COLLECTION_DUE)).items)


def test_a_dry_run_tells_what_is_deleted_then(stores: Stores) -> None:
    garbage(stores, [b"one", b"three"])
    stored_bytes.keep(stores.bytes, stores.context, b"kept", "text/plain", OWNER, lambda _: [])
    planned = collected(stores, dry_run=True)
    assert (planned.examined, planned.deleted, planned.bytes_freed) == (2, 2, 8)
    assert stored(stores) == [b"kept", b"one", b"three"]
    done = collected(stores)
    assert (done.deleted, done.bytes_freed) == (planned.deleted, planned.bytes_freed)
    assert stored(stores) == [b"kept"]


def test_nothing_is_deleted_within_the_grace(stores: Stores) -> None:
    garbage(stores, [b"one"])
    advance(stores, -2)
    assert collected(stores).deleted == 0
    advance(stores, 2)
    assert collected(stores).deleted == 1


def test_it_stops_at_its_deadline_and_goes_on_the_next_time(stores: Stores) -> None:
    garbage(stores, [b"one", b"two", b"three"])

    def tick(_: str) -> None:
        advance(stores, 1000)

    slow = stores.on(WatchedTable(stores.table, tick))
    runs = 0
    while stored(stores):
        deadline_s = stores.clock.monotonic_s() + 1.5
        collect(slow.bytes, stores.clock, deadline_s=deadline_s)
        runs += 1
        assert runs < 20
    assert runs > 1


@pytest.mark.parametrize("error", [Unavailable("the store is away"), Contended()])
def test_an_object_that_fails_does_not_keep_the_others_from_their_turn(
    stores: Stores, error: Exception
) -> None:
    garbage(stores, [b"one", b"two"])
    failed = False

    def fail_once(operation: str) -> None:
        nonlocal failed
        if operation == "put" and not failed:
            failed = True
            raise error

    failing = stores.on(WatchedTable(stores.table, fail_once))
    if isinstance(error, Unavailable):
        with pytest.raises(Unavailable):
            collected(failing)
    else:
        assert collected(failing).deleted <= 2
    assert failed
    collected(stores)
    assert stored(stores) == []
    assert waiting(stores) == 0


@pytest.mark.parametrize("requests", range(12))
def test_wherever_a_run_stops_the_next_one_finishes(stores: Stores, requests: int) -> None:
    uploaded(stores, b"never indexed")
    advance(stores, GRACE_MS)
    left = requests

    def request(_: str, call: Callable[[], object]) -> object:
        nonlocal left
        if left == 0:
            raise Stopped
        left -= 1
        return call()

    table, blobs = Gated(stores.table, request), Gated(stores.blobs, request)
    dying = replace(stores, table=cast("Table", table), blobs=cast("Blobs", blobs))
    with suppress(Stopped):
        collected(dying)
    collected(stores)
    assert stored(stores) == []
    assert waiting(stores) == 0
    assert stores.bytes.records.get(stores.tenant, sha256_of(b"never indexed")) is None


def test_bytes_that_came_too_late_are_garbage_at_once(stores: Stores) -> None:
    """Two save the same bytes, neither of which finds those of the other."""
    body = b"both"
    sha256 = hashlib.sha256(body).hexdigest()

    def other_first(operation: str) -> None:
        if operation == "put" and stores.bytes.records.get(stores.tenant, sha256) is None:
            stored_bytes.keep(stores.bytes, stores.context, body, "text/plain", OWNER, lambda _: [])

    late = stores.on(WatchedTable(stores.table, other_first))
    second = Owner("artifact", "b")
    kept = stored_bytes.keep(late.bytes, late.context, body, "text/plain", second, lambda _: [])
    assert len(stored(stores)) == 2
    assert collected(stores).deleted == 1
    assert stores.blobs.get(kept.blob_key) == body
    assert {one.owner for one in stores.bytes.records.owners(stores.tenant, sha256)} == {
        OWNER,
        second,
    }
