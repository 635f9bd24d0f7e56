"""`AsyncClient`: experiments, runs and artifacts of one service, with one key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from trialbook import config
from trialbook._http import Api
from trialbook.entries import Pace
from trialbook.exits import status_of
from trialbook.experiment import AsyncExperiment
from trialbook.experiments import AsyncExperiments
from trialbook.leftovers import Progress, SyncReport, send_leftovers
from trialbook.models import EndStatus, IngestedFile, IngestReport
from trialbook.recorder import Recorder
from trialbook.run import AsyncActiveRun, Starting
from trialbook.runs import AsyncRuns
from trialbook.spool import spool_folder
from trialbook.start import attach_run, start_run

if TYPE_CHECKING:
    import httpx

    from trialbook.context import Context, ContextIds
    from trialbook.ingest import Watch
    from trialbook.transfer.progress import ShowProgress


class AsyncClient:
    """Used with `async with`, or closed by `close`.

    Runs that are started here are logged to from a background thread; the rest happens in the
    caller's event loop. Nothing connects before the first call.
    """

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
        """Without url or key: TRIALBOOK_URL and TRIALBOOK_API_KEY, else what `login` wrote.

        Transports replace the network, of the service and of presigned URLs; they must serve any
        event loop. `progress=False` shows no bars. `api` stands in for all that says whom to call
        and how. Raises NotConfigured.
        """
        if api is None:
            found = config.connection(url, api_key)
            api = Api(
                found.url,
                found.api_key,
                timeout_s=timeout_s,
                transport=transport,
                bytes_transport=bytes_transport,
            )
        self.api = api
        """What everything here is made of: for calls that have no method yet."""
        self.experiments = AsyncExperiments(api)
        self.runs = AsyncRuns(api)
        root = None if spool_dir is None else Path(spool_dir)
        self.recorder = Recorder(api, spool_folder(api.url, api.key_id, root), pace)
        self._progress: ShowProgress = progress

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.api.url!r})"

    def experiment(self, slug_or_id: str) -> AsyncExperiment:
        """A handle of its runs, and by its slug of its variants; nothing is asked yet."""
        return AsyncExperiment(self, slug_or_id, self._progress)

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
    ) -> Starting:
        """A run to log to: `run = await …`, or `async with … as run`, which ends it.

        `experiment` is a slug, an id or a name; it is created when missing. While the service is
        away the run is kept on disk, and created later. Raises Invalid.
        """

        async def start() -> AsyncActiveRun:
            return await start_run(
                self.api,
                self.recorder,
                experiment,
                name=name,
                params=params,
                tags=tags,
                description=description,
                parent_run_id=parent_run_id,
                create_experiment=create_experiment,
                progress=self._progress,
            )

        return Starting(start)

    async def attach(self, run_id: str) -> AsyncActiveRun:
        """A run that was started elsewhere, to log to. Closing the client does not end it.

        A step that is not given follows the run's last. Raises NotFound; while the service is away
        what is logged is kept on disk, as that of any run.
        """
        return await attach_run(self.api, self.recorder, run_id, progress=self._progress)

    def context(self, **ids: Unpack[ContextIds]) -> Context:
        """Ids that scope what follows: `client.context(run_id=…).artifacts()`."""
        from trialbook.context import Context

        return Context.of(self.api, progress=self._progress, **ids)

    async def ingest(
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

        Streamed from the disk, then waited for: `watch` sees a report from time to time. Refused
        lines are in the report, and raise nothing. With `wait=False` the report is of a file that
        has just been sent. The same file again is another file, unless it is sent under the same
        `idempotency_key` within a day. Raises Invalid for what is empty or too large, OSError,
        FileChanged, StoreRefused, and IngestFailed unless `check` is False.
        """
        from trialbook import ingest

        return await ingest.ingest(
            self.api,
            await asyncio.to_thread(ingest.look_at, Path(path), name),
            wait=wait,
            check=check,
            idempotency_key=idempotency_key,
            watch=watch,
            show=self._progress,
        )

    async def ingestion(self, ingest_id: str) -> IngestReport:
        """How far an ingested file has come, also one that somebody else sent. Raises NotFound."""
        from trialbook import ingest

        return await ingest.get(self.api, ingest_id)

    async def ingestions(self, limit: int | None = None) -> list[IngestedFile]:
        """Files that were ingested in the last 90 days, newest first; all without a limit."""
        from trialbook import ingest

        return [file async for file in ingest.listed(self.api, limit)]

    async def sync(self, progress: Progress | None = None) -> SyncReport:
        """Send what earlier processes could not, and try again what is open here.

        `progress` sees the report after each record.
        """
        handed_over = self.recorder.hand_over()
        if handed_over is not None:
            await asyncio.wrap_future(handed_over)
        return await send_leftovers(self.api.trying(3), self.recorder.folder, progress)

    async def close(self, status: EndStatus = "finished") -> None:
        """End the runs that are open, send what there is, close the connections.

        What cannot be sent stays on disk.
        """
        await asyncio.to_thread(self.recorder.close, status)
        await self.api.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close(status_of(error))
