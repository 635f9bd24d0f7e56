"""Files of a run: small ones through the function, their names, listing, and downloads."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import httpx
import pytest

from tests.api.answers import Json, bad_fields, found, gone, refused
from tests.api.harness import RUNS, Service

PNG = b"\x89PNG\r\n\x1a\n rest"
MIB = 1024 * 1024


def send(
    service: Service,
    run_id: str,
    name: str,
    body: bytes = b"bytes",
    folder: str | None = None,
    mime: str | None = None,
) -> httpx.Response:
    return service.write.post(
        f"{RUNS}/{run_id}/log-artifact",
        params={} if folder is None else {"artifact_path": folder},
        files={"file": (name, body, mime) if mime else (name, body)},
    )


def send_form(service: Service, run_id: str, body: bytes, media_type: str) -> httpx.Response:
    headers = {"content-type": media_type}
    return service.write.post(f"{RUNS}/{run_id}/log-artifact", content=body, headers=headers)


def form(disposition: str, body: bytes = b"x") -> bytes:
    head = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + body + b"\r\n--b--\r\n"


def listed(service: Service, run_id: str, path: str | None = None, **query: str | int) -> Json:
    params = query if path is None else {"path": path, **query}
    return found(service.read.get(f"{RUNS}/{run_id}/artifacts", params=params))


def paths(page: Json) -> list[str]:
    return [entry["path"] + ("/" if entry["is_dir"] else "") for entry in page["artifacts"]]


def where(service: Service, run_id: str, path: str) -> httpx.Response:
    return service.read.get(f"{RUNS}/{run_id}/artifacts/content", params={"path": path})


def download(service: Service, run_id: str, path: str) -> httpx.Response:
    redirect = where(service, run_id, path)
    assert redirect.status_code == 307, redirect.text
    answer = service.files.get(redirect.headers["location"])
    assert answer.status_code == 200, answer.text
    return answer


def test_a_small_file_goes_through_the_function_and_comes_back(service: Service) -> None:
    run_id = service.run()["run_id"]
    body = bytes(range(256)) * 3
    logged = found(send(service, run_id, "weights.bin", body))
    sha256 = hashlib.sha256(body).hexdigest()
    assert logged == {
        "message": "stored weights.bin",
        "run_id": run_id,
        "artifact": "weights.bin",
        "artifact_id": logged["artifact_id"],
        "size_bytes": 768,
        "sha256": sha256,
    }
    (entry,) = listed(service, run_id)["artifacts"]
    assert entry == {
        "path": "weights.bin",
        "is_dir": False,
        "artifact_id": logged["artifact_id"],
        "size_bytes": 768,
        "sha256": sha256,
        "mime": "application/octet-stream",
        "verified": True,
        "created_at": entry["created_at"],
        "created_by": "ada",
        "content_url": f"{RUNS}/{run_id}/artifacts/content?path=weights.bin",
    }
    assert download(service, run_id, "weights.bin").content == body


def test_an_empty_file_is_a_file(service: Service) -> None:
    run_id = service.run()["run_id"]
    assert found(send(service, run_id, "empty", b""))["size_bytes"] == 0
    assert download(service, run_id, "empty").content == b""


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


def test_a_folder_lists_its_folders_first_each_by_name(service: Service) -> None:
    run_id = service.run()["run_id"]
    for path in ("b.txt", "z/1", "a.txt", "m/x/y/deep", "m/file", "m/a", "mm"):
        folder, _, name = path.rpartition("/")
        found(send(service, run_id, name, folder=folder or None))
    assert paths(listed(service, run_id)) == ["m/", "z/", "a.txt", "b.txt", "mm"]
    assert paths(listed(service, run_id, "m")) == ["m/x/", "m/a", "m/file"]
    for spelled in ("m/x", "m/x/"):
        page = listed(service, run_id, spelled)
        assert (page["path"], paths(page)) == ("m/x", ["m/x/y/"])
    assert paths(listed(service, run_id, "m/x/y")) == ["m/x/y/deep"]
    for nowhere in ("nothing", "a.txt", "m/x/y/deep"):
        assert listed(service, run_id, nowhere)["artifacts"] == []


def test_a_file_and_a_folder_may_share_a_name(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(send(service, run_id, "model"))
    found(send(service, run_id, "weights", folder="model"))
    assert paths(listed(service, run_id)) == ["model/", "model"]


def test_cursors_walk_over_a_folder_once(service: Service) -> None:
    run_id = service.run()["run_id"]
    for name in ("a", "b", "c"):
        found(send(service, run_id, name))
        found(send(service, run_id, "x", folder=f"dir {name}"))
    for limit in (1, 2, 5):
        seen: list[str] = []
        query: dict[str, str | int] = {"limit": limit}
        while True:
            page = listed(service, run_id, None, **query)
            seen += paths(page)
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert seen == ["dir a/", "dir b/", "dir c/", "a", "b", "c"]


def test_a_cursor_is_good_for_its_own_folder_and_run_only(service: Service) -> None:
    run_id, other = service.run()["run_id"], service.run()["run_id"]
    for name in ("a", "b"):
        found(send(service, run_id, name))
    cursor = listed(service, run_id, limit=1)["next_cursor"]
    for url, query in (
        (run_id, {"cursor": cursor, "path": "a"}),
        (other, {"cursor": cursor}),
        (run_id, {"cursor": cursor + "A"}),
    ):
        assert bad_fields(service.read.get(f"{RUNS}/{url}/artifacts", params=query)) == ["cursor"]


def test_a_path_that_is_sent_again_shows_the_later_file(service: Service) -> None:
    run_id = service.run()["run_id"]
    first = found(send(service, run_id, "model", b"first"))
    second = found(send(service, run_id, "model", b"second one"))
    assert first["artifact_id"] != second["artifact_id"]
    (entry,) = listed(service, run_id)["artifacts"]
    assert entry["artifact_id"] == second["artifact_id"]
    assert entry["size_bytes"] == 10
    assert download(service, run_id, "model").content == b"second one"


def test_runs_with_the_same_bytes_have_their_own_files(service: Service) -> None:
    first, second = service.run()["run_id"], service.run()["run_id"]
    ids = {found(send(service, run_id, "same"))["artifact_id"] for run_id in (first, second)}
    assert len(ids) == 2


SERVED_AS: list[tuple[str, str | None, str, str]] = [
    ("a.png", None, "image/png", 'inline; filename="a.png"'),
    ("a.png", "image/png", "image/png", 'inline; filename="a.png"'),
    ("a.json", None, "application/json", 'inline; filename="a.json"'),
    ("a.html", None, "text/html", 'attachment; filename="a.html"'),
    ("a.txt", "text/html", "text/html", 'attachment; filename="a.txt"'),
    ("a.svg", None, "image/svg+xml", 'attachment; filename="a.svg"'),
    ("a.xml", "application/xml", "application/xml", 'attachment; filename="a.xml"'),
    ("a.js", None, "text/javascript", 'attachment; filename="a.js"'),
    ("a", None, "application/octet-stream", 'attachment; filename="a"'),
    ("ü.png", None, "image/png", "inline; filename=\"_.png\"; filename*=UTF-8''%C3%BC.png"),
]


def test_what_a_browser_could_run_is_an_attachment(service: Service) -> None:
    run_id = service.run()["run_id"]
    for name, sent, mime, disposition in SERVED_AS:
        found(send(service, run_id, name, PNG, "folder", sent))
        headers = download(service, run_id, f"folder/{name}").headers
        assert (headers["content-type"], headers["content-disposition"]) == (mime, disposition)


def test_content_is_a_redirect_or_told_in_json(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(send(service, run_id, "a.txt", b"text"))
    redirect = where(service, run_id, "a.txt")
    assert redirect.status_code == 307
    assert redirect.content == b""
    assert redirect.headers["cache-control"] == "no-store"
    url = f"{RUNS}/{run_id}/artifacts/content"
    told = found(
        service.read.get(url, params={"path": "a.txt"}, headers={"accept": "application/json"})
    )
    assert told.keys() == {"url", "expires_at"}
    assert service.files.get(told["url"]).content == b"text"
    with service.budget():
        assert service.files.get(told["url"], headers={"range": "bytes=1-2"}).content == b"ex"


def test_a_presigned_url_dies_after_15_minutes(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    found(send(laptop, run_id, "a.txt"))
    url = where(laptop, run_id, "a.txt").headers["location"]
    laptop.clock.advance(14 * 60)
    assert laptop.files.get(url).status_code == 200
    laptop.clock.advance(61)
    assert laptop.files.get(url).status_code == 403


def test_a_file_that_is_not_there_is_not_found(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(send(service, run_id, "a", folder="dir"))
    for path in ("b", "dir", "dir/b", "DIR/a"):
        refused(where(service, run_id, path), 404)
    refused(where(service, "0" * 32, "a"), 404)
    refused(service.read.get(f"{RUNS}/{'0' * 32}/artifacts"), 404)
    refused(send(service, "0" * 32, "a"), 404)


def test_ended_runs_take_files_and_deleted_ones_do_not(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(service.write.post(f"{RUNS}/{run_id}/end", json={}))
    found(send(service, run_id, "late"))
    gone(service.write.delete(f"{RUNS}/{run_id}"))
    refused(send(service, run_id, "later"), 409)
    assert download(service, run_id, "late").content == b"bytes"
    assert paths(listed(service, run_id)) == ["late"]


def test_a_file_over_4_mib_is_refused_and_the_upload_route_named(service: Service) -> None:
    run_id = service.run()["run_id"]
    error = refused(send(service, run_id, "big", bytes(4 * MIB + 1)), 413)
    assert "/artifacts/uploads" in error["message"]
    assert listed(service, run_id)["artifacts"] == []
    room_for_the_form = 1024
    found(send(service, run_id, "fits", bytes(4 * MIB - room_for_the_form)))


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
