"""Ids that are made on this machine: 32 hex characters, in the order of time (UUIDv7)."""

from __future__ import annotations

import uuid


def new_id(now_ms: int) -> str:
    """Version 7 of RFC 9562: 48 bits of time, the rest random."""
    bits = (now_ms & (1 << 48) - 1) << 80 | uuid.uuid4().int & (1 << 80) - 1
    version = bits & ~(0xF << 76) | 0x7 << 76
    return f"{version:032x}"
