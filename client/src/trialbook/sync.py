"""`Client`: as `AsyncClient` without `await`, driven by an event loop in the background."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from trialbook._http import Api
from trialbook.client import AsyncClient
from trialbook.entries import Pace
from trialbook.exits import status_of
from trialbook.experiment import ExperimentHandle
from trialbook.experiments import AsyncExperiments
from trialbook.leftovers import Progress, SyncReport
from trialbook.models import EndStatus, IngestedFile, IngestReport
from trialbook.portal import Driven, Portal, driven, driven_iterator
from trialbook.run import ActiveRun
from trialbook.runs import AsyncRuns

if TYPE_CHECKING:
    import httpx

    from trialbook.artifacts.sync import SyncContext
    from trialbook.context import ContextIds
    from trialbook.ingest import Watch
    from trialbook.transfer.progress import ShowProgress


class Experiments(Driven):
    """`client.experiments`."""

    create = driven(AsyncExperiments.create)
    get = driven(AsyncExperiments.get)
    find = driven(AsyncExperiments.find)
    get_or_create = driven(AsyncExperiments.get_or_create)
    list = driven(AsyncExperiments.list)
    iterate = driven_iterator(AsyncExperiments.iterate)
    update = driven(AsyncExperiments.update)
    delete = driven(AsyncExperiments.delete)
    restore = driven(AsyncExperiments.restore)


class Runs(Driven):
    """`client.runs`."""

    create = driven(AsyncRuns.create)
    get = driven(AsyncRuns.get)
    list = driven(AsyncRuns.list)
    iterate = driven_iterator(AsyncRuns.iterate)
    search = driven(AsyncRuns.search)
    iterate_search = driven_iterator(AsyncRuns.iterate_search)
    update = driven(AsyncRuns.update)
    delete = driven(AsyncRuns.delete)
    restore = driven(AsyncRuns.restore)
    end = driven(AsyncRuns.end)
    log_metrics = driven(AsyncRuns.log_metrics)
    log_params = driven(AsyncRuns.log_params)
    log_batch = driven(AsyncRuns.log_batch)
    set_tags = driven(AsyncRuns.set_tags)
    compare = driven(AsyncRuns.compare)
    history = driven(AsyncRuns.history)
    histories = driven(AsyncRuns.histories)
    files = driven(AsyncRuns.files)


class Client:
    """Used with `with`, or closed by `close`. May be used from several threads."""

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
        bytes_transport: httpx.AsyncBaseTransport | None = None,
        spool_dir: str | Path | None = None,
        progress: ShowProgress = None,
        pace: Pace | None = None,
        api: Api | None = None,
    ) -> None:
        """As `AsyncClient`. Raises NotConfigured."""
        client = AsyncClient(
            url,
            api_key=api_key,
            timeout_s=timeout_s,
            transport=transport,
            bytes_transport=bytes_transport,
            spool_dir=spool_dir,
            progress=progress,
            pace=pace,
            api=api,
        )
        self._client = client
        self.portal = Portal(client.api.close)
        """What drives it: for synchronous classes over other asynchronous ones."""
        self.experiments = Experiments(self.portal, client.experiments)
        self.runs = Runs(self.portal, client.runs)
        # when nobody closes it: after the recorder, which is asked first when the program ends
        weakref.finalize(self, self.portal.close)

    def __repr__(self) -> str:
        return f"Client({self.api.url!r})"

    @property
    def api(self) -> Api:
        return self._client.api

    def experiment(self, slug_or_id: str) -> ExperimentHandle:
        """A handle of its runs, and by its slug of its variants; nothing is asked yet."""
        return ExperimentHandle(self.portal, self, self._client.experiment(slug_or_id))

    def start_run(
        self,
        experiment: str,
        *,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        parent_run_id: str | None = None,
        create_experiment: bool = True,
    ) -> ActiveRun:
        """A run to log to; leaving its `with` block ends it.

        `experiment` is a slug, an id or a name; it is created when missing. While the service is
        away the run is kept on disk, and created later. Raises Invalid.
        """
        # in the caller's thread: only the main one can see to SIGTERM
        self._client.recorder.start()
        starting = self._client.start_run(
            experiment,
            name=name,
            params=params,
            tags=tags,
            description=description,
            parent_run_id=parent_run_id,
            create_experiment=create_experiment,
        )
        return ActiveRun(self.portal, self.portal.call(starting.run()))

    def attach(self, run_id: str) -> ActiveRun:
        """A run that was started elsewhere, to log to. Closing the client does not end it.

        A step that is not given follows the run's last. Raises NotFound; while the service is away
        what is logged is kept on disk, as that of any run.
        """
        self._client.recorder.start()
        return ActiveRun(self.portal, self.portal.call(self._client.attach(run_id)))

    def context(self, **ids: Unpack[ContextIds]) -> SyncContext:
        """Ids that scope what follows: `client.context(run_id=…).artifacts()`."""
        from trialbook.artifacts.sync import SyncContext

        return SyncContext(self.portal, self._client.context(**ids))

    def ingest(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        wait: bool = True,
        check: bool = True,
        idempotency_key: str | None = None,
        watch: Watch | None = None,
    ) -> IngestReport:
        """Have the service apply each line of a file of JSON Lines, plain or gzip.

        As of `AsyncClient`; `watch` is called in another thread.
        """
        ingesting = self._client.ingest(
            path,
            name=name,
            wait=wait,
            check=check,
            idempotency_key=idempotency_key,
            watch=watch,
        )
        return self.portal.call(ingesting)

    def ingestion(self, ingest_id: str) -> IngestReport:
        """How far an ingested file has come, also one that somebody else sent. Raises NotFound."""
        return self.portal.call(self._client.ingestion(ingest_id))

    def ingestions(self, limit: int | None = None) -> list[IngestedFile]:
        """Files that were ingested in the last 90 days, newest first; all without a limit."""
        return self.portal.call(self._client.ingestions(limit))

    def sync(self, progress: Progress | None = None) -> SyncReport:
        """Send what earlier processes could not, and try again what is open here.

        `progress` sees the report after each record, in another thread.
        """
        return self.portal.call(self._client.sync(progress))

    def close(self, status: EndStatus = "finished") -> None:
        """End the runs that are open, send what there is, close the connections.

        What cannot be sent stays on disk.
        """
        self._client.recorder.close(status)
        self.portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(status_of(error))
