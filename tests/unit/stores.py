"""Real stores in temporary files, a clock that is set by hand, and a table that can be watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chalicelib import wiring
from chalicelib.core.context import Clock, Context, Principal, Role
from chalicelib.core.ids import ExperimentId, RunId, TenantId, UserId
from chalicelib.core.model.run import Point
from chalicelib.domain import logging
from chalicelib.domain.artifact_documents import ArtifactSource
from chalicelib.domain.logging import Batch
from chalicelib.domain.projections import Projections
from chalicelib.domain.run_files import RunFiles
from chalicelib.domain.stored_bytes import ByteStores, in_turn
from chalicelib.domain.variant_aggregation import Aggregates
from chalicelib.domain.verification import Verification
from chalicelib.search.backend import SearchBackend
from chalicelib.search.snapshots import Snapshots
from chalicelib.storage import packing
from chalicelib.storage.artifacts import ArtifactStore
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.logged_models import LoggedModelStore
from chalicelib.storage.parked_changes import ParkedChanges
from chalicelib.storage.points import PointStore
from chalicelib.storage.run_files import RunFileStore
from chalicelib.storage.runs import RunStore
from chalicelib.storage.stored_bytes import StoredBytesStore
from chalicelib.storage.table import (
    Add,
    Changed,
    Changes,
    Condition,
    Item,
    Key,
    Page,
    Query,
    Table,
    Write,
)
from chalicelib.storage.table_queue import TableQueue
from chalicelib.storage.uploads import UploadStore
from chalicelib.storage.variant_cells import CellStore
from chalicelib.storage.variant_units import UnitStore
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable

START_MS = 1_790_000_000_000


class HandClock(Clock):
    """Stands still but for `advance` and sleeping; randomness is real."""

    def __init__(self) -> None:
        self.ms = START_MS

    def advance(self, ms: int) -> None:
        self.ms += ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    def sleep_s(self, seconds: float) -> None:
        self.ms += max(1, round(seconds * 1000))


class Stopped(BaseException):
    """The process died here."""


class WatchedTable:
    """A table with a hook that is called before every request, with the operation's name."""

    def __init__(self, table: Table, before: Callable[[str], None]) -> None:
        self.table = table
        self.before = before

    def get(self, key: Key) -> Item | None:
        self.before("get")
        return self.table.get(key)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        self.before("get_many")
        return self.table.get_many(keys)

    def put(self, item: Item, when: Condition = None) -> None:
        self.before("put")
        self.table.put(item, when)

    def delete(self, key: Key, when: Condition = None) -> None:
        self.before("delete")
        self.table.delete(key, when)

    def add(self, write: Add) -> Item:
        self.before("add")
        return self.table.add(write)

    def query(self, query: Query) -> Page:
        self.before("query")
        return self.table.query(query)

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        self.before("transact")
        self.table.transact(writes, token)

    def changed_since(self, partition: str, mark: str | None) -> Changed:
        self.before("changed_since")
        return self.table.changed_since(partition, mark)

    def changes(self, after: str | None, limit: int = 500) -> Changes:
        self.before("changes")
        return self.table.changes(after, limit)


WRITES = frozenset({"put", "delete", "add", "transact"})


def stopping(table: Table, writes: int) -> WatchedTable:
    """The table of a process that dies when it asks for one write more than `writes`."""
    left = writes

    def before(operation: str) -> None:
        nonlocal left
        if operation in WRITES:
            if left == 0:
                raise Stopped
            left -= 1

    return WatchedTable(table, before)


@dataclass(frozen=True)
class Stores:
    """Everything on one table and one folder of blobs, as one tenant sees it."""

    table: Table
    blobs: Blobs
    clock: Clock
    tenant: TenantId

    @property
    def context(self) -> Context:
        principal = Principal(self.tenant, UserId("ada"), Role.WRITE)
        return Context(principal, self.clock, self.clock.monotonic_s() + 25)

    @property
    def runs(self) -> RunStore:
        return RunStore(self.table)

    @property
    def experiments(self) -> ExperimentStore:
        return ExperimentStore(self.table)

    @property
    def points(self) -> PointStore:
        return PointStore(self.table, self.blobs)

    @property
    def files(self) -> RunFiles:
        files = RunFileStore(self.table)
        models = LoggedModelStore(self.table)
        return RunFiles(self.runs, models, files, UploadStore(self.table), self.bytes)

    @property
    def bytes(self) -> ByteStores:
        return ByteStores(StoredBytesStore(self.table), self.blobs)

    @property
    def artifacts(self) -> ArtifactStore:
        return ArtifactStore(self.table)

    def search(self) -> SearchBackend:
        source = ArtifactSource(self.artifacts, self.blobs, in_turn, self.clock.now_ms)
        snapshots = Snapshots(self.table, self.blobs, self.clock)
        return wiring.built_in_search(source, snapshots, self.clock)

    @property
    def projections(self) -> Projections:
        files = self.files
        verified = Verification(self.bytes, files.uploads, files.files, self.artifacts, self.clock)
        aggregates = Aggregates(UnitStore(self.table), CellStore(self.table))
        parked = ParkedChanges(self.blobs, self.undelivered, self.clock)
        return Projections(
            self.table, self.experiments, self.bytes, verified, aggregates, parked, self.search,
            self.clock,
        )  # fmt: skip

    @property
    def undelivered(self) -> TableQueue:
        return TableQueue(self.table, "undelivered", self.clock)

    def on(self, table: Table) -> Stores:
        """The same stores, seen through another table."""
        return Stores(table, self.blobs, self.clock, self.tenant)

    def new_experiment_id(self) -> ExperimentId:
        return ExperimentId(self.clock.new_id())

    def log(self, run_id: RunId, *points: Point, **batch: dict[str, str]) -> None:
        """Log points, and `params` and `tags`, as one batch."""
        wanted = Batch(packing.group(points), batch.get("params"), batch.get("tags"))
        logging.log(self.runs, self.points, self.context, run_id, wanted)


def open_stores(folder: Path, clock: Clock | None = None, tenant: str = "acme") -> Stores:
    """Stores in an empty folder. Close the table when done."""
    clock = clock or HandClock()
    table = SqliteTable(folder / "table.db", clock)
    blobs = DiskBlobs(folder / "blobs", "http://localhost", b"secret", clock)
    return Stores(table, blobs, clock, TenantId(tenant))


def close(stores: Stores) -> None:
    table = stores.table
    assert isinstance(table, SqliteTable)
    table.close()
