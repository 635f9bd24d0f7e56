"""Experiment artifacts of bytes that were uploaded before, and bytes that are shared."""

from __future__ import annotations

import hashlib

import pytest

from tests.api.answers import bad_fields, found, refused
from tests.api.files import put
from tests.api.harness import Service
from tests.api.named import (
    IMAGES,
    SVG,
    data_url,
    delete,
    download,
    listed,
    log,
    names_url,
    png,
    read,
    send,
)

UPLOADS = "/api/v1/artifacts/uploads"


def uploaded(service: Service, body: bytes, mime: str | None = None) -> str:
    """The sha256 of bytes that the tenant has."""
    sha256 = hashlib.sha256(body).hexdigest()
    asked = {"sha256": sha256, "size_bytes": len(body), "mime": mime}
    upload = found(service.write.post(UPLOADS, json=asked))["upload"]
    assert put(service, upload["parts"][0], body).status_code == 200
    found(service.write.post(f"{UPLOADS}/{upload['upload_id']}/complete", json={}))
    return sha256


@pytest.mark.parametrize("mime", IMAGES)
def test_an_uploaded_image_is_told_by_its_bytes(service: Service, mime: str) -> None:
    experiment_id = service.experiment()["id"]
    sha256 = uploaded(service, IMAGES[mime])
    assert send(service, experiment_id, name="plot", kind="image", sha256=sha256).is_success
    assert read(service, experiment_id, "plot")["mime_type"] == mime
    assert download(service, experiment_id, "plot").content == IMAGES[mime]


@pytest.mark.parametrize("body", [b"", b"no image", png()[:20], SVG + b"<", b"x" * 5000])
def test_uploaded_bytes_that_are_no_image_are_refused(laptop: Service, body: bytes) -> None:
    experiment_id = laptop.experiment()["id"]
    sha256 = uploaded(laptop, body)
    answer = send(laptop, experiment_id, name="plot", kind="image", sha256=sha256)
    assert bad_fields(answer) == ["sha256"]
    assert listed(laptop, experiment_id)["artifacts"] == []


@pytest.mark.parametrize("mime", ["audio/wav", None])
def test_an_uploaded_file_has_the_type_it_was_uploaded_with(
    service: Service, mime: str | None
) -> None:
    experiment_id = service.experiment()["id"]
    sha256 = uploaded(service, b"sound", mime)
    assert send(service, experiment_id, name="it", kind="file", sha256=sha256).is_success
    assert read(service, experiment_id, "it")["mime_type"] == (mime or "application/octet-stream")
    assert download(service, experiment_id, "it").content == b"sound"


def test_bytes_must_be_the_tenants_own(service: Service) -> None:
    sha256 = uploaded(service, b"theirs")
    theirs = service.other.post("/api/v1/experiments", json={"name": "x"}).json()["id"]
    for kind in ("file", "image"):
        body = {"name": "it", "kind": kind, "sha256": sha256}
        error = refused(service.other.post(names_url(theirs), json=body), 409)
        assert error["details"]["missing"] == [sha256]
    assert found(service.other.get(names_url(theirs)))["artifacts"] == []


def test_the_same_bytes_are_kept_once(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    for name in ("a", "a", "b"):
        log(service, experiment_id, name, "file", data_url(b"the same"))
    blobs = service.services.blobs
    assert len(blobs.list(f"cas/{service.tenant}/").blobs) == 1
    delete(service, experiment_id, "a")
    assert download(service, experiment_id, "b").content == b"the same"
