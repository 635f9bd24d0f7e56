"""Files of a run: small ones through the function, listing, and downloads."""

from __future__ import annotations

import hashlib

import httpx

from tests.api.answers import bad_fields, found, gone, refused
from tests.api.files import (
    MIB,
    download,
    listed,
    paths,
    send,
    where,
)
from tests.api.harness import RUNS, Service
from tests.api.transports import AppTransport

PNG = b"\x89PNG\r\n\x1a\n rest"


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


def test_a_content_url_is_absolute_with_the_stage(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    found(send(laptop, run_id, "a b.txt"))
    staged = httpx.Client(
        transport=AppTransport(laptop.clock, laptop.clock.tick, stage="/dev"),
        base_url="https://trialbook.test",
        headers=laptop.read.headers,
    )
    (entry,) = found(staged.get(f"{RUNS}/{run_id}/artifacts"))["artifacts"]
    assert entry["content_url"] == f"/dev{RUNS}/{run_id}/artifacts/content?path=a%20b.txt"


def test_an_empty_file_is_a_file(service: Service) -> None:
    run_id = service.run()["run_id"]
    assert found(send(service, run_id, "empty", b""))["size_bytes"] == 0
    assert download(service, run_id, "empty").content == b""


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
    if laptop.urls_expire:
        assert laptop.files.get(url).status_code == 403
    else:
        assert "X-Amz-Expires=900&" in url


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
