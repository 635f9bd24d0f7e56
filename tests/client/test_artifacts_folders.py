"""Directory artifacts: taken in, rebuilt, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.client.artifact_places import (
    Place,
    local,
    plant,
    remote,
    remote_context,
    tree_of,
)
from tests.client.harness import Bench
from trialbook.artifacts.remote import RemoteArtifactStore
from trialbook.transfer import UnsafePath

pytestmark = pytest.mark.anyio
FILES = {
    "model.bin": b"\x00\x01" * 500,
    "config/params.json": b'{"lr": 0.1}',
    "config/deep/er/a b%20c ä.txt": b"text",
    "empty": b"",
    "copy.bin": b"\x00\x01" * 500,
}


async def test_a_directory_comes_back_whole(place: Place, tmp_path: Path) -> None:
    source = plant(tmp_path / "out", FILES)
    (source / "nothing in it").mkdir()
    artifacts = place.artifacts(run_id="r")
    saved = await artifacts.ingest_dir(
        source, kind="checkpoint", tags=["t"], labels={"type": "x"}, metrics={"n": 5}, name="ckpt"
    )
    assert (saved.is_dir, saved.file_count, saved.name) == (True, 5, "ckpt")
    assert saved.bytes == sum(map(len, FILES.values()))
    assert (saved.kind, saved.tags, saved.metrics) == ("checkpoint", ["t"], {"n": 5})
    assert source.exists()
    folder = await artifacts.as_local_dir(saved)
    assert tree_of(folder) == FILES
    assert saved.uri is not None
    assert await artifacts.as_local_dir(saved.uri) == folder
    assert await artifacts.load_bytes(f"{saved.uri}/model.bin") == FILES["model.bin"]
    encoded = f"{saved.uri}/config/deep/er/a%20b%2520c%20%C3%A4.txt"
    assert await artifacts.load_text(encoded) == "text"
    local = await artifacts.as_local_file(f"{saved.uri}/config/params.json")
    assert Path(local).name == "params.json"
    with pytest.raises(FileNotFoundError):
        await artifacts.load_bytes(f"{saved.uri}/config")
    with pytest.raises(IsADirectoryError):
        await artifacts.load_bytes_by_id(saved.artifact_id)
    with pytest.raises(FileNotFoundError):
        await artifacts.as_local_file(saved)
    with pytest.raises(ValueError, match="whole"):
        await artifacts.as_local_dir(f"{saved.uri}/config")


async def test_the_same_folder_has_the_same_digest_everywhere(bench: Bench, tmp_path: Path) -> None:
    source = plant(tmp_path / "out", FILES)
    one = await remote(bench, tmp_path).artifacts().ingest_dir(source)
    two = await local(tmp_path).artifacts().ingest_dir(source)
    assert (one.sha256, one.mime, one.bytes) == (two.sha256, two.mime, two.bytes)


async def test_a_staged_folder_is_removed_when_it_was_taken_in(place: Place) -> None:
    artifacts = place.artifacts()
    staged = Path(await artifacts.stage_dir("_images"))
    plant(staged, {"a/b.png": b"x"})
    await artifacts.ingest_dir(staged, kind="images")
    assert not staged.exists()


@pytest.mark.parametrize("target", ["outside", "inside", "folder"])
async def test_a_link_in_a_folder_is_refused_and_nothing_is_indexed(
    place: Place, tmp_path: Path, target: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    source = plant(tmp_path / "out", {"a": b"a", "sub/b": b"b"})
    to = {"outside": tmp_path / "secret", "inside": source / "a", "folder": source / "sub"}
    (source / "link").symlink_to(to[target])
    artifacts = place.artifacts()
    with pytest.raises(UnsafePath, match="symbolic link"):
        await artifacts.ingest_dir(source)
    assert await artifacts.list(level=None) == []


async def test_folders_that_cannot_be_saved_say_why(place: Place, tmp_path: Path) -> None:
    artifacts = place.artifacts()
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(ValueError, match="0 files"):
        await artifacts.ingest_dir(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        await artifacts.ingest_dir(tmp_path / "nothing")
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(NotADirectoryError):
        await artifacts.ingest_dir(file)
    os.mkfifo(plant(tmp_path / "pipes", {"a": b"a"}) / "pipe")
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        await artifacts.ingest_dir(tmp_path / "pipes")
    with pytest.raises(UnsafePath):
        await artifacts.ingest_dir(plant(tmp_path / "odd", {"back\\slash": b"x"}))
    with pytest.raises(TypeError):
        await artifacts.ingest_dir(file, colour="red")
    assert await artifacts.list(level=None) == []


async def test_a_second_call_fetches_only_what_is_damaged_or_gone(
    bench: Bench, tmp_path: Path
) -> None:
    artifacts = remote_context(bench.api(), tmp_path).artifacts()
    saved = await artifacts.ingest_dir(plant(tmp_path / "out", FILES))
    store = remote_context(bench.api(), tmp_path).store
    assert isinstance(store, RemoteArtifactStore)
    folder = tmp_path / "tree"
    assert len(await store.download_dir(saved, folder)) == 5
    assert await store.download_dir(saved, folder) == []
    (folder / "model.bin").write_bytes(b"\x00\x02" * 500)  # as long, but other bytes
    (folder / "empty").unlink()
    (folder / "config/params.json").touch()
    (folder / "mine").write_text("left alone")
    fetched = await store.download_dir(saved, folder)
    assert [file.path for file in fetched] == ["empty", "model.bin"]
    assert tree_of(folder) == FILES | {"mine": b"left alone"}


@pytest.mark.parametrize("planted", ["file", "folder", "above"])
async def test_a_link_planted_in_the_target_is_not_followed(
    place: Place, tmp_path: Path, planted: str
) -> None:
    artifacts = place.artifacts()
    saved = await artifacts.ingest_dir(plant(tmp_path / "out", {"a": b"new", "sub/b": b"new"}))
    folder = Path(await artifacts.as_local_dir(saved))
    elsewhere = plant(tmp_path / "elsewhere", {"a": b"old", "b": b"old"})
    if planted == "file":
        (folder / "a").unlink()
        (folder / "a").symlink_to(elsewhere / "a")
    else:
        (folder / "sub/b").unlink()
        (folder / "sub").rmdir()
        (folder / "sub").symlink_to(elsewhere if planted == "folder" else tmp_path / "not there")
    with pytest.raises(UnsafePath, match="a link is in the way"):
        await artifacts.as_local_dir(saved)
    assert tree_of(elsewhere) == {"a": b"old", "b": b"old"}
    assert not (tmp_path / "not there").exists()
