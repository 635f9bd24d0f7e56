"""How much metadata a vector of S3 Vectors may have, and of what kind ("Limitations and
restrictions" and "Metadata filtering" of Amazon's guide).

The guide does not say how bytes are counted: they are counted here in the two ways that users told
of, whichever is more.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, cast

from tests.unit.s3_vectors_filters import Refused

MAX_FILTERABLE_BYTES = 2_048
MAX_BYTES = 40 * 1024
MAX_KEYS = 50


def check_metadata(
    metadata: dict[str, Any], unfilterable: Collection[str], searchable: Collection[str]
) -> None:
    """Raises Refused."""
    filterable = {key: one for key, one in metadata.items() if key not in unfilterable}
    if len(metadata) > MAX_KEYS:
        raise Refused(f"Metadata object must have at most {MAX_KEYS} keys")
    if _size(filterable) > MAX_FILTERABLE_BYTES:
        raise Refused(f"Filterable metadata must have at most {MAX_FILTERABLE_BYTES} bytes")
    if _size(metadata) > MAX_BYTES:
        raise Refused(f"Metadata object must have at most {MAX_BYTES} bytes")
    for value in metadata.values():
        members = cast("list[object]", value if isinstance(value, list) else [value])
        if not members or not all(isinstance(one, str | int | float) for one in members):
            raise Refused("metadata is strings, numbers, booleans, and lists of such with a member")
    for key in set(searchable) & set(metadata):
        if not isinstance(metadata[key], str):
            raise Refused("what is searched by words is a string")


def _size(metadata: dict[str, Any]) -> int:
    """As JSON, or 4 and for each entry 8, its key and its value, where a number has 4 and a list 4
    for each member besides: what is more."""

    def of(value: object) -> int:
        if isinstance(value, str):
            return len(value.encode())
        if isinstance(value, list):
            return sum(4 + of(one) for one in cast("list[object]", value))
        return 0 if isinstance(value, bool) else 4

    counted = 4 + sum(8 + len(key.encode()) + of(value) for key, value in metadata.items())
    return max(counted, len(json.dumps(metadata, ensure_ascii=False).encode()))
