"""Indexed artifacts: what is saved about one is found again, changed, pinned and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.context import Role
from chalicelib.core.ids import TenantId
from tests.api.answers import Json, bad_fields, found, gone, made, refused
from tests.api.files import MIB, put
from tests.api.harness import Service
from tests.api.indexed import (
    ARTIFACTS,
    download,
    indexed,
    listed,
    sha256_of,
    stored,
)

EVERYTHING: Json = {
    "kind": "model",
    "name": "model.bin",
    "suggested_uri": "s3://bucket/models/m.bin",
    "mime": "application/x-model",
    "preview_uri": "https://example.com/preview.png",
    "tool_name": "trainer",
    "tool_version": "1.2",
    "description": "The one that won.\nSee notes.",
    "run_id": "run 1",
    "session_id": "session",
    "graph_id": "graph#1",
    "node_id": "node/1",
    "user_id": "ada",
    "org_id": "o",
    "client_id": "c" * 250,
    "app_id": "\u00e9" * 250,
    "experiment_id": "e",
    "tags": ["a", "b c"],
    "labels": {"split": "test", "n": 1, "x": 1.5, "nested": {"a": [1, None]}, "none": None},
    "metrics": {"f1": 0.93, "n": 3, "one": 1.0, "nan": "NaN", "ok": True, "none": None},
    "pinned": True,
}


def url_of(artifact: Json) -> str:
    return f"{ARTIFACTS}/{artifact['artifact_id']}"


def test_all_that_is_saved_comes_back(service: Service) -> None:
    artifact = indexed(service, b"weights", **EVERYTHING)
    assert artifact | EVERYTHING == artifact
    assert type(artifact["metrics"]["one"]) is float
    assert artifact["sha256"] == sha256_of(b"weights")
    assert artifact["bytes"] == 7
    assert artifact["verified"] is True
    assert artifact["is_dir"] is False
    assert artifact["file_count"] is None
    assert artifact["uri"] == f"trialbook://artifacts/{artifact['artifact_id']}"
    assert artifact["created_at"].endswith("Z")
    assert found(service.read.get(url_of(artifact))) == artifact
    assert listed(service) == {"artifacts": [artifact], "next_cursor": None}
    assert listed(service, run_id="run 1", app_id="\u00e9" * 250)["artifacts"] == [artifact]
    answer = download(service, artifact["content_url"])
    assert answer.content == b"weights"
    assert answer.headers["content-type"] == "application/x-model"
    assert answer.headers["content-disposition"] == 'attachment; filename="model.bin"'
    where = found(service.read.get(artifact["content_url"], headers={"accept": "application/json"}))
    assert where.keys() == {"url", "expires_at"}
    assert service.files.get(where["url"]).content == b"weights"


def test_what_was_uploaded_is_indexed_and_fetched(service: Service) -> None:
    sha256 = sha256_of(b"weights")
    uploads = f"{ARTIFACTS}/uploads"
    wanted = {"sha256": sha256, "size_bytes": 7}
    body = {"kind": "model", "sha256": sha256, "name": "weights.txt"}
    upload = found(service.write.post(uploads, json=wanted))["upload"]
    refused(service.write.post(ARTIFACTS, json=body), 409)
    assert put(service, upload["parts"][0], b"weights").status_code == 200
    refused(service.write.post(ARTIFACTS, json=body), 409)
    found(service.write.post(f"{uploads}/{upload['upload_id']}/complete", json={}))
    artifact = made(service.write.post(ARTIFACTS, json=body))
    answer = download(service, artifact["content_url"])
    assert answer.content == b"weights"
    assert answer.headers["content-type"] == "text/plain"


def test_an_artifact_is_verified_once_its_bytes_were_read(laptop: Service) -> None:
    body = bytes(64 * MIB)
    uploads = f"{ARTIFACTS}/uploads"
    wanted = {"sha256": sha256_of(body), "size_bytes": len(body)}
    upload = found(laptop.write.post(uploads, json=wanted))["upload"]
    etag = put(laptop, upload["parts"][0], body).headers["etag"]
    parts = {"parts": [{"part_number": 1, "etag": etag}]}
    found(laptop.write.post(f"{uploads}/{upload['upload_id']}/complete", json=parts))
    artifact = made(
        laptop.write.post(ARTIFACTS, json={"kind": "model", "sha256": wanted["sha256"]})
    )
    assert artifact["verified"] is False
    laptop.pull()
    assert found(laptop.read.get(url_of(artifact))) == artifact | {"verified": True}


def test_what_is_left_out_is_null_or_empty(laptop: Service) -> None:
    artifact = indexed(laptop, b"\x00\x01", kind="x")
    for name in ("name", "preview_uri", "suggested_uri", "tool_name", "run_id", "experiment_id"):
        assert artifact[name] is None
    assert artifact["tags"] == []
    assert artifact["labels"] == artifact["metrics"] == {}
    assert artifact["pinned"] is False
    assert artifact["mime"] == "application/octet-stream"


@pytest.mark.parametrize(
    "fields, name, mime",
    [
        ({"name": "a.json", "suggested_uri": "s3://b/c.txt"}, "a.json", "application/json"),
        ({"suggested_uri": "s3://bucket/dir/c.txt"}, "c.txt", "text/plain"),
        # Its bytes are text, which is told where the name says nothing.
        ({"suggested_uri": "s3://bucket/dir/"}, "dir", "text/plain"),
        ({"suggested_uri": "plain"}, "plain", "text/plain"),
        ({"suggested_uri": "///"}, None, "text/plain"),
        ({"name": "a.bin"}, "a.bin", "application/octet-stream"),
        ({"name": "a.json", "mime": "text/x-own"}, "a.json", "text/x-own"),
    ],
)
def test_the_name_and_the_media_type_follow(
    laptop: Service, fields: Json, name: str | None, mime: str
) -> None:
    artifact = indexed(laptop, **fields)
    assert (artifact["name"], artifact["mime"]) == (name, mime)


def test_two_artifacts_of_the_same_bytes_are_two(service: Service) -> None:
    one, other = indexed(service, run_id="1"), indexed(service, run_id="2")
    assert one["artifact_id"] != other["artifact_id"]
    assert one["sha256"] == other["sha256"]
    gone(service.write.delete(url_of(one)))
    assert download(service, other["content_url"]).content == b"bytes"


def test_a_hash_is_not_enough(service: Service) -> None:
    sha256 = stored(service, b"a secret")
    body = {"kind": "x", "sha256": sha256}
    error = refused(service.other.post(ARTIFACTS, json=body), 409)
    assert error["details"]["missing"] == [sha256]
    assert found(service.other.get(ARTIFACTS))["artifacts"] == []
    made(service.write.post(ARTIFACTS, json=body))


def test_another_tenants_artifact_is_not_there(service: Service) -> None:
    artifact = indexed(service, run_id="r", name="a")
    url = url_of(artifact)
    third = service.client(service.key(Role.ADMIN, tenant=TenantId(f"third-{service.tenant}")))
    best = {"kind": "model", "metric": "f1", "metric_mode": "max"}
    for client in (service.other, third):
        for answer in (
            client.get(url),
            client.patch(url, json={"pinned": True}),
            client.put(f"{url}/pin", json={"pinned": True}),
            client.get(f"{url}/content"),
            client.post(f"{url}/content", json={"paths": ["a"]}),
            client.post(f"{ARTIFACTS}/best", json=best),
        ):
            refused(answer, 404)
        gone(client.delete(url))
        assert found(client.get(ARTIFACTS, params={"run_id": "r"}))["artifacts"] == []
        assert found(client.post(f"{ARTIFACTS}/search", json={}))["hits"] == []
    assert found(service.read.get(url)) == artifact


@pytest.mark.parametrize("artifact_id", ["0" * 32, "nothing", "A" * 32, "..", "0" * 33])
def test_an_unknown_id_is_not_found(laptop: Service, artifact_id: str) -> None:
    url = f"{ARTIFACTS}/{artifact_id}"
    refused(laptop.read.get(url), 404)
    refused(laptop.write.patch(url, json={}), 404)
    refused(laptop.write.put(f"{url}/pin", json={"pinned": True}), 404)
    refused(laptop.read.get(f"{url}/content"), 404)


def test_tags_are_replaced_and_labels_and_metrics_merged(service: Service) -> None:
    artifact = indexed(
        service, tags=["a"], labels={"a": None, "b": 1, "c": "x"}, metrics={"f1": 1, "loss": 2}
    )
    changes: Json = {
        "tags": ["b", "b"],
        "labels": {"b": None, "d": {"e": []}},
        "metrics": {"loss": None, "auc": "NaN"},
        "pinned": True,
    }
    changed = found(service.write.patch(url_of(artifact), json=changes))
    assert changed == artifact | {
        "tags": ["b"],
        "labels": {"a": None, "c": "x", "d": {"e": []}},
        "metrics": {"f1": 1, "auc": "NaN"},
        "pinned": True,
    }
    assert found(service.read.get(url_of(artifact))) == changed
    assert found(service.write.patch(url_of(artifact), json={})) == changed
    emptied = found(service.write.patch(url_of(artifact), json={"tags": [], "pinned": False}))
    assert (emptied["tags"], emptied["pinned"]) == ([], False)


def test_a_pin_is_set_and_taken_away(service: Service) -> None:
    artifact = indexed(service)
    for pinned in (True, True, False):
        answer = service.write.put(f"{url_of(artifact)}/pin", json={"pinned": pinned})
        assert found(answer) == artifact | {"pinned": pinned}
        assert listed(service, pinned=pinned)["artifacts"] == [artifact | {"pinned": pinned}]
    assert listed(service, pinned=True)["artifacts"] == []


def test_what_is_deleted_is_gone_from_everywhere(service: Service) -> None:
    artifact = indexed(service, **EVERYTHING)
    for _ in range(2):
        gone(service.write.delete(url_of(artifact)))
    refused(service.read.get(url_of(artifact)), 404)
    refused(service.write.put(f"{url_of(artifact)}/pin", json={"pinned": True}), 404)
    for query in ({}, {"kind": "model"}, {"run_id": "run 1"}, {"app_id": "\u00e9" * 250}):
        assert listed(service, **query)["artifacts"] == []


def test_the_same_request_under_a_key_is_one_artifact(service: Service) -> None:
    body = {"kind": "x", "sha256": stored(service)}
    headers = {"idempotency-key": "once"}
    answers = [service.write.post(ARTIFACTS, json=body, headers=headers) for _ in range(2)]
    assert made(answers[0]) == made(answers[1])
    assert len(listed(service)["artifacts"]) == 1


SHA = "0" * 64


@pytest.mark.parametrize(
    "fields, bad",
    [
        ({"kind": ""}, ["kind"]),
        ({"kind": "x" * 101}, ["kind"]),
        ({"kind": None}, ["kind"]),
        ({"sha256": "x"}, ["sha256"]),
        ({"sha256": None}, [""]),
        ({"manifest": [{"path": "a", "sha256": SHA, "size_bytes": 1}]}, [""]),
        ({"sha256": None, "manifest": []}, ["manifest"]),
        ({"run_id": ""}, ["run_id"]),
        ({"run_id": "x" * 251}, ["run_id"]),
        ({"tags": [""]}, ["tags.0"]),
        ({"tags": ["a"] * 101}, ["tags"]),
        ({"tags": ["a" * 251, 1]}, ["tags.0", "tags.1"]),
        ({"labels": {"": 1}}, ["labels..[key]"]),
        ({"labels": {"a": 2**64}}, ["labels.a"]),
        ({"labels": {"a": [{"b": -(2**63) - 1}]}}, ["labels.a"]),
        ({"metrics": {"a": [1]}}, ["metrics.a"]),
        ({"metrics": {"a": 10**30}}, ["metrics.a"]),
        ({"mime": "nonsense"}, ["mime"]),
        ({"name": "a\nb"}, ["name"]),
        ({"pinned": 1}, ["pinned"]),
        ({"unknown": 1}, ["unknown"]),
    ],
)
def test_bad_fields_are_named(laptop: Service, fields: Json, bad: list[str]) -> None:
    body = {"kind": "x", "sha256": SHA, **fields}
    assert bad_fields(laptop.write.post(ARTIFACTS, json=body)) == bad


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["labels", "metrics"])
def test_numbers_that_json_cannot_spell_are_refused_bare(
    laptop: Service, field: str, word: str
) -> None:
    text = f'{{"kind": "x", "sha256": "{SHA}", "{field}": {{"a": {word}}}}}'
    headers = {"content-type": "application/json"}
    answer = laptop.write.post(ARTIFACTS, content=text, headers=headers)
    assert bad_fields(answer) == [f"{field}.a"]


def test_tags_labels_and_metrics_have_64_kib_together(laptop: Service) -> None:
    half = "x" * 32_000
    artifact = indexed(laptop, labels={"a": half})
    error = refused(laptop.write.patch(url_of(artifact), json={"metrics": {"m": half * 2}}), 400)
    assert error["details"]["max_bytes"] == 64 * 1024
    found(laptop.write.patch(url_of(artifact), json={"metrics": {"m": half}}))
    body: dict[str, Any] = {"kind": "x", "sha256": SHA, "labels": {"a": half * 3}}
    refused(laptop.write.post(ARTIFACTS, json=body), 400)


def test_deeply_nested_labels_come_back(laptop: Service) -> None:
    label: Any = 1
    for _ in range(100):
        label = [label]
    assert indexed(laptop, labels={"deep": label})["labels"] == {"deep": label}


def test_a_reader_may_not_write(laptop: Service) -> None:
    artifact = indexed(laptop)
    url = url_of(artifact)
    refused(laptop.read.post(ARTIFACTS, json={"kind": "x", "sha256": SHA}), 403)
    refused(laptop.read.patch(url, json={}), 403)
    refused(laptop.read.put(f"{url}/pin", json={"pinned": True}), 403)
    refused(laptop.read.delete(url), 403)
