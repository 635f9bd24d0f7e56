"""What indexed artifacts may cost, in storage requests; counted on one engine for all."""

from __future__ import annotations

import pytest

from chalicelib.domain import artifact_directories
from chalicelib.domain.artifacts import ArtifactStores
from chalicelib.search import built_in
from tests.api.answers import found, gone, made
from tests.api.harness import EXPERIMENTS, Service
from tests.api.indexed import (
    ARTIFACTS,
    directory,
    indexed,
    listed,
    manifest_of,
    publish_due,
    stored,
)


@pytest.fixture(autouse=True)
def _warm(laptop: Service) -> None:
    for client in (laptop.read, laptop.write):
        found(client.get(EXPERIMENTS))


def test_indexing_a_file(laptop: Service) -> None:
    ids = {"run_id": "r", "session_id": "s", "user_id": "u", "experiment_id": "e"}
    body = {"kind": "model", "sha256": stored(laptop), **ids}
    with laptop.budget(reads=1, transactions=1):
        made(laptop.write.post(ARTIFACTS, json=body | {"name": "a.bin"}))
    with laptop.budget(reads=1, transactions=1, blobs=1):  # the bytes tell their media type
        made(laptop.write.post(ARTIFACTS, json=body))


def test_getting_changing_pinning_and_deleting(laptop: Service) -> None:
    url = f"{ARTIFACTS}/{indexed(laptop)['artifact_id']}"
    with laptop.budget(reads=1):
        found(laptop.read.get(url))
    with laptop.budget(reads=1):
        assert laptop.read.get(f"{url}/content").status_code == 307
    with laptop.budget(reads=1, blobs=1):
        assert laptop.read.get(f"{url}/preview").status_code == 404
    with laptop.budget(reads=1, writes=1):
        found(laptop.write.patch(url, json={"tags": ["a"]}))
    with laptop.budget(reads=1):  # nothing changes
        found(laptop.write.patch(url, json={"tags": ["a"]}))
    with laptop.budget(writes=1):
        found(laptop.write.put(f"{url}/pin", json={"pinned": True}))
    with laptop.budget(reads=1, transactions=1):
        gone(laptop.write.delete(url))
    with laptop.budget(reads=1):
        gone(laptop.write.delete(url))


def test_listing_by_one_field(laptop: Service) -> None:
    for _ in range(120):
        indexed(laptop, run_id="r")
    for query in ({}, {"run_id": "r"}, {"kind": "model"}):
        with laptop.budget(queries=1, reads=1):
            assert len(listed(laptop, **query)["artifacts"]) == 100
    with laptop.budget(queries=1, reads=2):
        assert len(listed(laptop, limit=1000)["artifacts"]) == 120


def test_listing_by_several_filters(laptop: Service) -> None:
    for number in range(120):
        indexed(laptop, run_id="r", node_id=f"n{number % 2}", tags=[f"t{number % 3}"])
    with laptop.budget(queries=1, reads=1):  # rows tell of ids and kinds
        assert len(listed(laptop, run_id="r", node_id="n1", kind="model")["artifacts"]) == 60
    with laptop.budget(queries=1, reads=2):  # of tags only the artifacts themselves
        assert len(listed(laptop, run_id="r", tags="t1")["artifacts"]) == 40
    with laptop.budget(queries=1, reads=1):
        assert len(listed(laptop, run_id="r", tags="t1", limit=10)["artifacts"]) == 10


def test_the_best_and_a_search(laptop: Service) -> None:
    for number in range(120):
        indexed(laptop, run_id="r", metrics={"f1": number})
    body = {"kind": "model", "metric": "f1", "metric_mode": "max", "run_id": "r"}
    with laptop.budget(queries=1, reads=2):
        assert found(laptop.read.post(f"{ARTIFACTS}/best", json=body))["metrics"] == {"f1": 119}
    with laptop.budget(queries=1, reads=2):
        found(laptop.read.post(f"{ARTIFACTS}/search", json={"metric": "f1"}))
    with laptop.budget(queries=1, reads=1):
        found(laptop.read.post(f"{ARTIFACTS}/search", json={}))


def test_a_search_by_text(laptop: Service) -> None:
    for number in range(120):
        indexed(laptop, str(number).encode(), name=f"giraffe {number}.txt")

    def search() -> None:
        body = {"query": "a giraffe", "limit": 10}
        assert len(found(laptop.read.post(f"{ARTIFACTS}/search", json=body))["hits"]) == 10

    with laptop.budget(queries=2, reads=4, blobs=120):  # for the first time, and all are texts
        search()
    laptop.clock.advance(100)
    search()  # what was written lately is told again by DynamoDB
    with laptop.budget(queries=2, reads=1):
        search()
    indexed(laptop, b"another", name="giraffe.txt")
    with laptop.budget(queries=2, reads=2, blobs=1):
        search()
    laptop.clock.advance(100)
    search()
    with laptop.budget(queries=2, reads=1):
        search()


def test_publishing_an_index(laptop: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built_in, "PUBLISHED_FROM", 1)
    indexed(laptop, b"text", name="a.txt")
    laptop.services.snapshots.mark_due(laptop.tenant)
    # due, the newest, how much changed, the newest again, what changed, all of it
    with laptop.budget(queries=4, reads=3, writes=2, blobs=3):
        assert publish_due(laptop.services) == 1
    with laptop.budget(queries=1):
        assert publish_due(laptop.services) == 0


def test_a_directory(laptop: Service) -> None:
    files = {f"{number}": b"%d" % (number % 120) for number in range(240)}
    for body in set(files.values()):
        stored(laptop, body)
    wanted = {"kind": "dataset", "manifest": manifest_of(files)}
    # The files' records and the manifest's; a manifest that is new, and on its queue before; three
    # times 45 files, the manifest, the artifact.
    with laptop.budget(reads=3, writes=1, blobs=1, transactions=5):
        artifact = made(laptop.write.post(ARTIFACTS, json=wanted))
    url = artifact["content_url"]
    with laptop.budget(reads=1):
        assert laptop.read.get(url).status_code == 307
    with laptop.budget(reads=2, blobs=1):
        assert laptop.read.get(url, params={"path": "7"}).status_code == 307
    with laptop.budget(reads=3, blobs=1):
        found(laptop.read.post(url, json={"paths": list(files)}))
    with laptop.budget(reads=1, transactions=1):
        gone(laptop.write.delete(f"{ARTIFACTS}/{artifact['artifact_id']}"))


def test_missing_bytes_are_found_before_anything_is_written(laptop: Service) -> None:
    body = {"kind": "x", "manifest": [{"path": "a", "sha256": "0" * 64, "size_bytes": 1}]}
    with laptop.budget(reads=1):
        assert laptop.write.post(ARTIFACTS, json=body).status_code == 409
    with laptop.budget(reads=1):
        body = {"kind": "x", "sha256": "0" * 64}
        assert laptop.write.post(ARTIFACTS, json=body).status_code == 409


def test_letting_a_deleted_directory_go(laptop: Service) -> None:
    stores = ArtifactStores(laptop.services.artifacts, laptop.services.bytes)
    artifact_directories.release_due(stores, laptop.clock, deadline_s=1e12)  # of other tests
    artifact = directory(laptop, {f"{number}": b"%d" % number for number in range(100)})
    gone(laptop.write.delete(f"{ARTIFACTS}/{artifact['artifact_id']}"))
    with laptop.budget(queries=1, blobs=1, reads=3, transactions=4):
        artifact_directories.release_due(stores, laptop.clock, deadline_s=1e12)
