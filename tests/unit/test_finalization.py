"""Bytes that are there are finalized while their client, a collector or another delivery of the
event does the same or the opposite: in every order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.core.ids import RunId, UploadId
from chalicelib.core.model.artifact import RunArtifact
from chalicelib.core.model.run import Run
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import collection, previews, run_uploads, stored_bytes
from chalicelib.domain.finalization import Finalization, finalize
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.domain.uploads import LOOK_AFTER_MS, NewUpload
from chalicelib.storage import artifact_keys
from chalicelib.storage.artifact_keys import COLLECTION_DUE
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import Key, Query
from tests.unit.bytes_given import sha256_of
from tests.unit.images_given import png
from tests.unit.interleaving import Act, Ended, Gated, explore
from tests.unit.stores import HandClock, Stopped, Stores

BODY = png()
SHA256 = sha256_of(BODY)
PLACE = Key("prepared", "upload")
"""Where what was prepared leaves the ids of its run and upload, and the key of its object."""


def prepared(stores: Stores) -> tuple[RunId, UploadId, str]:
    item = stores.table.get(PLACE)
    assert item is not None
    return RunId(str(item["run"])), UploadId(str(item["upload"])), str(item["blob"])


# -- where they start -------------------------------------------------------------------------


def bytes_arrived(stores: Stores) -> None:
    """The bytes of an open upload of a run's file."""
    run_id = RunId(stores.clock.new_id())
    experiment_id = stores.new_experiment_id()
    user = stores.context.user
    stores.runs.create(
        stores.tenant, Run(run_id, experiment_id, "a-run", stores.clock.now_ms(), user)
    )
    wanted = NewUpload(len(BODY), SHA256, filename="plot")
    upload = run_uploads.begin(stores.files, stores.context, run_id, "plot", wanted).upload
    stores.blobs.put(upload.blob_key, BODY, mime=upload.mime)
    _remember(stores, run_id, upload.upload_id, upload.blob_key)


def garbage(stores: Stores) -> None:
    """An image that was saved, and whose owner went a day ago."""
    owner = Owner("artifact", "old")
    kept = stored_bytes.keep(stores.bytes, stores.context, BODY, "a/b", owner, lambda _: [])
    now_ms = stores.clock.now_ms()
    stores.table.transact(collection.let_go(stores.bytes.records, kept.blob_key, owner, now_ms))
    _remember(stores, RunId("0" * 32), UploadId("0" * 32), kept.blob_key)
    _pass(stores, GRACE_MS)


def garbage_with_a_preview(stores: Stores) -> None:
    garbage(stores)
    finalizes(stores)


def _remember(stores: Stores, run_id: RunId, upload_id: UploadId, blob_key: str) -> None:
    ids = {"run": run_id, "upload": upload_id, "blob": blob_key}
    stores.table.put({"pk": PLACE.pk, "sk": PLACE.sk, **ids})


def _pass(stores: Stores, ms: int) -> None:
    assert isinstance(stores.clock, HandClock)
    stores.clock.advance(ms)


# -- actors -----------------------------------------------------------------------------------


def finalizes(stores: Stores) -> object:
    finalize(Finalization(stores.files, stores.clock), prepared(stores)[2])
    return None


def completes(stores: Stores) -> object:
    """The client; the upload may have been aborted."""
    run_id, upload_id, _ = prepared(stores)
    try:
        return run_uploads.complete(stores.files, stores.context, run_id, upload_id, ())
    except Conflict as error:
        return error.message


def aborts(stores: Stores) -> object:
    run_id, upload_id, _ = prepared(stores)
    try:
        run_uploads.abort(stores.files, stores.context, run_id, upload_id)
    except Conflict as error:
        return error.message
    return "aborted"


def collects(stores: Stores) -> object:
    return collection.collect(stores.bytes, stores.clock, deadline_s=float("inf"))


# -- what has to hold afterwards --------------------------------------------------------------


def the_file_is_there_or_nothing_is(ended: Ended) -> None:
    stores = ended.stores
    for name, answer in ended.answers.items():
        assert not isinstance(answer, BaseException), f"{name}: {answer!r}"
    run_id, upload_id, blob_key = prepared(stores)
    upload = stores.files.uploads.get(stores.tenant, upload_id)
    file = stores.files.files.get(stores.tenant, run_id, "plot")
    assert upload is not None
    assert (upload.state == "aborted") is (ended.answers.get("aborted") == "aborted")
    assert (upload.state == "completed") is (file is not None)
    if file is not None:
        assert (file.mime, file.created_by, file.verified) == ("image/png", "ada", True)
        # Another delivery of the event finds nothing to do, and makes a preview that got lost.
        finalizes(stores)
        assert stores.files.files.get(stores.tenant, run_id, "plot") == file
        assert stores.blobs.head(artifact_keys.preview(blob_key)) is not None
        told = ended.answers.get("client")
        if isinstance(told, RunArtifact):
            assert told == file
    _pass(stores, LOOK_AFTER_MS + GRACE_MS)
    collects(stores)
    assert _objects(stores) == (_with_preview(blob_key) if file is not None else set())


def previews_are_those_of_what_is_there(ended: Ended) -> None:
    """No preview stays of an object that is gone, and none is taken from one that is not."""
    stores = ended.stores
    for name, answer in ended.answers.items():
        assert not isinstance(answer, BaseException), f"{name}: {answer!r}"
    blobs = {blob.key for blob in stores.blobs.list("cas/").blobs}
    shown = {blob.key for blob in stores.blobs.list("previews/").blobs}
    assert shown <= {artifact_keys.preview(one) for one in blobs}
    for one in blobs:
        finalize(Finalization(stores.files, stores.clock), one)
    _pass(stores, GRACE_MS)
    collects(stores)
    owned = {one.blob_key for one in stores.bytes.records.owners(stores.tenant, SHA256)}
    expected: set[str] = set()
    for one in owned:
        expected |= _with_preview(one)
    assert _objects(stores) == expected
    assert stores.table.query(Query(COLLECTION_DUE)).items == []


def _with_preview(blob_key: str) -> set[str]:
    return {blob_key, artifact_keys.preview(blob_key)}


def _objects(stores: Stores) -> set[str]:
    return {blob.key for blob in stores.blobs.list("").blobs}


# -- the stories ------------------------------------------------------------------------------

MEETINGS: Mapping[str, Mapping[str, Act]] = {
    "the client": {"event": finalizes, "client": completes},
    "who aborts": {"event": finalizes, "aborted": aborts},
    "another delivery": {"event": finalizes, "again": finalizes},
}


@pytest.mark.slow
@pytest.mark.parametrize("meets", MEETINGS)
def test_an_upload_is_finalized_once_whoever_else_ends_it(tmp_path: Path, meets: str) -> None:
    explored = explore(tmp_path, bytes_arrived, MEETINGS[meets], the_file_is_there_or_nothing_is)
    assert explored.ends > 1


@pytest.mark.parametrize("start", [garbage, garbage_with_a_preview])
def test_a_preview_goes_with_its_image(tmp_path: Path, start: Callable[[Stores], None]) -> None:
    actors = {"event": finalizes, "collector": collects}
    explored = explore(tmp_path, start, actors, previews_are_those_of_what_is_there)
    assert explored.ends > 1


@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize("requests", range(4))
def test_an_event_that_stopped_anywhere_is_finished_by_the_next(
    stores: Stores, requests: int, is_deleted: bool
) -> None:
    """Also when the image was deleted in between."""
    owner = Owner("artifact", "a")
    kept = stored_bytes.keep(stores.bytes, stores.context, BODY, "a/b", owner, lambda _: [])
    left = requests

    def request(_: str, call: Callable[[], object]) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise Stopped
        return call()

    with pytest.raises(Stopped):
        previews.make(cast("Blobs", Gated(stores.blobs, request)), kept.blob_key)
    if is_deleted:
        stores.blobs.delete(kept.blob_key)
    previews.make(stores.blobs, kept.blob_key)
    assert _objects(stores) == (set() if is_deleted else _with_preview(kept.blob_key))
