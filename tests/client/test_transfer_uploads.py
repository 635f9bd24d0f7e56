"""Uploads of small files against the real app: what is sent, what is tried again."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.client.artifact_places import api_over, plant, remote_context
from tests.client.byte_weather import (
    Befall,
    ByteWeather,
    busy,
    expired,
    first,
    lost,
    nothing,
    swallowed,
)
from tests.client.harness import AsyncFilesTransport, Bench
from trialbook import Artifact, Conflict
from trialbook.artifacts import ArtifactFacade, Stored
from trialbook.artifacts.saving import record
from trialbook.transfer import FileChanged, StoreRefused, upload_run_file

pytestmark = pytest.mark.anyio


class Sending:
    """An artifact facade, and the weather on the way of its bytes."""

    def __init__(self, bench: Bench, folder: Path, befall: Befall = nothing) -> None:
        self.bytes = ByteWeather(AsyncFilesTransport(bench.service.files), befall)
        self.api = api_over(bench, self.bytes)
        self.artifacts: ArtifactFacade = remote_context(self.api, folder).artifacts()
        self.service = bench.weather

    def sent(self, ending: str) -> int:
        return len(self.service.sent("POST", ending))


async def test_bytes_that_the_service_has_are_not_sent_again(bench: Bench, tmp_path: Path) -> None:
    sending = Sending(bench, tmp_path)
    for _ in range(3):
        await sending.artifacts.save_text("the same")
    assert sending.bytes.count("PUT") == 1
    assert len(await sending.artifacts.list(level=None)) == 3


async def test_presigned_requests_carry_no_key(bench: Bench, tmp_path: Path) -> None:
    sending = Sending(bench, tmp_path)
    saved = await sending.artifacts.save_text("x")
    await sending.artifacts.as_local_file(saved)
    for request in sending.bytes.requests:
        assert "x-api-key" not in request.headers
        assert bench.key not in str(request.url)


@pytest.mark.parametrize("befall", [busy, lost])
async def test_a_put_that_failed_is_sent_again(
    bench: Bench, tmp_path: Path, befall: Befall
) -> None:
    sending = Sending(bench, tmp_path, first(3, befall))
    saved = await sending.artifacts.save_text("x")
    assert sending.bytes.count("PUT") == 4
    assert len(bench.pauses.seconds) == 3
    assert await sending.artifacts.load_bytes_by_id(saved.artifact_id) == b"x"


async def test_a_dead_url_is_signed_anew(bench: Bench, tmp_path: Path) -> None:
    sending = Sending(bench, tmp_path, first(2, expired))
    saved = await sending.artifacts.save_text("x")
    assert sending.sent("/parts") == 2
    assert sending.bytes.count("PUT") == 3
    sending.bytes.befall = first(1, expired)
    assert await sending.artifacts.load_bytes_by_id(saved.artifact_id) == b"x"
    assert sending.bytes.count("GET") == 2


async def test_a_store_that_refuses_for_good_is_given_up(bench: Bench, tmp_path: Path) -> None:
    sending = Sending(bench, tmp_path, expired)
    with pytest.raises(StoreRefused, match="expired"):
        await sending.artifacts.save_text("x")
    assert sending.bytes.count("PUT") == 8
    sending.bytes.befall = lambda _: httpx.Response(413)
    with pytest.raises(StoreRefused, match="413"):
        await sending.artifacts.save_text("x")
    assert sending.bytes.count("PUT") == 9
    assert await sending.artifacts.list(level=None) == []


async def test_bytes_that_never_arrived_are_sent_again(bench: Bench, tmp_path: Path) -> None:
    sending = Sending(bench, tmp_path, first(1, swallowed))
    saved = await sending.artifacts.save_text("x")
    assert sending.bytes.count("PUT") == 2
    assert await sending.artifacts.load_bytes_by_id(saved.artifact_id) == b"x"


async def test_a_folder_is_sent_in_batches_and_equal_files_once(
    bench: Bench, tmp_path: Path
) -> None:
    sending = Sending(bench, tmp_path)
    files = {f"sub{n % 7}/{n}.txt": str(n // 2).encode() for n in range(250)}
    saved = await sending.artifacts.ingest_dir(plant(tmp_path / "out", files))
    assert saved.file_count == 250
    assert sending.bytes.count("PUT") == 125
    assert 2 <= sending.bytes.most_open <= 16
    assert (sending.sent("/uploads/batch"), sending.sent("/batch/complete")) == (2, 2)
    await sending.artifacts.ingest_dir(tmp_path / "out")
    assert sending.bytes.count("PUT") == 125


async def test_files_of_a_folder_that_failed_or_vanished_are_sent_again(
    bench: Bench, tmp_path: Path
) -> None:
    for number, befall in enumerate((expired, busy, lost, swallowed)):
        sending = Sending(bench, tmp_path, first(3, befall))
        files = {f"{n}": f"{number} {n}".encode() for n in range(10)}
        saved = await sending.artifacts.ingest_dir(plant(tmp_path / f"out{number}", files))
        assert sending.bytes.count("PUT") == 13
        for name, body in files.items():
            assert await sending.artifacts.load_bytes(f"{saved.uri}/{name}") == body


async def test_files_that_keep_vanishing_are_an_error_and_nothing_is_indexed(
    bench: Bench, tmp_path: Path
) -> None:
    sending = Sending(bench, tmp_path, swallowed)
    with pytest.raises(Conflict):
        await sending.artifacts.ingest_dir(plant(tmp_path / "out", {"a": b"a", "b": b"b"}))
    with pytest.raises(Conflict):
        await sending.artifacts.save_text("x")
    assert await sending.artifacts.list(level=None) == []


@pytest.mark.parametrize("change", ["other bytes", "shorter", "longer", "gone"])
async def test_a_file_that_changes_while_it_is_sent_is_an_error(
    bench: Bench, tmp_path: Path, change: str
) -> None:
    path = tmp_path / "model"
    source = plant(tmp_path / "out", {"model": b"0123456789"})

    def write(request: httpx.Request) -> None:
        for each in (path, source / "model"):
            if change == "gone":
                each.unlink(missing_ok=True)
            else:
                bodies = {"other bytes": b"0123456780", "shorter": b"0", "longer": b"0123456789!"}
                each.write_bytes(bodies[change])

    path.write_bytes(b"0123456789")
    sending = Sending(bench, tmp_path, write)
    with pytest.raises((FileChanged, FileNotFoundError)):
        await sending.artifacts.save_file(path, kind="model")
    (source / "model").write_bytes(b"9876543210")
    with pytest.raises((FileChanged, FileNotFoundError)):
        await sending.artifacts.ingest_dir(source)
    assert await sending.artifacts.list(level=None) == []


async def test_bytes_collected_before_they_were_indexed_are_stored_once_more() -> None:
    saves = 0

    async def save() -> Stored:
        nonlocal saves
        saves += 1
        return Stored("ab", 1)

    class Index:
        async def record(self, draft: Artifact, stored: Stored) -> Artifact:
            if saves == 1:
                raise Conflict("the bytes are gone", details={"missing": ["ab"]})
            return Artifact("x", sha256=stored.sha256)

    assert (await record(Index(), Artifact(""), save)).sha256 == "ab"  # pyright: ignore[reportArgumentType] -- recording is all that it is asked
    assert saves == 2


async def test_an_empty_file_goes_to_a_run_and_back(bench: Bench, tmp_path: Path) -> None:
    sending = Sending(bench, tmp_path)
    run_id = bench.service.run()["run_id"]
    (tmp_path / "empty").touch()
    answer = await upload_run_file(sending.api, run_id, tmp_path / "empty", progress=False)
    assert (answer["path"], answer["size_bytes"]) == ("empty", 0)
    uri = f"trialbook://runs/{run_id}/artifacts/empty"
    assert await sending.artifacts.load_bytes(uri) == b""
