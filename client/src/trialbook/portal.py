"""A synchronous face for asynchronous code: a background event loop, and typed one-line methods."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
AtClose: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Portal:
    """An event loop in a daemon thread, started by the first call.

    May be used from many threads. In a forked child it starts anew: threads do not survive a fork.
    """

    _forgotten: ClassVar[list[asyncio.AbstractEventLoop]] = []
    """Loops of a parent process: never collected, for their sockets are the parent's."""

    def __init__(self, at_close: AtClose | None = None) -> None:
        """`at_close` runs last on the loop: it closes what was opened there."""
        self._at_close = at_close
        self._lock = threading.RLock()  # a signal's handler may come in between
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it on the portal's loop and wait. An interrupted wait cancels it."""
        future = self.start(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run it on the portal's loop without waiting."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running())

    def soon(self, callback: Callable[[], object]) -> None:
        """Call it on the portal's loop. Does nothing when that has not been started."""
        loop = self._loop
        if loop is not None and self._pid == os.getpid():
            loop.call_soon_threadsafe(callback)

    def close(self) -> None:
        """Stop the thread. Harmless when it never ran, and twice."""
        with self._lock:
            loop, thread, ours = self._loop, self._thread, self._pid == os.getpid()
            self._loop = self._thread = None
        if loop is not None and thread is not None and ours:
            loop.call_soon_threadsafe(loop.stop)
            if thread is not threading.current_thread():  # garbage is collected in any thread
                thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._pid != os.getpid():
            if self._loop is not None:
                self._forgotten.append(self._loop)
            # the parent's lock may have been held when it forked
            self._lock, self._loop, self._pid = threading.RLock(), None, os.getpid()
        with self._lock:
            if self._loop is None:
                self._loop = _Loop()
                self._thread = threading.Thread(
                    target=_run,
                    args=(self._loop, self._at_close),
                    name="trialbook-portal",
                    daemon=True,
                )
                self._thread.start()
            return self._loop


class _Loop(asyncio.SelectorEventLoop):
    """Finds hosts also while the interpreter exits, when no pool of threads takes work."""

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().getaddrinfo(*args, **kwargs)
        except RuntimeError:
            return socket.getaddrinfo(*args, **kwargs)


def _run(loop: asyncio.AbstractEventLoop, at_close: AtClose | None) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        if at_close is not None:
            loop.run_until_complete(at_close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


class Driven:
    """What a portal drives: the base of a synchronous class over an asynchronous one."""

    def __init__(self, portal: Portal, target: Any) -> None:
        self.portal = portal
        self.target = target


class driven(Generic[P, T]):  # noqa: N801  # reads as the decorator that it nearly is
    """A synchronous method of a `Driven`: `create = driven(AsyncExperiments.create)`."""

    def __init__(self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Driven, owner: type[Driven]) -> Callable[P, T]:
        target, portal, method = instance.target, instance.portal, self._method

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return portal.call(method(target, *args, **kwargs))

        return call


class driven_iterator(Generic[P, T]):  # noqa: N801  # as above
    """The same for an asynchronous generator: a synchronous iterator."""

    def __init__(self, method: Callable[Concatenate[Any, P], AsyncGenerator[T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Driven, owner: type[Driven]) -> Callable[P, Iterator[T]]:
        target, portal, method = instance.target, instance.portal, self._method

        def iterate(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            source = method(target, *args, **kwargs)
            try:
                while True:
                    try:
                        item = portal.call(_next(source))
                    except StopAsyncIteration:
                        return
                    yield item
            finally:
                portal.call(source.aclose())

        return iterate


async def _next(source: AsyncGenerator[T]) -> T:
    return await anext(source)
