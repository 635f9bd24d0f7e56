"""Uploads straight to the store: one part or many, completed, aborted, and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.answers import Json, bad_fields, found, gone, made, refused
from tests.api.harness import RUNS, Service

MIB = 1024 * 1024
PART = 64 * MIB
UNKNOWN_ID = "0" * 32
BODY = b"the bytes of a model"
SHA256 = hashlib.sha256(BODY).hexdigest()


def uploads(run_id: str) -> str:
    return f"{RUNS}/{run_id}/artifacts/uploads"


def begin(service: Service, run_id: str, body: bytes = BODY, **fields: Any) -> Json:
    wanted: Json = {
        "path": "model.bin",
        "size_bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return made(service.write.post(uploads(run_id), json=wanted | fields))


def begin_large(service: Service, run_id: str, size_bytes: int, **fields: Any) -> Json:
    wanted = {"path": "large", "size_bytes": size_bytes, "sha256": "0" * 64}
    return made(service.write.post(uploads(run_id), json=wanted | fields))


def put(service: Service, part: Json, body: bytes | Iterator[bytes]) -> httpx.Response:
    return service.files.put(part["url"], content=body, headers=part["headers"])


def complete(service: Service, run_id: str, upload: Json, **body: Any) -> httpx.Response:
    return service.write.post(f"{uploads(run_id)}/{upload['upload_id']}/complete", json=body)


def content(service: Service, run_id: str, path: str) -> bytes:
    answer = service.read.get(f"{RUNS}/{run_id}/artifacts/content", params={"path": path})
    assert answer.status_code == 307, answer.text
    return service.files.get(answer.headers["location"]).content


def listed(service: Service, run_id: str) -> list[Json]:
    return found(service.read.get(f"{RUNS}/{run_id}/artifacts"))["artifacts"]


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
    assert listed(service, run_id) == [artifact]
    assert content(service, run_id, "model.bin") == BODY


def test_an_upload_is_not_listed_before_it_is_complete(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id, path="dir/model.bin")
    assert put(service, upload["parts"][0], BODY).status_code == 200
    assert listed(service, run_id) == []
    refused(
        service.read.get(f"{RUNS}/{run_id}/artifacts/content", params={"path": "dir/model.bin"}),
        404,
    )
    found(complete(service, run_id, upload))
    assert [entry["path"] for entry in listed(service, run_id)] == ["dir"]


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
    assert put(laptop, upload["parts"][0], BODY).status_code == 403
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
    assert listed(service, run_id) == [artifact]
    assert content(service, run_id, "model.bin") == b"second"


def test_an_aborted_upload_cannot_be_completed(service: Service) -> None:
    run_id = service.run()["run_id"]
    for upload in (begin(service, run_id), begin_large(service, run_id, 3 * PART)):
        url = f"{uploads(run_id)}/{upload['upload_id']}"
        for _ in range(2):
            gone(service.write.delete(url))
        refused(complete(service, run_id, upload), 409)
        refused(service.write.post(f"{url}/parts", json={"part_numbers": [1]}), 409)
    assert listed(service, run_id) == []


def test_a_completed_upload_cannot_be_aborted_or_signed(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    assert put(service, upload["parts"][0], BODY).status_code == 200
    found(complete(service, run_id, upload))
    url = f"{uploads(run_id)}/{upload['upload_id']}"
    refused(service.write.delete(url), 409)
    refused(service.write.post(f"{url}/parts", json={"part_numbers": [1]}), 409)
    assert len(listed(service, run_id)) == 1


@pytest.mark.parametrize(
    "size_bytes, part_size, part_count",
    [
        (PART - 1, PART - 1, 1),
        (PART, PART, 1),
        (PART + 1, PART, 2),
        (101 * PART, PART, 101),
        (10_000 * PART, PART, 10_000),
        (10_000 * PART + 1, PART + MIB, 9847),
        (5 * 1024**4, 525 * MIB, 9987),
    ],
)
def test_a_large_file_has_parts_of_64_mib_or_a_ten_thousandth(
    laptop: Service, size_bytes: int, part_size: int, part_count: int
) -> None:
    upload = begin_large(laptop, laptop.run()["run_id"], size_bytes)
    assert (upload["part_size"], upload["part_count"]) == (part_size, part_count)
    numbers = [part["part_number"] for part in upload["parts"]]
    assert numbers == list(range(1, min(part_count, 100) + 1))
    assert part_size * (part_count - 1) < size_bytes <= part_size * part_count


def test_more_parts_are_signed_a_hundred_at_a_time(service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin_large(service, run_id, 250 * PART)
    url = f"{uploads(run_id)}/{upload['upload_id']}/parts"
    numbers = list(range(101, 201))
    more = found(service.write.post(url, json={"part_numbers": numbers}))
    assert [part["part_number"] for part in more["parts"]] == numbers
    assert more["upload_id"] == upload["upload_id"]
    assert len({part["url"] for part in more["parts"] + upload["parts"]}) == 200
    for numbers in ([251], [0], [1, 1], [], list(range(1, 102)), ["1"], [True]):
        refused(service.write.post(url, json={"part_numbers": numbers}), 400)


def test_part_digests_are_bound_when_they_are_known(service: Service) -> None:
    run_id = service.run()["run_id"]
    digests = [f"{number:064x}" for number in range(3)]
    refused(
        service.write.post(
            uploads(run_id),
            json={
                "path": "x",
                "size_bytes": 3 * PART,
                "sha256": "0" * 64,
                "part_sha256": digests[:2],
            },
        ),
        400,
    )
    upload = begin_large(service, run_id, 3 * PART, part_sha256=digests)
    assert all("x-amz-checksum-sha256" in part["headers"] for part in upload["parts"])
    url = f"{uploads(run_id)}/{upload['upload_id']}/parts"
    assert bad_fields(service.write.post(url, json={"part_numbers": [1]})) == ["sha256"]
    asked = {"part_numbers": [1], "sha256": {"1": digests[0]}}
    assert len(found(service.write.post(url, json=asked))["parts"]) == 1
    refused(service.write.post(url, json={"part_numbers": [1], "sha256": {"2": digests[1]}}), 400)


@pytest.mark.slow
def test_a_file_of_three_parts_is_put_together_and_verified(service: Service) -> None:
    run_id = service.run()["run_id"]
    body = bytes(2 * PART) + b"the end"
    upload = begin(service, run_id, body, path="dir/large.bin")
    assert upload["part_count"] == 3
    etags: list[str] = []
    for part in upload["parts"]:
        first = (part["part_number"] - 1) * PART
        answer = put(service, part, body[first : first + PART])
        assert answer.status_code == 200, answer.text
        etags.append(answer.headers["etag"])
    parts = [{"part_number": number, "etag": etag} for number, etag in enumerate(etags, 1)]
    for wrong in ([], parts[:2], parts[::-1], [*parts[:2], {"part_number": 3, "etag": '"x"'}]):
        assert bad_fields(complete(service, run_id, upload, parts=wrong)) == ["parts"]
    artifact = found(complete(service, run_id, upload, parts=parts))
    assert artifact["verified"] is False
    assert found(complete(service, run_id, upload, parts=parts)) == artifact
    service.pull()
    (entry,) = found(service.read.get(f"{RUNS}/{run_id}/artifacts?path=dir"))["artifacts"]
    assert entry == artifact | {"verified": True}
    downloaded = content(service, run_id, "dir/large.bin")
    assert hashlib.sha256(downloaded).hexdigest() == entry["sha256"]


@pytest.mark.slow
def test_a_large_file_with_another_digest_than_claimed_is_never_verified(
    service: Service,
) -> None:
    run_id = service.run()["run_id"]
    body = bytes(PART) + b"more"
    upload = begin(service, run_id, body, sha256="0" * 64)
    parts: list[Json] = []
    for part in upload["parts"]:
        first = (part["part_number"] - 1) * PART
        answer = put(service, part, body[first : first + PART])
        parts.append({"part_number": part["part_number"], "etag": answer.headers["etag"]})
    found(complete(service, run_id, upload, parts=parts))
    service.pull()
    assert [entry["verified"] for entry in listed(service, run_id)] == [False]


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
