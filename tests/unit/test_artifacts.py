"""Rules of indexed artifacts where several change one at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.core.errors import NotFound
from chalicelib.core.model.artifact import Artifact
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import artifacts
from chalicelib.domain.artifacts import Changes, Description
from chalicelib.storage import artifact_keys
from chalicelib.storage.table import Query
from tests.unit.bytes_given import artifacts_of, objects, queued, uploaded, work_off
from tests.unit.stores import Stopped, Stores, WatchedTable, stopping


def indexed(stores: Stores, body: bytes = b"bytes", *, pinned: bool = False) -> Artifact:
    wanted = Description("model", ids={"run_id": "r"}, tags=["a"], pinned=pinned)
    return artifacts.index(artifacts_of(stores), stores.context, uploaded(stores, body), wanted)


def before_the_first(operation: str, stores: Stores, act: Callable[[], object]) -> Stores:
    """The stores of somebody whose first such request comes just after `act`."""
    done = False

    def hook(asked: str) -> None:
        nonlocal done
        if asked == operation and not done:
            done = True
            act()

    return stores.on(WatchedTable(stores.table, hook))


def left(stores: Stores) -> int:
    """Rows in all partitions that the artifacts of these tests have."""
    tenant = stores.tenant
    partitions = [artifact_keys.artifacts_all(tenant)]
    partitions += [
        artifact_keys.artifacts_by(tenant, name, value)
        for name, value in (("run_id", "r"), ("kind", "model"))
    ]
    return sum(len(stores.table.query(Query(pk)).items) for pk in partitions)


def test_a_pin_that_comes_while_it_is_deleted_is_not_in_the_way(stores: Stores) -> None:
    artifact = indexed(stores)
    artifact_id = artifact.artifact_id
    racing = before_the_first(
        "transact",
        stores,
        lambda: artifacts.pin(artifacts_of(stores), stores.context, artifact_id, pinned=True),
    )
    artifacts.delete(artifacts_of(racing), racing.context, artifact_id)
    assert stores.artifacts.get(stores.tenant, artifact_id) is None
    assert left(stores) == 0


def test_an_artifact_that_was_pinned_since_it_was_read_is_not_removed(stores: Stores) -> None:
    artifact = indexed(stores)
    opened = artifacts_of(stores)
    pinned = artifacts.pin(opened, stores.context, artifact.artifact_id, pinned=True)
    assert artifacts.remove(opened, stores.clock, stores.tenant, artifact) is False
    assert artifacts.get(opened, stores.context, artifact.artifact_id) == pinned
    assert left(stores) == 3
    assert artifacts.remove(opened, stores.clock, stores.tenant, pinned) is True
    assert artifacts.remove(opened, stores.clock, stores.tenant, pinned) is False
    assert left(stores) == 0


def test_a_change_and_a_pin_at_once_are_both_kept(stores: Stores) -> None:
    artifact = indexed(stores)
    artifact_id = artifact.artifact_id
    racing = before_the_first(
        "put",
        stores,
        lambda: artifacts.pin(artifacts_of(stores), stores.context, artifact_id, pinned=True),
    )
    changes = Changes(tags=["b"], metrics={"f1": 1})
    changed = artifacts.change(artifacts_of(racing), racing.context, artifact_id, changes)
    assert (changed.tags, changed.pinned) == (("b",), True)
    assert artifacts.get(artifacts_of(stores), stores.context, artifact_id) == changed


def test_two_changes_at_once_are_both_kept(stores: Stores) -> None:
    artifact_id = indexed(stores).artifact_id

    def other() -> None:
        changes = Changes(labels={"other": 1})
        artifacts.change(artifacts_of(stores), stores.context, artifact_id, changes)

    racing = before_the_first("put", stores, other)
    changes = Changes(labels={"mine": 2})
    changed = artifacts.change(artifacts_of(racing), racing.context, artifact_id, changes)
    assert changed.labels == {"other": 1, "mine": 2}


@pytest.mark.parametrize("operation", ["put", "add"])
def test_a_change_of_what_is_deleted_at_once_brings_nothing_back(
    stores: Stores, operation: str
) -> None:
    artifact_id = indexed(stores).artifact_id
    racing = before_the_first(
        operation,
        stores,
        lambda: artifacts.delete(artifacts_of(stores), stores.context, artifact_id),
    )
    opened, context = artifacts_of(racing), racing.context
    act = {
        "put": lambda: artifacts.change(opened, context, artifact_id, Changes(["b"])),
        "add": lambda: artifacts.pin(opened, context, artifact_id, pinned=True),
    }
    with pytest.raises(NotFound):
        act[operation]()
    assert stores.artifacts.get(stores.tenant, artifact_id) is None
    assert left(stores) == 0


def test_a_change_that_changes_nothing_writes_nothing(stores: Stores) -> None:
    artifact = indexed(stores)
    reading = artifacts_of(stores.on(stopping(stores.table, 0)))
    same = Changes(tags=["a", "a"], pinned=False, labels={"absent": None})
    assert artifacts.change(reading, stores.context, artifact.artifact_id, same) == artifact


def test_a_deleted_artifact_lets_its_bytes_go(stores: Stores) -> None:
    artifact, other = indexed(stores, b"one"), indexed(stores, b"other")
    artifacts.delete(artifacts_of(stores), stores.context, artifact.artifact_id)
    work_off(stores)
    assert objects(stores) == [other.blob_key]
    assert queued(stores) == []


def test_indexing_or_deleting_that_stops_is_not_half_done(stores: Stores) -> None:
    sha256 = uploaded(stores, b"bytes")
    stopped = stores.on(stopping(stores.table, 0))
    with pytest.raises(Stopped):
        artifacts.index(artifacts_of(stopped), stopped.context, sha256, Description("model"))
    assert left(stores) == 0
    artifact = indexed(stores)
    with pytest.raises(Stopped):
        artifacts.delete(artifacts_of(stopped), stopped.context, artifact.artifact_id)
    work_off(stores)
    assert artifacts.get(artifacts_of(stores), stores.context, artifact.artifact_id) == artifact
    owner = Owner("artifact", artifact.artifact_id)
    owned = stores.bytes.records.owned_by(stores.tenant, owner, [sha256])
    assert stores.blobs.get(owned[sha256].blob_key) == b"bytes"


def test_an_artifact_is_older_than_the_time_its_transaction_takes(stores: Stores) -> None:
    """What is answered is what was stored, also after a lost race."""
    sha256 = uploaded(stores, b"bytes")
    racing = before_the_first("transact", stores, lambda: uploaded(stores, b"bytes"))
    artifact = artifacts.index(
        artifacts_of(racing), racing.context, sha256, Description("model", ids={"run_id": "r"})
    )
    assert artifacts.get(artifacts_of(stores), stores.context, artifact.artifact_id) == artifact
    artifacts.delete(artifacts_of(stores), stores.context, artifact.artifact_id)
    assert left(stores) == 0
