"""Directories of more files than a transaction takes: stopped anywhere, none is half there and
nothing stays behind; what others need is never lost."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.core.errors import Conflict, Invalid, NotFound, Throttled, Unavailable
from chalicelib.core.model.artifact import Artifact, ManifestFile
from chalicelib.domain import artifact_directories, artifacts
from chalicelib.domain.artifact_directories import GUARD_MS, release_due
from chalicelib.domain.artifacts import ArtifactStores, Description
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.storage import artifact_keys
from chalicelib.storage.manifests import manifest_bytes, parse_manifest
from chalicelib.storage.table import Query
from tests.unit.bytes_given import (
    LATER_S,
    artifacts_of,
    objects,
    queued,
    uploaded,
    uploaded_files,
    work_off,
)
from tests.unit.stores import HandClock, Stopped, Stores, WatchedTable, stopping

FILES = {f"{number}": b"%d" % number for number in range(100)} | {"copy": b"1"}
DISTINCT = 100
INDEX_WRITES = 6
"""A write and a transaction for the manifest, three for the files, one for the artifact."""
RELEASE_WRITES = 4
WANTED = Description(kind="dataset")


def indexed(stores: Stores, manifest: list[ManifestFile]) -> Artifact:
    return artifact_directories.index(artifacts_of(stores), stores.context, manifest, WANTED)


def contents(stores: Stores, artifact: Artifact) -> dict[str, bytes]:
    """All files of a directory, read through what their owners say."""
    manifest = parse_manifest(stores.blobs.get(artifact.blob_key))
    paths = [one.path for one in manifest]
    located = artifact_directories.locate(artifacts_of(stores), stores.context, artifact, paths)
    assert [one.file.path for one in located] == paths
    owner = artifact_directories.owner_of(artifact.artifact_id)
    records = stores.bytes.records
    owned = records.owned_by(stores.tenant, owner, list({one.sha256 for one in manifest}))
    return {one.path: stores.blobs.get(owned[one.sha256].blob_key) for one in manifest}


def rows(stores: Stores) -> int:
    return len(stores.table.query(Query(artifact_keys.artifacts_all(stores.tenant))).items)


def owners(stores: Stores, body: bytes) -> int:
    sha256 = hashlib.sha256(body).hexdigest()
    return len(list(stores.bytes.records.owners(stores.tenant, sha256)))


def clock_of(stores: Stores) -> HandClock:
    assert isinstance(stores.clock, HandClock)
    return stores.clock


def test_a_directory_outlives_the_jobs(stores: Stores) -> None:
    artifact = indexed(stores, uploaded_files(stores, FILES))
    work_off(stores)
    assert queued(stores) == []
    assert contents(stores, artifact) == FILES
    assert len(objects(stores)) == DISTINCT + 1


def test_a_deleted_directory_leaves_nothing(stores: Stores) -> None:
    artifact = indexed(stores, uploaded_files(stores, FILES))
    artifacts.delete(artifacts_of(stores), stores.context, artifact.artifact_id)
    with pytest.raises(NotFound):
        artifacts.get(artifacts_of(stores), stores.context, artifact.artifact_id)
    work_off(stores)
    assert queued(stores) == objects(stores) == []
    assert rows(stores) == 0


@pytest.mark.slow
@pytest.mark.parametrize("writes", range(INDEX_WRITES + 1))
def test_indexing_that_stops_leaves_nothing_behind(stores: Stores, writes: int) -> None:
    manifest = uploaded_files(stores, FILES)
    stopped = stores.on(stopping(stores.table, writes))
    if writes == INDEX_WRITES:
        artifact = indexed(stopped, manifest)
        work_off(stores)
        assert contents(stores, artifact) == FILES
        return
    with pytest.raises(Stopped):
        indexed(stopped, manifest)
    assert rows(stores) == 0
    work_off(stores)
    assert queued(stores) == objects(stores) == []
    assert owners(stores, b"1") == 0


@pytest.mark.slow
@pytest.mark.parametrize("writes", range(INDEX_WRITES))
def test_indexing_that_stopped_can_be_done_again(stores: Stores, writes: int) -> None:
    manifest = uploaded_files(stores, FILES)
    with pytest.raises(Stopped):
        indexed(stores.on(stopping(stores.table, writes)), manifest)
    artifact = indexed(stores, manifest)
    work_off(stores)
    assert contents(stores, artifact) == FILES
    assert rows(stores) == 1
    assert owners(stores, b"1") == 1


@pytest.mark.slow
@pytest.mark.parametrize("writes", range(RELEASE_WRITES + 1))
def test_a_release_that_stops_goes_on(stores: Stores, writes: int) -> None:
    manifest = uploaded_files(stores, FILES)
    gone, stays = indexed(stores, manifest), indexed(stores, manifest)
    artifacts.delete(artifacts_of(stores), stores.context, gone.artifact_id)
    stopped = artifacts_of(stores.on(stopping(stores.table, writes)))
    if writes == RELEASE_WRITES:
        release_due(stopped, stores.clock, deadline_s=LATER_S)
    else:
        with pytest.raises(Stopped):
            release_due(stopped, stores.clock, deadline_s=LATER_S)
    work_off(stores)
    assert queued(stores) == []
    assert contents(stores, stays) == FILES
    assert owners(stores, b"1") == 1
    artifacts.delete(artifacts_of(stores), stores.context, stays.artifact_id)
    work_off(stores)
    assert queued(stores) == objects(stores) == []


@pytest.mark.slow
@pytest.mark.parametrize("writes", [1, 3])
def test_a_claimed_directory_is_released_although_the_claimer_stopped(
    stores: Stores, writes: int
) -> None:
    with pytest.raises(Stopped):
        indexed(stores.on(stopping(stores.table, 4)), uploaded_files(stores, FILES))
    clock_of(stores).advance(GUARD_MS)
    with pytest.raises(Stopped):
        release_due(
            artifacts_of(stores.on(stopping(stores.table, writes))),
            stores.clock,
            deadline_s=LATER_S,
        )
    work_off(stores)
    assert queued(stores) == objects(stores) == []


def test_bytes_that_others_need_stay(stores: Stores) -> None:
    manifest = uploaded_files(stores, FILES)
    artifact = indexed(stores, manifest)
    file = artifacts.index(
        artifacts_of(stores), stores.context, manifest[7].sha256, Description(kind="file")
    )
    artifacts.delete(artifacts_of(stores), stores.context, artifact.artifact_id)
    work_off(stores)
    assert objects(stores) == [file.blob_key]
    assert stores.blobs.get(file.blob_key) == b"7"


def test_who_takes_too_long_to_index_is_told_and_leaves_nothing(stores: Stores) -> None:
    manifest = uploaded_files(stores, FILES)
    transactions = 0

    def job_runs_before_the_last(operation: str) -> None:
        nonlocal transactions
        transactions += operation == "transact"
        if transactions == INDEX_WRITES - 1 and operation == "transact":
            clock_of(stores).advance(GUARD_MS)
            release_due(artifacts_of(stores), stores.clock, deadline_s=LATER_S)

    slow = stores.on(WatchedTable(stores.table, job_runs_before_the_last))
    with pytest.raises(Unavailable):
        indexed(slow, manifest)
    assert rows(stores) == 0
    work_off(stores)
    assert queued(stores) == objects(stores) == []


def test_a_directory_that_is_being_indexed_is_left_alone(stores: Stores) -> None:
    manifest = uploaded_files(stores, FILES)

    def job_runs_all_the_time(operation: str) -> None:
        if operation == "transact":
            release_due(artifacts_of(stores), stores.clock, deadline_s=LATER_S)

    artifact = indexed(stores.on(WatchedTable(stores.table, job_runs_all_the_time)), manifest)
    work_off(stores)
    assert contents(stores, artifact) == FILES


def test_a_manifest_that_is_gone_does_not_hold_up_the_others(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = (indexed(stores, uploaded_files(stores, {"a": body})) for body in (b"1", b"2"))
    stores.blobs.delete(broken.blob_key)
    for artifact in (broken, sound):
        artifacts.delete(artifacts_of(stores), stores.context, artifact.artifact_id)
    released = release_due(
        artifacts_of(stores), stores.clock, deadline_s=stores.clock.monotonic_s() + 60
    )
    assert released.released == 2
    assert owners(stores, b"2") == 0
    assert broken.artifact_id in caplog.text


def test_two_releases_at_once_do_no_harm(stores: Stores) -> None:
    manifest = uploaded_files(stores, FILES)
    gone, stays = indexed(stores, manifest), indexed(stores, manifest)
    artifacts.delete(artifacts_of(stores), stores.context, gone.artifact_id)
    nested = False

    def another_runs_in_between(operation: str) -> None:
        nonlocal nested
        if operation == "transact" and not nested:
            nested = True
            release_due(artifacts_of(stores), stores.clock, deadline_s=LATER_S)

    watched = artifacts_of(stores.on(WatchedTable(stores.table, another_runs_in_between)))
    release_due(watched, stores.clock, deadline_s=LATER_S)
    assert nested
    work_off(stores)
    assert queued(stores) == []
    assert contents(stores, stays) == FILES


def test_nothing_is_written_when_bytes_are_missing_or_of_another_size(stores: Stores) -> None:
    manifest = uploaded_files(stores, FILES)
    reading = stores.on(stopping(stores.table, 0))
    with pytest.raises(Conflict):
        indexed(reading, [*manifest, ManifestFile("new", "0" * 64, 1)])
    with pytest.raises(Invalid) as refused:
        indexed(reading, [*manifest, ManifestFile("new", manifest[0].sha256, 2)])
    assert [field.path for field in refused.value.fields] == ["manifest.101.size_bytes"]


def test_bytes_that_are_brought_anew_meanwhile_are_referred_to(stores: Stores) -> None:
    """A record that changes between its reading and the transaction is read again."""
    manifest = uploaded_files(stores, FILES)
    renewed = False

    def bytes_arrive_again(operation: str) -> None:
        nonlocal renewed
        if operation == "put" and not renewed:
            renewed = True
            for body in (b"3", b"60"):
                uploaded(stores, body)

    artifact = indexed(stores.on(WatchedTable(stores.table, bytes_arrive_again)), manifest)
    assert renewed
    work_off(stores)
    assert contents(stores, artifact) == FILES


def test_a_dry_run_counts_and_writes_nothing(stores: Stores) -> None:
    artifact = indexed(stores, uploaded_files(stores, FILES))
    artifacts.delete(artifacts_of(stores), stores.context, artifact.artifact_id)
    reading = artifacts_of(stores.on(stopping(stores.table, 0)))
    done = release_due(reading, stores.clock, deadline_s=LATER_S, dry_run=True)
    assert (done.examined, done.released, done.files) == (1, 1, DISTINCT)
    done = release_due(artifacts_of(stores), stores.clock, deadline_s=LATER_S)
    assert (done.examined, done.released, done.files) == (1, 1, DISTINCT)
    done = release_due(artifacts_of(stores), stores.clock, deadline_s=LATER_S)
    assert (done.examined, done.released, done.files) == (0, 0, 0)


def test_a_release_ends_in_time_and_goes_on_the_next_time(stores: Stores) -> None:
    manifest = uploaded_files(stores, FILES)
    for artifact in (indexed(stores, manifest), indexed(stores, manifest)):
        artifacts.delete(artifacts_of(stores), stores.context, artifact.artifact_id)
    clock = clock_of(stores)

    def time_passes(operation: str) -> None:
        if operation == "transact":
            clock.advance(1000)

    slow = artifacts_of(stores.on(WatchedTable(stores.table, time_passes)))
    released = 0
    for _ in range(4):
        done = release_due(slow, clock, deadline_s=clock.monotonic_s() + 2.5)
        released += done.released
    assert released == 2
    work_off(stores)
    assert queued(stores) == objects(stores) == []


def test_a_directory_that_fails_does_not_keep_the_others_waiting(stores: Stores) -> None:
    for files in ({"a": b"a"}, {"b": b"b"}):
        artifact = indexed(stores, uploaded_files(stores, files))
        artifacts.delete(artifacts_of(stores), stores.context, artifact.artifact_id)
    failing = True

    def first_one_fails(operation: str) -> None:
        nonlocal failing
        if operation == "transact" and failing:
            failing = False
            raise Throttled("slow down")

    watched = artifacts_of(stores.on(WatchedTable(stores.table, first_one_fails)))
    with pytest.raises(Throttled):
        release_due(watched, stores.clock, deadline_s=LATER_S)
    assert owners(stores, b"a") + owners(stores, b"b") == 1
    work_off(stores)
    assert queued(stores) == objects(stores) == []


def test_a_manifest_has_one_spelling() -> None:
    files = [ManifestFile("b", "1" * 64, 1), ManifestFile("\u00e9/a", "2" * 64, 2)]
    body = manifest_bytes(files)
    assert body == manifest_bytes(files[::-1])
    assert (
        body
        == (
            f'[{{"path":"b","sha256":"{"1" * 64}","size_bytes":1}},'
            f'{{"path":"\u00e9/a","sha256":"{"2" * 64}","size_bytes":2}}]'
        ).encode()
    )
    assert parse_manifest(body) == files


def test_batches_that_go_at_once_are_all_there(stores: Stores) -> None:
    manifest = uploaded_files(stores, FILES)
    with ThreadPoolExecutor(4) as threads:
        several = ByteStores(stores.bytes.records, stores.blobs, threads.map)
        opened = ArtifactStores(stores.artifacts, several)
        artifact = artifact_directories.index(opened, stores.context, manifest, WANTED)
        missing = [*manifest, ManifestFile("new", "0" * 64, 1)]
        with pytest.raises(Conflict):
            artifact_directories.index(opened, stores.context, missing, WANTED)
    work_off(stores)
    assert contents(stores, artifact) == FILES
