"""What a run, or the variants of an experiment, have yet to tell the service, in order: sealed
batches, on disk until they are sent.

All of it happens in the recorder's event loop, so nothing here is locked.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from trialbook._http import Api
from trialbook.batches import BatchBuilder
from trialbook.delivery import Outcome, told
from trialbook.errors import TrialbookError
from trialbook.spool import Do, Journal, Record, new_record
from trialbook.variant_logs import LogBatchBuilder

_log = logging.getLogger("trialbook.client")
MAX_UNSAVED: Final = 200
"""Batches kept in memory while the disk takes none; then logging waits."""
MAX_TOLD: Final = 100
"""Refusals kept in memory until somebody is told; all of them are in a file."""
NEW_FILE_BYTES: Final = 16 * 1024 * 1024
"""A file of that size of which all is sent makes way for a new one: a service logs for weeks."""


class Outbox:
    """Of one run in one process, or of the variants of the experiment `slug`.

    `run_id` is None until the service has created the run.
    """

    def __init__(
        self,
        api: Api,
        folder: Path,
        label: str,
        run_id: str | None = None,
        *,
        slug: str | None = None,
    ) -> None:
        """`label` names the file; nothing is opened before something is appended."""
        self.label = label
        self.run_id = run_id
        self.slug = slug
        self.title = f"run {label}" if slug is None else f"variants of {slug}"
        self.batch = BatchBuilder()
        self.logs = LogBatchBuilder()
        self.closed_because: str | None = None
        """Why nothing can be logged any more; None while something can."""
        self.owner_pid = os.getpid()
        """The process that ends the run."""
        self.refusals: list[TrialbookError] = []
        """Since somebody was last told."""
        self.changed = asyncio.Event()
        self.prodded = asyncio.Event()
        self.closed = False
        self.sent_all = False
        """When it is closed: nothing is left on disk."""
        self.last = False
        """The run has ended: what is here is all that there will be."""
        self._api = api
        self._folder = folder
        self._journal: Journal | None = None
        self._unsaved: deque[Record] = deque()
        self._appended = 0
        self._delivered = 0
        self._waiting: list[tuple[int, Future[bool]]] = []
        self._said_full = False

    # -- writing --------------------------------------------------------------------------------

    def seal(self) -> None:
        """Append what was collected so far."""
        if self.batch:
            self.append("batch", self.batch.seal())
        if self.logs:
            self.append("logs", self.logs.seal())

    def append(self, do: Do, body: bytes) -> None:
        self.append_record(new_record(do, body))

    def append_record(self, record: Record) -> None:
        """To the file; while that fails, to memory."""
        self._unsaved.append(record)
        self._appended += 1
        self.save()
        self.changed.set()

    def save(self) -> bool:
        """Move what is in memory to the file. Whether memory has room for more."""
        while self._unsaved:
            try:
                if self._journal is None:
                    self._journal = Journal.create(
                        self._folder,
                        self._api.url,
                        self._api.key_id,
                        self.label,
                        self.run_id,
                        self.slug,
                    )
                self._journal.append(self._unsaved[0])
            except OSError as error:
                if not self._said_full:
                    self._said_full = True
                    _log.warning("cannot keep what is logged in %s: %s", self._folder, error)
                break
            self._unsaved.popleft()
        return len(self._unsaved) < MAX_UNSAVED

    # -- sending --------------------------------------------------------------------------------

    def first(self) -> Record | None:
        """What is to be sent next."""
        record = self._journal.first() if self._journal is not None else None
        return record or (self._unsaved[0] if self._unsaved else None)

    def delivered(self, record: Record, outcome: Outcome) -> None:
        """The first record is done with."""
        if outcome.run_id is not None:
            self.run_id = outcome.run_id
        journal = self._journal
        for refusal in outcome.refusals:
            if len(self.refusals) < MAX_TOLD:
                self.refusals.append(refusal.error)
            if journal is not None:
                journal.reject(record, refusal.body, refusal.error)
        for line in told(outcome.refusals):
            _log.warning("%s: the service refused: %s", self.title, line)
        if journal is not None and journal.run_id is None:
            journal.run_id = self.run_id
        if self._unsaved and self._unsaved[0] is record:
            self._unsaved.popleft()
        elif journal is not None:
            journal.mark_sent(record)
            if journal.size_bytes >= NEW_FILE_BYTES and not journal.waiting_bytes:
                journal.close()
                self._journal = None
        self._delivered += 1
        self._settle(self._delivered, True)

    def went_away(self, error: TrialbookError, first_time: bool) -> None:
        """The service does not take it now: make sure that the disk has it, and say so."""
        if first_time:
            _log.warning("%s: %s; kept in %s, to be sent later", self.title, error, self._folder)
        if self._journal is not None:
            self._journal.sync()
        self._settle(self._appended, False)

    # -- waiting --------------------------------------------------------------------------------

    def wait(self, done: Future[bool]) -> None:
        """Resolve it when all so far was sent (True), or the service turns out away (False)."""
        self._waiting.append((self._appended, done))
        self._settle(self._delivered, True)
        self.prodded.set()

    def _settle(self, upto: int, sent: bool) -> None:
        ready = [done for target, done in self._waiting if target <= upto]
        self._waiting = [(target, done) for target, done in self._waiting if target > upto]
        for done in ready:
            if not done.cancelled():
                done.set_result(sent)

    # -- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the file; what is in it is for `sync`."""
        self.closed_because = self.closed_because or "the client is closed"
        self.closed, self.sent_all = True, self.first() is None
        self._settle(self._appended, self.sent_all)
        if self._unsaved:
            _log.error("%s: %s batches could not be kept", self.title, len(self._unsaved))
        if self._journal is not None:
            if not self.sent_all:
                self._journal.sync()
            self._journal.close()
            self._journal = None

    def forget(self) -> None:
        """In a forked child: what was logged so far is the parent's to send."""
        if self._journal is not None:
            self._journal.abandon()
        if self.run_id is None and self.slug is None:
            self.closed_because = "the run was started offline, and by another process"
        self._journal = None
        self.batch = BatchBuilder()
        self.logs = LogBatchBuilder()
        self._unsaved.clear()
        self._waiting.clear()
        self._appended = self._delivered = 0
        self.changed, self.prodded = asyncio.Event(), asyncio.Event()
