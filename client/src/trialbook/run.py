"""A run that is being logged to: `log` returns at once, a background thread sends.

with client.start_run("my experiment", params={"lr": 0.1}) as run:
    for step in range(1000):
        run.log({"loss": loss}, step=step)
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from trialbook._http import Api
from trialbook.batches import check_step, check_timestamp, metric_values, texts
from trialbook.entries import Entry, Kind
from trialbook.errors import ConnectionFailed, TrialbookError
from trialbook.exits import status_of
from trialbook.models import EndStatus, FileEntry
from trialbook.outbox import Outbox
from trialbook.portal import Portal
from trialbook.recorder import Recorder
from trialbook.runs import AsyncRuns

if TYPE_CHECKING:
    from trialbook.transfer.progress import ShowProgress


class _Logging:
    """What both kinds of an active run share: logging, which waits for nothing."""

    def __init__(
        self,
        recorder: Recorder,
        outbox: Outbox,
        name: str,
        experiment: str,
        next_step: int = 0,
    ) -> None:
        self._recorder = recorder
        self._outbox = outbox
        self._next_step = next_step
        self.name = name
        self.experiment = experiment
        """Its id; what it was asked for by while the service is away."""

    @property
    def id(self) -> str:
        """The run's id; `offline-…` until the service has created the run."""
        return self._outbox.run_id or self._outbox.label

    def log(
        self,
        metrics: Mapping[str, Any],
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log values of metrics; returns at once. Raises Invalid, and then logs none of them.

        Values are numbers (NaN and the infinities too, scalars of numpy and torch too); a nested
        dict becomes `outer/inner`. Without a step, it is one more than the last. `timestamp` is in
        milliseconds since the epoch, now by default.
        """
        if self._outbox.closed_because is not None:
            raise TrialbookError(self._outbox.closed_because)
        values = metric_values(metrics)
        step = self._next_step if step is None else check_step(step)
        now = time.time_ns() // 1_000_000 if timestamp is None else check_timestamp(timestamp)
        self._next_step = step + 1
        self._recorder.put(Entry(self._outbox, Kind.METRICS, values, step, now), len(values))

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params: a param keeps its first value. Raises Invalid.

        Numbers and booleans are spelled as in JSON; nested dicts become `outer/inner`.
        """
        self._put(Kind.PARAMS, texts("param", params))

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags: the last value stays. Raises Invalid."""
        self._put(Kind.TAGS, texts("tag", tags))

    def release(self) -> None:
        """Closing the client does not end this run any more: somebody else goes on with it."""
        self._recorder.owned.discard(self._outbox)

    def _put(self, kind: Kind, value: dict[str, str]) -> None:
        if self._outbox.closed_because is not None:
            raise TrialbookError(self._outbox.closed_because)
        self._recorder.put(Entry(self._outbox, kind, value), len(value))

    def _flushing(self) -> Future[bool]:
        return self._recorder.flush(self._outbox)

    def _ending(self, status: EndStatus) -> Future[bool]:
        """In a forked child only what the child logged is flushed: the run is the parent's."""
        if self._outbox.owner_pid != os.getpid() or self._outbox.closed_because is not None:
            return self._flushing()
        return self._recorder.end(self._outbox, status)

    def _raise_refused(self) -> None:
        """Tell once what the service refused since the last time."""
        refused, self._outbox.refusals = self._outbox.refusals, []
        if refused:
            raise refused[0]

    def _known_id(self) -> str:
        if self._outbox.run_id is None:
            raise ConnectionFailed(
                "the service was away when this run began; its files can be reached "
                "when what was logged has been sent",
                code="connection_failed",
            )
        return self._outbox.run_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} ({self.id})>"


class AsyncActiveRun(_Logging):
    """What `await client.start_run(…)` gives, or `async with client.start_run(…)`."""

    def __init__(
        self,
        api: Api,
        recorder: Recorder,
        outbox: Outbox,
        name: str,
        experiment: str,
        progress: ShowProgress = None,
        *,
        next_step: int = 0,
    ) -> None:
        super().__init__(recorder, outbox, name, experiment, next_step)
        self._api = api
        self._progress = progress

    async def flush(self) -> bool:
        """Wait until the service has all that was logged (True), or the disk has, to be sent
        later (False). Raises what the service refused.
        """
        sent = await asyncio.wrap_future(self._flushing())
        self._raise_refused()
        return sent

    async def end(self, status: EndStatus = "finished") -> bool:
        """Flush and end the run; again is fine. As `flush`."""
        sent = await asyncio.wrap_future(self._ending(status))
        self._raise_refused()
        return sent

    async def upload(self, file: str | Path, path: str | None = None) -> FileEntry:
        """Upload a file of any size to the run; its own name is the default path."""
        from trialbook.transfer import upload_run_file

        uploaded = await upload_run_file(
            self._api, self._known_id(), Path(file), path, progress=self._progress
        )
        return FileEntry.model_validate(uploaded)

    async def download(self, path: str, to: str | Path) -> Path:
        """Download a file of the run to a place or into a folder, verified; where it is then."""
        from trialbook.transfer import download_run_file

        return await download_run_file(
            self._api, self._known_id(), path, Path(to), progress=self._progress
        )

    async def files(self, path: str | None = None) -> list[FileEntry]:
        """One level of the run's files, folders first."""
        return await AsyncRuns(self._api).files(self._known_id(), path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ending = asyncio.wrap_future(self._ending(status_of(error)))
        # a cancelled task ends its run before it goes
        await asyncio.shield(ending)
        if error is None:
            self._raise_refused()


class ActiveRun(_Logging):
    """What `client.start_run(…)` gives: the same without `await`."""

    def __init__(self, portal: Portal, run: AsyncActiveRun) -> None:
        super().__init__(
            run._recorder,  # noqa: SLF001  # it is of the same class
            run._outbox,  # noqa: SLF001  # as above
            run.name,
            run.experiment,
            run._next_step,  # noqa: SLF001  # as above
        )
        self._portal = portal
        self._run = run

    def flush(self) -> bool:
        """Wait until the service has all that was logged (True), or the disk has, to be sent
        later (False). Raises what the service refused.
        """
        sent = self._flushing().result()
        self._raise_refused()
        return sent

    def end(self, status: EndStatus = "finished") -> bool:
        """Flush and end the run; again is fine. As `flush`."""
        sent = self._ending(status).result()
        self._raise_refused()
        return sent

    def upload(self, file: str | Path, path: str | None = None) -> FileEntry:
        """Upload a file of any size to the run; its own name is the default path."""
        return self._portal.call(self._run.upload(file, path))

    def download(self, path: str, to: str | Path) -> Path:
        """Download a file of the run to a place or into a folder, verified; where it is then."""
        return self._portal.call(self._run.download(path, to))

    def files(self, path: str | None = None) -> list[FileEntry]:
        """One level of the run's files, folders first."""
        return self._portal.call(self._run.files(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending(status_of(error)).result()
        if error is None:
            self._raise_refused()


class Starting:
    """A run that is being started: `await` it, or enter it with `async with`."""

    def __init__(self, start: Callable[[], Awaitable[AsyncActiveRun]]) -> None:
        self._start = start
        self._run: AsyncActiveRun | None = None

    def __await__(self) -> Generator[Any, Any, AsyncActiveRun]:
        return self.run().__await__()

    async def run(self) -> AsyncActiveRun:
        """Start it."""
        self._run = await self._start()
        return self._run

    async def __aenter__(self) -> AsyncActiveRun:
        return await self.run()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._run is not None:
            await self._run.__aexit__(kind, error, trace)
