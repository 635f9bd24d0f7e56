"""`context.artifacts()` of the synchronous client."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tests.client.artifact_places import plant, tree_of
from tests.client.harness import Bench
from trialbook.artifacts.facade import ArtifactFacade
from trialbook.artifacts.sync import SyncArtifactFacade, SyncWriter


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the client keeps what it fetched."""
    monkeypatch.setenv("TRIALBOOK_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_saves_finds_and_loads(bench: Bench, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    with bench.sync_client() as tb:
        artifacts = tb.context(run_id="r", node_id="n").artifacts()
        saved = artifacts.save_file(path, kind="model", metrics={"f1": 0.93}, cleanup=False)
        artifacts.save_json({"a": 1}, name="a.json")
        best = artifacts.best(kind="model", metric="f1", metric_mode="max", level="run")
        assert best == saved
        assert [one.kind for one in artifacts.list()] == ["json", "model"]
        hits = artifacts.search_hits(query="model", limit=1)
        assert [hit.artifact for hit in hits] == artifacts.search(query="model", limit=1) == [saved]
        assert hits[0].why.words == ("model",)
        assert artifacts.load_bytes_by_id(saved.artifact_id) == b"weights"
        assert Path(artifacts.as_local_file(saved)).is_relative_to(cache)
        folder = artifacts.ingest_dir(plant(tmp_path / "out", {"a/b": b"c"}))
        assert tree_of(artifacts.as_local_dir(folder)) == {"a/b": b"c"}
        other = tb.context(run_id="r").scoped(run_id="other").artifacts()
        assert other.list() == []
        with pytest.raises(FileNotFoundError):
            artifacts.load_text_by_id("nothing")


def test_its_writer_saves_or_stores_nothing(bench: Bench) -> None:
    with bench.sync_client() as tb:
        artifacts = tb.context(run_id="r").artifacts()
        with artifacts.writer(kind="log", planned_ext=".txt", description="of today") as writer:
            assert writer.write(b"abc") == 3
            writer.add_labels({"tags": ["t"], "x": 1})
            writer.add_metrics({"lines": 1})
        assert writer.artifact is not None
        assert (writer.artifact.tags, writer.artifact.labels) == (["t"], {"x": 1})
        assert writer.artifact.description == "of today"

        def diverge(writer: SyncWriter) -> None:
            writer.write(b"half")
            raise RuntimeError("diverged")

        with pytest.raises(RuntimeError, match="diverged"), artifacts.writer(kind="log") as half:
            diverge(half)
        assert [one.kind for one in artifacts.list()] == ["log"]


def test_it_has_every_method() -> None:
    wanted = {name for name, _ in inspect.getmembers(ArtifactFacade) if not name.startswith("_")}
    assert wanted <= set(dir(SyncArtifactFacade))
