"""Identifiers and the typed names they go by."""

from __future__ import annotations

import re
from typing import NewType, TypeAlias

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
ExperimentId = NewType("ExperimentId", str)
RunId = NewType("RunId", str)
KeyId = NewType("KeyId", str)
UploadId = NewType("UploadId", str)
ArtifactId = NewType("ArtifactId", str)
ModelId = NewType("ModelId", str)
TreeId: TypeAlias = RunId | ModelId
"""Of what has a tree of files."""

_HEX32 = re.compile(r"[0-9a-f]{32}")
_MODEL = re.compile(r"m-[0-9a-f]{32}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}")


def is_hex_id(text: str) -> bool:
    """True for the 32 lower-case hex characters of an experiment or run id."""
    return _HEX32.fullmatch(text) is not None


def is_model_id(text: str) -> bool:
    """True for the id of a logged model: `m-` and 32 lower-case hex characters."""
    return _MODEL.fullmatch(text) is not None


def is_label(text: str) -> bool:
    """True for what may name a tenant or a user: 1-63 of A-Za-z0-9_.@-, no leading punctuation."""
    return _LABEL.fullmatch(text) is not None


def uuid7_hex(now_ms: int, random_bytes: bytes) -> str:
    """RFC 9562 UUID version 7 as 32 hex characters: 48 bits of time, then 74 random bits.

    `random_bytes` must hold at least 10 bytes.
    """
    rand = int.from_bytes(random_bytes[:10], "big")
    value = (now_ms & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76
    value |= (rand >> 62 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= rand & 0x3FFF_FFFF_FFFF_FFFF
    return f"{value:032x}"


def made_ms(any_id: str) -> int:
    """The time that an id was made at, as `uuid7_hex` was told it."""
    return int(any_id[:12], 16)
