"""Search without a server: an index in a file of the process, brought up to date as it is asked.

A worker builds the index of a tenant and publishes it; a process that is asked fetches the newest
once, and before each search puts in what changed since, so that it finds what was just saved. See
docs/adr/0017-artifact-search.md.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import weakref
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING, Final

from chalicelib.core.context import Clock, Context
from chalicelib.core.errors import Contended, TrialbookError, Unavailable
from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.search import Match, SearchQuery
from chalicelib.search.backend import Source
from chalicelib.search.index_file import IndexFile, OtherFormat, made_by
from chalicelib.search.snapshots import Made, Snapshots

if TYPE_CHECKING:
    from chalicelib.search.embedding import Embedder

PREFIX: Final = "trialbook-search-"
MAX_COPIES_BYTES: Final = 1024 * 1024 * 1024
"""Of copies in this process, besides the one in use: a function has 2 GiB of disk."""
MAX_COPIES: Final = 64
"""Each is an open file, and half a MB of memory."""
MAX_AGE_MS: Final = 30 * 24 * 3600 * 1000
"""Of a snapshot when something changes: for longer than this it is told what was deleted."""
PUBLISHED_FROM: Final = 200
PUBLISHED_SHARE: Final = 50
PUBLISHED_AT: Final = 1000
"""So many changes are worth a new snapshot; of a large one, one in so many, up to this."""
UPLOADED_BYTES_S: Final = 20_000_000
FINISHED_S: Final = 5.0
"""What a builder needs at its end, besides the time of its bytes."""


class _Copy:
    """A tenant's index in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.index: IndexFile | None = None

    @property
    def size_bytes(self) -> int:
        """0 where there is none, or somebody removed it."""
        try:
            return 0 if self.index is None else self.index.path.stat().st_size
        except OSError:
            return 0

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
        _remove_left_behind()
        self._folder = Path(mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        _in_use.add(self._folder)
        self._copies: OrderedDict[TenantId, _Copy] = OrderedDict()
        self.close = weakref.finalize(self, _remove, self._copies, self._folder)
        """Removes the copies; at the latest when nobody needs them any more."""
        self._made = 0
        self._lock = threading.Lock()

    def search(self, context: Context, query: SearchQuery) -> list[Match]:
        """A request for what changed and one for what was made lately, and a read per 100 artifacts
        that changed: on DynamoDB that is told for a minute or so. The first time a read and a blob
        besides."""
        self._make_room(context.tenant)
        with self._held(context.tenant) as copy:
            index = self._opened(copy, context.tenant)
            if not self._catch_up(index, context.tenant, context.deadline_s):
                raise Unavailable("the index of the artifacts is being built; search again later")
            return index.search(query)

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
        if not self._is_worth_it(tenant):
            return False
        with suppress(Contended):  # another published meanwhile
            self.build(tenant, deadline_s=deadline_s)
        return True

    def build(self, tenant: TenantId, *, anew: bool = False, deadline_s: float = inf) -> int:
        """Publish the index as it is now, made from nothing where `anew` or the newest is broken;
        returns the number of documents in it. What is not done at the deadline is published as far
        as it is, and the tenant stays due. The newest is read and a blob written, besides what
        `search` asks for. Raises Contended when another published meanwhile."""
        self._make_room(tenant)
        try:
            return self._build(tenant, anew, deadline_s)
        except sqlite3.Error:
            if anew:
                raise
            return self._build(tenant, True, deadline_s)

    def _build(self, tenant: TenantId, anew: bool, deadline_s: float) -> int:
        path, packed = self._new_path(), self._new_path()
        newest = self._snapshots.newest(tenant)
        index: IndexFile | None = None
        try:
            if newest is not None and not anew:
                self._snapshots.fetch(tenant, path, made_by(self._embedder))
            index = self._open(path)
            is_whole = self._catch_up(index, tenant, deadline_s, is_published=True)
            index.vacuum_into(packed)
            count = index.count
            made = Made(made_by(self._embedder), index.mark or "", count)
            if not self._snapshots.publish(tenant, packed, made, newest):
                raise Contended
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
        if newest.made_by != made_by(self._embedder):
            return True
        if self._clock.now_ms() - newest.published_ms > MAX_AGE_MS:
            return True
        enough = max(PUBLISHED_FROM, min(PUBLISHED_AT, newest.documents // PUBLISHED_SHARE))
        return self._source.changed(tenant, newest.mark) >= enough

    def _catch_up(
        self, index: IndexFile, tenant: TenantId, deadline_s: float, *, is_published: bool = False
    ) -> bool:
        """Put in what changed; whether that was all until the deadline, before which there is time
        left to publish it where it will be."""
        for delta in self._source.since(tenant, index.mark, index):
            index.update(delta.documents, delta.removed, delta.mark)
            left_s = 0.0
            if is_published:
                left_s = FINISHED_S + index.path.stat().st_size / UPLOADED_BYTES_S
            if delta.mark is None and self._clock.monotonic_s() + left_s > deadline_s:
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
                except (sqlite3.Error, OSError) as error:
                    copy.throw_away()
                    self._make_room(tenant, keep=0)  # the disk may be full
                    raise Unavailable("the index of the artifacts broke; search again") from error
                except TrialbookError:
                    raise
                except BaseException:
                    copy.throw_away()  # nobody knows how far it was written
                    raise
                return

    def _opened(self, copy: _Copy, tenant: TenantId) -> IndexFile:
        if copy.index is None:
            path = self._new_path()
            try:
                self._snapshots.fetch(tenant, path, made_by(self._embedder))
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
            self._folder.mkdir(mode=0o700, exist_ok=True)  # something may clean up behind us
            return self._folder / f"{self._made}.sqlite"

    def _make_room(self, but: TenantId, *, keep: int = MAX_COPIES - 1) -> None:
        """Throw away copies of other tenants, those that were asked longest ago first, until few
        enough are left and small enough."""
        with self._lock:
            others = [(tenant, copy) for tenant, copy in self._copies.items() if tenant != but]
            sizes = {tenant: copy.size_bytes for tenant, copy in others}
            total, count = sum(sizes.values()), len(others)
            for tenant, copy in others:
                if count <= keep and total <= MAX_COPIES_BYTES:
                    return
                if copy.lock.acquire(blocking=False):  # else it is in use, and not the oldest
                    del self._copies[tenant]
                    total, count = total - sizes[tenant], count - 1
                    copy.throw_away()
                    copy.lock.release()


_in_use: set[Path] = set()
"""Folders of this process."""


def _remove_left_behind() -> None:
    """Copies of processes that were killed: a function's disk outlives them, too."""
    for folder in Path(gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if folder not in _in_use and not (owner.isdigit() and _lives(int(owner))):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    """Whether another process of this number runs."""
    if process == os.getpid():
        return False  # one that had the number before
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _remove(copies: Mapping[TenantId, _Copy], folder: Path) -> None:
    for copy in copies.values():
        copy.throw_away()
    shutil.rmtree(folder, ignore_errors=True)
    _in_use.discard(folder)
