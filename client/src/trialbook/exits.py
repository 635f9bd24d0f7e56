"""How a process ends, and what is done first: normally, by an exception, by SIGTERM, or by a fork.

Nothing is registered before the first run is logged to.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from types import FrameType
from typing import Final, Protocol

from trialbook.models import EndStatus

SIGTERM_S: Final = 5.0
"""Who sends SIGTERM follows it with SIGKILL, often after 10 seconds."""


class Closes(Protocol):
    """Has something to do before the process ends."""

    def close(self, status: EndStatus, within_s: float | None = None) -> None: ...
    def forget(self) -> None: ...


_watched: weakref.WeakSet[Closes] = weakref.WeakSet()
_registered: set[str] = set()


def watch(closes: Closes) -> None:
    """Close it when the process ends."""
    _watched.add(closes)
    if "exit" not in _registered:
        _registered.add("exit")
        atexit.register(_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)
    # not when it is ignored or somebody else's: they decide what SIGTERM means
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def unwatch(closes: Closes) -> None:
    """It is closed already."""
    _watched.discard(closes)


def status_of(error: BaseException | type[BaseException] | None) -> EndStatus:
    """How a run ended that was left by this exception."""
    if error is None:
        return "finished"
    kind = error if isinstance(error, type) else type(error)
    return "failed" if issubclass(kind, Exception) else "killed"


def _at_exit() -> None:
    # what ended the program was printed, and is kept here; in a session it may be long past
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    _close_all(status_of(error), None)


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    del frame
    _close_all("killed", SIGTERM_S)
    # by the default action, so that whoever waits for the process sees what it died of
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _after_fork() -> None:
    for closes in list(_watched):
        closes.forget()


def _close_all(status: EndStatus, within_s: float | None) -> None:
    for closes in list(_watched):
        closes.close(status, within_s)
