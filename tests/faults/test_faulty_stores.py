"""The layer itself: what befalls a request is what its name says."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from chalicelib.core.errors import ConditionFailed, Contended, Throttled, Unavailable
from chalicelib.storage.blobs import BlobExists
from chalicelib.storage.table import Item, Key, Query, When, query_all
from tests.faults import faults
from tests.faults.faults import Died, Faults
from tests.faults.faulty_blobs import FaultyBlobs
from tests.faults.faulty_table import FaultyTable
from tests.unit.stores import Stores, close, open_stores

ITEM: Item = {"pk": "p", "sk": "s", "version": 1}
KEY = Key("p", "s")


class Always(Faults):
    """One fate for every request."""

    def __init__(self, fate: str | None) -> None:
        super().__init__(0)
        self.fate = fate

    def _fate(self, name: str, among: tuple[str, ...]) -> str | None:
        return self.fate if self.fate in among else None


@pytest.fixture
def stores(tmp_path: Path) -> Generator[Stores]:
    opened = open_stores(tmp_path)
    yield opened
    close(opened)


@pytest.mark.parametrize(
    "fate, raised",
    [
        (faults.THROTTLED, Throttled),
        (faults.UNREACHED, Unavailable),
        (faults.CONTENDED, Contended),
        (faults.DIED, Died),
    ],
)
def test_what_was_refused_is_not_done(
    stores: Stores, fate: str, raised: type[BaseException]
) -> None:
    table = FaultyTable(stores.table, Always(fate))
    with pytest.raises(raised):
        table.put(ITEM)
    assert stores.table.get(KEY) is None


@pytest.mark.parametrize("fate, raised", [(faults.LOST, Unavailable), (faults.DIED_AFTER, Died)])
def test_what_got_no_answer_is_done(stores: Stores, fate: str, raised: type[BaseException]) -> None:
    table = FaultyTable(stores.table, Always(fate))
    with pytest.raises(raised):
        table.put(ITEM, when=When.ABSENT)
    assert stores.table.get(KEY) == ITEM
    if fate == faults.LOST:  # nor does anybody hear of a refusal
        with pytest.raises(Unavailable):
            table.put(ITEM, when=When.ABSENT)


def test_a_conditional_write_that_is_repeated_finds_itself(stores: Stores) -> None:
    always = Always(faults.REPEATED)
    with pytest.raises(ConditionFailed):
        FaultyTable(stores.table, always).put(ITEM, when=When.ABSENT)
    assert stores.table.get(KEY) == ITEM
    with pytest.raises(BlobExists):
        FaultyBlobs(stores.blobs, always).put("a", b"x", mime="text/plain", only_if_absent=True)
    assert stores.blobs.get("a") == b"x"


def test_the_dead_ask_for_nothing_more(stores: Stores) -> None:
    fates = Faults(0, stop_after=1)
    table, blobs = FaultyTable(stores.table, fates), FaultyBlobs(stores.blobs, fates)
    table.put(ITEM)
    for _ in range(2):
        with pytest.raises(Died):
            table.delete(KEY)
        with pytest.raises(Died):
            blobs.put("a", b"x", mime="text/plain")
    assert stores.table.get(KEY) == ITEM
    assert stores.blobs.head("a") is None
    fates.restart()
    table.delete(KEY)
    assert stores.table.get(KEY) is None


def test_pages_that_are_cut_short_leave_nothing_out(stores: Stores) -> None:
    for number in range(20):
        stores.table.put({"pk": "p", "sk": f"{number:02d}"})
    for seed in range(20):
        fates = Faults(seed, rate=0.7)
        # a page cut short, and no fate of its request
        fates.request = lambda name, call, among: call()  # noqa: ARG005
        found = list(query_all(FaultyTable(stores.table, fates), Query("p")))
        assert [item["sk"] for item in found] == [f"{number:02d}" for number in range(20)]


def test_a_seed_has_its_own_fates() -> None:
    def fates_of(seed: int) -> list[str]:
        fates = Faults(seed, rate=0.3)
        for _ in range(50):
            try:
                fates.request("put", lambda: None, faults.OF_WRITES)
            except (Throttled, Unavailable, Contended, Died):
                fates.restart()
        return fates.trace

    assert fates_of(1) == fates_of(1)
    assert fates_of(1) != fates_of(2)
    fates = {one.partition(": ")[2] for seed in range(20) for one in fates_of(seed)}
    assert fates == {"", *faults.OF_WRITES}
