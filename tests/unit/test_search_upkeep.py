"""Publishing search indexes by the clock."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import TenantId
from chalicelib.domain.search_upkeep import publish_due
from chalicelib.search.snapshots import Snapshots
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable
from tests.api.engines import StandingClock

A, B, C = TenantId("a"), TenantId("b"), TenantId("c")


class Published:
    """Implements Publisher; each publication takes a second."""

    def __init__(self, clock: StandingClock, failing: Sequence[TenantId] = ()) -> None:
        self.tenants: list[TenantId] = []
        self.failing = failing
        self._clock = clock

    def publish(self, tenant: TenantId, deadline_s: float) -> bool:
        self._clock.advance(1)
        if tenant in self.failing:
            raise Unavailable("the store is not there")
        self.tenants.append(tenant)
        return True


@pytest.fixture
def snapshots(tmp_path: Path) -> Generator[Snapshots]:
    clock = StandingClock()
    table = SqliteTable(tmp_path / "table.db", clock)
    made = Snapshots(table, DiskBlobs(tmp_path / "blobs", "http://x", b"secret", clock), clock)
    for tenant in (A, B, C):
        made.mark_due(tenant)
    yield made
    table.close()


def left(snapshots: Snapshots) -> list[TenantId]:
    return [due.tenant for due in snapshots.due()]


def test_every_tenant_has_its_turn_once(snapshots: Snapshots) -> None:
    clock = StandingClock()
    search = Published(clock)
    assert publish_due(lambda: search, snapshots, clock, seconds=60) == 3
    assert search.tenants == [A, B, C]
    assert publish_due(lambda: search, snapshots, clock, seconds=60) == 0


def test_one_that_fails_keeps_nobody_else_from_it(snapshots: Snapshots) -> None:
    clock = StandingClock()
    search = Published(clock, failing=[A])
    with pytest.raises(Unavailable):
        publish_due(lambda: search, snapshots, clock, seconds=60)
    assert search.tenants == [B, C]
    assert left(snapshots) == [A]


def test_what_there_is_no_time_for_stays_due(snapshots: Snapshots) -> None:
    clock = StandingClock()
    search = Published(clock)
    assert publish_due(lambda: search, snapshots, clock, seconds=1.5) == 2
    assert left(snapshots) == [C]


def test_what_changed_meanwhile_stays_due(snapshots: Snapshots) -> None:
    clock = StandingClock()

    class Changing(Published):
        def publish(self, tenant: TenantId, deadline_s: float) -> bool:
            if tenant == B:
                snapshots._clock.sleep_s(1)  # pyright: ignore[reportPrivateUsage] # a moment later
                snapshots.mark_due(B)
            return super().publish(tenant, deadline_s)

    search = Changing(clock)
    assert publish_due(lambda: search, snapshots, clock, seconds=60) == 3
    assert left(snapshots) == [B]
