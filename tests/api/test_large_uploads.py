"""Uploads of many parts: their sizes, their signatures, and whether the whole is verified."""

from __future__ import annotations

import hashlib

import pytest

from tests.api.answers import Json, bad_fields, found, refused
from tests.api.files import (
    MIB,
    PART,
    begin,
    begin_large,
    complete,
    download,
    listed,
    put,
    uploads,
)
from tests.api.harness import RUNS, Service


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
    downloaded = download(service, run_id, "dir/large.bin").content
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
    assert [entry["verified"] for entry in listed(service, run_id)["artifacts"]] == [False]
