"""What SQS takes, asked of every queue: nothing works on a laptop that fails in the cloud."""

from __future__ import annotations

import re
from typing import Final

from chalicelib.storage.queue import MAX_BODY_BYTES, MAX_REASON_CHARACTERS

_REFUSED: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_body(body: str) -> None:
    """Raises ValueError for one that is empty, too large, or holds what XML has no place for."""
    if not body or _REFUSED.search(body):
        raise ValueError("a message is text without control characters, and not empty")
    size = len(body.encode())
    if size > MAX_BODY_BYTES:
        raise ValueError(f"message too large: {size} of {MAX_BODY_BYTES} bytes")


def told_reason(reason: str | None) -> str | None:
    """The reason as a message has it: cut, without control characters; None for an empty one."""
    return _REFUSED.sub("\ufffd", reason or "")[:MAX_REASON_CHARACTERS] or None
