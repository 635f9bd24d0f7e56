"""Every order in which the storage requests of several actors can be made.

Each actor has a thread of its own that stops before every request to the table or the blobs until
it is its turn, so exactly one runs at a time and a schedule is a list of turns. What comes of a
schedule depends on nothing else: time stands still, and every actor has ids of its own. So two
schedules after which the stores hold the same and every actor was told the same have the same
future, and only one of them is followed further. For the same reason nothing is asked again to come
back to where two ways part: the stores are filled with what they held there, and the actors told
what they were told.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias, cast
from unittest import mock

from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Table
from tests.unit.refilled import Contents, NamedClock, World
from tests.unit.stores import START_MS, Stores, close, open_stores

Act: TypeAlias = Callable[[Stores], object]
READS: Final = frozenset(
    {"get", "get_many", "query", "changed_since", "changes", "head", "list", "stream"}
)
"""Requests after which the stores hold what they held."""
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
    prepared = open_stores(folder, NamedClock("prepared", START_MS))
    prepare(prepared)
    close(prepared)
    world = World(folder, prepared.clock.now_ms())
    explored = Explored()
    pending = [_Way(dict.fromkeys(actors, ()), (), world.contents(), None)]
    # nobody pulls the plug here, and waiting for the disk would take most of the time
    with closing(world), mock.patch("os.fsync"):
        while pending:
            explored.schedules += 1
            pending += _follow(world, pending.pop(), actors, check, explored)
    return explored


def _follow(
    world: World,
    way: _Way,
    actors: Mapping[str, Act],
    check: Callable[[Ended], None],
    explored: Explored,
) -> list[_Way]:
    """Follow the way and then whoever comes first; returns the ways not taken."""
    branches: list[_Way] = []
    made = [*way.made]
    world.fill(way.contents)
    threads = {
        name: _Actor(name, world.stores, act, way.told[name]) for name, act in actors.items()
    }
    try:
        if way.turn is not None:
            made.append(threads[way.turn].step())
        contents = way.contents if way.turn is None or _is_read(made[-1]) else world.contents()
        while True:
            waiting = [name for name, thread in threads.items() if not thread.is_done]
            # Two who do the same are told apart by nothing but what they were told.
            told = sorted((repr(actors[name]), *thread.state()) for name, thread in threads.items())
            state = hashlib.sha256(repr((told, contents.state())).encode()).digest()
            if state in explored.states:
                return branches
            explored.states.add(state)
            if not waiting:
                break
            if len(waiting) > 1:
                heard = {name: (*thread.told,) for name, thread in threads.items()}
                branches += [_Way(heard, (*made,), contents, name) for name in waiting[1:]]
            made.append(threads[waiting[0]].step())
            contents = contents if _is_read(made[-1]) else world.contents()
    finally:
        for thread in threads.values():
            thread.cancel()
    explored.ends += 1
    text = ", ".join(made)
    try:
        check(Ended(world.stores, {name: one.answer for name, one in threads.items()}, text))
    except Exception as error:
        raise AssertionError(f"{error!r} after: {text}") from error
    return branches


def _is_read(made: str) -> bool:
    return made.rpartition(".")[2] in READS


@dataclass(frozen=True)
class _Way:
    """Where the stores and the actors stood, the requests until there, and whose turn is next."""

    told: Mapping[str, Sequence[_Told]]
    made: Sequence[str]
    contents: Contents
    turn: str | None


@dataclass(frozen=True)
class _Told:
    """What came of a request. An answer is kept in a form that no actor can change."""

    text: str
    pickled: bytes = b""
    error: Exception | None = None

    @classmethod
    def by(cls, request: Callable[[], object]) -> _Told:
        try:
            answer = request()
        except Exception as error:  # noqa: BLE001 - who asked is told
            return cls(repr(error), error=error)
        return cls(repr(answer), pickle.dumps(answer))

    def answer(self) -> object:
        if self.error is not None:
            raise self.error.with_traceback(None)
        return pickle.loads(self.pickled)


class _Actor:
    """A thread that stops before every request, beyond those of which it was told what came."""

    def __init__(self, name: str, stores: Stores, act: Act, told: Sequence[_Told]) -> None:
        self.name = name
        self.told = [*told]
        self.answer: object = None
        self.is_done = False
        self._heard = 0
        self._next: tuple[str, Callable[[], object]] | None = None
        self._is_cancelled = False
        # Taken from the start: who waits for one acquires it, and the other thread releases it.
        self._turn, self._stopped = threading.Lock(), threading.Lock()
        self._turn.acquire()
        self._stopped.acquire()
        gated = Stores(
            cast("Table", Gated(stores.table, self._request)),
            cast("Blobs", Gated(stores.blobs, self._request)),
            NamedClock(name, stores.clock.now_ms()),
            stores.tenant,
        )
        self._thread = threading.Thread(target=self._work, args=(act, gated), name=name)
        self._thread.start()
        self._stopped.acquire()

    def state(self) -> list[str]:
        """What it was told, and whether it is done: what follows depends on nothing else."""
        return [*(one.text for one in self.told), *(["done"] if self.is_done else [])]

    def step(self) -> str:
        """Make the request that it waits for, and let it go on until the next; returns what it
        was."""
        assert self._next is not None
        assert len(self.told) < MAX_REQUESTS, f"{self.name} does not come to an end"
        name, request = self._next
        self.told.append(_Told.by(request))
        self._turn.release()
        self._stopped.acquire()
        return f"{self.name}.{name}"

    def cancel(self) -> None:
        """Returns when the thread has ended."""
        self._is_cancelled = True
        if not self.is_done:
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
            self._stopped.release()

    def _request(self, name: str, call: Callable[[], object]) -> object:
        if self._heard == len(self.told):
            self._next = (name, call)
            self._stopped.release()
            self._turn.acquire()
            if self._is_cancelled:
                raise Cancelled
        told = self.told[self._heard]
        self._heard += 1
        return told.answer()


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
