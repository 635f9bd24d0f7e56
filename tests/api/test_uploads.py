"""Uploads straight to the store: begun, completed, aborted, and checked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, bad_fields, found, gone, refused
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
    uploads,
)
from tests.api.harness import RUNS, Service

UNKNOWN_ID = "0" * 32


def test_a_file_below_64_mib_is_one_part(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    (part,) = upload["parts"]
    assert upload.keys() == {"upload_id", "part_size", "part_count", "parts", "expires_at"}
    assert (upload["part_size"], upload["part_count"]) == (len(BODY), 1)
    assert (part["part_number"], part.keys()) == (1, {"part_number", "url", "headers"})
    assert put(service, part, BODY).status_code == 200
    artifact = found(complete(service, run_id, upload))
    assert artifact == {
        "path": "model.bin",
        "is_dir": False,
        "artifact_id": upload["upload_id"],
        "size_bytes": len(BODY),
        "sha256": SHA256,
        "mime": "application/octet-stream",
        "verified": True,
        "created_at": artifact["created_at"],
        "created_by": "ada",
        "content_url": f"{RUNS}/{run_id}/artifacts/content?path=model.bin",
    }
    assert listed(service, run_id)["artifacts"] == [artifact]
    assert download(service, run_id, "model.bin").content == BODY


def test_an_upload_is_not_listed_before_it_is_complete(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id, path="dir/model.bin")
    assert put(service, upload["parts"][0], BODY).status_code == 200
    assert listed(service, run_id)["artifacts"] == []
    refused(
        service.read.get(f"{RUNS}/{run_id}/artifacts/content", params={"path": "dir/model.bin"}),
        404,
    )
    found(complete(service, run_id, upload))
    assert [entry["path"] for entry in listed(service, run_id)["artifacts"]] == ["dir"]


def test_completing_before_the_bytes_arrived_conflicts_and_may_be_repeated(
    service: Service,
) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    refused(complete(service, run_id, upload), 409)
    assert put(service, upload["parts"][0], BODY).status_code == 200
    first = found(complete(service, run_id, upload))
    service.clock.advance(60)
    assert found(complete(service, run_id, upload)) == first
    service.pull()
    assert found(service.read.get(f"/api/v1/experiments/{service.experiment('x')['id']}"))


def test_an_empty_file_can_be_uploaded(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id, b"")
    assert put(service, upload["parts"][0], b"").status_code == 200
    assert found(complete(service, run_id, upload))["size_bytes"] == 0


def test_the_media_type_is_the_one_sent_or_the_names(service: Service) -> None:
    run_id = service.run()["run_id"]
    declared: Json = {"path": "a.png", "mime": "text/plain; charset=utf-8"}
    cases: list[tuple[Json, str]] = [
        ({"path": "a.png"}, "image/png"),
        (declared, "text/plain; charset=utf-8"),
    ]
    for fields, mime in cases:
        upload = begin(service, run_id, **fields)
        assert put(service, upload["parts"][0], BODY).status_code == 200
        assert found(complete(service, run_id, upload))["mime"] == mime


def test_other_bytes_than_were_announced_are_refused_by_the_store(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    upload = begin(laptop, run_id)
    (part,) = upload["parts"]
    for body in (BODY[:-1], BODY + b"x", BODY[::-1]):
        assert put(laptop, part, body).status_code in {400, 403}
    refused(complete(laptop, run_id, upload), 409)


def test_an_upload_dies_with_its_url_and_is_signed_anew(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    upload = begin(laptop, run_id)
    laptop.clock.advance(15 * 60 + 1)
    if laptop.urls_expire:
        assert put(laptop, upload["parts"][0], BODY).status_code == 403
    else:
        assert "X-Amz-Expires=900&" in upload["parts"][0]["url"]
    url = f"{uploads(run_id)}/{upload['upload_id']}/parts"
    again = found(laptop.write.post(url, json={"part_numbers": [1]}))
    assert again["expires_at"] > upload["expires_at"]
    assert put(laptop, again["parts"][0], BODY).status_code == 200
    found(complete(laptop, run_id, upload))


def test_a_later_upload_of_a_path_replaces_the_file(service: Service) -> None:
    run_id = service.run()["run_id"]
    for body in (b"first", b"second"):
        upload = begin(service, run_id, body)
        assert put(service, upload["parts"][0], body).status_code == 200
        artifact = found(complete(service, run_id, upload))
    assert listed(service, run_id)["artifacts"] == [artifact]
    assert download(service, run_id, "model.bin").content == b"second"


def test_an_aborted_upload_cannot_be_completed(service: Service) -> None:
    run_id = service.run()["run_id"]
    for upload in (begin(service, run_id), begin_large(service, run_id, 3 * PART)):
        url = f"{uploads(run_id)}/{upload['upload_id']}"
        for _ in range(2):
            gone(service.write.delete(url))
        refused(complete(service, run_id, upload), 409)
        refused(service.write.post(f"{url}/parts", json={"part_numbers": [1]}), 409)
    assert listed(service, run_id)["artifacts"] == []


def test_a_completed_upload_cannot_be_aborted_or_signed(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    assert put(service, upload["parts"][0], BODY).status_code == 200
    found(complete(service, run_id, upload))
    url = f"{uploads(run_id)}/{upload['upload_id']}"
    refused(service.write.delete(url), 409)
    refused(service.write.post(f"{url}/parts", json={"part_numbers": [1]}), 409)
    assert len(listed(service, run_id)["artifacts"]) == 1


def test_uploads_of_a_deleted_run_are_refused(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    assert put(service, upload["parts"][0], BODY).status_code == 200
    gone(service.write.delete(f"{RUNS}/{run_id}"))
    body = {"path": "x", "size_bytes": 1, "sha256": "0" * 64}
    refused(service.write.post(uploads(run_id), json=body), 409)
    refused(complete(service, run_id, upload), 409)


def test_an_upload_belongs_to_its_run(service: Service) -> None:
    run_id, other = service.run()["run_id"], service.run()["run_id"]
    upload = begin(service, run_id)
    refused(complete(service, other, upload), 404)
    gone(service.write.delete(f"{uploads(run_id)}/{upload['upload_id']}"))
    refused(service.write.delete(f"{uploads(other)}/{upload['upload_id']}"), 404)


@pytest.mark.parametrize("upload_id", [UNKNOWN_ID, "x", "A" * 32])
def test_an_unknown_upload_is_not_found(laptop: Service, upload_id: str) -> None:
    run_id = laptop.run()["run_id"]
    refused(complete(laptop, run_id, {"upload_id": upload_id}), 404)
    refused(laptop.write.delete(f"{uploads(run_id)}/{upload_id}"), 404)


def test_an_upload_can_be_resumed_for_seven_days(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    url = f"{uploads(run_id)}/{upload['upload_id']}/parts"
    service.clock.advance(7 * 24 * 3600 - 10)
    found(service.write.post(url, json={"part_numbers": [1]}))
    service.clock.advance(20)
    refused(service.write.post(url, json={"part_numbers": [1]}), 404)


@pytest.mark.parametrize(
    "body, paths",
    [
        ({}, ["path", "sha256", "size_bytes"]),
        ({"path": "", "size_bytes": -1, "sha256": "x"}, ["path", "sha256", "size_bytes"]),
        ({"path": "a", "size_bytes": 5 * 1024**4 + 1, "sha256": "0" * 64}, ["size_bytes"]),
        ({"path": "a", "size_bytes": "1", "sha256": "0" * 64}, ["size_bytes"]),
        ({"path": "a", "size_bytes": True, "sha256": "A" * 64}, ["sha256", "size_bytes"]),
        ({"path": "a", "size_bytes": 1, "sha256": "0" * 64, "mime": "png"}, ["mime"]),
        ({"path": "a", "size_bytes": 1, "sha256": "0" * 64, "mime": "a/b\r\nx: y"}, ["mime"]),
        ({"path": "a", "size_bytes": 1, "sha256": "0" * 64, "name": "x"}, ["name"]),
        ({"path": 1, "size_bytes": 1, "sha256": 1, "part_sha256": ["x"]},
         ["part_sha256.0", "path", "sha256"]),
    ],
)  # fmt: skip
def test_every_bad_field_of_an_upload_is_named(
    laptop: Service, body: Json, paths: list[str]
) -> None:
    assert bad_fields(laptop.write.post(uploads(laptop.run()["run_id"]), json=body)) == paths


BAD_PARTS: list[tuple[Any, list[str]]] = [
    ({}, ["parts"]),
    ([{}], ["parts.0.etag", "parts.0.part_number"]),
    ([{"part_number": 0, "etag": ""}], ["parts.0.etag", "parts.0.part_number"]),
    ([{"part_number": 1, "etag": "x", "sha256": "y", "z": 1}], ["parts.0.sha256", "parts.0.z"]),
]


@pytest.mark.parametrize("parts, paths", BAD_PARTS)
def test_every_bad_field_of_a_completion_is_named(
    laptop: Service, parts: Any, paths: list[str]
) -> None:
    run_id = laptop.run()["run_id"]
    answer = complete(laptop, run_id, begin(laptop, run_id), parts=parts)
    assert bad_fields(answer) == paths
