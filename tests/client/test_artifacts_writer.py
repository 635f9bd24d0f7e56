"""Writers and staged files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.client.artifact_places import Place
from trialbook.artifacts.writer import ArtifactWriter

pytestmark = pytest.mark.anyio
IDS = {
    "run_id": "r1",
    "session_id": "s1",
    "graph_id": "g1",
    "node_id": "n1",
    "user_id": "u1",
    "org_id": "o1",
    "client_id": "c1",
    "app_id": "a1",
    "experiment_id": "e1",
    "tool_name": "train",
    "tool_version": "2",
}


async def test_what_was_staged_for_text_and_json_is_gone(place: Place) -> None:
    artifacts = place.artifacts()
    await artifacts.save_text("x")
    await artifacts.save_json({})
    async with artifacts.writer(kind="log") as writer:
        await writer.write(b"x")
    staging = Path(await artifacts.stage_path()).parent
    assert list(staging.iterdir()) == []


async def test_a_writer_streams_and_is_finished_when_the_block_is_left(place: Place) -> None:
    artifacts = place.artifacts(**IDS)
    async with artifacts.writer(kind="log", planned_ext=".log", pin=True) as writer:
        assert await writer.write(b"Log entry 1\n") == 12
        await writer.write(bytearray(b"two\n"))
        writer.add_labels({"source": "app"})
        writer.add_labels({"tags": ["a", "b"], "more": 1})
        writer.add_metrics({"lines": 1})
        writer.add_metrics({"lines": 2, "x": 0.5})
        assert writer.artifact is None
    saved = writer.artifact
    assert saved is not None
    assert (saved.kind, saved.pinned, saved.tags) == ("log", True, ["a", "b"])
    assert saved.labels == {"source": "app", "more": 1}
    assert saved.metrics == {"lines": 2, "x": 0.5}
    assert (saved.run_id, saved.tool_name) == ("r1", "train")
    assert await artifacts.load_bytes_by_id(saved.artifact_id) == b"Log entry 1\ntwo\n"
    with pytest.raises(ValueError, match="closed"):
        await writer.write(b"late")


async def test_a_writer_takes_no_text(place: Place) -> None:
    artifacts = place.artifacts()
    with pytest.raises(TypeError, match="write takes bytes"):
        async with artifacts.writer(kind="log") as writer:
            await writer.write(cast("Any", "text"))
    assert await artifacts.list(level=None) == []


async def test_an_exception_in_a_writer_stores_nothing_and_leaves_no_file(place: Place) -> None:
    artifacts = place.artifacts()
    writers: list[ArtifactWriter] = []

    async def diverge() -> None:
        async with artifacts.writer(kind="log") as writer:
            writers.append(writer)
            await writer.write(b"half")
            raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"):
        await diverge()
    assert writers[0].artifact is None
    assert await artifacts.list(level=None) == []
    assert list(Path(await artifacts.stage_path()).parent.iterdir()) == []


async def test_staged_names_are_new_each_time_and_have_their_ending(place: Place) -> None:
    artifacts = place.artifacts()
    paths = {await artifacts.stage_path(".json") for _ in range(5)}
    assert len(paths) == 5
    assert all(path.endswith(".json") and not Path(path).exists() for path in paths)
    folder = Path(await artifacts.stage_dir("_images"))
    assert folder.is_dir()
    assert folder.name.endswith("_images")
    with pytest.raises(ValueError, match="not a path"):
        await artifacts.stage_path("/../../x")


async def test_ingesting_removes_what_was_staged_and_nothing_else(
    place: Place, tmp_path: Path
) -> None:
    artifacts = place.artifacts()
    staged, own = Path(await artifacts.stage_path(".txt")), tmp_path / "own.txt"
    for path in (staged, own):
        path.write_text("x")
        await artifacts.ingest_file(path, kind="text", tags=["t"], metrics={"n": 1})
    assert (staged.exists(), own.exists()) == (False, True)
