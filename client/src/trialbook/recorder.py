"""Logging in the background: what is logged is queued here and sent from a thread of its own.

    log() -> queue -> (thread, once a second) -> batches -> file -> service

There is a file for each run, and for the variants' logs of each experiment.

`put` is what a training loop pays for: no lock, no JSON, no I/O. A batch is on disk before it is
sent, so the service may be slow or away without memory growing, and a killed process loses at most
the last second.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from trialbook import exits
from trialbook._http import Api, load
from trialbook.delivery import send
from trialbook.entries import Entry, Kind, Pace
from trialbook.errors import TrialbookError
from trialbook.leftovers import send_leftovers
from trialbook.models import EndStatus
from trialbook.outbox import Outbox
from trialbook.packing import pack
from trialbook.portal import Portal
from trialbook.spool import Record

_log = logging.getLogger("trialbook.client")
_WAKE_POINTS: Final = 1000
_MAX_WAITING: Final = 250_000
_SLICE: Final = 1000
"""Entries that are packed before others on the event loop get their turn."""


class Recorder:
    """The queue of one client and the thread that empties it, which the first entry starts."""

    _of_parents: ClassVar[list[object]] = []

    def __init__(self, api: Api, folder: Path, pace: Pace | None = None) -> None:
        self.api = api
        self.folder = folder
        self.pace = pace or Pace()
        self.owned: set[Outbox] = set()
        """Of runs that this process has started and not ended."""
        self.of_variants: dict[str, Outbox] = {}
        """Of experiments that were logged to, by slug."""
        self._queue: deque[Entry] = deque()
        self._portal = Portal(api.close)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin()

    def _begin(self) -> None:
        self._queue.clear()
        self._started = False
        self._closed = False
        self._woken = False
        self._wake = asyncio.Event()
        self._outboxes: dict[Outbox, asyncio.Task[None]] = {}
        self._main: Future[None] | None = None
        self._leftovers: asyncio.Task[object] | None = None

    # -- any thread -----------------------------------------------------------------------------

    def put(self, entry: Entry, points: int = 1) -> None:
        """Queue it. Waits only when far more is queued than the thread can pack and write."""
        queue = self._queue
        queue.append(entry)
        if not self._started:
            self.start()
        waiting = len(queue) * points
        if waiting >= _WAKE_POINTS:
            if not self._woken:
                self._rouse()
            if waiting > _MAX_WAITING:
                self._wait_for_room(points)

    def variants_of(self, slug: str) -> Outbox:
        """Where the logs of an experiment's variants go; one for each experiment."""
        found = self.of_variants.get(slug)
        if found is not None and found.closed and not self._closed:
            # it stopped after an error; a service that logs for weeks goes on in a new file
            self.of_variants.pop(slug, None)
            found = None
        if found is None:
            made = Outbox(self.api, self.folder, f"variants-{slug}", slug=slug)
            # of two threads that come at once, one makes it
            found = self.of_variants.setdefault(slug, made)
        return found

    def flush(self, outbox: Outbox) -> Future[bool]:
        """True when the service has all that was logged so far, False when the disk has."""
        done: Future[bool] = Future()
        if outbox.closed:
            done.set_result(outbox.sent_all)
            return done
        self.put(Entry(outbox, Kind.FLUSH, done))
        self._rouse()
        return done

    def end(self, outbox: Outbox, status: EndStatus) -> Future[bool]:
        """The same, once the run is ended; nothing can be logged to it any more."""
        outbox.closed_because = "the run has ended"
        self.owned.discard(outbox)
        done: Future[bool] = Future()
        self.put(Entry(outbox, Kind.END, (status, round(time.time() * 1000), done)))
        self._rouse()
        return done

    def hand_over(self) -> Future[None] | None:
        """Resolved when what is open has been tried, and nothing else of the spool is in use."""
        return self._portal.start(self._hand_over()) if self._started else None

    def close(self, status: EndStatus, within_s: float | None = None) -> None:
        """End the runs that are open, send what there is, stop the thread.

        What cannot be sent in time stays on disk. Again is fine.
        """
        if self._closed or not self._started:
            self._closed = True
            return
        for outbox in list(self.owned):
            self.end(outbox, status)
        with suppress(TimeoutError):
            within_s = self.pace.exit_s if within_s is None else within_s
            self._portal.start(self._tried()).result(within_s)
        self._portal.call(self._stop())
        self._portal.close()
        # only now: SIGTERM may come in between, and then all of it is done again
        self._closed, self._started = True, False
        exits.unwatch(self)

    def forget(self) -> None:
        """In a forked child: start anew with nothing."""
        self.owned.clear()
        # never collected: a task that is destroyed complains, and these are the parent's
        self._of_parents.append((self._outboxes, self._leftovers))
        for outbox in self._outboxes:
            outbox.forget()
        self._begin()

    def start(self) -> None:
        """Start the thread; again is fine. SIGTERM is heeded when the main thread does this."""
        if self._closed:
            raise TrialbookError("the client is closed")
        if not self._started:
            load()
        if self._started:  # by another thread, meanwhile
            return
        self._started = True
        exits.watch(self)
        self._main = self._portal.start(self._work())

    def _rouse(self) -> None:
        self._woken = True
        self._portal.soon(self._wake.set)

    def _wait_for_room(self, points: int) -> None:
        while len(self._queue) * points > _MAX_WAITING // 2:
            self._rouse()
            time.sleep(0.002)

    # -- the thread -----------------------------------------------------------------------------

    async def _work(self) -> None:
        """Until it is cancelled."""
        self._leftovers = asyncio.create_task(send_leftovers(self.api.trying(1), self.folder))
        while True:
            full = True
            try:
                async with asyncio.timeout(self.pace.batch_age_s):
                    await self._wake.wait()
            except TimeoutError:
                full = False
            self._wake.clear()
            self._woken = False
            await self._drain()
            if not full:
                for outbox in self._outboxes:
                    outbox.seal()

    async def _drain(self) -> None:
        queue = self._queue
        while queue:
            if not all(outbox.save() for outbox in self._outboxes):
                return  # the disk takes no more: what is queued waits for the service
            for _ in range(min(len(queue), _SLICE)):
                entry = queue.popleft()
                try:
                    self._take(entry)
                except Exception:  # noqa: BLE001  # the other runs go on
                    _log.exception("%s: logging stopped", entry.outbox.title)
                    entry.outbox.close()
            await asyncio.sleep(0)

    def _take(self, entry: Entry) -> None:
        outbox = entry.outbox
        if outbox not in self._outboxes:
            self._outboxes[outbox] = asyncio.create_task(self._send(outbox))
        pack(entry)

    async def _send(self, outbox: Outbox) -> None:
        try:
            await self._send_all(outbox)
        except Exception:  # noqa: BLE001  # whoever waits for this run must not wait for ever
            _log.exception("%s: logging stopped", outbox.title)
            outbox.closed_because = "logging stopped after an error; see the log"
        outbox.close()
        self._outboxes.pop(outbox, None)

    async def _send_all(self, outbox: Outbox) -> None:
        """Everything of a run, one record after the other, for as long as it takes."""
        away = False
        pause_s = self.pace.first_probe_s
        while True:
            record = outbox.first()
            if record is None:
                if outbox.last:
                    return
                outbox.changed.clear()
                await outbox.changed.wait()
                continue
            try:
                await self._send_one(outbox, record, again=away)
            except TrialbookError as error:
                outbox.went_away(error, not away)
                away = True
                await _either(outbox.prodded, pause_s * (0.5 + random.random() / 2))
                pause_s = min(2 * pause_s, self.pace.last_probe_s)
            else:
                away, pause_s = False, self.pace.first_probe_s

    async def _send_one(self, outbox: Outbox, record: Record, again: bool) -> None:
        try:
            api = self.api.trying(1 if again else self.pace.attempts)
            outcome = await send(api, outbox.run_id, record, outbox.slug)
            outbox.delivered(record, outcome)
        except (LookupError, TypeError, ValueError, OSError) as error:
            # an answer that this client does not understand, or no room for what was refused
            raise TrialbookError(f"the record stays: {error!r}") from error

    async def _hand_over(self) -> None:
        await self._stop_leftovers()
        await self._tried()

    async def _tried(self) -> None:
        """All that was logged so far is sent, or the service is found to be away."""
        await self._drain()
        waiting: list[Future[bool]] = []
        for outbox in list(self._outboxes):
            outbox.seal()
            waiting.append(Future())
            outbox.wait(waiting[-1])
        await asyncio.gather(*map(asyncio.wrap_future, waiting))

    async def _stop_leftovers(self) -> None:
        if self._leftovers is not None:
            self._leftovers.cancel()
            await asyncio.gather(self._leftovers, return_exceptions=True)

    async def _stop(self) -> None:
        await self._stop_leftovers()
        tasks = list(self._outboxes.values())
        if self._main is not None:
            self._main.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._drain()
        for outbox in list(self._outboxes):
            outbox.seal()
            outbox.close()


async def _either(event: asyncio.Event, within_s: float) -> None:
    """Wait for the event, at most so long."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()
