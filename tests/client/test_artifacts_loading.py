"""Loading artifacts and making them local."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.core.context import Role
from tests.api.mlflow import proxied
from tests.client.artifact_places import (
    Place,
    api_over,
    local,
    remote_context,
)
from tests.client.harness import AsyncFilesTransport, Bench
from trialbook.artifacts import Artifact
from trialbook.transfer import Damaged, upload_run_file

pytestmark = pytest.mark.anyio


async def test_loading_what_is_not_there_is_a_file_not_found_error(place: Place) -> None:
    artifacts = place.artifacts()
    for call in (
        artifacts.load_bytes_by_id("0" * 32),
        artifacts.load_text_by_id("artifact_456"),
        artifacts.load_json_by_id(""),
        artifacts.load_bytes("trialbook://artifacts/" + "0" * 32),
        artifacts.load_bytes("file:///nowhere/at/all"),
        artifacts.load_bytes("nowhere.txt"),
        artifacts.as_local_file("nowhere.txt"),
        artifacts.as_local_dir("nowhere"),
        artifacts.as_local_dir("trialbook://artifacts/" + "0" * 32),
    ):
        with pytest.raises(FileNotFoundError):
            await call


async def test_encodings_and_broken_json(place: Place) -> None:
    artifacts = place.artifacts()
    async with artifacts.writer(kind="text") as writer:
        await writer.write('{"ä": 1'.encode("utf-16"))
    assert writer.artifact is not None
    found = writer.artifact.artifact_id
    assert await artifacts.load_text_by_id(found, encoding="utf-16") == '{"ä": 1'
    with pytest.raises(UnicodeDecodeError):
        await artifacts.load_text_by_id(found)
    assert "�" in await artifacts.load_text_by_id(found, errors="replace")
    with pytest.raises(json.JSONDecodeError):
        await artifacts.load_json_by_id(found, encoding="utf-16")


async def test_paths_and_file_uris_load(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "a b%.json"
    path.write_text('{"x": "ä"}', "utf-8")
    artifacts = place.artifacts()
    for uri in (path, str(path), path.as_uri(), f"file://localhost{path.as_uri()[7:]}"):
        assert await artifacts.load_json(uri) == {"x": "ä"}
        assert await artifacts.as_local_file(uri) == str(path)
    assert await artifacts.as_local_dir(tmp_path.as_uri()) == str(tmp_path)
    gone = tmp_path / "gone"
    assert await artifacts.as_local_file(gone, must_exist=False) == str(gone)
    assert await artifacts.as_local_dir(gone, must_exist=False) == str(gone)
    with pytest.raises(FileNotFoundError):
        await artifacts.as_local_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        await artifacts.as_local_dir(path)


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/x",
        "gs://bucket/x",
        "trialbook://artifacts/",
        "trialbook://somewhere/x",
        "trialbook://runs/r1",
        "s3://bucket",
        "file://otherhost/x",
        "",
    ],
)
async def test_other_uris_are_a_value_error(place: Place, uri: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        await place.artifacts().load_bytes(uri)


async def test_a_cached_file_that_was_changed_is_fetched_again(
    bench: Bench, tmp_path: Path
) -> None:
    artifacts = remote_context(bench.api(), tmp_path).artifacts()
    saved = await artifacts.save_text("the text", name="../odd/na me.txt")
    path = Path(await artifacts.as_local_file(saved))
    assert path.name == "na me.txt"
    path.write_text("the tex!")
    assert await artifacts.as_local_file(saved) == str(path)
    assert path.read_text() == "the text"


async def test_another_tenant_sees_nothing(bench: Bench, tmp_path: Path) -> None:
    saved = await remote_context(bench.api(), tmp_path).artifacts().save_text("mine")
    key = bench.service.key(Role.ADMIN, "eve", bench.service.other_tenant)
    theirs = remote_context(bench.api(key), tmp_path / "theirs").artifacts()
    assert await theirs.get_by_id(saved.artifact_id) is None
    assert await theirs.list(level=None) == []
    for call in (
        theirs.load_bytes_by_id(saved.artifact_id),
        theirs.load_bytes(str(saved.uri)),
        theirs.as_local_file(saved),
        theirs.pin(saved.artifact_id),
    ):
        with pytest.raises(FileNotFoundError):
            await call


async def test_a_file_of_a_run_loads_by_its_uri(bench: Bench, tmp_path: Path) -> None:
    run_id = bench.service.run()["run_id"]
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    api = bench.api()
    answer = await upload_run_file(api, run_id, path, "models/a b.bin", progress=False)
    assert (answer["path"], answer["size_bytes"]) == ("models/a b.bin", 7)
    artifacts = remote_context(api, tmp_path).artifacts()
    uri = f"trialbook://runs/{run_id}/artifacts/models/a%20b.bin"
    assert await artifacts.load_bytes(uri) == b"weights"
    assert Path(await artifacts.as_local_file(uri)).name == "a b.bin"
    with pytest.raises(FileNotFoundError):
        await artifacts.load_bytes(f"trialbook://runs/{run_id}/artifacts/models/other")
    with pytest.raises(ValueError, match="no directory"):
        await artifacts.as_local_dir(uri)


async def test_a_file_that_nobody_told_the_digest_of_loads_too(
    bench: Bench, tmp_path: Path
) -> None:
    run = bench.service.run()
    artifacts = remote_context(bench.api(), tmp_path).artifacts()
    uri = f"trialbook://runs/{run['run_id']}/artifacts/model.bin"
    for body in (b"weights", b"others!"):
        await asyncio.to_thread(
            proxied.upload, bench.service, proxied.root(run), "model.bin", [body]
        )
        assert await artifacts.load_bytes(uri) == body
    bench.service.pull()
    assert await artifacts.load_bytes(uri) == b"others!"


class Lying(httpx.AsyncBaseTransport):
    """The store of bytes, whose answers somebody changes on the way."""

    def __init__(self, inner: httpx.AsyncBaseTransport, change: Callable[[bytes], bytes]) -> None:
        self._inner = inner
        self._change = change

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        if request.method != "GET":
            return answer
        return httpx.Response(200, content=self._change(await answer.aread()))


def _flipped(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


def _longer(body: bytes) -> bytes:
    return body + b"!"


def _shorter(body: bytes) -> bytes:
    return body[:-1]


@pytest.mark.parametrize("change", [_flipped, _longer, _shorter])
async def test_bytes_that_were_tampered_with_are_refused_and_not_kept(
    bench: Bench, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    saved = await remote_context(bench.api(), tmp_path).artifacts().save_text("the text")
    api = api_over(bench, Lying(AsyncFilesTransport(bench.service.files), change))
    artifacts = remote_context(api, tmp_path).artifacts()
    loads: list[Awaitable[Any]] = [
        artifacts.load_bytes_by_id(saved.artifact_id),
        artifacts.as_local_file(saved),
    ]
    for loading in loads:
        with pytest.raises(Damaged):
            await loading
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept == []


async def test_local_bytes_that_rotted_are_refused(tmp_path: Path) -> None:
    artifacts = local(tmp_path).artifacts()
    saved = await artifacts.save_text("the text")
    [blob] = [p for p in (tmp_path / "artifacts/blobs").rglob("*") if p.is_file()]
    blob.chmod(0o644)
    blob.write_text("the tex!")
    with pytest.raises(Damaged):
        await artifacts.load_bytes_by_id(saved.artifact_id)
    blob.unlink()
    with pytest.raises(FileNotFoundError, match="gone"):
        await artifacts.load_bytes_by_id(saved.artifact_id)


async def test_an_artifact_that_says_nothing_of_its_bytes_is_not_found(place: Place) -> None:
    artifacts = place.artifacts()
    for call in (
        artifacts.as_local_file(Artifact("x")),
        artifacts.as_local_dir(Artifact("x")),
        artifacts.as_local_dir(Artifact("x", is_dir=True)),
    ):
        with pytest.raises(FileNotFoundError):
            await call
