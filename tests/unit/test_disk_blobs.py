"""What the files promise beyond the contract: they survive a kill, and rubbish is removed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from chalicelib.core.errors import Unavailable
from chalicelib.storage.blobs import BlobExists, BlobInfo, BlobMissing, Part
from local.blob_files import BlobWriter, DamagedFile
from local.disk_blobs import ABANDONED_MS, DiskBlobs
from local.disk_uploads import DiskUploads, Upload
from tests.contract.blob_engines import SettableClock

CHILD = """
import hashlib, os, sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from chalicelib.core.context import Clock
from local.disk_blobs import DiskBlobs

blobs = DiskBlobs(Path(sys.argv[1]), "http://localhost", b"secret", Clock())

def write(number):
    body = os.urandom(1 + number * 7919 % 300_000)
    digest = hashlib.sha256(body).hexdigest()
    blobs.put(f"cas/acme/{digest}", body, mime="a/b", only_if_absent=number % 2 == 0)
    blobs.put("hot", digest.encode() * (number % 500), mime="a/b")
    os.write(1, digest.encode() + b"\\n")

with ThreadPoolExecutor(8) as pool:
    list(pool.map(write, range(100_000)))
"""


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def blobs(tmp_path: Path, clock: SettableClock) -> DiskBlobs:
    return DiskBlobs(tmp_path, "http://localhost", b"secret", clock)


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def store_part(blobs: DiskBlobs, key: str, upload: str, number: int, body: bytes) -> Part:
    with blobs.writer() as writer:
        writer.write([body])
        etag = blobs.store_part(key, upload, number, writer, is_digest_bound=True)
    return Part(number, etag, hashlib.sha256(body).hexdigest())


@pytest.mark.slow
@pytest.mark.integration
def test_a_kill_loses_nothing_answered_and_shows_nothing_half_written(
    blobs: DiskBlobs, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", CHILD, os.fspath(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        answered = [child.stdout.readline() for _ in range(300)]
        child.kill()
        answered += [line for line in child.stdout if line.endswith(b"\n")]
    digests = {line.decode().strip() for line in answered}
    assert len(digests) >= 300
    page = blobs.list("cas/acme/")
    listed = list(page.blobs)
    while page.next is not None:
        page = blobs.list("cas/acme/", page.next)
        listed += page.blobs
    assert digests <= {blob.key.rpartition("/")[2] for blob in listed}
    for blob in listed:
        assert blob.key == f"cas/acme/{hashlib.sha256(blobs.get(blob.key)).hexdigest()}"
    hot = blobs.get("hot").decode()
    assert hot == hot[:64] * (len(hot) // 64)


def test_a_failed_write_leaves_nothing(
    blobs: DiskBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BlobWriter, "publish", full_disk)
    with pytest.raises(Unavailable, match="no space left"):
        blobs.put("key", b"x", mime="a/b")
    assert files_under(tmp_path) == []
    assert blobs.head("key") is None


def test_the_loser_of_a_conditional_put_leaves_nothing(
    blobs: DiskBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put("key", b"first", mime="a/b")

    def looked_too_early(_: Path) -> bool:
        return False

    monkeypatch.setattr(Path, "exists", looked_too_early)
    with pytest.raises(BlobExists):
        blobs.put("key", b"second", mime="a/b", only_if_absent=True)
    assert blobs.get("key") == b"first"
    assert len(files_under(tmp_path)) == 1


@pytest.mark.parametrize("damage", [b"", b"not a blob", b"{}\0\0\0\2TBF1", b"\xff\xff\xff\xffTBF1"])
def test_a_file_that_is_no_blob_is_told_apart(
    blobs: DiskBlobs, tmp_path: Path, damage: bytes
) -> None:
    blobs.put("key", b"x", mime="a/b")
    (file,) = files_under(tmp_path)
    file.write_bytes(damage)
    with pytest.raises(DamagedFile):
        blobs.get("key")


def test_completing_while_another_call_does_gives_the_same_answer(
    blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = blobs.start_multipart("key", mime="a/b", checksums=True)
    part = store_part(blobs, "key", upload, 1, b"bytes")
    assemble = DiskUploads.assemble
    answers: list[BlobInfo] = []

    def overtaken(
        self: DiskUploads, found: Upload, parts: Sequence[Part], writer: BlobWriter
    ) -> str:
        monkeypatch.setattr(DiskUploads, "assemble", assemble)
        answers.append(blobs.complete_multipart("key", upload, parts))
        return assemble(self, found, parts, writer)

    monkeypatch.setattr(DiskUploads, "assemble", overtaken)
    answers.append(blobs.complete_multipart("key", upload, [part]))
    assert answers[0] == answers[1] == blobs.head("key")


def test_a_completed_upload_is_forgotten_with_its_blob(blobs: DiskBlobs) -> None:
    upload = blobs.start_multipart("key", mime="a/b", checksums=True)
    part = store_part(blobs, "key", upload, 1, b"bytes")
    info = blobs.complete_multipart("key", upload, [part])
    assert blobs.complete_multipart("key", upload, [part]) == info
    blobs.put("key", b"another", mime="a/b")
    with pytest.raises(BlobMissing):
        blobs.complete_multipart("key", upload, [part])


def test_what_was_abandoned_is_removed_after_a_week(
    blobs: DiskBlobs, clock: SettableClock, tmp_path: Path
) -> None:
    blobs.put("key", b"kept", mime="a/b")
    old = blobs.start_multipart("key", mime="a/b", checksums=True)
    store_part(blobs, "key", old, 1, b"x" * 100)
    (tmp_path / "writing" / clock.new_id()).write_bytes(b"left by a kill")
    clock.ahead_ms = ABANDONED_MS // 2
    young = blobs.start_multipart("key", mime="a/b", checksums=True)
    part = store_part(blobs, "key", young, 1, b"young")
    blobs.remove_abandoned()
    assert (tmp_path / "uploads" / old).exists()
    clock.ahead_ms = ABANDONED_MS + 1000
    blobs.remove_abandoned()
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [young]
    assert files_under(tmp_path / "writing") == []
    assert blobs.get("key") == b"kept"
    assert blobs.complete_multipart("key", young, [part]).size_bytes == 5
