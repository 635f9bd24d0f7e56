"""What the service writes to its log while a test talks to it."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from chalicelib.api import log_lines, request_log
from chalicelib.api.request_log import Destination
from chalicelib.core.context import Clock

STACK = "trialbook-tests"


class Written(list[str]):
    """Lines as they were written."""

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self]

    def last(self) -> dict[str, Any]:
        """Of the newest line."""
        return json.loads(self[-1])


@contextmanager
def logged(clock: Clock | None = None, *, is_json: bool = True) -> Generator[Written]:
    """All of it, also what goes by way of `logging`."""
    root, ours = logging.getLogger(), logging.getLogger(log_lines.OURS)
    before = root.handlers[:], root.level, ours.level
    written = Written()
    log_lines.take_over(written.append, is_json=is_json)
    request_log.install(Destination(written.append, STACK, clock or Clock()) if is_json else None)
    try:
        yield written
    finally:
        request_log.install(None)
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])
