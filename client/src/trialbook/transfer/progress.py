"""Telling how far a transfer is."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Protocol, TypeAlias

SHOWN_FROM_BYTES: Final = 8 * 1024 * 1024
"""Smaller transfers are over before a bar would help."""


class Progress(Protocol):
    """Is told of one transfer at a time, in the event loop's thread."""

    def begin(self, total_bytes: int, label: str) -> None: ...

    def advance(self, n: int) -> None:
        """`n` more bytes are done; negative when a part must be sent again."""
        ...

    def end(self) -> None:
        """Over, also by an error."""
        ...


ShowProgress: TypeAlias = Progress | bool | None
"""False: nothing. True: bars. None: bars on a terminal, for what is large. Else: told to it."""


@contextmanager
def shown(show: ShowProgress, total_bytes: int, label: str) -> Generator[Progress]:
    """What to tell of the progress of a transfer, begun and ended."""
    progress = _chosen(show, total_bytes)
    progress.begin(total_bytes, label)
    try:
        yield progress
    finally:
        progress.end()


def _chosen(show: ShowProgress, total_bytes: int) -> Progress:
    if show is None:
        is_shown = total_bytes > SHOWN_FROM_BYTES and sys.stderr.isatty()
    elif isinstance(show, bool):
        is_shown = show
    else:
        return show
    if not is_shown:
        return Silent()
    from trialbook.transfer.bars import Bar

    return Bar()


class Silent:
    """Shows nothing."""

    def begin(self, total_bytes: int, label: str) -> None:
        return

    def advance(self, n: int) -> None:
        return

    def end(self) -> None:
        return
