"""Every order in which the storage requests of several actors can be made.

Each actor has a thread of its own that stops before every request to the table or the blobs until
it is its turn, so exactly one runs at a time and a schedule is a list of turns. What comes of a
schedule depends on nothing else: time stands still, and every actor has ids of its own. So two
schedules after which the stores hold the same and every actor was told the same have the same
future, and only one of them is followed further.
"""

from __future__ import annotations

import hashlib
import inspect
import shutil
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Table
from tests.unit.stores import START_MS, HandClock, Stores, close, open_stores

Act: TypeAlias = Callable[[Stores], object]
MAX_REQUESTS = 200
"""An actor that makes more of them than this would never come to an end."""


class Cancelled(BaseException):
    """The schedule is not followed further."""


@dataclass
class Ended:
    """What the actors came to: an answer each, or the error that they failed with."""

    stores: Stores
    answers: Mapping[str, object]
    schedule: str


@dataclass
class Explored:
    """How much there was to see."""

    schedules: int = 0
    states: set[bytes] = field(default_factory=set[bytes])
    ends: int = 0


def explore(
    folder: Path,
    prepare: Callable[[Stores], None],
    actors: Mapping[str, Act],
    check: Callable[[Ended], None],
) -> Explored:
    """Follow every schedule of the actors from what `prepare` leaves behind, and `check` what they
    come to. A failed check names its schedule."""
    template = folder / "template"
    template.mkdir()
    prepared = open_stores(template, NamedClock("prepared", START_MS))
    prepare(prepared)
    start_ms = prepared.clock.now_ms()
    close(prepared)
    explored = Explored()
    pending: list[list[str]] = [[]]
    while pending:
        schedule = pending.pop()
        explored.schedules += 1
        world = folder / f"{explored.schedules}"
        shutil.copytree(template, world)
        stores = open_stores(world, NamedClock("world", start_ms))
        try:
            pending += _follow(stores, world, schedule, actors, check, explored)
        finally:
            close(stores)
            shutil.rmtree(world)
    return explored


def _follow(
    stores: Stores,
    world: Path,
    schedule: list[str],
    actors: Mapping[str, Act],
    check: Callable[[Ended], None],
    explored: Explored,
) -> list[list[str]]:
    """Follow the schedule and then whoever comes first; returns the ways not taken."""
    branches: list[list[str]] = []
    made: list[str] = []
    threads = {name: _Actor(name, stores, act) for name, act in actors.items()}
    try:
        made.extend(threads[name].step() for name in schedule)
        while True:
            waiting = [name for name, thread in threads.items() if not thread.is_done]
            # Two who do the same are told apart by nothing but what they were told.
            told = sorted((repr(actors[name]), *thread.told) for name, thread in threads.items())
            state = hashlib.sha256(repr((told, _contents(stores, world))).encode()).digest()
            if state in explored.states:
                return branches
            explored.states.add(state)
            if not waiting:
                break
            branches += [[*schedule, name] for name in waiting[1:]]
            schedule = [*schedule, waiting[0]]
            made.append(threads[waiting[0]].step())
    finally:
        for thread in threads.values():
            thread.cancel()
    explored.ends += 1
    text = ", ".join(made)
    try:
        check(Ended(stores, {name: thread.answer for name, thread in threads.items()}, text))
    except Exception as error:
        raise AssertionError(f"{error!r} after: {text}") from error
    return branches


def _contents(stores: Stores, world: Path) -> object:
    connection = sqlite3.connect(world / "table.db")
    try:
        items = connection.execute("SELECT pk, sk, body FROM items ORDER BY pk, sk").fetchall()
    finally:
        connection.close()
    return items, [blob.key for blob in stores.blobs.list("").blobs]


class _Actor:
    """A thread that stops before every request."""

    def __init__(self, name: str, stores: Stores, act: Act) -> None:
        self.name = name
        self.told: list[str] = []
        self.answer: object = None
        self.is_done = False
        self._next = ""
        self._is_cancelled = False
        self._turn = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        gated = Stores(
            cast("Table", Gated(stores.table, self._request)),
            cast("Blobs", Gated(stores.blobs, self._request)),
            NamedClock(name, stores.clock.now_ms()),
            stores.tenant,
        )
        self._thread = threading.Thread(target=self._work, args=(act, gated), name=name)
        self._thread.start()
        self._stopped.acquire()

    def step(self) -> str:
        """Make the request that it waits for, and go on until the next; returns what it was."""
        made = f"{self.name}.{self._next}"
        self._turn.release()
        self._stopped.acquire()
        return made

    def cancel(self) -> None:
        """Returns when the thread has ended."""
        self._is_cancelled = True
        self._turn.release()
        self._thread.join()

    def _work(self, act: Act, stores: Stores) -> None:
        try:
            self.answer = act(stores)
        except Cancelled:
            return
        except Exception as error:  # noqa: BLE001 - the check decides what may fail
            self.answer = error
        finally:
            self.is_done = True
            self.told.append("done")
            self._stopped.release()

    def _request(self, name: str, call: Callable[[], object]) -> object:
        self._next = name
        self._stopped.release()
        self._turn.acquire()
        if self._is_cancelled:
            raise Cancelled
        assert len(self.told) < MAX_REQUESTS, f"{self.name} does not come to an end"
        try:
            answer = call()
        except Exception as error:
            self.told.append(repr(error))
            raise
        self.told.append(repr(answer))
        return answer


class Gated:
    """A store whose every request is handed to somebody, by name, who makes it."""

    def __init__(
        self, store: object, request: Callable[[str, Callable[[], object]], object]
    ) -> None:
        self._store = store
        self._request = request

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name.startswith("presign"):  # no request is made
            return method

        def call(*arguments: object, **named: object) -> object:
            def made() -> object:
                answer = method(*arguments, **named)
                return list(cast("Any", answer)) if inspect.isgenerator(answer) else answer

            return self._request(name, made)

        return call


class NamedClock(HandClock):
    """Stands still, and gives ids that depend on nothing but whose it is."""

    def __init__(self, name: str, ms: int) -> None:
        super().__init__()
        self.ms = ms
        self._name = name
        self._made = 0

    def sleep_s(self, seconds: float) -> None:
        """Whoever waits is not chosen for a while: that is a schedule too."""

    def random_bytes(self, count: int) -> bytes:
        self._made += 1
        return hashlib.sha256(f"{self._name} {self._made}".encode()).digest()[:count]
