"""Directory artifacts: indexed by a manifest, each file fetched alone or many at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.answers import Json, bad_fields, found, gone, made, refused
from tests.api.harness import Service
from tests.api.indexed import (
    ARTIFACTS,
    directory,
    download,
    indexed,
    listed,
    manifest_of,
    sha256_of,
    stored,
)

FILES = {
    "z.txt": b"last",
    "data/a b.csv": b"1,2",
    "data/deep/\u00e9%2F.json": b"{}",
    "copy.csv": b"1,2",
    "empty": b"",
}


def test_a_directory_comes_back(service: Service) -> None:
    artifact = directory(service, FILES, name="corpus", tags=["a"], run_id="r", mime="text/plain")
    manifest = sorted(manifest_of(FILES), key=lambda one: one["path"])
    canonical = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode()
    assert artifact["is_dir"] is True
    assert artifact["file_count"] == 5
    assert artifact["bytes"] == 12
    assert artifact["mime"] == "application/vnd.trialbook.manifest+json"
    assert artifact["sha256"] == sha256_of(canonical)
    assert artifact["verified"] is True
    assert listed(service, run_id="r")["artifacts"] == [artifact]
    assert download(service, artifact["content_url"]).content == canonical
    for path, body in FILES.items():
        assert download(service, artifact["content_url"], path=path).content == body
    answer = download(service, artifact["content_url"], path="data/a b.csv")
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="a b.csv"'


def test_many_files_are_located_at_once(service: Service) -> None:
    artifact = directory(service, FILES)
    paths = ["copy.csv", "z.txt", "copy.csv", "empty", "data/a b.csv"]
    answer = found(service.read.post(artifact["content_url"], json={"paths": paths}))
    assert answer.keys() == {"files", "expires_at"}
    assert [one["path"] for one in answer["files"]] == paths
    for one in answer["files"]:
        body = FILES[one["path"]]
        assert one["sha256"] == sha256_of(body)
        assert one["size_bytes"] == len(body)
        assert service.files.get(one["url"]).content == body


def test_what_a_directory_does_not_hold_is_not_found(service: Service) -> None:
    artifact = directory(service, FILES)
    url = artifact["content_url"]
    for path in ("data", "nothing", "../z.txt", "/z.txt", "data/deep/\u00e9/.json"):
        refused(service.read.get(url, params={"path": path}), 404)
    answer = service.read.post(url, json={"paths": ["z.txt", "no", "nor this"]})
    assert refused(answer, 404)["details"]["path"] == "no"
    file = indexed(service)["content_url"]
    refused(service.read.get(file, params={"path": "z.txt"}), 404)
    assert refused(service.read.post(file, json={"paths": ["a"]}), 404)["details"]["path"] == "a"


def test_the_order_of_the_files_does_not_matter(laptop: Service) -> None:
    one = directory(laptop, FILES)
    other = directory(laptop, dict(reversed(FILES.items())))
    assert one["sha256"] == other["sha256"]
    gone(laptop.write.delete(f"{ARTIFACTS}/{one['artifact_id']}"))
    assert download(laptop, other["content_url"], path="z.txt").content == b"last"


def test_missing_bytes_are_listed(service: Service) -> None:
    lacking = [sha256_of(bytes([number])) for number in range(120)]
    have = stored(service)
    theirs = sha256_of(b"theirs")
    stored(service, b"ours")
    manifest = [
        {"path": f"{number}", "sha256": sha256, "size_bytes": 1}
        for number, sha256 in enumerate([have, theirs, *lacking])
    ]
    body = {"kind": "x", "manifest": manifest}
    error = refused(service.write.post(ARTIFACTS, json=body), 409)
    assert error["details"]["missing"] == [theirs, *lacking[:99]]
    assert listed(service)["artifacts"] == []


def test_the_files_of_another_tenant_are_missing(service: Service) -> None:
    artifact = directory(service, FILES)
    error = refused(
        service.other.post(ARTIFACTS, json={"kind": "x", "manifest": manifest_of(FILES)}), 409
    )
    assert set(error["details"]["missing"]) == {sha256_of(body) for body in FILES.values()}
    refused(service.other.get(artifact["content_url"]), 404)
    refused(service.other.get(artifact["content_url"], params={"path": "z.txt"}), 404)


@pytest.mark.parametrize(
    "files, bad",
    [
        ([{"path": "../a"}], ["manifest.0.path"]),
        ([{"path": "/a"}, {"path": "a//b"}], ["manifest.0.path", "manifest.1.path"]),
        ([{"path": "a"}, {"path": "b"}, {"path": "a"}], ["manifest.2.path"]),
        ([{"path": "a/b/c"}, {"path": "a"}], ["manifest.1.path"]),
        ([{"path": "a/b"}, {"path": "a/b/c/d"}], ["manifest.0.path"]),
        ([{"path": "a", "size_bytes": 6}], ["manifest.0.size_bytes"]),
        ([{"path": "a"}, {"path": "b", "size_bytes": 0}], ["manifest.1.size_bytes"]),
        ([{"path": "a", "size_bytes": -1}], ["manifest.0.size_bytes"]),
        ([{"path": ""}], ["manifest.0.path"]),
        ([{"path": "a", "sha256": "x"}], ["manifest.0.sha256"]),
        ([{"path": "a", "mode": "755"}], ["manifest.0.mode"]),
    ],
)
def test_a_bad_manifest_names_the_file(laptop: Service, files: list[Json], bad: list[str]) -> None:
    file = {"sha256": stored(laptop), "size_bytes": 5}
    body = {"kind": "x", "manifest": [{**file, **one} for one in files]}
    answer = laptop.write.post(ARTIFACTS, json=body)
    assert bad_fields(answer) == bad
    assert listed(laptop)["artifacts"] == []


@pytest.mark.parametrize("paths", [[], ["a"] * 501, [""], "a"])
def test_a_bad_list_of_paths_is_refused(laptop: Service, paths: Any) -> None:
    artifact = directory(laptop, FILES)
    refused(laptop.read.post(artifact["content_url"], json={"paths": paths}), 400)


def test_a_directory_is_pinned_and_changed_like_a_file(laptop: Service) -> None:
    artifact = directory(laptop, FILES)
    url = f"{ARTIFACTS}/{artifact['artifact_id']}"
    changed = found(laptop.write.patch(url, json={"pinned": True, "metrics": {"f1": 1}}))
    assert changed == artifact | {"pinned": True, "metrics": {"f1": 1}}
    gone(laptop.write.delete(url))
    gone(laptop.write.delete(url))
    refused(laptop.read.get(artifact["content_url"], params={"path": "z.txt"}), 404)


def test_the_same_directory_under_a_key_is_one_artifact(laptop: Service) -> None:
    for body in FILES.values():
        stored(laptop, body)
    wanted = {"kind": "x", "manifest": manifest_of(FILES)}
    headers = {"idempotency-key": "once"}
    answers = [laptop.write.post(ARTIFACTS, json=wanted, headers=headers) for _ in range(2)]
    assert made(answers[0]) == made(answers[1])
    assert len(listed(laptop)["artifacts"]) == 1


@pytest.mark.slow
def test_thousands_of_files_are_indexed_located_and_fetched(laptop: Service) -> None:
    files = {f"part-{number % 100}/{number}.bin": b"%d" % number for number in range(3_000)}
    artifact = directory(laptop, files)
    assert artifact["file_count"] == 3_000
    assert artifact["bytes"] == sum(map(len, files.values()))
    paths = list(files)
    for start in range(0, len(paths), 500):
        some = paths[start : start + 500]
        answer = found(laptop.read.post(artifact["content_url"], json={"paths": some}))
        for one in answer["files"]:
            assert laptop.files.get(one["url"]).content == files[one["path"]]
