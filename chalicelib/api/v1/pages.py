"""Pages of lists: how much fits, and cursors: opaque, signed, good only for the query and tenant
they came from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from chalicelib.core.context import Context
from chalicelib.wiring import Services

MAX_PAGE_BYTES: Final = 4_000_000
"""A function answers with at most 6 MB."""


def _scope(context: Context, query: object) -> str:
    return f"{context.tenant}\n{orjson.dumps(query).decode()}"


def cursor_of(services: Services, context: Context, query: object, position: Any) -> str | None:
    """A cursor to `position` (any JSON) of the query; None stays None, the end."""
    if position is None:
        return None
    return services.cursors.encode(_scope(context, query), position)


def position_of(services: Services, context: Context, query: object, cursor: str | None) -> Any:
    """Inverse of `cursor_of`. Raises Invalid for a cursor that is tampered with or of another
    query."""
    if cursor is None:
        return None
    return services.cursors.decode(_scope(context, query), cursor)


def key_position(position: Any) -> tuple[str, ...] | None:
    """A position that is a table's `next`."""
    return None if position is None else tuple(position)


def fitting(entries: Iterable[Any]) -> list[orjson.Fragment]:
    """The entries as JSON, up to the size of a page; at least one."""
    fragments: list[orjson.Fragment] = []
    size = 0
    for entry in entries:
        text = orjson.dumps(entry)
        size += len(text)
        if fragments and size > MAX_PAGE_BYTES:
            break
        fragments.append(orjson.Fragment(text))
    return fragments
