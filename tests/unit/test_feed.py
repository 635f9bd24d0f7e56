"""Each change of the feed is projected once, however often and in whatever order it comes."""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.ids import ExperimentId, RunId, UploadId
from chalicelib.core.model.artifact import FilePlace, RunArtifact, Upload
from chalicelib.core.model.experiment import ExperimentCounts, Stage
from chalicelib.core.model.run import Point, Run
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import feed, run_files, runs, stored_bytes
from chalicelib.storage import artifact_keys, keys
from chalicelib.storage.table import Change
from tests.unit.stores import Stopped, Stores, WatchedTable, stopping

BODY = b"some bytes"
DIGEST = hashlib.sha256(BODY).hexdigest()
FALSE_DIGEST = hashlib.sha256(b"other bytes").hexdigest()


def new_run(stores: Stores, experiment_id: ExperimentId) -> RunId:
    run_id = RunId(stores.clock.new_id())
    run = Run(run_id, experiment_id, "a-run", stores.clock.now_ms(), stores.context.user)
    stores.runs.create(stores.tenant, run)
    return run_id


def counts(stores: Stores, experiment_id: ExperimentId) -> ExperimentCounts:
    item = stores.table.get(keys.experiment_counts(stores.tenant, experiment_id))
    found = {} if item is None else item
    return ExperimentCounts(
        *(cast(int, found.get(name, 0)) for name in ("runs", "artifacts", "logs"))
    )


def all_changes(stores: Stores) -> list[Change]:
    return stores.table.changes(None, 10_000).changes


def pull_all(stores: Stores, limit: int = 500) -> None:
    while feed.pull(stores.projections, limit):
        pass


def busy_experiment(stores: Stores) -> ExperimentId:
    """Five runs of which one is deleted and one was deleted and restored; three files, one of
    them saved twice; and logging, which the feed does not hear of."""
    experiment_id = stores.new_experiment_id()
    ids = [new_run(stores, experiment_id) for _ in range(5)]
    for run_id in ids[:2]:
        runs.set_stage(stores.runs, stores.context, run_id, "deleted")
        stores_log(stores, ids[4])
    runs.set_stage(stores.runs, stores.context, ids[0], "active")
    for path in ("a.txt", "folder/b.txt", "folder/c.txt", "a.txt"):
        run_files.save(stores.files, stores.context, ids[3], path, path.encode(), None)
    return experiment_id


def stores_log(stores: Stores, run_id: RunId) -> None:
    stores.log(run_id, Point("loss", stores.clock.now_ms() / 7, 0, 0))


BUSY = ExperimentCounts(runs=4, artifacts=3)


def test_counts_follow_creation_deletion_and_restoring(stores: Stores) -> None:
    experiment_id = stores.new_experiment_id()
    run_id = new_run(stores, experiment_id)
    pull_all(stores)
    assert counts(stores, experiment_id).runs == 1
    steps: list[tuple[Stage, int]] = [("deleted", 0), ("active", 1), ("deleted", 0)]
    for stage, expected in steps:
        runs.set_stage(stores.runs, stores.context, run_id, stage)
        runs.set_stage(stores.runs, stores.context, run_id, stage)
        pull_all(stores)
        assert counts(stores, experiment_id).runs == expected


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_the_feed_is_pulled_in_pages(stores: Stores, limit: int) -> None:
    experiment_id = busy_experiment(stores)
    pull_all(stores, limit)
    assert counts(stores, experiment_id) == BUSY
    assert feed.pull(stores.projections) == 0


def test_a_change_that_is_delivered_again_is_not_counted_again(stores: Stores) -> None:
    experiment_id = busy_experiment(stores)
    for _ in range(3):
        feed.dispatch(stores.projections, all_changes(stores))
    assert counts(stores, experiment_id) == BUSY


def test_a_change_may_come_twice_in_one_delivery(stores: Stores) -> None:
    experiment_id = busy_experiment(stores)
    changes = all_changes(stores)
    feed.dispatch(stores.projections, [*changes, *reversed(changes)])
    assert counts(stores, experiment_id) == BUSY


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_changes_may_come_in_any_order_and_in_batches_that_overlap(
    stores: Stores, chance: random.Random, size: int
) -> None:
    known = {change.id for change in all_changes(stores)}
    experiment_id = busy_experiment(stores)
    changes = [change for change in all_changes(stores) if change.id not in known] * 2
    chance.shuffle(changes)
    for start in range(0, len(changes), size):
        feed.dispatch(stores.projections, changes[start : start + size])
    assert counts(stores, experiment_id) == BUSY


@pytest.mark.parametrize("writes", range(6))
def test_stopping_after_any_write_counts_nothing_twice(
    stores: Stores, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CHANGES_AT_ONCE", 3)
    experiment_id = busy_experiment(stores)
    dying = stores.on(stopping(stores.table, writes))
    try:
        pull_all(dying, 7)
    except Stopped:
        pull_all(stores, 7)
    assert counts(stores, experiment_id) == BUSY


def test_two_pullers_at_once_count_nothing_twice(stores: Stores) -> None:
    experiment_id = busy_experiment(stores)
    with ThreadPoolExecutor(4) as pullers:
        for pulled in [pullers.submit(pull_all, stores, 3) for _ in range(4)]:
            pulled.result()
    pull_all(stores)
    assert counts(stores, experiment_id) == BUSY


def test_many_changes_of_many_experiments_are_counted(stores: Stores) -> None:
    ids = [stores.new_experiment_id() for _ in range(60)]
    for _ in range(2):
        for experiment_id in ids:
            new_run(stores, experiment_id)
    pull_all(stores)
    assert [counts(stores, one).runs for one in ids] == [2] * 60


def test_a_file_from_before_bytes_had_owners_is_replaced(stores: Stores) -> None:
    run_id = new_run(stores, stores.new_experiment_id())
    run_files.save(stores.files, stores.context, run_id, "a.txt", BODY, None)
    file = stores.files.files.get(stores.tenant, run_id, "a.txt")
    assert file is not None
    old_key = file.blob_key.rpartition(".")[0]
    stores.blobs.copy(file.blob_key, old_key)
    experiment_id = stores.runs.get(stores.tenant, run_id).experiment_id
    old = replace(file, blob_key=old_key, artifact_id=stores.clock.new_id())
    stores.table.transact(stores.files.files.writes(stores.tenant, experiment_id, run_id, old))
    run_files.save(stores.files, stores.context, run_id, "a.txt", b"new", None)
    pull_all(stores)
    assert stores.blobs.get(old_key) == BODY


# -- verification of multipart uploads ------------------------------------------------------------


def completed_upload(
    stores: Stores, run_id: RunId, path: str, sha256: str, body: bytes = BODY
) -> UploadId:
    """A multipart upload whose parts arrived, as `complete_upload` records it."""
    upload_id = UploadId(stores.clock.new_id())
    blob_key = artifact_keys.blob(stores.tenant, sha256, upload_id)
    stores.blobs.put(blob_key, body, mime="text/plain")
    now_ms = stores.clock.now_ms()
    place = FilePlace(run_id, path)
    upload = Upload(
        upload_id, place, len(body), sha256, "text/plain", len(body), 1, blob_key,
        "the store's id", False, "open", now_ms, now_ms + 1000,
    )  # fmt: skip
    stores.table.transact([stores.files.uploads.begun(stores.tenant, upload)])
    experiment_id = stores.runs.get(stores.tenant, run_id).experiment_id
    artifact = RunArtifact(
        upload_id, path, len(body), sha256, "text/plain", blob_key, False, now_ms,
        stores.context.user,
    )  # fmt: skip
    records = stores.bytes.records
    stored_bytes.settle(
        stores.bytes,
        stores.context,
        records.get(stores.tenant, sha256),
        StoredBytes(sha256, len(body), blob_key, False, now_ms),
        Owner("file", upload_id, place),
        lambda _: [
            stores.files.uploads.ended(stores.tenant, upload, "completed", now_ms // 1000 + 1000),
            *stores.files.files.writes(stores.tenant, experiment_id, run_id, artifact),
        ],
    )
    return upload_id


def is_verified(stores: Stores, run_id: RunId, path: str) -> bool:
    artifact = stores.files.files.get(stores.tenant, run_id, path)
    assert artifact is not None
    return artifact.verified


def test_a_true_digest_is_verified(stores: Stores) -> None:
    run_id = new_run(stores, stores.new_experiment_id())
    completed_upload(stores, run_id, "model/a.bin", DIGEST)
    assert not is_verified(stores, run_id, "model/a.bin")
    pull_all(stores)
    assert is_verified(stores, run_id, "model/a.bin")


def test_a_false_digest_is_not_verified(stores: Stores) -> None:
    run_id = new_run(stores, stores.new_experiment_id())
    completed_upload(stores, run_id, "a.bin", FALSE_DIGEST)
    pull_all(stores)
    assert not is_verified(stores, run_id, "a.bin")


def test_a_later_file_of_the_path_is_not_verified_for_an_earlier_one(stores: Stores) -> None:
    run_id = new_run(stores, stores.new_experiment_id())
    completed_upload(stores, run_id, "a.bin", DIGEST)
    earlier = all_changes(stores)
    later = completed_upload(stores, run_id, "a.bin", FALSE_DIGEST)
    feed.dispatch(stores.projections, earlier)
    artifact = stores.files.files.get(stores.tenant, run_id, "a.bin")
    assert artifact is not None
    assert (artifact.artifact_id, artifact.verified) == (later, False)


def test_a_file_that_takes_the_path_during_verification_is_not_verified(stores: Stores) -> None:
    run_id = new_run(stores, stores.new_experiment_id())
    upload_id = completed_upload(stores, run_id, "a.bin", DIGEST)

    def before(operation: str) -> None:
        if operation == "put":
            completed_upload(stores, run_id, "a.bin", FALSE_DIGEST)

    seen = stores.on(WatchedTable(stores.table, before))
    seen.files.files.set_verified(stores.tenant, run_id, "a.bin", upload_id, "d" * 64)
    assert not is_verified(stores, run_id, "a.bin")


def test_bytes_that_are_gone_are_not_verified(stores: Stores) -> None:
    run_id = new_run(stores, stores.new_experiment_id())
    upload_id = completed_upload(stores, run_id, "a.bin", DIGEST)
    stores.blobs.delete(artifact_keys.blob(stores.tenant, DIGEST, upload_id))
    pull_all(stores)
    assert not is_verified(stores, run_id, "a.bin")


def test_verifying_again_changes_nothing(stores: Stores) -> None:
    experiment_id = stores.new_experiment_id()
    run_id = new_run(stores, experiment_id)
    completed_upload(stores, run_id, "a.bin", DIGEST)
    for _ in range(2):
        feed.dispatch(stores.projections, all_changes(stores))
    assert is_verified(stores, run_id, "a.bin")
    assert counts(stores, experiment_id) == ExperimentCounts(runs=1, artifacts=1)
