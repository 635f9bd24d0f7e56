"""Aggregates beside the logs: differences are found, and a rebuild mends them while nothing is
lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.core.model.variant_sums import CellPlace
from chalicelib.domain import feed, variant_units, variant_verification
from chalicelib.storage import variant_cells, variant_keys
from chalicelib.storage.table import Query
from tests.unit.stores import START_MS, Stopped, Stores, stopping
from tests.unit.test_variant_aggregation import busy
from tests.unit.variants_given import Variants

DAY = variant_units.day_of(START_MS)


@pytest.fixture
def ab(stores: Stores) -> Variants:
    return Variants(stores, dimensions=("country",))


def damage(ab: Variants) -> None:
    """What no worker would do."""
    register = ab.experiments.register(ab.stores.tenant, ab.id)
    place = CellPlace(DAY)
    key = variant_keys.cell(ab.stores.tenant, ab.id, register.generation, place, 0)
    ab.stores.table.delete(key)


def rebuild(ab: Variants) -> variant_verification.Verified:
    return variant_verification.rebuild(ab.verification, ab.stores.tenant, ab.id, 60)


def units(ab: Variants) -> int:
    """Items of units and cells of every generation."""
    table = ab.stores.table
    found = 0
    for name in ("user-1", "user-2", "user-3"):
        for generation in generations(ab):
            key = variant_keys.unit(ab.stores.tenant, ab.id, generation, name)
            found += len(table.query(Query(key.pk)).items)
    return found


def generations(ab: Variants) -> set[str]:
    return {"0", ab.experiments.register(ab.stores.tenant, ab.id).generation}


def test_what_the_feed_has_not_delivered_is_a_difference(ab: Variants) -> None:
    busy(ab)
    assert ab.differences() != []
    ab.pull()
    assert ab.differences() == []


def test_the_parts_of_many_units_make_the_same_whole(ab: Variants) -> None:
    busy(ab)
    ab.pull()
    stores = replace(ab.verification, units_at_once=7)
    found = variant_verification.verify(stores, ab.stores.tenant, ab.id, 60)
    assert found.differences == []
    assert found.logs == 60


def test_damage_is_found_and_mended(ab: Variants) -> None:
    busy(ab)
    ab.pull()
    damage(ab)
    (line, *_) = ab.differences()
    assert line.startswith(f"{DAY}: variant 'A' has nothing, its logs add up to ")
    done = rebuild(ab)
    assert (done.logs, done.differences) == (60, [])
    assert ab.differences() == []
    assert units(ab) == 3  # those of before are gone
    busy(ab)
    ab.pull()
    assert ab.differences() == []


@pytest.mark.parametrize("way", ["pull", "push"])
def test_what_the_feed_delivers_after_a_rebuild_is_not_added_again(ab: Variants, way: str) -> None:
    busy(ab)
    late = ab.log("A", "ada", {"score": 1})
    rebuild(ab)
    assert ab.differences() == []
    deliver = pull_all if way == "pull" else push_all
    deliver(ab)  # all of the logs that the rebuild has read
    assert ab.differences() == []
    ab.late(late, {"score": 5, "rating": 1})
    ab.log("B", "bob", {"score": 2})
    deliver(ab)
    deliver(ab)
    assert ab.differences() == []


def pull_all(ab: Variants) -> None:
    ab.pull()


def push_all(ab: Variants) -> None:
    feed.dispatch(ab.stores.projections, ab.stores.table.changes(None).changes)


def test_nothing_can_be_logged_meanwhile(ab: Variants) -> None:
    log_id = ab.log("A", "ada", {"score": 1})
    ab.pull()
    said: list[str] = []

    def progress(text: str) -> None:
        said.append(text)
        if len(said) < 3:
            with pytest.raises(Unavailable):
                ab.log("A", "bob", {"score": 1})
            with pytest.raises(Unavailable):
                ab.late(log_id, {"score": 2})

    variant_verification.rebuild(ab.verification, ab.stores.tenant, ab.id, 1, progress=progress)
    assert len(said) == 3
    ab.log("A", "bob", {"score": 1})
    ab.pull()
    assert ab.differences() == []


def test_two_do_not_rebuild_at_once(ab: Variants) -> None:
    ab.log("A", "ada", {"score": 1})

    def progress(text: str) -> None:
        if "waiting" in text:
            with pytest.raises(Conflict):
                rebuild(ab)

    variant_verification.rebuild(ab.verification, ab.stores.tenant, ab.id, 1, progress=progress)


def test_a_rebuild_that_dies_anywhere_leaves_the_old_results_and_can_begin_again(
    ab: Variants,
) -> None:
    busy(ab)
    ab.pull()
    for writes in range(100):
        dying = replace(
            ab.verification,
            aggregates=ab.stores.on(stopping(ab.stores.table, writes)).projections.aggregates,
        )
        try:
            variant_verification.rebuild(dying, ab.stores.tenant, ab.id, 60)
        except Stopped:
            assert ab.differences() == []
            ab.stores.clock.sleep_s(variant_verification.LEASE_MS / 1000 + 1)
            ab.log("A", "ada", {"score": writes})
            ab.pull()
        else:
            break
    else:
        pytest.fail("a rebuild takes fewer writes")
    assert ab.differences() == []


def test_a_rebuild_that_takes_longer_than_its_lease_does_not_count(ab: Variants) -> None:
    busy(ab)
    ab.pull()

    def progress(text: str) -> None:
        if "logs" in text and "units" in text:
            ab.stores.clock.sleep_s(variant_verification.LEASE_MS / 1000 + 1)
            ab.log("A", "meanwhile", {"score": 1})

    with pytest.raises(Conflict):
        variant_verification.rebuild(
            ab.verification, ab.stores.tenant, ab.id, 60, progress=progress
        )
    ab.pull()
    assert ab.differences() == []


def test_a_cell_that_is_longer_than_an_item_is_kept_in_several(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_cells, "FULL_BYTES", 1500)
    ab = Variants(stores)
    for number in range(200):
        ab.log("A", f"u{number}", {f"m{number % 60:02d}": 1.02**number})
        if number % 20 == 0:
            ab.pull()
    ab.pull()
    assert len(ab.cells()) > 2
    assert ab.differences() == []
    rebuild(ab)
    assert len(ab.cells()) > 2
    ab.log("A", "one more", {"m00": 1})
    ab.pull()
    assert ab.differences() == []
