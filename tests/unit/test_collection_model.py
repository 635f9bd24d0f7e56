"""Bytes that come and go by chance, collectors and deaths of processes among them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chalicelib.core.errors import Conflict
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import stored_bytes
from chalicelib.domain.collection import collect, let_go
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.storage import artifact_keys
from chalicelib.storage.artifact_keys import COLLECTION_DUE
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Query, Table
from tests.folders import quick_folder
from tests.unit.interleaving import Gated
from tests.unit.stores import HandClock, Stopped, Stores, close, open_stores

BODIES = {hashlib.sha256(body).hexdigest(): body for body in (b"all save these",)}
DIGESTS = st.sampled_from(sorted(BODIES))
OWNERS = st.sampled_from("ab").map(lambda name: Owner("artifact", name))
NEVER_DIES = 1000
LIVES = st.one_of(st.just(NEVER_DIES), st.integers(0, 10))
"""After how many requests to the stores the process dies."""
WAITS = st.sampled_from([GRACE_MS, GRACE_MS // 2 + 1, GRACE_MS // 2, 2 * GRACE_MS, 1])


class StoredBytesLife(RuleBasedStateMachine):
    """`self.owned` are owners that must be able to read; who died while it came or went may be one
    or not. `self.promised` says until when bytes can be referred to."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = quick_folder()
        self.stores = open_stores(Path(self.folder.name))
        self.owned: set[tuple[str, Owner]] = set()
        self.promised: dict[str, int] = {}

    def teardown(self) -> None:
        for sha256, owner in [*self._owners()]:
            self._let_go(self.stores, sha256, owner)
        for _ in range(3):
            self._clock.advance(2 * GRACE_MS)
            self._collect(self.stores)
        left = self.stores.blobs.list("").blobs
        records = [self.stores.bytes.records.get(self.stores.tenant, one) for one in BODIES]
        queue = self.stores.table.query(Query(COLLECTION_DUE)).items
        close(self.stores)
        self.folder.cleanup()
        assert (left, records, queue) == ([], [None], [])

    @rule(sha256=DIGESTS, owner=OWNERS, life=LIVES)
    def save(self, sha256: str, owner: Owner, life: int) -> None:
        if (sha256, owner) in self.owned:
            return  # an owner has its bytes once

        def keep(stores: Stores) -> None:
            body = BODIES[sha256]
            stored_bytes.keep(stores.bytes, stores.context, body, "a/b", owner, lambda _: [])

        if self._lived(life, keep):
            self.owned.add((sha256, owner))

    @rule(sha256=DIGESTS, life=LIVES)
    def upload(self, sha256: str, life: int) -> None:
        def complete(stores: Stores) -> None:
            records, now_ms = stores.bytes.records, stores.clock.now_ms()
            key = artifact_keys.blob(stores.tenant, sha256, stores.clock.new_id())
            stores.table.put(records.due(key, now_ms + 3 * GRACE_MS).item)
            stores.blobs.put(key, BODIES[sha256], mime="a/b")
            arrived = StoredBytes(sha256, len(BODIES[sha256]), key, True, now_ms)
            known = records.get(stores.tenant, sha256)
            stored_bytes.settle(stores.bytes, stores.context, known, arrived, None, lambda _: [])

        if self._lived(life, complete):
            self.promised[sha256] = self._clock.now_ms() + GRACE_MS // 2

    @rule(sha256=DIGESTS, owner=OWNERS, life=LIVES)
    def refer(self, sha256: str, owner: Owner, life: int) -> None:
        if (sha256, owner) in self.owned:
            return

        def refer(stores: Stores) -> bool:
            try:
                stored_bytes.refer(stores.bytes, stores.context, sha256, owner, lambda _: [])
            except Conflict:
                assert self.promised.get(sha256, 0) < self._clock.now_ms()
                return False
            return True

        if self._lived(life, refer):
            self.owned.add((sha256, owner))

    @rule(sha256=DIGESTS, owner=OWNERS, life=LIVES)
    def delete(self, sha256: str, owner: Owner, life: int) -> None:
        self.owned.discard((sha256, owner))
        self._lived(life, lambda stores: self._let_go(stores, sha256, owner))

    @rule(sha256=DIGESTS, life=LIVES)
    def promise(self, sha256: str, life: int) -> None:
        def ask(stores: Stores) -> bool:
            return stored_bytes.promise(stores.bytes, stores.context, sha256)

        if self._lived(life, ask):
            self.promised[sha256] = self._clock.now_ms() + GRACE_MS // 2

    @rule(life=LIVES)
    def collect(self, life: int) -> None:
        self._lived(life, self._collect)

    @rule(ms=WAITS)
    def wait(self, ms: int) -> None:
        self._clock.advance(ms)

    @invariant()
    def every_owner_reads_the_right_bytes(self) -> None:
        found: set[tuple[str, Owner]] = set()
        records = self.stores.bytes.records
        for sha256, body in BODIES.items():
            for owned in records.owners(self.stores.tenant, sha256):
                assert self.stores.blobs.get(owned.blob_key) == body
                found.add((sha256, owned.owner))
        assert self.owned <= found

    @invariant()
    def what_was_promised_can_be_referred_to(self) -> None:
        for sha256, until_ms in self.promised.items():
            if self._clock.now_ms() <= until_ms:
                known = self.stores.bytes.records.get(self.stores.tenant, sha256)
                assert known is not None
                assert not known.doomed

    @property
    def _clock(self) -> HandClock:
        assert isinstance(self.stores.clock, HandClock)
        return self.stores.clock

    def _lived(self, life: int, act: Callable[[Stores], bool | None]) -> bool:
        """Whether the process came to its end, and with something other than False."""
        left = life

        def request(_: str, call: Callable[[], object]) -> object:
            nonlocal left
            if left == 0:
                raise Stopped
            left -= 1
            return call()

        dying = replace(
            self.stores,
            table=cast("Table", Gated(self.stores.table, request)),
            blobs=cast("Blobs", Gated(self.stores.blobs, request)),
        )
        try:
            return act(dying) is not False
        except Stopped:
            return False

    def _owners(self) -> set[tuple[str, Owner]]:
        records = self.stores.bytes.records
        return {
            (sha256, owned.owner)
            for sha256 in BODIES
            for owned in records.owners(self.stores.tenant, sha256)
        }

    @staticmethod
    def _collect(stores: Stores) -> None:
        collect(stores.bytes, stores.clock, deadline_s=float("inf"))

    @staticmethod
    def _let_go(stores: Stores, sha256: str, owner: Owner) -> None:
        records = stores.bytes.records
        owned = records.owned_by(stores.tenant, owner, [sha256]).get(sha256)
        if owned is not None:
            now_ms = stores.clock.now_ms()
            stores.table.transact(let_go(records, owned.blob_key, owner, now_ms))


TestStoredBytesLife = pytest.mark.slow(StoredBytesLife.TestCase)
TestStoredBytesLife.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
