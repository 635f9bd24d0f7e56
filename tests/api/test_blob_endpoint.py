"""The local blob store over HTTP: what it answers beyond what S3 and it have in common."""

from __future__ import annotations

import hashlib
import http.client
import socket
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from local.blob_endpoint import BlobEndpoint
from local.disk_blobs import DiskBlobs
from tests.contract.blob_engines import SECRET, SettableClock, serving

BODY = bytes(range(256)) * 8192
MIME = "application/x-test"


@dataclass(frozen=True)
class Store:
    blobs: DiskBlobs
    http: httpx.Client
    folder: Path

    def get_url(self, key: str) -> str:
        return self.blobs.presign_get(key, mime=MIME, disposition="inline", expires_s=60).url


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Store]:
    folder = tmp_path_factory.mktemp("blobs")
    with socket.socket() as listener, httpx.Client() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        clock = SettableClock()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        blobs = DiskBlobs(folder, url, SECRET, clock)
        blobs.put("blob", BODY, mime="text/html")
        blobs.put("empty", b"", mime=MIME)
        with serving(BlobEndpoint(blobs, clock), listener):
            yield Store(blobs, client, folder)


def test_errors_have_the_shape_of_the_api(store: Store) -> None:
    url = store.get_url("nothing")
    for answer, status, code in [
        (store.http.get(url), 404, "not_found"),
        (store.http.get(url + "0"), 403, "forbidden"),
        (store.http.get(url.partition("?")[0]), 403, "forbidden"),
        (store.http.get(url.replace("nothing", "%ff")), 403, "forbidden"),
        (store.http.get(url + "&op=get"), 403, "forbidden"),
        (store.http.get(store.get_url("empty"), headers={"range": "bytes=0-"}), 416, "invalid"),
    ]:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.json()["error"]["code"] == code
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_head_answers_as_get_does_without_the_bytes(store: Store) -> None:
    for headers in ({}, {"range": "bytes=5-9"}):
        head = store.http.head(store.get_url("blob"), headers=headers)
        got = store.http.get(store.get_url("blob"), headers=headers)
        assert head.status_code == got.status_code
        assert head.content == b""
        assert head.headers["content-length"] == str(len(got.content))
        for name in ("content-type", "etag", "accept-ranges", "content-range", "last-modified"):
            assert head.headers.get(name) == got.headers.get(name)


def test_pages_of_any_origin_may_upload_and_download(store: Store) -> None:
    answer = store.http.options(
        store.get_url("blob"),
        headers={"origin": "https://example.org", "access-control-request-method": "PUT"},
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert "x-amz-checksum-sha256" in answer.headers["access-control-allow-headers"]
    exposed = store.http.get(store.get_url("blob")).headers["access-control-expose-headers"]
    assert {"etag", "content-range"} <= set(exposed.split(", "))


def test_a_browser_is_told_not_to_guess(store: Store) -> None:
    assert store.http.get(store.get_url("blob")).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=-",
        "bytes=9-3",
        "bytes=0-1,4-5",
        "lines=0-1",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=0-" + "9" * 5000,
    ],
    ids=range(7),
)
def test_a_range_that_is_none_is_ignored(store: Store, wanted: str) -> None:
    answer = store.http.get(store.get_url("blob"), headers={"range": wanted})
    assert answer.status_code == 200
    assert answer.content == BODY


def test_a_range_beyond_the_blob_tells_its_size(store: Store) -> None:
    for wanted in (f"bytes={len(BODY)}-", "bytes=-0", "bytes=99999999999-99999999999999"):
        answer = store.http.get(store.get_url("blob"), headers={"range": wanted})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(BODY)}"


def test_a_tail_longer_than_the_blob_is_the_blob(store: Store) -> None:
    answer = store.http.get(store.get_url("blob"), headers={"range": "bytes=-99999999"})
    assert (answer.status_code, answer.content) == (206, BODY)


def test_an_escaped_slash_is_a_slash_of_the_key(store: Store) -> None:
    store.blobs.put("folder/leaf", b"x", mime=MIME)
    url = store.get_url("folder/leaf")
    assert store.http.get(url.replace("folder/leaf", quote("folder/leaf", safe=""))).content == b"x"


def test_an_upload_cut_off_leaves_nothing(store: Store) -> None:
    signed = store.blobs.presign_put(
        "cut", size_bytes=len(BODY), sha256=hashlib.sha256(BODY).hexdigest(), mime=MIME, expires_s=9
    )
    address = urlsplit(signed.url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port)
    connection.putrequest("PUT", f"{address.path}?{address.query}")
    for name, value in {**signed.headers, "content-length": str(len(BODY))}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(BODY[:1_500_000])
    writing = store.folder / "writing"
    while not list(writing.iterdir()):
        """Until the server has begun."""
    connection.close()
    while list(writing.iterdir()):
        """Until it has noticed."""
    assert store.blobs.head("cut") is None


def test_racing_uploads_of_one_key_store_one_of_the_bodies(store: Store) -> None:
    bodies = [bytes([number]) * 1_000_000 for number in range(6)]

    def upload(body: bytes) -> int:
        signed = store.blobs.presign_put(
            "raced",
            size_bytes=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            mime=MIME,
            expires_s=60,
        )
        return store.http.put(signed.url, headers=dict(signed.headers), content=body).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(upload, bodies)) == {200}
    assert store.blobs.get("raced") in bodies


def test_a_download_goes_on_although_the_blob_is_replaced(store: Store) -> None:
    store.blobs.put("replaced", BODY * 4, mime=MIME)
    with store.http.stream("GET", store.get_url("replaced")) as answer:
        pieces = answer.iter_bytes()
        got = next(pieces)
        store.blobs.put("replaced", b"shorter", mime=MIME)
        got += b"".join(pieces)
    assert got == BODY * 4


def test_a_damaged_file_is_unavailable(store: Store) -> None:
    store.blobs.put("damaged", b"x", mime=MIME)
    (file,) = (path for path in (store.folder / "objects").iterdir() if path.name == "damaged=")
    file.write_bytes(b"")
    answer = store.http.get(store.get_url("damaged"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    file.unlink()
