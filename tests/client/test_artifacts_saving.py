"""Saving artifacts, at a service and on this machine alone."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any, cast

import pytest

from tests.client.artifact_places import Place, plant
from trialbook import Artifact, AsyncArtifactStore
from trialbook.artifacts import Stored
from trialbook.context import Context

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


async def test_a_saved_file_has_everything_that_was_said_of_it(
    place: Place, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"a,b\n1,2\n")
    artifacts = place.artifacts(**IDS)
    saved = await artifacts.save_file(
        path,
        kind="dataset",
        labels={"domain": "vision", "folds": 5, "nested": {"x": [1, None]}},
        metrics={"rows": 1, "loss": math.nan, "top": math.inf, "note": "ok", "good": True},
        suggested_uri="s3://bucket/other.csv",
        name="backup.csv",
        pin=True,
        tags=["weekly", "clean"],
    )
    assert saved.sha256 == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert (saved.bytes, saved.mime, saved.mimetype) == (8, "text/csv", "text/csv")
    assert (saved.name, saved.kind, saved.pinned) == ("backup.csv", "dataset", True)
    assert saved.suggested_uri == "s3://bucket/other.csv"
    assert (saved.is_dir, saved.verified) == (False, True)
    assert saved.uri == f"trialbook://artifacts/{saved.artifact_id}"
    assert saved.labels == {"domain": "vision", "folds": 5, "nested": {"x": [1, None]}}
    assert saved.metrics is not None
    assert math.isnan(saved.metrics.pop("loss"))
    assert saved.metrics == {"rows": 1, "top": math.inf, "note": "ok", "good": True}
    assert saved.tags == ["weekly", "clean"]
    assert {name: getattr(saved, name) for name in IDS} == IDS
    found = await artifacts.get_by_id(saved.artifact_id)
    assert found is not None
    assert found.metrics is not None
    assert math.isnan(found.metrics.pop("loss"))
    assert found == saved


async def test_cleanup_is_the_default_and_removes_the_source_when_all_is_done(
    place: Place, tmp_path: Path
) -> None:
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    for path in (kept, gone):
        path.write_bytes(path.name.encode())
    artifacts = place.artifacts()
    await artifacts.save_file(str(kept), kind="model", cleanup=False)
    saved = await artifacts.save_file(str(gone), kind="model")
    assert (kept.exists(), gone.exists()) == (True, False)
    assert await artifacts.load_bytes_by_id(saved.artifact_id) == b"gone"


async def test_cleanup_spares_a_file_that_was_written_to_meanwhile(
    place: Place, tmp_path: Path
) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"epoch 1")
    context = place.of()

    class Busy:
        """An index during whose work training goes on."""

        async def record(self, draft: Artifact, stored: Stored) -> Artifact:
            path.write_bytes(b"epoch 2, which nobody has saved")
            assert context.index is not None
            return await context.index.record(draft, stored)

    busy = Context(context.store, cast("Any", Busy()))
    saved = await busy.artifacts().save_file(path, kind="checkpoint")
    assert await place.artifacts().load_bytes_by_id(saved.artifact_id) == b"epoch 1"
    assert path.read_bytes() == b"epoch 2, which nobody has saved"


async def test_a_file_that_could_not_be_indexed_is_still_there(
    place: Place, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"dear")
    context = place.of()

    class Full:
        """An index that has no room."""

        def __getattr__(self, name: str) -> Any:
            return getattr(context.index, name)

        async def record(self, draft: Artifact, stored: Stored) -> Artifact:
            raise OSError("no room")

    full = Context(context.store, cast("Any", Full()))
    with pytest.raises(OSError, match="no room"):
        await full.artifacts().save_file(path, kind="model")
    assert path.read_bytes() == b"dear"
    with pytest.raises(OSError, match="no room") as caught:
        async with full.artifacts().writer(kind="log") as writer:
            await writer.write(b"dear too")
    staged = caught.value.__notes__[0].split("kept at ")[1].split(";")[0]
    saved = await place.artifacts().ingest_file(staged, kind="log")
    assert await place.artifacts().load_bytes_by_id(saved.artifact_id) == b"dear too"
    assert not Path(staged).exists()


async def test_text_and_json_come_back(place: Place) -> None:
    artifacts = place.artifacts(run_id="r")
    text = await artifacts.save_text("naïve ☃\r\n", name="note.txt", metrics={"n": 1}, pin=True)
    assert (text.kind, text.mime, text.name, text.pinned) == (
        "text",
        "text/plain",
        "note.txt",
        True,
    )
    assert await artifacts.load_text_by_id(text.artifact_id) == "naïve ☃\r\n"
    payload = {"results": [1, 2.5, None, "ä"], "nested": {"x": True}}
    saved = await artifacts.save_json(payload, suggested_uri="s3://b/deep/results.json")
    assert (saved.kind, saved.mime, saved.name) == ("json", "application/json", "results.json")
    assert await artifacts.load_json_by_id(saved.artifact_id) == payload
    assert saved.uri is not None
    assert await artifacts.load_json(saved.uri) == payload
    nameless = await artifacts.save_json([])
    assert (nameless.name, nameless.mime) == (None, "application/json")


@pytest.mark.parametrize(
    "payload",
    [{"x": object()}, {("a", "b"): 1}, {1, 2}, {"x": b"bytes"}],
    ids=["object", "tuple key", "set", "bytes"],
)
async def test_what_is_not_json_is_a_type_error_and_stores_nothing(
    place: Place, payload: Any
) -> None:
    artifacts = place.artifacts()
    with pytest.raises(TypeError):
        await artifacts.save_json(payload)
    assert await artifacts.list(level=None) == []


async def test_nan_in_json_is_refused_and_stores_nothing(place: Place) -> None:
    artifacts = place.artifacts()
    with pytest.raises(ValueError, match="NaN and infinities are not JSON"):
        await artifacts.save_json({"loss": math.nan})
    assert await artifacts.list(level=None) == []


async def test_bad_input_is_refused_before_anything_is_stored(place: Place, tmp_path: Path) -> None:
    artifacts = place.artifacts()
    path = tmp_path / "x"
    path.write_bytes(b"x")
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (TypeError, {"kind": None}),
        (ValueError, {"kind": ""}),
        (TypeError, {"kind": "k", "tags": "one"}),
        (TypeError, {"kind": "k", "tags": [1]}),
        (TypeError, {"kind": "k", "labels": {"x": object()}}),
        (TypeError, {"kind": "k", "metrics": {1: 2}}),
        (TypeError, {"kind": "k", "description": 1}),
        (ValueError, {"kind": "k", "description": "x" * 4001}),
    ]
    for error, fields in wrong:
        with pytest.raises(error):
            await artifacts.save_file(path, **fields)
    with pytest.raises(TypeError, match="save_text takes a string"):
        await artifacts.save_text(cast("Any", b"bytes"))
    with pytest.raises(FileNotFoundError):
        await artifacts.save_file(tmp_path / "nothing", kind="k")
    with pytest.raises(IsADirectoryError):
        await artifacts.save_file(tmp_path, kind="k")
    assert path.exists()
    assert await artifacts.list(level=None) == []


async def test_whatever_is_saved_can_be_described(place: Place, tmp_path: Path) -> None:
    artifacts = place.artifacts()
    longest = "\U0001f992" * 4000
    file, folder = plant(tmp_path / "out", {"a": b"a"}) / "a", plant(tmp_path / "in", {"b": b"b"})
    async with artifacts.writer(kind="log", description=longest) as writer:
        await writer.write(b"x")
    assert writer.artifact is not None
    for saved in (
        await artifacts.save_file(file, kind="k", cleanup=False, description=longest),
        await artifacts.save_text("x", description=longest),
        await artifacts.save_json("x", description=longest),
        await artifacts.ingest_file(file, kind="k", description=longest),
        await artifacts.ingest_dir(folder, description=longest),
        writer.artifact,
    ):
        assert saved.description == longest
        assert await artifacts.get_by_id(saved.artifact_id) == saved
        assert Artifact.from_dict(saved.to_dict()) == saved
    for nothing in (None, ""):
        assert (await artifacts.save_text("x", description=nothing)).description is None


async def test_equal_bytes_are_two_artifacts(place: Place) -> None:
    artifacts = place.artifacts()
    one = await artifacts.save_text("same", name="one")
    two = await artifacts.save_text("same", name="two")
    assert one.artifact_id != two.artifact_id
    assert one.sha256 == two.sha256
    for saved in (one, two):
        assert Path(await artifacts.as_local_file(saved)).name == saved.name


async def test_without_an_index_there_is_no_saving_and_no_search(
    place: Place, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    artifacts = Context(place.of().store).artifacts()
    for call in (
        artifacts.save_file(path, kind="k"),
        artifacts.save_text("x"),
        artifacts.get_by_id("x"),
        artifacts.list(level=None),
        artifacts.search(level=None),
        artifacts.search_hits(query="x", level=None),
        artifacts.best(kind="k", metric="m", metric_mode="max", level=None),
        artifacts.pin("x"),
        artifacts.load_bytes_by_id("x"),
    ):
        with pytest.raises(RuntimeError, match="no artifact index"):
            await call
    assert await artifacts.load_bytes(path) == b"x"
    assert path.exists()


async def test_scalars_of_other_libraries_are_numbers(place: Place) -> None:
    class Scalar:
        def item(self) -> float:
            return 0.25

    saved = await place.artifacts().save_text("x", metrics={"f1": Scalar()})
    assert saved.metrics == {"f1": 0.25}


async def test_an_artifact_goes_through_a_dict(place: Place) -> None:
    saved = await place.artifacts(**IDS).save_text(
        "x", name="x.txt", labels={"a": 1}, metrics={"m": math.inf}, tags=["t"]
    )
    shown = saved.to_dict()
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert Artifact.from_dict(shown) == saved
    assert Artifact.from_dict({"artifact_id": "x", "mimetype": "a/b", "new": 1}).mime == "a/b"
    saved.mimetype = "text/html"
    assert saved.mime == "text/html"


def test_both_stores_are_stores(place: Place) -> None:
    store: AsyncArtifactStore = place.of().store
    assert callable(store.load_bytes)


async def test_a_file_has_its_own_name_unless_it_is_given_another(
    place: Place, tmp_path: Path
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    artifacts = place.artifacts()
    own = await artifacts.save_file(path, kind="model", cleanup=False)
    given = await artifacts.save_file(path, kind="model", name="best", cleanup=False)
    uri = "s3://there/other.bin"
    suggested = await artifacts.save_file(path, kind="model", suggested_uri=uri, cleanup=False)
    names = [artifact.name for artifact in (own, given, suggested)]
    assert names == ["model.bin", "best", "other.bin"]
