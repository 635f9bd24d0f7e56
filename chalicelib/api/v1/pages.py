"""Cursors of lists: opaque, signed, and good only for the query and tenant they came from."""

from __future__ import annotations

from typing import Any

import orjson

from chalicelib.core.context import Context
from chalicelib.wiring import Services


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
