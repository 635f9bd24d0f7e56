"""Publishing the indexes that artifacts are searched by, when it is time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chalicelib.core.context import Clock
from chalicelib.core.ids import TenantId
from chalicelib.search.snapshots import Snapshots


class Publisher(Protocol):
    """What of a SearchBackend the clock asks for."""

    def publish(self, tenant: TenantId, deadline_s: float) -> bool: ...


def publish_due(
    search: Callable[[], Publisher], snapshots: Snapshots, clock: Clock, *, seconds: float
) -> int:
    """Publish the indexes of tenants whose artifacts changed enough, for so long; returns how many.
    A query, where none did. A tenant whose index cannot be made stays due and keeps nobody else
    from having theirs; what was the matter with the last such is raised at the end."""
    until_s, published = clock.monotonic_s() + seconds, 0
    failed: Exception | None = None
    for due in snapshots.due():
        if clock.monotonic_s() >= until_s:
            break
        try:
            published += search().publish(due.tenant, until_s)
        except Exception as error:  # noqa: BLE001 (raised when the others had their turn)
            failed = error
        else:
            snapshots.done(due)
    if failed is not None:
        raise failed
    return published
