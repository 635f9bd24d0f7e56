"""The drop zone of a laptop: what is taken, when, and what is left alone."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any, Final

import pytest

from chalicelib.storage.blobs import BlobInfo
from local.disk_blobs import DiskBlobs
from local.drop_zone import UNSURE_S, DropZone
from tests.unit.stores import HandClock

LINE: Final = b'{"type": "run"}\n'


class Zone:
    """A zone over real folders; `taken` are the blobs it made."""

    def __init__(self, root: Path) -> None:
        self.clock = HandClock()
        self.folder = root / "ingest"
        self.blobs = DiskBlobs(root / "blobs", "", b"a secret", self.clock)
        self.taken: list[BlobInfo] = []
        self.blobs.on_created = self.taken.append
        self.zone = DropZone(self.folder, self.blobs, self.clock)

    def put(self, name: str, body: bytes = LINE) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    return Zone(tmp_path)


def test_a_whole_file_is_taken_at_once_and_leaves_the_folder(zone: Zone) -> None:
    path = zone.put("acme/Lines of März.jsonl")
    assert zone.zone.take() == 1
    assert not path.exists()
    (info,) = zone.taken
    prefix, tenant, ingest_id, name = info.key.split("/")
    assert (prefix, tenant, name) == ("ingest", "acme", "Lines of März.jsonl")
    assert len(ingest_id) == 32
    assert info.mime == "application/x-ndjson"
    assert zone.blobs.get(info.key) == LINE
    assert zone.zone.take() == 0


def test_two_files_of_one_name_are_two(zone: Zone) -> None:
    for _ in range(2):
        zone.put("acme/same.gz")
        assert zone.zone.take() == 1
    first, second = zone.taken
    assert first.key != second.key
    assert second.mime == "application/gzip"


def test_one_that_a_kill_kept_in_the_folder_is_one(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zone.put("acme/a.jsonl")
    unlink: Any = Path.unlink

    def killed(self: Path, missing_ok: bool = False) -> None:
        if self == path:
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            zone.zone.take()
    assert zone.zone.take() == 1
    first, second = zone.taken
    assert (first.key, first.version) == (second.key, second.version)


def test_a_file_that_is_still_written_is_left(zone: Zone) -> None:
    path = zone.put("acme/slow.jsonl")
    with path.open("ab") as file:
        for _ in range(3):
            assert zone.zone.take() == 0
            zone.clock.advance(60_000)
        file.write(LINE)
    assert zone.zone.take() == 1
    assert zone.blobs.get(zone.taken[0].key) == LINE * 2


def test_where_the_system_cannot_tell_a_file_must_rest(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_leases(*_: Any) -> int:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(fcntl, "fcntl", no_leases)
    path = zone.put("acme/a.jsonl")
    assert zone.zone.take() == 0
    zone.clock.advance(int(UNSURE_S * 1000) - 1)
    assert zone.zone.take() == 0
    path.write_bytes(LINE * 2)
    zone.clock.advance(1)
    assert zone.zone.take() == 0  # it changed
    zone.clock.advance(int(UNSURE_S * 1000))
    assert zone.zone.take() == 1
    monkeypatch.delattr(fcntl, "F_SETLEASE")
    zone.put("acme/b.jsonl")
    assert zone.zone.take() == 0
    zone.clock.advance(int(UNSURE_S * 1000))
    assert zone.zone.take() == 1


def test_folders_are_gone_through_and_what_is_unfinished_is_left(zone: Zone) -> None:
    left = [zone.put(f"acme/{name}") for name in (".hidden", "a.part", "b.tmp", ".d/c.jsonl")]
    zone.put("acme/2026/11/x.jsonl")
    (zone.folder / "acme/link.jsonl").symlink_to(left[0])
    assert zone.zone.take() == 1
    assert [info.key.rpartition("/")[2] for info in zone.taken] == ["x.jsonl"]
    assert all(path.exists() for path in left)


def test_what_is_no_tenants_folder_is_left(zone: Zone) -> None:
    zone.put("loose.jsonl")
    zone.put("no tenant/a.jsonl")
    assert zone.zone.take() == 0


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    assert Zone(tmp_path).zone.take() == 0


def test_a_file_that_cannot_be_read_stays_and_the_others_are_taken(
    zone: Zone, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = zone.put("acme/a.jsonl")
    zone.put("acme/b.jsonl")
    opened: Any = Path.open

    def denied(self: Path, *arguments: Any, **named: Any) -> Any:
        if self == bad:
            raise PermissionError(errno.EACCES, "denied")
        return opened(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", denied)
    assert zone.zone.take() == 1
    assert zone.zone.take() == 0
    assert bad.exists()
    assert [record.message for record in caplog.records] == ["cannot take a.jsonl: PermissionError"]


def test_a_store_that_does_not_take_it_leaves_the_file(zone: Zone) -> None:
    def away(_: BlobInfo) -> None:
        raise OSError(errno.ENOSPC, "full")

    zone.blobs.on_created = away
    path = zone.put("acme/a.jsonl")
    assert zone.zone.take() == 0
    assert path.exists()
    zone.blobs.on_created = zone.taken.append
    assert zone.zone.take() == 1
