"""Search without a server: what is published, fetched, forgotten, and stopped halfway."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.context import Context, Principal, Role
from chalicelib.core.errors import Contended, Unavailable
from chalicelib.core.ids import ArtifactId, TenantId, UserId
from chalicelib.core.model.search import SearchDocument, SearchQuery
from chalicelib.search import built_in
from chalicelib.search.backend import Delta, Versions
from chalicelib.search.built_in import BuiltInSearch
from chalicelib.search.index_file import IndexFile
from chalicelib.search.snapshots import Snapshots
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable
from tests.api.engines import StandingClock
from tests.unit.bag_of_words import BagOfWords

ACME, OTHER = TenantId("acme"), TenantId("other")
AT_ONCE = 10


@dataclass
class Everything:
    """Implements `backend.Source`: documents in the order in which they were written, some at once.
    Each that is new takes a tenth of a second."""

    clock: StandingClock
    documents: list[SearchDocument] = field(default_factory=list[SearchDocument])
    read_ids: list[str] = field(default_factory=list[str])

    def put(self, *names: str) -> None:
        self.documents += [
            SearchDocument(ArtifactId(one), 1, 1, frozenset(), one, "") for one in names
        ]

    def since(self, tenant: TenantId, mark: str | None, known: Versions) -> Iterator[Delta]:
        new = self.documents[int(mark or 0) :]
        until = len(self.documents)
        for start in range(0, len(new), AT_ONCE):
            some = new[start : start + AT_ONCE]
            versions = known.versions([one.artifact_id for one in some])
            unknown = [one for one in some if one.artifact_id not in versions]
            self.read_ids += [one.artifact_id for one in unknown]
            self.clock.advance(len(unknown) / AT_ONCE)
            yield Delta(unknown)
        yield Delta([], [], str(until))

    def read(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId], known: Versions) -> Delta:
        return Delta([one for one in self.documents if one.artifact_id in artifact_ids])

    def changed(self, tenant: TenantId, mark: str | None) -> int:
        return len(self.documents) - int(mark or 0)


class World:
    """Processes that search the same store."""

    def __init__(self, folder: Path) -> None:
        self.clock = StandingClock()
        self.table = SqliteTable(folder / "table.db", self.clock)
        self.blobs = DiskBlobs(folder / "blobs", "http://localhost", b"secret", self.clock)
        self.snapshots = Snapshots(self.table, self.blobs, self.clock)
        self.source = Everything(self.clock)
        self.processes: list[BuiltInSearch] = []

    def process(self, model_id: str = "bag-of-words") -> BuiltInSearch:
        embedder = BagOfWords(model_id=model_id)
        made = BuiltInSearch(self.source, self.snapshots, embedder, self.clock)
        self.processes.append(made)
        return made

    def context(self, tenant: TenantId = ACME, seconds: float = 1e9) -> Context:
        principal = Principal(tenant, UserId("ada"), Role.READ)
        return Context(principal, self.clock, self.clock.monotonic_s() + seconds)

    def found(self, by: BuiltInSearch, text: str = "vision", **more: Any) -> list[str]:
        query = SearchQuery(text, "hybrid")
        return sorted(one.artifact_id for one in by.search(self.context(**more), query))


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where processes keep their copies."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def world(tmp_path: Path, copies: Path) -> Generator[World]:
    made = World(tmp_path)
    yield made
    for one in made.processes:
        one.close()
    made.table.close()


def names(count: int) -> list[str]:
    return [f"vision {number}" for number in range(count)]


def test_a_process_reads_but_what_came_after_the_snapshot(world: World) -> None:
    world.source.put(*names(30))
    world.process().build(ACME)
    world.source.put("vision late")
    world.source.read_ids.clear()
    assert len(world.found(world.process())) == 31
    assert world.source.read_ids == ["vision late"]


def test_a_snapshot_is_made_when_enough_changed(world: World) -> None:
    builder = world.process()
    world.source.put(*names(built_in.PUBLISHED_FROM - 1))
    assert not builder.publish(ACME, 1e12)
    world.source.put("one more")
    assert builder.publish(ACME, 1e12)
    assert not builder.publish(ACME, 1e12)
    world.source.put("and another")
    assert not builder.publish(ACME, 1e12)
    world.clock.advance(built_in.MAX_AGE_MS / 1000 + 1)
    assert builder.publish(ACME, 1e12)
    newest = world.snapshots.newest(ACME)
    assert newest is not None
    assert newest.documents == built_in.PUBLISHED_FROM + 1


def test_a_search_that_has_no_time_says_so_and_goes_on_the_next_time(world: World) -> None:
    world.source.put(*names(50))
    search = world.process()
    with pytest.raises(Unavailable, match="is being built"):
        world.found(search, seconds=2.5)
    assert len(world.source.read_ids) == 30
    assert len(world.found(search)) == 50
    assert len(world.source.read_ids) == 50


def test_a_build_that_has_no_time_is_gone_on_with(world: World) -> None:
    world.source.put(*names(50))
    builder = world.process()
    for _ in range(3):
        until_s = world.clock.monotonic_s() + built_in.FINISHED_S + 1.5
        builder.build(ACME, deadline_s=until_s)
    assert [due.tenant for due in world.snapshots.due()] == [ACME]
    assert len(world.source.read_ids) == 50
    newest = world.snapshots.newest(ACME)
    assert newest is not None
    assert (newest.documents, newest.mark) == (50, "50")


def test_a_large_index_is_uploaded_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.source.put(*names(30))
    monkeypatch.setattr("chalicelib.search.snapshots.MAX_SINGLE_PUT_BYTES", 20_000)
    monkeypatch.setattr("local.disk_uploads.MIN_PART_BYTES", 1)
    world.process().build(ACME)
    newest = world.snapshots.newest(ACME)
    assert newest is not None
    info = world.blobs.head(newest.blob_key)
    assert info is not None
    assert info.size_bytes > 40_000
    assert len(world.found(world.process())) == 30


def test_of_two_that_build_one_publishes_and_nothing_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.source.put(*names(3))
    first, second = world.process(), world.process()
    copy = IndexFile.vacuum_into

    def overtaken(index: IndexFile, path: Path) -> None:
        monkeypatch.setattr(IndexFile, "vacuum_into", copy)
        second.build(ACME)
        copy(index, path)

    monkeypatch.setattr(IndexFile, "vacuum_into", overtaken)
    with pytest.raises(Contended):
        first.build(ACME)
    world.clock.advance(3601)
    second.build(ACME)
    newest = world.snapshots.newest(ACME)
    assert newest is not None
    left = {blob.key for blob in world.blobs.list("search/").blobs}
    assert left == {newest.blob_key, newest.before}


def test_the_snapshot_before_stays_for_those_who_are_fetching_it(world: World) -> None:
    builder = world.process()
    for number in range(4):
        world.source.put(f"vision {number}")
        world.clock.advance(3601)
        builder.build(ACME)
    newest = world.snapshots.newest(ACME)
    assert newest is not None
    kept = {blob.key for blob in world.blobs.list("search/").blobs}
    assert kept == {newest.blob_key, newest.before}


def test_what_a_builder_left_that_died_is_removed(world: World) -> None:
    world.blobs.put("search/acme/unnamed", b"x", mime="x/y")
    world.blobs.put("search/other/unnamed", b"x", mime="x/y")
    world.clock.advance(3601)
    world.blobs.put("search/acme/on its way", b"x", mime="x/y")
    world.source.put("vision a")
    world.process().build(ACME)
    left = {blob.key for blob in world.blobs.list("search/").blobs}
    assert "search/acme/unnamed" not in left
    assert {"search/acme/on its way", "search/other/unnamed"} <= left


@pytest.mark.parametrize("content", [b"", b"nonsense" * 999])
def test_a_snapshot_that_cannot_be_read_is_as_good_as_none(world: World, content: bytes) -> None:
    world.source.put(*names(3))
    world.process().build(ACME)
    newest = world.snapshots.newest(ACME)
    assert newest is not None
    world.blobs.put(newest.blob_key, content, mime="x/y")
    assert len(world.found(world.process())) == 3
    world.blobs.delete(newest.blob_key)
    assert len(world.found(world.process())) == 3


def test_an_index_of_another_model_is_made_anew(world: World) -> None:
    world.source.put(*names(3))
    world.process().build(ACME)
    world.source.read_ids.clear()
    other = world.process("another-model")
    assert len(world.found(other)) == 3
    assert len(world.source.read_ids) == 3
    other.build(ACME)
    world.source.read_ids.clear()
    assert len(world.found(world.process("another-model"))) == 3
    assert world.source.read_ids == []


def test_the_clock_publishes_what_another_model_made(world: World) -> None:
    world.source.put(*names(3))
    world.process().build(ACME)
    other = world.process("another-model")
    assert other.publish(ACME, 1e12)
    assert not other.publish(ACME, 1e12)


def test_a_publication_whose_answer_got_lost_is_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.source.put("vision a")
    put = SqliteTable.put

    def twice(table: SqliteTable, item: Any, when: Any = None) -> None:
        put(table, item, when)
        put(table, item, when)  # as the client of a store does whose first answer does not come

    builder = world.process()
    with monkeypatch.context() as patched:
        patched.setattr(SqliteTable, "put", twice)
        builder.build(ACME)
    world.source.read_ids.clear()
    assert world.found(world.process()) == ["vision a"]
    assert world.source.read_ids == []


def test_many_tenants_keep_few_files_open(world: World, copies: Path) -> None:
    world.source.put("vision a")
    search = world.process()
    for number in range(built_in.MAX_COPIES + 6):
        assert world.found(search, tenant=TenantId(f"tenant-{number}")) == ["vision a"]
    assert len([*copies.glob("trialbook-search-*/*")]) == built_in.MAX_COPIES


def test_a_full_disk_is_told_and_made_room_on(
    world: World, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.source.put("vision a")
    search = world.process()
    world.found(search, tenant=OTHER)

    def full(*_: object) -> bool:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Snapshots, "fetch", full)
        with pytest.raises(Unavailable):
            world.found(search)
    assert [*copies.glob("trialbook-search-*/*")] == []
    assert world.found(search) == ["vision a"]


def test_what_a_killed_process_left_is_removed(world: World, copies: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = [copies / f"{built_in.PREFIX}{owner}-x" for owner in (gone.pid, os.getpid(), "nobody")]
    of_another = copies / f"{built_in.PREFIX}{os.getppid()}-x"
    for folder in (*left, of_another):
        folder.mkdir()
        (folder / "1.sqlite").write_bytes(b"x")
    first = world.process()
    world.source.put("vision a")
    assert world.found(first) == ["vision a"]
    world.process()
    assert not any(folder.exists() for folder in left)
    assert of_another.exists()
    assert world.found(first) == ["vision a"]


def test_a_folder_that_was_cleaned_away_is_made_again(world: World, copies: Path) -> None:
    world.source.put("vision a")
    search = world.process()
    world.found(search)
    for folder in copies.glob("trialbook-search-*"):
        shutil.rmtree(folder)
    assert world.found(search) == ["vision a"]
    assert world.found(search, tenant=OTHER) == ["vision a"]
    assert search.build(ACME) == 1


def test_copies_past_the_bound_are_forgotten(
    world: World, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.source.put(*names(3))
    search = world.process()
    monkeypatch.setattr(built_in, "MAX_COPIES_BYTES", 1)
    for _ in range(2):
        for tenant in (ACME, OTHER):
            assert len(world.found(search, tenant=tenant)) == 3
            assert len([*copies.glob("trialbook-search-*/*")]) == 1
    search.close()
    assert [*copies.glob("trialbook-search-*")] == []


def test_a_copy_that_breaks_is_thrown_away(
    world: World, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.source.put("vision a")
    search = world.process()
    world.found(search)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    world.source.put("vision b")
    with monkeypatch.context() as patched:
        patched.setattr("chalicelib.search.index_file.IndexFile._put", full)
        with pytest.raises(Unavailable, match="broke"):
            world.found(search)
    assert world.found(search) == ["vision a", "vision b"]
    assert len([*copies.glob("trialbook-search-*/*")]) == 1


def test_what_nobody_expects_leaves_no_half_written_copy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.source.put("vision a")
    search = world.process()
    world.found(search)
    world.source.put("vision b")

    def odd(*_: object) -> None:
        raise TypeError("who would have thought")

    with monkeypatch.context() as patched:
        patched.setattr("chalicelib.search.index_file.IndexFile._put", odd)
        with pytest.raises(TypeError):
            world.found(search)
    assert world.found(search) == ["vision a", "vision b"]


def test_many_threads_search_while_things_are_saved(world: World) -> None:
    search = world.process()
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(10):
                world.source.put(f"vision {number} {step}")
                tenant = (ACME, OTHER)[step % 2]
                assert f"vision {number} {step}" in world.found(search, tenant=tenant)
        except BaseException as error:  # noqa: BLE001 (told below)
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(world.found(search)) == 40
