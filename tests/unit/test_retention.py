"""Retention: what goes, what stays, and that nothing keeps a sweep from getting through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.core.context import Role
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.artifact import Artifact
from chalicelib.domain import api_keys, artifact_directories, artifacts, collection, retention
from chalicelib.domain.artifacts import Description
from chalicelib.domain.retention import DAY_MS, RetentionStores, Swept
from chalicelib.storage.api_keys import ApiKeyStore
from chalicelib.storage.retention import MAX_DAYS, NEVER, RetentionStore, Tenant
from chalicelib.storage.table import MAX_GET_MANY
from tests.unit.bytes_given import LATER_S, artifacts_of, uploaded, uploaded_files
from tests.unit.stores import HandClock, Stopped, Stores, WatchedTable, stopping

ACME = TenantId("acme")


def retention_of(stores: Stores, default_days: int | None = None) -> RetentionStores:
    return RetentionStores(
        RetentionStore(stores.table),
        artifacts_of(stores),
        ApiKeyStore(stores.table),
        default_days,
    )


def new_tenant(stores: Stores, name: str = "acme") -> Stores:
    """The same stores as a tenant sees them that has an API key."""
    api_keys.create(ApiKeyStore(stores.table), stores.clock, name, "ada", Role.ADMIN)
    return replace(stores, tenant=TenantId(name))


def saved(stores: Stores, body: bytes = b"body", *, pinned: bool = False) -> ArtifactId:
    sha256 = uploaded(stores, body)
    wanted = Description("model", pinned=pinned)
    return artifacts.index(artifacts_of(stores), stores.context, sha256, wanted).artifact_id


def get(stores: Stores, artifact_id: ArtifactId) -> Artifact | None:
    return stores.artifacts.get(stores.tenant, artifact_id)


def advance(stores: Stores, ms: int) -> None:
    assert isinstance(stores.clock, HandClock)
    stores.clock.advance(ms)


def sweep(stores: Stores, default_days: int | None = None) -> list[Swept]:
    return retention.sweep(retention_of(stores, default_days), stores.clock, deadline_s=LATER_S)


def sweeps_until(stores: Stores, done: Callable[[], bool], requests: int) -> int:
    """Sweep again and again, each time for so many requests; returns how often."""
    sweeps = 0

    def tick(_: str) -> None:
        advance(stores, 1000)

    while not done():
        assert sweeps < 20, "it does not get through"
        deadline_s = stores.clock.monotonic_s() + requests - 0.5
        slow = stores.on(WatchedTable(stores.table, tick))
        retention.sweep(retention_of(slow), stores.clock, deadline_s=deadline_s)
        sweeps += 1
    return sweeps


def test_what_is_past_its_time_goes_unless_it_is_pinned(stores: Stores) -> None:
    acme = new_tenant(stores)
    old, pinned = saved(acme), saved(acme, pinned=True)
    advance(acme, DAY_MS)
    young = saved(acme)
    retention.set_days(retention_of(acme), "acme", 30)
    advance(acme, 30 * DAY_MS)

    assert sweep(acme) == [Swept(ACME, 30, examined=2, removed=1, size_bytes=4)]
    assert get(acme, old) is None
    assert get(acme, pinned) is not None
    assert get(acme, young) is not None
    advance(acme, 1)
    assert [one.removed for one in sweep(acme)] == [1]
    assert get(acme, young) is None


def test_the_bytes_of_what_went_go_a_day_later(stores: Stores) -> None:
    acme = new_tenant(stores)
    saved(acme, b"mine alone")
    saved(acme, b"of both")
    saved(acme, b"of both", pinned=True)
    advance(acme, 2 * DAY_MS)
    collection.collect(acme.bytes, acme.clock, deadline_s=LATER_S)
    sweep(acme, 1)
    collection.collect(acme.bytes, acme.clock, deadline_s=LATER_S)
    assert len(acme.blobs.list("").blobs) == 2
    advance(acme, DAY_MS)
    collection.collect(acme.bytes, acme.clock, deadline_s=LATER_S)
    assert [acme.blobs.get(blob.key) for blob in acme.blobs.list("").blobs] == [b"of both"]


def test_directories_go_like_the_rest(stores: Stores) -> None:
    acme = new_tenant(stores)
    files = uploaded_files(acme, {"a.txt": b"a", "b.txt": b"b"})
    artifact = artifact_directories.index(
        artifacts_of(acme), acme.context, files, Description("data")
    )
    advance(acme, DAY_MS + 1)
    sweep(acme, 1)
    assert get(acme, artifact.artifact_id) is None
    released = artifact_directories.release_due(artifacts_of(acme), acme.clock, deadline_s=LATER_S)
    assert released.files == 2


@pytest.mark.parametrize(
    "default_days, days, goes",
    [
        (None, None, False),
        (1, None, True),
        (1, NEVER, False),
        (1, 3, False),
        (3, 1, True),
        (None, 1, True),
        (None, NEVER, False),
    ],
)
def test_what_an_operator_set_goes_before_the_default(
    stores: Stores, default_days: int | None, days: int | None, goes: bool
) -> None:
    acme = new_tenant(stores)
    artifact_id = saved(acme)
    if days is not None:
        retention.set_days(retention_of(acme), "acme", days)
    advance(acme, 2 * DAY_MS)
    sweep(acme, default_days)
    assert (get(acme, artifact_id) is None) == goes


def test_each_tenant_has_its_own_days(stores: Stores) -> None:
    acme, other = new_tenant(stores), new_tenant(stores, "other")
    kept, gone = saved(acme), saved(other)
    retention.set_days(retention_of(stores), "other", 1)
    advance(stores, DAY_MS + 1)
    assert [one.tenant for one in sweep(stores)] == ["other"]
    assert get(other, gone) is None
    assert get(acme, kept) is not None


def test_a_pin_that_comes_meanwhile_wins(stores: Stores) -> None:
    acme = new_tenant(stores)
    artifact_id = saved(acme)
    advance(acme, DAY_MS + 1)

    def pin(operation: str) -> None:
        if operation == "transact":
            acme.artifacts.pin(ACME, artifact_id, pinned=True)

    swept = sweep(acme.on(WatchedTable(acme.table, pin)), 1)
    assert [(one.examined, one.removed) for one in swept] == [(1, 0)]
    kept = get(acme, artifact_id)
    assert kept is not None
    assert kept.pinned


def test_a_dry_run_tells_what_would_go_and_removes_nothing(stores: Stores) -> None:
    acme = new_tenant(stores)
    artifact_id = saved(acme)
    saved(acme, pinned=True)
    advance(acme, DAY_MS + 1)
    of, tenant = retention_of(acme, 1), Tenant(ACME, None)
    planned = retention.sweep_tenant(of, acme.clock, tenant, dry_run=True)
    assert get(acme, artifact_id) is not None
    assert retention.sweep_tenant(of, acme.clock, tenant) == planned
    assert get(acme, artifact_id) is None


@pytest.mark.parametrize("writes", range(4))
def test_a_sweep_that_died_is_done_again(stores: Stores, writes: int) -> None:
    acme = new_tenant(stores)
    ids = [saved(acme, bytes([n])) for n in range(3)]
    advance(acme, DAY_MS + 1)
    dying = acme.on(stopping(acme.table, writes))
    if writes < len(ids):
        with pytest.raises(Stopped):
            sweep(dying, 1)
    sweep(acme, 1)
    assert [get(acme, one) for one in ids] == [None] * 3


def test_old_pinned_artifacts_do_not_keep_a_sweep_from_getting_through(stores: Stores) -> None:
    acme = new_tenant(stores)
    retention.set_days(retention_of(acme), "acme", 1)
    for _ in range(2 * MAX_GET_MANY):
        saved(acme, pinned=True)
    advance(acme, 1)
    gone = saved(acme)
    advance(acme, DAY_MS + 1)
    # Each time there is time for a page and no more.
    assert sweeps_until(acme, lambda: get(acme, gone) is None, requests=4) == 3


@pytest.mark.parametrize("requests", [3, 4, 5, 7, 20])
def test_no_tenant_is_kept_from_its_turn_by_others(stores: Stores, requests: int) -> None:
    tenants = [new_tenant(stores, name) for name in ("acme", "beta", "zeta")]
    gone: list[tuple[Stores, ArtifactId]] = []
    for tenant in tenants:
        retention.set_days(retention_of(stores), tenant.tenant, 1)
        gone += [(tenant, saved(tenant, bytes([n]))) for n in range(3)]
    advance(stores, DAY_MS + 1)
    sweeps_until(stores, lambda: not any(get(tenant, one) for tenant, one in gone), requests)
    sweep(stores)
    assert RetentionStore(stores.table).position() is None


def test_a_tenant_is_listed_with_its_first_key_and_keeps_what_is_set(stores: Stores) -> None:
    new_tenant(stores, "beta")
    new_tenant(stores)
    settings = RetentionStore(stores.table)
    assert list(settings.tenants()) == [Tenant(ACME, None), Tenant(TenantId("beta"), None)]
    retention.set_days(retention_of(stores), "acme", 7)
    new_tenant(stores)
    assert settings.get(ACME) == Tenant(ACME, 7)
    retention.set_days(retention_of(stores), "acme", None)
    assert settings.get(ACME) == Tenant(ACME, None)


def refused(days: int, tenant: str = "acme") -> Callable[[Stores], object]:
    return lambda stores: retention.set_days(retention_of(stores), tenant, days)


@pytest.mark.parametrize("bad", [refused(-1), refused(MAX_DAYS + 1)])
def test_days_out_of_range_are_refused(stores: Stores, bad: Callable[[Stores], object]) -> None:
    new_tenant(stores)
    with pytest.raises(Invalid):
        bad(stores)


@pytest.mark.parametrize("tenant", ["acmee", "", "a#b", "x" * 100])
def test_a_tenant_that_is_not_there_is_not_found(stores: Stores, tenant: str) -> None:
    new_tenant(stores)
    with pytest.raises(NotFound):
        refused(1, tenant)(stores)
    assert [one.id for one in RetentionStore(stores.table).tenants()] == ["acme"]
