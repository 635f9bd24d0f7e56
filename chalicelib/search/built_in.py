"""Search without a server: an index in a file of the process, brought up to date as it is asked.

A worker builds the index of a tenant and publishes it; a process that is asked fetches the newest
once, and before each search puts in what changed since, so that it finds what was just saved. See
docs/adr/0017-artifact-search.md.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import weakref
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

from chalicelib.core.context import Clock, Context
from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.search import Match, SearchQuery
from chalicelib.search.backend import Source
from chalicelib.search.index_file import IndexFile, OtherFormat
from chalicelib.search.snapshots import Snapshots

if TYPE_CHECKING:
    from chalicelib.search.embedding import Embedder

MAX_COPIES_BYTES: Final = 1536 * 1024 * 1024
"""Of copies in this process: a function has 2 GiB of disk."""
MAX_WASTE: Final = 0.3
MAX_AGE_MS: Final = 30 * 24 * 3600 * 1000
"""Of a snapshot when something changes: for longer than this it is told what was deleted."""
PUBLISHED_FROM: Final = 200
PUBLISHED_SHARE: Final = 50
"""So many changes are worth a new snapshot, and one in so many documents of a large one."""


class _Copy:
    """A tenant's index in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.index: IndexFile | None = None

    def throw_away(self) -> None:
        if self.index is not None:
            self.index.close()
            self.index.path.unlink(missing_ok=True)
            self.index = None


class BuiltInSearch:
    """Safe to share between threads; searches of one tenant wait for each other."""

    def __init__(
        self, source: Source, snapshots: Snapshots, embedder: Embedder, clock: Clock
    ) -> None:
        self._source = source
        self._snapshots = snapshots
        self._embedder = embedder
        self._clock = clock
        self._folder = Path(mkdtemp(prefix="trialbook-search-"))
        self._copies: OrderedDict[TenantId, _Copy] = OrderedDict()
        self.close = weakref.finalize(self, _remove, self._copies, self._folder)
        """Removes the copies; at the latest when nobody needs them any more."""
        self._made = 0
        self._lock = threading.Lock()

    def search(self, context: Context, query: SearchQuery) -> list[Match]:
        """A request for what changed and one for what was made lately; the first time a read and a
        blob besides, and a read per 100 artifacts that changed."""
        with self._held(context.tenant) as copy:
            index = self._opened(copy, context.tenant)
            if not self._catch_up(index, context.tenant, context.deadline_s):
                raise Unavailable("the index of the artifacts is being built; search again later")
            found = index.search(query)
        self._forget_the_oldest(context.tenant)
        return found

    def forget(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]) -> None:
        """In this process alone: the next snapshot leaves them out."""
        with self._held(tenant) as copy:
            if copy.index is not None:
                copy.index.update([], artifact_ids, None)

    def changed(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]) -> None:
        """One write: the tenant is looked at when it is time."""
        self._snapshots.mark_due(tenant)

    def publish(self, tenant: TenantId, deadline_s: float) -> bool:
        """Two requests, and what `build` asks for."""
        if self._is_worth_it(tenant):
            self.build(tenant, deadline_s=deadline_s)
            return True
        return False

    def build(self, tenant: TenantId, *, anew: bool = False, deadline_s: float = inf) -> int:
        """Publish the index as it is now, made from nothing where `anew` or much of the newest is
        waste; returns the number of documents in it. What is not done at the deadline is published
        as far as it is, and the tenant stays due. The newest is read and a blob written, besides
        what `search` asks for."""
        path, packed = self._new_path(), self._new_path()
        newest = self._snapshots.newest(tenant)
        index: IndexFile | None = None
        try:
            if newest is not None and not anew:
                self._snapshots.fetch(tenant, path)
            index = self._open(path)
            if index.waste > MAX_WASTE:
                index.close()
                path.unlink()
                index = self._open(path)
            is_whole = self._catch_up(index, tenant, deadline_s)
            index.vacuum_into(packed)
            count = index.count
            self._snapshots.publish(tenant, packed, index.mark or "", count, newest)
            if not is_whole:
                self._snapshots.mark_due(tenant)
            return count
        finally:
            if index is not None:
                index.close()
            path.unlink(missing_ok=True)
            packed.unlink(missing_ok=True)

    def _is_worth_it(self, tenant: TenantId) -> bool:
        """What is too little for a new snapshot, whoever searches reads in some requests."""
        newest = self._snapshots.newest(tenant)
        if newest is None or not newest.mark:
            return self._source.changed(tenant, None) >= PUBLISHED_FROM
        if self._clock.now_ms() - newest.published_ms > MAX_AGE_MS:
            return True
        enough = max(PUBLISHED_FROM, newest.documents // PUBLISHED_SHARE)
        return self._source.changed(tenant, newest.mark) >= enough

    def _catch_up(self, index: IndexFile, tenant: TenantId, deadline_s: float) -> bool:
        """Put in what changed; whether that was all until the deadline."""
        for delta in self._source.since(tenant, index.mark, index):
            index.update(delta.documents, delta.removed, delta.mark)
            if delta.mark is None and self._clock.monotonic_s() > deadline_s:
                return False
        return True

    @contextmanager
    def _held(self, tenant: TenantId) -> Generator[_Copy]:
        """The tenant's copy while nobody else uses it. What could not be written is thrown away."""
        while True:
            with self._lock:
                copy = self._copies.setdefault(tenant, _Copy())
                self._copies.move_to_end(tenant)
            with copy.lock:
                if self._copies.get(tenant) is not copy:  # forgotten while we waited
                    continue
                try:
                    yield copy
                except sqlite3.Error as error:
                    copy.throw_away()
                    raise Unavailable("the index of the artifacts broke; search again") from error
                return

    def _opened(self, copy: _Copy, tenant: TenantId) -> IndexFile:
        if copy.index is None:
            path = self._new_path()
            try:
                self._snapshots.fetch(tenant, path)
                copy.index = self._open(path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        return copy.index

    def _open(self, path: Path) -> IndexFile:
        """What was made by another version is as good as none."""
        try:
            return IndexFile(path, self._embedder)
        except OtherFormat:
            path.unlink()
            return IndexFile(path, self._embedder)

    def _new_path(self) -> Path:
        with self._lock:
            self._made += 1
            return self._folder / f"{self._made}.sqlite"

    def _forget_the_oldest(self, but: TenantId) -> None:
        with self._lock:
            copies = [(tenant, copy) for tenant, copy in self._copies.items() if tenant != but]
            sizes = {tenant: _size(copy) for tenant, copy in self._copies.items()}
            total = sum(sizes.values())
            for tenant, copy in copies:
                if total <= MAX_COPIES_BYTES:
                    return
                if copy.lock.acquire(blocking=False):  # else it is in use, and not the oldest
                    del self._copies[tenant]
                    total -= sizes[tenant]
                    copy.throw_away()
                    copy.lock.release()


def _remove(copies: Mapping[TenantId, _Copy], folder: Path) -> None:
    for copy in copies.values():
        copy.throw_away()
    shutil.rmtree(folder, ignore_errors=True)


def _size(copy: _Copy) -> int:
    index = copy.index
    return 0 if index is None or not index.path.exists() else index.path.stat().st_size
