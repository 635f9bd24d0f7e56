"""Services on a laptop: SQLite, files, and a thread that does what the cloud's workers do."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from app import app
from chalicelib import wiring
from chalicelib.api.v1 import ingest_lines
from chalicelib.core import tally
from chalicelib.core.context import Clock
from chalicelib.domain import arrivals, compaction, feed, search_upkeep, upkeep
from chalicelib.domain.arrivals import Arrived
from chalicelib.storage import artifact_keys, ingest_keys
from chalicelib.storage.blobs import BlobInfo, Blobs
from chalicelib.storage.signing_key import signing_key
from chalicelib.storage.table import Table
from chalicelib.storage.table_queue import TableQueue
from chalicelib.wiring import ARRIVALS, Services
from local.blob_endpoint import BlobEndpoint
from local.disk_blobs import DiskBlobs
from local.drop_zone import DropZone
from local.home import Home
from local.server import OWNER, Backend
from local.sqlite_table import SqliteTable

FEED_S = 0.25
ARRIVING_S = 0.2
ARRIVAL_HIDDEN_S = 10.0
UPKEEP_S = 60.0
TIDY_S = 3600.0
AT_ONCE_S = 5.0
"""Work of the clock stops after this long, for the feed is waiting; it goes on the next time."""
log = logging.getLogger("trialbook.background")


class Background:
    """One thread that pulls the change feed, compacts runs whose time has come, publishes search
    indexes, and tidies up."""

    def __init__(self, services: Services, table: SqliteTable, blobs: DiskBlobs) -> None:
        self._services = services
        self._table = table
        self._blobs = blobs
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="background", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the work under way is done."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        to = wiring.projections(self._services)
        upkeep_s, tidied_s = -UPKEEP_S, -TIDY_S
        while not self._stopped.wait(FEED_S):
            try:
                # Only a full page is followed by another at once: a transaction for each change
                # would take the writer's turn from the requests.
                while feed.pull(to) == feed.PULLED_AT_ONCE and not self._stopped.is_set():
                    pass
                self._table.checkpoint()
                now_s = self._services.clock.monotonic_s()
                if now_s - upkeep_s >= UPKEEP_S:
                    upkeep_s = now_s
                    compaction.compact_due(self._services.points, self._services.clock.now_ms())
                    self._blobs.remove_abandoned()
                    upkeep.collect(wiring.upkeep(self._services), seconds=AT_ONCE_S)
                    self._publish_indexes()
                if now_s - tidied_s >= TIDY_S:
                    tidied_s = now_s
                    upkeep.tidy(wiring.upkeep(self._services), seconds=AT_ONCE_S)
            except Exception:  # whatever it was, the next round may do better
                log.exception("background work failed; it is tried again")

    def _publish_indexes(self) -> None:
        of = self._services
        search_upkeep.publish_due(of.search, of.snapshots, of.clock, seconds=AT_ONCE_S)


class Arriving:
    """One thread that takes files out of the drop zone, and does what arriving objects ask for. It
    is another than that of the background, for a file may be long."""

    def __init__(self, services: Services, zone: DropZone) -> None:
        self._services = services
        self._zone = zone
        self._to = wiring.arrivals(services, ingest_lines.parse)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="arriving", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the windows of lines under way are done."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._stopped.wait(ARRIVING_S):
            try:
                self._zone.take()
                while not self._stopped.is_set() and self._handle_some():
                    pass
            except Exception:  # whatever it was, the next round may do better
                log.exception("work on what arrived failed; it is tried again")

    def _handle_some(self) -> bool:
        """Whether there was anything."""
        queue = self._services.arrivals
        # One at a time: what is received and not begun would count as tried.
        messages = queue.receive(1)
        for message in messages:
            deadline_s = self._services.clock.monotonic_s() + AT_ONCE_S
            try:
                arrivals.handle(self._to, message.body, message.tries, deadline_s=deadline_s)
            except Exception:
                log.exception("an object that arrived could not be handled; it is tried again")
            else:
                queue.delete(message)
        return bool(messages)


def tell_of_arrivals(services: Services, blobs: DiskBlobs) -> None:
    """From now on the store tells of objects as the bucket of a deployment does."""

    def created(info: BlobInfo) -> None:
        if info.key.startswith((artifact_keys.BLOBS, ingest_keys.DROP_ZONE)):
            version = info.version or ""
            arrived = Arrived(info.key, version, info.size_bytes, info.modified_ms)
            services.arrivals.send(arrivals.told(arrived))

    blobs.on_created = created


def _counted(table: SqliteTable, blobs: DiskBlobs) -> tuple[Table, Blobs]:
    """The same, whose calls count as requests to the stores. Signing asks nobody."""
    of_table = [name for name in vars(Table) if not name.startswith("_")]
    of_blobs = [name for name in vars(Blobs) if not name.startswith(("_", "presign_"))]
    return tally.counted(table, "sqlite", of_table), tally.counted(blobs, "files", of_blobs)


def open_backend(
    home: Home,
    base_url: str,
    clock: Clock,
    retention_days: int | None = None,
    mcp_origins: frozenset[str] = frozenset(),
) -> Backend:
    """Everything the local server serves, over the home's files."""
    table = SqliteTable(home.table_file, clock)
    blobs = DiskBlobs(home.blobs_folder, base_url, signing_key(table, clock), clock)
    services = wiring.services_on(
        *_counted(table, blobs),
        clock,
        retention_days,
        # Nobody else receives here: what a kill left hidden is soon due again.
        arrivals=TableQueue(table, ARRIVALS, clock, ARRIVAL_HIDDEN_S),
    )
    services = replace(services, mcp_origins=mcp_origins)
    wiring.install(services)
    tell_of_arrivals(services, blobs)
    background = Background(services, table, blobs)
    home.ingest_folder.joinpath(OWNER).mkdir(mode=0o700, parents=True, exist_ok=True)
    arriving = Arriving(services, DropZone(home.ingest_folder, blobs, clock))

    def start() -> None:
        background.start()
        arriving.start()

    def close() -> None:
        arriving.stop()
        background.stop()
        table.close()

    return Backend(
        app,
        BlobEndpoint(blobs, clock),
        services.api_keys,
        table.together,
        start,
        close,
    )
