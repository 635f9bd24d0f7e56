"""How many requests one piece of work makes to the stores, wherever it makes them.

On AWS the clients count what they send, tries of their own included (`sent`); on a laptop the calls
of the two seams count (`counted`). Only what is done between `begin` and `end` counts, also in the
threads that the work is spread over (`carried`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token
from typing import Any, Final, TypeAlias, TypeVar, cast

A = TypeVar("A")
B = TypeVar("B")
S = TypeVar("S")

Tally: TypeAlias = list[str]
"""Which store each request went to. Threads may append at once, and nothing is lost."""

_under_way: Final[ContextVar[Tally | None]] = ContextVar("storage requests", default=None)


def begin() -> tuple[Tally, Token[Tally | None]]:
    """From now on requests count, until `end` is given the token."""
    tally: Tally = []
    return tally, _under_way.set(tally)


def end(token: Token[Tally | None]) -> None:
    """What is done from now on is none of this work."""
    _under_way.reset(token)


def count(store: str) -> None:
    """One request to this store."""
    tally = _under_way.get()
    if tally is not None:
        tally.append(store)


def sent(event_name: str, **_: Any) -> None:
    """For botocore's event `before-send`, which is named `before-send.dynamodb.GetItem`."""
    count(event_name.split(".", 2)[1])


def carried(work: Callable[[A], B]) -> Callable[[A], B]:
    """The same work, counted where it was handed out, whichever thread does it."""
    tally = _under_way.get()

    def counting(thing: A) -> B:
        token = _under_way.set(tally)
        try:
            return work(thing)
        finally:
            _under_way.reset(token)

    return counting


def counted(store: S, name: str, methods: Iterable[str]) -> S:
    """A stand-in for the store that counts the calls of these methods."""
    return cast("S", _Counted(store, name, methods))


class _Counted:
    def __init__(self, store: Any, name: str, methods: Iterable[str]) -> None:
        self._store = store
        for method in methods:
            setattr(self, method, _counting(getattr(store, method), name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _counting(method: Callable[..., B], name: str) -> Callable[..., B]:
    def counting(*arguments: Any, **named: Any) -> B:
        count(name)
        return method(*arguments, **named)

    return counting
