"""Names of files, and the forms they come in: what survives, and what is refused."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.api.answers import bad_fields, found, refused
from tests.api.files import (
    download,
    form,
    listed,
    send,
    send_form,
    where,
)
from tests.api.harness import RUNS, Service

NAMES = [
    "with space.txt", "ünï✓.txt", "損失.csv", "50%.txt", "a%2Fb.txt", "a+b&c=d?e#f.txt",
    "semi;colon.txt", "it's.txt", ".hidden", "...", "trailing.", "CON", "~tilde", "ab:c",
]  # fmt: skip


@pytest.mark.parametrize("folder", [None, "some dir/ünter/50%25"])
def test_any_name_survives_the_way_in_and_out(service: Service, folder: str | None) -> None:
    run_id = service.run()["run_id"]
    for name in NAMES:
        path = f"{folder}/{name}" if folder else name
        assert found(send(service, run_id, name, name.encode(), folder))["artifact"] == path
    entries = listed(service, run_id, folder)["artifacts"]
    wanted = [f"{folder}/{name}" if folder else name for name in NAMES]
    assert sorted(entry["path"] for entry in entries) == sorted(wanted)
    for entry in entries:
        assert entry["content_url"].endswith("?path=" + quote(entry["path"], safe=""))
        redirect = service.read.get(entry["content_url"])
        name = entry["path"].rpartition("/")[2]
        assert service.files.get(redirect.headers["location"]).content == name.encode()


BAD_PATHS = [
    "..", ".", "a/../b", "../a", "a/..", "/a", "a//b", "a\\b", "C:/a", "a\nb", "a\x00b", "a\x7fb",
    "a\u2028b", "./a", "x" * 851, "é" * 425 + "x", "/".join("a" * 91),
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_bad_path_is_refused_wherever_it_is_sent(laptop: Service, path: str) -> None:
    run_id = laptop.run()["run_id"]
    assert bad_fields(send(laptop, run_id, "name", b"", path)) == ["artifact_path"]
    assert bad_fields(where(laptop, run_id, path)) == ["path"]
    answer = laptop.read.get(f"{RUNS}/{run_id}/artifacts", params={"path": path})
    assert bad_fields(answer) == ["path"]
    body = {"path": path, "size_bytes": 1, "sha256": "0" * 64}
    answer = laptop.write.post(f"{RUNS}/{run_id}/artifacts/uploads", json=body)
    assert bad_fields(answer) == ["path"]


@pytest.mark.parametrize(
    "name", ["..", ".", "a/b", "/etc/passwd", "..\\\\x", "tab\there", "x" * 851]
)
def test_a_bad_file_name_is_refused(laptop: Service, name: str) -> None:
    run_id = laptop.run()["run_id"]
    body = form(f'form-data; name="file"; filename="{name}"')
    answer = send_form(laptop, run_id, body, "multipart/form-data; boundary=b")
    assert bad_fields(answer) == ["file"]
    assert listed(laptop, run_id)["artifacts"] == []


@pytest.mark.parametrize("path", ["é" * 425, "日" * 283 + "x", "x" * 850])
def test_a_path_of_850_bytes_fits(service: Service, path: str) -> None:
    assert len(path.encode()) == 850
    run_id = service.run()["run_id"]
    found(send(service, run_id, path))
    assert download(service, run_id, path).content == b"bytes"


def test_a_folder_and_a_name_share_the_850_bytes(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    found(send(laptop, run_id, "n" * 50, folder="f" * 799))
    refused(send(laptop, run_id, "n" * 51, folder="f" * 799), 400)


@pytest.mark.parametrize(
    "body",
    [
        form('form-data; name="other"; filename="a"'),
        form('form-data; name="file"'),
        form('form-data; name="file"; filename=""'),
        b"--b--\r\n",
    ],
)
def test_a_form_without_its_file_is_refused(laptop: Service, body: bytes) -> None:
    run_id = laptop.run()["run_id"]
    answer = send_form(laptop, run_id, body, "multipart/form-data; boundary=b")
    assert bad_fields(answer) == ["file"]


@pytest.mark.parametrize("body", [b"", b"--b\r\nno form", b"something else", b"--b\r\n\r\n"])
def test_a_malformed_form_is_refused(laptop: Service, body: bytes) -> None:
    run_id = laptop.run()["run_id"]
    refused(send_form(laptop, run_id, body, "multipart/form-data; boundary=b"), 400)


@pytest.mark.parametrize("media_type", ["multipart/form-data", "application/json", "text/plain"])
def test_another_media_type_or_a_missing_boundary_is_refused(
    laptop: Service, media_type: str
) -> None:
    run_id = laptop.run()["run_id"]
    refused(send_form(laptop, run_id, form('form-data; name="file"'), media_type), 415)
