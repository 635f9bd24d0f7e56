"""Uploads are finalized when their object is there, whether or not their client comes back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib import wiring
from chalicelib.core.context import Role
from chalicelib.core.ids import UploadId
from chalicelib.domain.finalization import finalize
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.domain.uploads import KEEP_UPLOAD_MS, LOOK_AFTER_MS
from chalicelib.storage import artifact_keys, keys
from chalicelib.storage.artifact_keys import COLLECTION_DUE
from chalicelib.storage.table import Query
from tests.api.answers import Json, found, gone, made, refused
from tests.api.files import (
    BODY,
    PART,
    SHA256,
    begin,
    begin_large,
    complete,
    download,
    listed,
    put,
    send,
    uploads,
)
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.indexed import ARTIFACTS, sha256_of
from tests.api.indexed import download as download_from
from tests.api.process import serving
from tests.unit.images_given import png

UPLOADS = "/api/v1/artifacts/uploads"


def blob_key(service: Service, upload: Json, sha256: str = SHA256) -> str:
    return artifact_keys.blob(service.tenant, sha256, upload["upload_id"])


def deliver(service: Service, key: str) -> None:
    """The event that the object came to be."""
    finalize(wiring.finalization(service.services), key)


def objects(service: Service) -> list[str]:
    """Keys of the tenant's objects."""
    blobs = service.services.blobs
    return [
        one.key
        for prefix in ("cas", "previews")
        for one in blobs.list(f"{prefix}/{service.tenant}/").blobs
    ]


def sent(service: Service, run_id: str, body: bytes = BODY, **fields: Any) -> tuple[Json, str]:
    """An upload whose bytes are there, and the key of their object."""
    upload = begin(service, run_id, body, **fields)
    assert put(service, upload["parts"][0], body).status_code == 200
    return upload, blob_key(service, upload, sha256_of(body))


def test_a_file_is_there_though_its_client_died(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload, key = sent(service, run_id, path="models/model.bin")
    for _ in range(2):
        deliver(service, key)
    (file,) = listed(service, run_id, "models")["artifacts"]
    assert (file["artifact_id"], file["sha256"]) == (upload["upload_id"], SHA256)
    assert (file["verified"], file["created_by"]) == (True, "ada")
    assert download(service, run_id, "models/model.bin").content == BODY
    # The client was only slow: it is told of the same file.
    assert found(complete(service, run_id, upload)) == file


def test_a_client_that_was_first_is_told_the_same(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload, key = sent(service, run_id)
    file = found(complete(service, run_id, upload))
    deliver(service, key)
    assert listed(service, run_id)["artifacts"] == [file]
    assert found(complete(service, run_id, upload)) == file


def test_the_event_and_the_client_at_the_same_moment(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload, key = sent(service, run_id, png(), path="plot.png")
    with ThreadPoolExecutor(8) as threads:
        events = [threads.submit(deliver, service, key) for _ in range(4)]
        answers = [threads.submit(complete, service, run_id, upload) for _ in range(4)]
    for event in events:
        event.result()
    (file,) = listed(service, run_id)["artifacts"]
    assert [found(answer.result()) for answer in answers] == [file] * 4
    assert sorted(objects(service)) == sorted([key, artifact_keys.preview(key)])


def test_it_is_the_file_of_who_began_the_upload(service: Service) -> None:
    run_id = service.run()["run_id"]
    grace = service.client(service.key(Role.WRITE, "grace"))
    wanted = {"path": "a.bin", "size_bytes": len(BODY), "sha256": SHA256}
    for path in ("by the event.bin", "by another.bin"):
        upload = grace.post(uploads(run_id), json=wanted | {"path": path}).json()
        assert put(service, upload["parts"][0], BODY).status_code == 200
        if path == "by the event.bin":
            deliver(service, blob_key(service, upload))
        assert found(complete(service, run_id, upload))["created_by"] == "grace"


def test_bytes_to_be_indexed_are_there_too(service: Service) -> None:
    body = b"\x00\x01 for an artifact"
    sha256 = sha256_of(body)
    asked = {"sha256": sha256, "size_bytes": len(body)}
    upload = found(service.write.post(UPLOADS, json=asked))["upload"]
    assert put(service, upload["parts"][0], body).status_code == 200
    refused(service.write.post(ARTIFACTS, json={"kind": "x", "sha256": sha256}), 409)
    deliver(service, blob_key(service, upload, sha256))
    artifact = service.write.post(ARTIFACTS, json={"kind": "x", "sha256": sha256}).json()
    assert artifact["verified"] is True
    assert download_from(service, artifact["content_url"]).content == body
    assert found(service.write.post(UPLOADS, json=asked)) == {"upload": None}


def test_an_aborted_upload_stays_aborted(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload, key = sent(service, run_id, png(), path="plot.png")
    gone(service.write.delete(f"{uploads(run_id)}/{upload['upload_id']}"))
    deliver(service, key)
    assert listed(service, run_id)["artifacts"] == []
    assert objects(service) == [key]  # no preview either
    refused(complete(service, run_id, upload), 409)


def test_a_deleted_run_gets_no_file_until_it_is_restored(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload, key = sent(service, run_id)
    gone(service.write.delete(f"{RUNS}/{run_id}"))
    deliver(service, key)
    assert service.services.files.get(service.tenant, run_id, "model.bin") is None
    found(service.write.post(f"{RUNS}/{run_id}/restore"))
    assert found(complete(service, run_id, upload))["artifact_id"] == upload["upload_id"]


def test_an_object_of_another_size_is_not_taken_for_the_bytes(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    key = blob_key(service, upload)
    service.services.blobs.put(key, BODY[:-1], mime="a/b")  # no signature allows it
    deliver(service, key)
    assert listed(service, run_id)["artifacts"] == []
    assert refused(complete(service, run_id, upload), 409)["details"]["missing"]


def test_an_upload_of_several_parts_is_left_to_its_client(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin_large(service, run_id, PART)
    key = blob_key(service, upload, "0" * 64)
    service.services.blobs.put(key, png(), mime="image/png")
    deliver(service, key)
    assert listed(service, run_id)["artifacts"] == []
    assert objects(service) == [key]


def test_an_upload_that_was_begun_before_users_were_kept_is_left_to_its_client(
    service: Service,
) -> None:
    run_id = service.run()["run_id"]
    upload, key = sent(service, run_id)
    table = service.services.table
    item = table.get(keys.upload(service.tenant, UploadId(upload["upload_id"])))
    assert item is not None
    assert item.pop("by") == "ada"
    table.put(item)
    deliver(service, key)
    assert listed(service, run_id)["artifacts"] == []
    assert found(complete(service, run_id, upload))["created_by"] == "ada"


def test_events_of_what_is_not_there_are_nothing(service: Service) -> None:
    object_id = service.services.clock.new_id()
    for key in (
        artifact_keys.blob(service.tenant, SHA256, object_id),
        f"cas/{service.tenant}/{SHA256}",
        "cas/",
    ):
        deliver(service, key)
    assert objects(service) == []


@pytest.mark.slow
@pytest.mark.integration
def test_a_server_on_a_laptop_tells_itself_of_its_objects(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as client:
        experiment_id = made(client.post(EXPERIMENTS, json={"name": "x"}))["id"]
        run_id = made(client.post(RUNS, json={"experiment_id": experiment_id}))["run_id"]
        body = png()
        wanted = {"path": "plot", "size_bytes": len(body), "sha256": sha256_of(body)}
        (part,) = made(client.post(uploads(run_id), json=wanted))["parts"]
        assert httpx.put(part["url"], headers=part["headers"], content=body).is_success
        preview = f"{RUNS}/{run_id}/artifacts/preview"
        deadline_s = time.monotonic() + 60
        while client.get(preview, params={"path": "plot"}).status_code != 307:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        (file,) = found(client.get(f"{RUNS}/{run_id}/artifacts"))["artifacts"]
        assert (file["path"], file["mime"]) == ("plot", "image/png")


# -- media types ----------------------------------------------------------------------------------


@pytest.mark.parametrize("by_event", [True, False])
def test_bytes_tell_their_type_where_nothing_else_does(service: Service, by_event: bool) -> None:
    run_id = service.run()["run_id"]
    for fields, mime, shown in (
        ({"path": "plot"}, "image/png", "inline"),
        ({"path": "plot.unknown", "mime": "application/octet-stream"}, "image/png", "inline"),
        ({"path": "plot.bin"}, "application/octet-stream", "attachment"),
        ({"path": "plot.csv"}, "text/csv", "attachment"),
        ({"path": "a", "mime": "x/y"}, "x/y", "attachment"),
    ):
        upload, key = sent(service, run_id, png(), **fields)
        if by_event:
            deliver(service, key)
        file = found(complete(service, run_id, upload))
        assert file["mime"] == mime
        assert listed(service, run_id)["artifacts"].count(file) == 1
        headers = download(service, run_id, fields["path"]).headers
        assert headers["content-type"] == mime
        assert headers["content-disposition"].startswith(shown)


def test_markup_is_told_to_be_text(service: Service) -> None:
    run_id = service.run()["run_id"]
    for number, body in enumerate((b"<html><script>x</script>", b"<svg><script/></svg>")):
        upload, _ = sent(service, run_id, body, path=f"a{number}")
        assert found(complete(service, run_id, upload))["mime"] == "text/plain"
        assert found(send(service, run_id, f"b{number}", body)).keys()
    assert {one["mime"] for one in listed(service, run_id)["artifacts"]} == {"text/plain"}


def test_a_small_file_and_an_artifact_have_the_same_type(service: Service) -> None:
    run_id = service.run()["run_id"]
    logged = found(send(service, run_id, "plot", png()))
    (file,) = listed(service, run_id)["artifacts"]
    wanted = {"kind": "plot", "sha256": logged["sha256"], "name": "plot"}
    artifact = service.write.post(ARTIFACTS, json=wanted).json()
    assert file["mime"] == artifact["mime"] == "image/png"


# -- what it costs --------------------------------------------------------------------------------


def test_what_an_event_costs(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    found(laptop.write.get(EXPERIMENTS))
    _, key = sent(laptop, run_id)
    with laptop.budget(reads=4, transactions=1, blobs=2):  # as `complete`, an upload and a blob
        deliver(laptop, key)
    with laptop.budget(reads=1, blobs=1):
        deliver(laptop, key)
    _, key = sent(laptop, run_id, png(), path="plot.png")
    with laptop.budget(reads=4, transactions=1, blobs=5):
        deliver(laptop, key)
    with laptop.budget(reads=1, blobs=2):
        deliver(laptop, key)


# -- what is abandoned ----------------------------------------------------------------------------


def test_an_abandoned_upload_leaves_nothing_behind(service: Service) -> None:
    run_id, deleted_run_id = service.run()["run_id"], service.run()["run_id"]
    begin(service, run_id, b"never sent")
    _, aborted_key = sent(service, run_id, b"sent and aborted")
    gone(service.write.delete(f"{uploads(run_id)}/{artifact_keys.parse_blob(aborted_key)[2]}"))
    _, late_key = sent(service, deleted_run_id, png(), path="plot.png")
    gone(service.write.delete(f"{RUNS}/{deleted_run_id}"))
    asked = {"sha256": SHA256, "size_bytes": len(BODY)}
    upload = found(service.write.post(UPLOADS, json=asked))["upload"]
    assert put(service, upload["parts"][0], BODY).status_code == 200
    for key in (aborted_key, late_key, blob_key(service, upload)):
        deliver(service, key)
    kept = found(send(service, run_id, "kept.png", png(5, 5)))
    large = begin_large(service, run_id, 3 * PART)
    assert len(objects(service)) == 4

    service.clock.advance(GRACE_MS / 1000 + 1)
    service.collect()  # what was completed for an index and never indexed
    assert len(objects(service)) == 3
    service.clock.advance((KEEP_UPLOAD_MS - GRACE_MS) / 1000)
    refused(complete(service, run_id, large), 404)
    for key in (late_key, aborted_key):
        deliver(service, key)  # an event that was lost for a week makes previews at most
    service.clock.advance((LOOK_AFTER_MS - KEEP_UPLOAD_MS) / 1000 + 1)
    service.collect()
    (left,) = objects(service)
    assert artifact_keys.parse_blob(left)[1] == kept["sha256"]
    deliver(service, late_key)
    assert objects(service) == [left]
    queued = service.services.table.query(Query(COLLECTION_DUE)).items
    assert not [item for item in queued if f"/{service.tenant}/" in str(item["sk"])]
