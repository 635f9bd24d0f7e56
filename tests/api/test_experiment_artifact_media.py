"""Experiment artifacts that read as bytes: what they are called, and how they are handed out."""

from __future__ import annotations

import pytest

from tests.api.answers import refused
from tests.api.harness import EXPERIMENTS, Service
from tests.api.named import IMAGES, data_url, download, log, name_url, read, where


@pytest.mark.parametrize("mime", IMAGES)
def test_an_image_comes_back_by_a_redirect(service: Service, mime: str) -> None:
    experiment_id = service.experiment()["id"]
    log(service, experiment_id, "a/plot", "image", data_url(IMAGES[mime], mime))
    descriptor = read(service, experiment_id, "a/plot")
    url = f"{EXPERIMENTS}/{experiment_id}/artifacts/a%2Fplot/content"
    assert descriptor["kind"] == "image"
    assert descriptor["value"] is None
    assert descriptor["mime_type"] == mime
    assert descriptor["content_url"] == url
    assert descriptor["auth_hint"] == "x-api-key"
    answer = download(service, experiment_id, "a/plot")
    assert answer.content == IMAGES[mime]
    assert answer.headers["content-type"] == mime
    assert answer.headers["content-disposition"].startswith("attachment")
    inline = download(service, experiment_id, "a/plot", inline="1").headers["content-disposition"]
    assert inline.startswith("attachment" if mime == "image/svg+xml" else "inline")


@pytest.mark.parametrize(
    "mime, kind",
    [
        ("audio/wav", "audio"),
        ("video/mp4", "video"),
        ("text/html", "text"),
        ("text/plain;charset=utf-8", "text"),
        ("application/pdf", "application"),
        ("font/woff2", "application"),
        ("image/bmp", "image"),
    ],
)
def test_bytes_read_as_their_media_family(laptop: Service, mime: str, kind: str) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "file", data_url(b"bytes", mime))
    descriptor = read(laptop, experiment_id, "it")
    assert (descriptor["kind"], descriptor["mime_type"]) == (kind, mime)
    assert download(laptop, experiment_id, "it").content == b"bytes"


def test_a_text_that_is_a_data_url_is_bytes(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "text", data_url(b"\xff\x00", "application/x-thing"))
    descriptor = read(laptop, experiment_id, "it")
    assert (descriptor["kind"], descriptor["value"]) == ("application", None)
    log(laptop, experiment_id, "it", "text", "data:text/plain;base64,broken")
    assert read(laptop, experiment_id, "it")["value"] == "data:text/plain;base64,broken"
    refused(where(laptop, experiment_id, "it"), 404)


def test_html_is_never_inline(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "file", data_url(b"<script>", "text/html"))
    headers = download(laptop, experiment_id, "it", inline="1").headers
    assert headers["content-disposition"].startswith("attachment")


def test_content_tells_where_it_is_to_who_asks_for_json(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "file", data_url(b"bytes"))
    url = name_url(experiment_id, "it") + "/content"
    answer = laptop.read.get(url, headers={"accept": "application/json"})
    assert answer.status_code == 200
    assert laptop.files.get(answer.json()["url"]).content == b"bytes"
