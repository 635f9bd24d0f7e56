"""Retention: indexed artifacts that are not pinned go when their tenant's time for them is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.core.context import Clock
from chalicelib.core.errors import Contended, Invalid, NotFound
from chalicelib.core.ids import TenantId, is_label
from chalicelib.domain import artifacts
from chalicelib.domain.artifacts import ArtifactStores
from chalicelib.storage.api_keys import ApiKeyStore
from chalicelib.storage.retention import MAX_DAYS, NEVER, RetentionStore, SweepPosition, Tenant
from chalicelib.storage.table import MAX_GET_MANY

DAY_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class RetentionStores:
    """The stores that retention reads and removes from, and the days that hold for tenants for
    whom an operator set nothing: None keeps everything."""

    settings: RetentionStore
    artifacts: ArtifactStores
    api_keys: ApiKeyStore
    default_days: int | None


@dataclass(slots=True)
class Swept:
    """What a sweep did to a tenant, or with `dry_run` would do: artifacts past `days` that were
    looked at, those of them that were removed, and their size (bytes that others need stay)."""

    tenant: TenantId
    days: int
    examined: int = 0
    removed: int = 0
    size_bytes: int = 0


def days_of(stores: RetentionStores, tenant: Tenant) -> int | None:
    """The days that hold for a tenant; None keeps everything."""
    days = stores.default_days if tenant.days is None else tenant.days
    return None if days == NEVER else days


def find(stores: RetentionStores, tenant: str) -> Tenant:
    """One read, two when it is not on the list. Raises NotFound for a tenant that never had an API
    key: a misspelled name would be kept for ever, or not."""
    known = stores.settings.get(TenantId(tenant)) if is_label(tenant) else None
    if known is None and is_label(tenant) and stores.api_keys.page(TenantId(tenant), 1, None)[0]:
        known = Tenant(TenantId(tenant), None)
    if known is None:
        raise NotFound(f"there is no such tenant: {tenant}")
    return known


def set_days(stores: RetentionStores, tenant: str, days: int | None) -> Tenant:
    """Set the days of a tenant, `NEVER`, or None for what holds where nothing is set. Raises
    Invalid, NotFound."""
    if days is not None and days != NEVER and not 1 <= days <= MAX_DAYS:
        raise Invalid.field("days", f"from 1 to {MAX_DAYS}")
    known = find(stores, tenant)
    stores.settings.set(known.id, days)
    return Tenant(known.id, days)


def sweep(stores: RetentionStores, clock: Clock, *, deadline_s: float) -> list[Swept]:
    """Remove what is past its time, of every tenant, until `deadline_s` on the clock; the next
    sweep goes on where this one stopped, so pinned artifacts and other tenants hold nobody up.

    Per 100 artifacts past their time one query and one read, and a transaction for each that is
    removed. One that is pinned or changed at the same moment stays.
    """
    position = stores.settings.position()
    done: list[Swept] = []
    for tenant in _from(list(stores.settings.tenants()), position):
        after = position.after if position is not None and position.tenant == tenant.id else None
        swept, stopped = _sweep(stores, clock, tenant, after, deadline_s=deadline_s)
        if swept is not None:
            done.append(swept)
        if stopped is not None:
            stores.settings.stop_at(stopped)
            return done
    if position is not None:
        stores.settings.stop_at(None)
    return done


def sweep_tenant(
    stores: RetentionStores, clock: Clock, tenant: Tenant, *, dry_run: bool = False
) -> Swept | None:
    """The same for one tenant, from its oldest artifact to the end; None when it keeps
    everything."""
    return _sweep(stores, clock, tenant, None, deadline_s=float("inf"), dry_run=dry_run)[0]


def _from(tenants: Sequence[Tenant], position: SweepPosition | None) -> Iterator[Tenant]:
    """All of them, beginning with that of the position."""
    first = "" if position is None else position.tenant
    yield from (tenant for tenant in tenants if tenant.id >= first)
    yield from (tenant for tenant in tenants if tenant.id < first)


def _sweep(
    stores: RetentionStores,
    clock: Clock,
    tenant: Tenant,
    after: tuple[str, ...] | None,
    *,
    deadline_s: float,
    dry_run: bool = False,
) -> tuple[Swept | None, SweepPosition | None]:
    """What was done, and where it stopped, None at the end."""
    days = days_of(stores, tenant)
    if days is None:
        return None, None
    swept = Swept(tenant.id, days)
    store = stores.artifacts.artifacts
    cutoff_ms = clock.now_ms() - days * DAY_MS
    while True:
        if clock.monotonic_s() > deadline_s:
            return swept, SweepPosition(tenant.id, after)
        page = store.rows(
            tenant.id, None, reverse=False, until_ms=cutoff_ms, limit=MAX_GET_MANY, after=after
        )
        found = store.get_many(tenant.id, [row.artifact_id for row in page.rows])
        for artifact in found:
            swept.examined += 1
            if artifact.pinned:
                continue
            try:
                if dry_run or artifacts.remove(stores.artifacts, clock, tenant.id, artifact):
                    swept.removed += 1
                    swept.size_bytes += artifact.size_bytes
            except Contended:
                continue  # somebody is at it at this moment; the next sweep finds it again
        after = page.next
        if after is None:
            return swept, None
