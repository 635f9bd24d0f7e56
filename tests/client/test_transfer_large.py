"""Large files against a local server: in parts and ranges, killed, resumed, in little memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import httpx
import pytest

from tests.api.process import KEY, ROOT, Serving, serving
from tests.client.byte_weather import ByteWeather, expired, first, lost
from trialbook._http import Api
from trialbook.context import Context
from trialbook.transfer import (
    Damaged,
    FileChanged,
    download_run_file,
    upload_run_file,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.integration]
MIB = 1024 * 1024
PART = 64 * MIB
SIZE = 4 * PART + 5 * MIB
PARTS = 5
RANGES = 9


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file of five parts, each with other bytes, new to the server."""
    path = tmp_path / "big"
    with path.open("wb") as file:
        for number in range(PARTS):
            file.seek(number * PART)
            file.write(os.urandom(100))
        file.truncate(SIZE)
    return path


def new_run(server: Serving) -> str:
    with server.client() as http:
        made = http.post(
            "/api/v1/experiments", json={"name": f"large {time.monotonic_ns()}"}
        ).json()
        run = http.post("/api/v1/experiments/runs", json={"experiment_id": made["id"]}).json()
    return run["run_id"]


def watched(url: str) -> tuple[Api, ByteWeather]:
    weather = ByteWeather(httpx.AsyncHTTPTransport())
    return Api(url, KEY, bytes_transport=weather), weather


def start(what: str, server: Serving, run_id: str, file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.client.transfer_process", what, server.url, run_id]
    return subprocess.Popen([*command, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_until(seen: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not seen():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lines_of(folder: Path, pattern: str) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob(pattern))


async def test_a_large_file_goes_in_parallel_parts_and_comes_in_parallel_ranges(
    server: Serving, big: Path, tmp_path: Path, home: Path
) -> None:
    run_id = new_run(server)
    api, weather = watched(server.url)
    sent = await upload_run_file(api, run_id, big, "models/big", progress=False)
    assert (sent["size_bytes"], sent["sha256"]) == (SIZE, sha256_of(big))
    assert (weather.count("PUT"), weather.most_open) == (PARTS, PARTS)
    assert lines_of(home, "*.jsonl") == 0  # nothing is left to remember
    back = await download_run_file(api, run_id, "models/big", tmp_path / "back", progress=False)
    assert sha256_of(back) == sha256_of(big)
    assert weather.count("GET") == RANGES
    assert sorted(path.name for path in tmp_path.iterdir() if path != home) == ["back", "big"]
    await download_run_file(api, run_id, "models/big", tmp_path / "back", progress=False)
    assert weather.count("GET") == RANGES
    await api.close()


async def test_a_large_artifact_is_indexed_and_loaded(
    server: Serving, big: Path, tmp_path: Path
) -> None:
    api, weather = watched(server.url)
    artifacts = Context.of(api, progress=False, cache=tmp_path / "cache").artifacts()
    folder = tmp_path / "out"
    folder.mkdir()
    big.rename(folder / "big")
    (folder / "small").write_bytes(b"small")
    saved = await artifacts.ingest_dir(folder)
    assert weather.count("PUT") == PARTS + 1
    local = Path(await artifacts.as_local_dir(saved))
    assert sha256_of(local / "big") == sha256_of(folder / "big")
    assert weather.count("GET") == 1 + RANGES + 1
    await api.close()


async def test_dead_urls_and_lost_connections_are_survived_both_ways(
    server: Serving, big: Path, tmp_path: Path
) -> None:
    run_id = new_run(server)
    for befall in (expired, lost):
        api, weather = watched(server.url)
        weather.befall = first(PARTS, befall)
        sent = await upload_run_file(api, run_id, big, "big", progress=False)
        assert weather.count("PUT") == 2 * PARTS
        weather.befall = first(4, befall)
        back = await download_run_file(api, run_id, "big", tmp_path / befall.__name__)
        assert sha256_of(back) == sent["sha256"]
        await api.close()


async def test_a_killed_upload_continues_where_it_was(
    server: Serving, big: Path, home: Path
) -> None:
    run_id = new_run(server)
    with start("stall", server, run_id, big) as process:
        # the upload itself, and the two parts that arrived
        wait_until(lambda: lines_of(home, "*.jsonl") == 3, process)
        process.kill()
    api, weather = watched(server.url)
    sent = await upload_run_file(api, run_id, big, "big", progress=False)
    assert weather.count("PUT") == PARTS - 2
    assert sent["sha256"] == sha256_of(big)
    assert lines_of(home, "*.jsonl") == 0
    await api.close()


async def test_an_upload_that_the_service_has_forgotten_begins_anew(
    server: Serving, big: Path, home: Path
) -> None:
    run_id = new_run(server)
    with start("stall", server, run_id, big) as process:
        wait_until(lambda: lines_of(home, "*.jsonl") == 3, process)
        process.kill()
    [state] = home.rglob("*.jsonl")
    upload_id = json.loads(state.read_text().split("\n")[0])["upload_id"]
    with server.client() as http:
        path = f"/api/v1/experiments/runs/{run_id}/artifacts/uploads/{upload_id}"
        assert http.delete(path).status_code == 204
    api, weather = watched(server.url)
    sent = await upload_run_file(api, run_id, big, "big", progress=False)
    assert weather.count("PUT") == PARTS
    assert sent["sha256"] == sha256_of(big)
    await api.close()


async def test_a_killed_download_continues_where_it_was(
    server: Serving, big: Path, tmp_path: Path
) -> None:
    run_id = new_run(server)
    api, weather = watched(server.url)
    await upload_run_file(api, run_id, big, "big", progress=False)
    folder = tmp_path / "back"
    folder.mkdir()
    with start("stall download", server, run_id, folder / "big") as process:
        wait_until(lambda: lines_of(folder, ".*.ranges") == 3, process)
        process.kill()
    assert not (folder / "big").exists()
    await download_run_file(api, run_id, "big", folder / "big", progress=False)
    assert weather.count("GET") == RANGES - 2
    assert sha256_of(folder / "big") == sha256_of(big)
    assert [path.name for path in folder.iterdir()] == ["big"]
    await api.close()


async def test_a_half_download_that_was_tampered_with_is_thrown_away(
    server: Serving, big: Path, tmp_path: Path
) -> None:
    run_id = new_run(server)
    api, _ = watched(server.url)
    await upload_run_file(api, run_id, big, "big", progress=False)
    folder = tmp_path / "back"
    folder.mkdir()
    with start("stall download", server, run_id, folder / "big") as process:
        wait_until(lambda: lines_of(folder, ".*.ranges") == 3, process)
        process.kill()
    [ranges] = folder.glob(".*.ranges")
    with ranges.with_suffix(".part").open("r+b") as file:
        file.seek(json.loads(ranges.read_text().split("\n")[1]) + 1000)
        file.write(b"tampered")
    with pytest.raises(Damaged):
        await download_run_file(api, run_id, "big", folder / "big", progress=False)
    assert list(folder.iterdir()) == []
    await download_run_file(api, run_id, "big", folder / "big", progress=False)
    assert sha256_of(folder / "big") == sha256_of(big)
    await api.close()


async def test_a_file_that_changes_in_a_later_part_is_not_uploaded(
    server: Serving, big: Path, home: Path
) -> None:
    run_id = new_run(server)
    api, weather = watched(server.url)

    def write(_: httpx.Request) -> None:
        with big.open("r+b") as file:
            file.seek(2 * PART + 7)
            file.write(b"changed")

    weather.befall = write
    with pytest.raises(FileChanged):
        await upload_run_file(api, run_id, big, "big", progress=False)
    listed = await api.call("GET", f"/api/v1/experiments/runs/{run_id}/artifacts")
    assert listed["artifacts"] == []
    assert lines_of(home, "*.jsonl") == 0
    await api.close()


async def test_a_server_that_is_killed_and_started_again_gets_the_whole_file(
    big: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    arrived = asyncio.Event()

    def befall(request: httpx.Request) -> None:
        if weather.count("PUT") >= 3:
            arrived.set()

    with serving(folder, port) as before:
        run_id = new_run(before)
        api, weather = watched(before.url)
        weather.befall = befall
        sending = asyncio.create_task(upload_run_file(api, run_id, big, "big", progress=False))
        await arrived.wait()
        await asyncio.to_thread(before.kill)
    with serving(folder, port):
        sent = await sending
        assert (sent["size_bytes"], sent["sha256"]) == (SIZE, sha256_of(big))
        await api.close()


async def test_uploads_and_downloads_take_little_memory(
    server: Serving, big: Path, tmp_path: Path
) -> None:
    run_id = new_run(server)
    for what, file in (("upload", big), ("download", tmp_path / "back")):
        with start(what, server, run_id, file) as process:
            told, _ = await asyncio.to_thread(process.communicate, timeout=120)
        assert process.returncode == 0
        assert int(told) < 100 * MIB
    assert sha256_of(tmp_path / "back") == sha256_of(big)


async def test_two_that_send_or_fetch_the_same_at_once_do_not_disturb_each_other(
    server: Serving, big: Path, tmp_path: Path, home: Path
) -> None:
    run_id = new_run(server)
    apis = [watched(server.url)[0] for _ in range(2)]
    await asyncio.gather(
        *(upload_run_file(api, run_id, big, "big", progress=False) for api in apis)
    )
    folder = tmp_path / "back"
    folder.mkdir()
    await asyncio.gather(
        *(download_run_file(api, run_id, "big", folder / "big", progress=False) for api in apis)
    )
    assert sha256_of(folder / "big") == sha256_of(big)
    assert [path.name for path in folder.iterdir()] == ["big"]
    assert lines_of(home, "*.jsonl") == 0
    for api in apis:
        await api.close()
