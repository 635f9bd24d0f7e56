"""Uploads of bytes to be indexed: sent once in a tenant, and never had by knowing their hash."""

from __future__ import annotations

import hashlib

import pytest

from tests.api.answers import Json, bad_fields, found, gone, refused
from tests.api.files import BODY, MIB, SHA256, put, send
from tests.api.harness import Service

UPLOADS = "/api/v1/artifacts/uploads"
DAY_S = 24 * 3600


def asked(body: bytes = BODY, **fields: object) -> Json:
    return {"sha256": hashlib.sha256(body).hexdigest(), "size_bytes": len(body), **fields}


def begin(service: Service, body: bytes = BODY, **fields: object) -> Json | None:
    return found(service.write.post(UPLOADS, json=asked(body, **fields)))["upload"]


def stored(service: Service, body: bytes = BODY) -> Json:
    """Bytes that were uploaded."""
    upload = begin(service, body)
    assert upload is not None
    assert put(service, upload["parts"][0], body).status_code == 200
    return found(service.write.post(f"{UPLOADS}/{upload['upload_id']}/complete", json={}))


def test_bytes_are_sent_once(service: Service) -> None:
    upload = begin(service)
    assert upload is not None
    assert upload.keys() == {"upload_id", "part_size", "part_count", "parts", "expires_at"}
    assert begin(service) is not None  # not there yet: another upload of the same
    assert put(service, upload["parts"][0], BODY).status_code == 200
    url = f"{UPLOADS}/{upload['upload_id']}/complete"
    wanted = {"sha256": SHA256, "size_bytes": len(BODY), "verified": True}
    for _ in range(2):
        assert found(service.write.post(url, json={})) == wanted
    assert begin(service) is None


def test_a_hash_gives_nobody_the_bytes_of_another_tenant(service: Service) -> None:
    stored(service)
    answer = found(service.other.post(UPLOADS, json=asked()))
    assert answer["upload"] is not None
    assert f"/{service.tenant}/" not in answer["upload"]["parts"][0]["url"]


def test_the_bytes_of_a_runs_file_are_not_sent_again(service: Service) -> None:
    assert send(service, service.run()["run_id"], "model.bin", BODY).is_success
    assert begin(service) is None


def test_two_uploads_of_the_same_bytes_are_both_completed(service: Service) -> None:
    one, other = begin(service), begin(service)
    assert one is not None
    assert other is not None
    for upload in (one, other):
        assert put(service, upload["parts"][0], BODY).status_code == 200
    for upload in (one, other):
        answer = service.write.post(f"{UPLOADS}/{upload['upload_id']}/complete", json={})
        assert found(answer)["verified"] is True


def test_other_bytes_than_said_are_refused_by_the_store(laptop: Service) -> None:
    upload = begin(laptop)
    assert upload is not None
    assert put(laptop, upload["parts"][0], BODY[::-1]).status_code == 400
    url = f"{UPLOADS}/{upload['upload_id']}/complete"
    error = refused(laptop.write.post(url, json={}), 409)
    assert error["details"]["missing"] == [upload["upload_id"]]
    assert begin(laptop) is not None


def test_a_claimed_digest_is_believed_when_the_bytes_were_read(laptop: Service) -> None:
    body = bytes(64 * MIB)
    upload = begin(laptop, body)
    assert upload is not None
    sent = put(laptop, upload["parts"][0], body)
    parts = [{"part_number": 1, "etag": sent.headers["etag"]}]
    url = f"{UPLOADS}/{upload['upload_id']}/complete"
    assert found(laptop.write.post(url, json={"parts": parts}))["verified"] is False
    assert begin(laptop, body) is not None
    laptop.pull()
    assert begin(laptop, body) is None
    assert found(laptop.write.post(url, json={"parts": parts}))["verified"] is True


def test_a_false_claim_is_forgotten(laptop: Service) -> None:
    body = bytes(64 * MIB)
    claim = {"sha256": "f" * 64, "size_bytes": len(body)}
    upload = found(laptop.write.post(UPLOADS, json=claim))["upload"]
    sent = put(laptop, upload["parts"][0], body)
    parts = [{"part_number": 1, "etag": sent.headers["etag"]}]
    url = f"{UPLOADS}/{upload['upload_id']}/complete"
    assert found(laptop.write.post(url, json={"parts": parts}))["verified"] is False
    laptop.pull()
    assert found(laptop.write.post(UPLOADS, json=claim))["upload"] is not None
    refused(laptop.write.post(url, json={"parts": parts}), 409)


def test_an_aborted_upload_is_over(service: Service) -> None:
    upload = begin(service)
    assert upload is not None
    url = f"{UPLOADS}/{upload['upload_id']}"
    for _ in range(2):
        gone(service.write.delete(url))
    refused(service.write.post(f"{url}/complete", json={}), 409)
    refused(service.write.post(f"{url}/parts", json={"part_numbers": [1]}), 409)


def test_parts_are_signed_anew(laptop: Service) -> None:
    upload = begin(laptop)
    assert upload is not None
    url = f"{UPLOADS}/{upload['upload_id']}/parts"
    again = found(laptop.write.post(url, json={"part_numbers": [1]}))
    assert put(laptop, again["parts"][0], BODY).status_code == 200
    refused(laptop.write.post(url, json={"part_numbers": [2]}), 400)


def test_an_upload_of_a_run_is_none_of_these(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    body = asked(path="a")
    url = f"/api/v1/experiments/runs/{run_id}/artifacts/uploads"
    upload_id = laptop.write.post(url, json=body).json()["upload_id"]
    refused(laptop.write.post(f"{UPLOADS}/{upload_id}/complete", json={}), 404)
    refused(laptop.write.delete(f"{UPLOADS}/{upload_id}"), 404)


# -- many at once ---------------------------------------------------------------------------------


def test_many_small_files_are_begun_and_completed_at_once(service: Service) -> None:
    stored(service, b"known")
    bodies = [b"one", b"known", b"two", b"one"]
    answer = service.write.post(f"{UPLOADS}/batch", json={"files": [asked(b) for b in bodies]})
    uploads = found(answer)["uploads"]
    assert [upload is None for upload in uploads] == [False, True, False, False]
    assert uploads[0]["upload_id"] == uploads[3]["upload_id"]
    first, second = uploads[0], uploads[2]
    ids = {"upload_ids": [first["upload_id"], second["upload_id"]]}
    assert put(service, first["parts"][0], b"one").status_code == 200
    error = refused(service.write.post(f"{UPLOADS}/batch/complete", json=ids), 409)
    assert error["details"]["missing"] == [second["upload_id"]]
    assert put(service, second["parts"][0], b"two").status_code == 200
    files = found(service.write.post(f"{UPLOADS}/batch/complete", json=ids))["files"]
    assert [one["upload_id"] for one in files] == ids["upload_ids"]
    assert all(one["verified"] for one in files)
    assert [begin(service, body) for body in bodies] == [None] * 4


def test_a_batch_is_for_small_files(laptop: Service) -> None:
    body = {"files": [asked(), asked(size_bytes=64 * MIB)]}
    answer = laptop.write.post(f"{UPLOADS}/batch", json=body)
    assert bad_fields(answer) == ["files.1.size_bytes"]


@pytest.mark.parametrize(
    "body, bad",
    [
        ({}, ["sha256", "size_bytes"]),
        (asked(sha256="A" * 64), ["sha256"]),
        (asked(size_bytes=-1), ["size_bytes"]),
        (asked(size_bytes=5 * 1024**4 + 1), ["size_bytes"]),
        (asked(mime="no media type"), ["mime"]),
        (asked(path="a"), ["path"]),
        (asked(part_sha256=["a" * 64, "b" * 64]), ["part_sha256"]),
    ],
)
def test_what_is_asked_wrongly_is_named(laptop: Service, body: Json, bad: list[str]) -> None:
    assert sorted(bad_fields(laptop.write.post(UPLOADS, json=body))) == bad


def test_what_was_promised_stays_for_half_a_day_and_what_nobody_needs_goes(
    laptop: Service,
) -> None:
    stored(laptop)
    laptop.clock.advance(DAY_S * 3 / 4)
    assert begin(laptop) is None  # promised anew
    laptop.clock.advance(DAY_S / 2)
    laptop.collect()
    assert objects(laptop) == 1
    laptop.clock.advance(DAY_S)
    laptop.collect()
    assert objects(laptop) == 0
    assert begin(laptop) is not None


def objects(service: Service) -> int:
    return len(service.services.blobs.list(f"cas/{service.tenant}/").blobs)
