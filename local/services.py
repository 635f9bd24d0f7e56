"""Services on a laptop: SQLite, files, and a thread that does what the cloud's workers do."""

from __future__ import annotations

import logging
import threading

from app import app
from chalicelib import wiring
from chalicelib.core.context import Clock
from chalicelib.domain import compaction, feed, upkeep
from chalicelib.storage.signing_key import signing_key
from chalicelib.wiring import Services
from local.blob_endpoint import BlobEndpoint
from local.disk_blobs import DiskBlobs
from local.home import Home
from local.server import Backend
from local.sqlite_table import SqliteTable

FEED_S = 0.25
UPKEEP_S = 60.0
TIDY_S = 3600.0
AT_ONCE_S = 5.0
"""Work of the clock stops after this long, for the feed is waiting; it goes on the next time."""
log = logging.getLogger("trialbook.background")


class Background:
    """One thread that pulls the change feed, compacts runs whose time has come, and tidies up."""

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
                if now_s - tidied_s >= TIDY_S:
                    tidied_s = now_s
                    upkeep.tidy(wiring.upkeep(self._services), seconds=AT_ONCE_S)
            except Exception:  # whatever it was, the next round may do better
                log.exception("background work failed; it is tried again")


def open_backend(
    home: Home, base_url: str, clock: Clock, retention_days: int | None = None
) -> Backend:
    """Everything the local server serves, over the home's files."""
    table = SqliteTable(home.table_file, clock)
    blobs = DiskBlobs(home.blobs_folder, base_url, signing_key(table, clock), clock)
    services = wiring.services_on(table, blobs, clock, retention_days)
    wiring.install(services)
    background = Background(services, table, blobs)

    def close() -> None:
        background.stop()
        table.close()

    return Backend(
        app,
        BlobEndpoint(blobs, clock),
        services.api_keys,
        table.together,
        background.start,
        close,
    )
