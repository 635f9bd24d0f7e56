"""Resources with bytes, and how large they may be; URLs in them."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from chalicelib.api.mcp.contents import MAX_SHOWN_BYTES
from tests.api.harness import Service
from tests.api.indexed import directory, indexed
from tests.api.mcp.asking import result_of, rpc
from tests.api.mcp.posting import PROXY_BYTES, proxied_bytes
from tests.api.mcp.uris import ask, document, read, uri_of
from tests.api.named import data_url, log, png
from tests.api.transports import AppTransport


def _file(service: Service, body: bytes, mime: str, name: str = "file") -> str:
    """The URI of bytes that are logged in the experiment `there`."""
    log(service, "there", name, "file", data_url(body, mime))
    return uri_of("experiments", "there", "artifacts", name)


def test_bytes_come_along(service: Service) -> None:
    service.experiment("there", slug="there")
    image = png(3, 3)
    uri = _file(service, image, "image/png", "image")
    document, content = read(service.read, uri)
    assert json.loads(document["text"])["mime_type"] == "image/png"
    assert content["mimeType"] == "image/png"
    assert base64.b64decode(content["blob"], validate=True) == image
    uri = _file(service, "a text: \u00e9".encode(), "text/markdown", "text")
    assert read(service.read, uri)[1] == {
        "uri": uri, "mimeType": "text/markdown", "text": "a text: \u00e9",
    }  # fmt: skip
    sound = b"RIFF....WAVE"
    content = read(service.read, _file(service, sound, "audio/wav", "sound"))[1]
    assert base64.b64decode(content["blob"]) == sound


def test_bytes_of_indexed_artifacts_come_along_and_a_directory_has_none(service: Service) -> None:
    artifact = indexed(service, b"hello")
    _, content = read(service.read, uri_of("artifacts", artifact["artifact_id"]))
    assert content["text"] == "hello"
    folder = directory(service, {"a.txt": b"a"})
    (document,) = read(service.read, uri_of("artifacts", folder["artifact_id"]))
    assert json.loads(document["text"])["artifact_id"] == folder["artifact_id"]


@pytest.mark.parametrize("mime", ["text/plain", "image/png", "audio/wav"])
def test_bytes_come_along_up_to_a_megabyte(laptop: Service, mime: str) -> None:
    laptop.experiment("there", slug="there")
    for size, parts in ((MAX_SHOWN_BYTES, 2), (MAX_SHOWN_BYTES + 1, 1)):
        uri = _file(laptop, b"x" * size, mime)
        answer = ask(laptop.read, uri)
        assert len(result_of(answer, "resources/read")["contents"]) == parts
        assert proxied_bytes(answer) <= PROXY_BYTES


@pytest.mark.parametrize("mime", ["application/octet-stream", "application/zip", "video/mp4"])
def test_bytes_that_nobody_can_look_at_stay_where_they_are(laptop: Service, mime: str) -> None:
    laptop.experiment("there", slug="there")
    (document,) = read(laptop.read, _file(laptop, b"x", mime))
    assert json.loads(document["text"])["content_url"]


@pytest.mark.parametrize("byte", [b"\x00", b"\x01", b'"', b"\\", b"\n", b"\xff", b"\x7f"])
def test_a_text_of_any_bytes_fits_into_an_answer(laptop: Service, byte: bytes) -> None:
    """As JSON within JSON a control character takes seven bytes."""
    laptop.experiment("there", slug="there")
    answer = ask(laptop.read, _file(laptop, byte * MAX_SHOWN_BYTES, "text/plain"))
    assert proxied_bytes(answer) <= PROXY_BYTES
    result_of(answer, "resources/read")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 4_000_000, id="a plain text"),
        pytest.param('"' * 1_400_000, id="quotes"),
        pytest.param("\x01" * 650_000, id="control characters"),
        pytest.param({f"key {n}": n for n in range(200_000)}, id="an object"),
        pytest.param([["a", "b"]] * 300_000, id="a list"),
    ],
)
def test_a_value_that_the_route_can_answer_fits_or_is_refused_in_words(
    laptop: Service, value: Any
) -> None:
    laptop.experiment("there", slug="there")
    kind = {str: "text", dict: "dict", list: "list"}[type(value)]
    log(laptop, "there", "large", kind, value)
    answer = ask(laptop.read, uri_of("experiments", "there", "artifacts", "large"))
    assert proxied_bytes(answer) <= PROXY_BYTES


# -- behind a stage --------------------------------------------------------------------------------


def test_urls_have_the_stage_that_the_gateway_has(laptop: Service) -> None:
    laptop.experiment("there", slug="there")
    uri = _file(laptop, b"bytes", "application/zip")
    artifact = indexed(laptop, b"bytes")
    transport = AppTransport(laptop.services.clock, lambda: None, stage="/dev")
    headers = dict(laptop.read.headers)
    with httpx.Client(transport=transport, base_url="https://trialbook.test") as staged:
        staged.headers["x-api-key"] = headers["x-api-key"]
        assert document(staged, uri)["content_url"].startswith("/dev/api/v1/experiments/")
        staged_one = document(staged, uri_of("artifacts", artifact["artifact_id"]))
        plain = document(laptop.read, uri_of("artifacts", artifact["artifact_id"]))
        assert staged_one["content_url"] == f"/dev{plain['content_url']}"
        called = rpc(staged, "tools/call", {
            "name": "get_artifact_in_experiment",
            "arguments": {"experiment_id": "there", "artifact_name": "file"},
        })  # fmt: skip
        structured = result_of(called, "tools/call")["structuredContent"]
        assert structured["content_url"].startswith("/dev/api/v1/experiments/")
