"""Nothing of one tenant is ever another's, over every route there is."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.context import Role
from tests.api.answers import found, made, refused
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.routes import (
    PROTECTED,
    UNKNOWN,
    Target,
    call,
    names_ids,
    neighbours,
    status_of_anothers,
    target_of,
    variables_of,
)

ABOUT_NOTHING = {
    "GET /api/v1/keys",
    "POST /api/v1/keys",
    "DELETE /api/v1/keys/{key_id}",  # has its own test, in test_keys.py
    "POST /api/v1/experiments",
    "GET /api/v1/experiments",
    "POST /api/v1/ingest",
    "GET /api/v1/ingest",
    "POST /api/v1/artifacts/uploads",
    "POST /api/v1/artifacts/uploads/batch",
    "POST /api/v1/artifacts",
    "GET /api/v1/artifacts",
    "POST /api/v1/artifacts/search",
    "POST /api/v1/artifacts/best",
}
NAMES = [name for name in PROTECTED if name not in ABOUT_NOTHING]
DONE_EITHER_WAY = {
    "DELETE /api/v1/artifacts/{artifact_id}",  # 204 also when absent; see test_artifact_index.py
}


def both(service: Service) -> tuple[Target, Target]:
    """What the tenant has, and what the other one has."""
    return target_of(service.write), target_of(service.other)


def test_every_route_is_classified() -> None:
    about_something = {name for name, one in PROTECTED.items() if names_ids(one)}
    assert about_something == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_own_things_are_reached(laptop: Service, name: str) -> None:
    endpoint = PROTECTED[name]
    if endpoint.method == "GET":
        near = neighbours(laptop)
        laptop, mine = near.service, near.mine
    else:
        mine = target_of(laptop.write)
    answer = call(laptop.write, endpoint, mine)
    if name.endswith("/preview"):
        assert "no preview" in refused(answer, 404)["message"]  # it is no image
        return
    waits_for_bytes = name.endswith("/complete")
    wanted = {409} if waits_for_bytes else {200, 201, 204, 307}
    assert answer.status_code in wanted, answer.text


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DONE_EITHER_WAY])
def test_what_is_another_tenants_is_refused_and_what_is_not_there_not_found(
    laptop: Service, name: str
) -> None:
    endpoint = PROTECTED[name]
    near = neighbours(laptop)
    laptop, mine, theirs = near.service, near.mine, near.theirs
    for field in names_ids(endpoint):
        stranger: dict[str, Any] = {field: getattr(theirs, field)}
        answer = call(laptop.write, endpoint, replace(mine, **stranger))
        error = refused(answer, status_of_anothers(endpoint))
        assert set(error["details"].values()) <= set(stranger.values())
        if answer.status_code == 403:
            assert error["message"] == "tenant access denied"
        refused(call(laptop.write, endpoint, replace(mine, **{field: UNKNOWN})), 404)
    if {"upload_id", "run_id"} <= variables_of(endpoint):
        for upload_id in (theirs.upload_id, UNKNOWN):
            refused(call(laptop.write, endpoint, replace(mine, upload_id=upload_id)), 404)


def test_it_is_the_same_on_every_engine(service: Service) -> None:
    mine, theirs = both(service)
    for name in (
        "GET /api/v1/experiments/{experiment_id}",
        "POST /api/v1/experiments/runs/compare",
    ):
        endpoint = PROTECTED[name]
        refused(call(service.write, endpoint, theirs), 403)
        refused(call(service.write, endpoint, Target()), 404)
        assert call(service.write, endpoint, mine).is_success


def test_a_parent_run_must_be_of_the_own_tenant(service: Service) -> None:
    mine, theirs = both(service)
    body = {"experiment_id": mine.experiment_id, "parent_run_id": theirs.run_id}
    error = refused(service.write.post(RUNS, json=body), 403)
    assert error["message"] == "tenant access denied"


@pytest.mark.parametrize("position", [0, 1])
def test_one_stranger_among_the_runs_is_enough(service: Service, position: int) -> None:
    mine, theirs = both(service)
    runs = [mine.run_id, mine.other_run_id]
    runs.insert(position, theirs.run_id)
    for path, more in (("compare", {}), ("metrics/history", {"keys": ["loss"]})):
        refused(service.read.post(f"{RUNS}/{path}", json={"run_ids": runs, **more}), 403)
    body = {"experiment_ids": [mine.experiment_id, theirs.experiment_id]}
    refused(service.read.post(f"{RUNS}/search", json=body), 403)


def test_another_tenants_slug_is_simply_not_there(service: Service) -> None:
    made(service.other.post(EXPERIMENTS, json={"name": "x", "slug": "theirs"}))
    refused(service.read.get(f"{EXPERIMENTS}/theirs"), 404)
    refused(service.read.get(RUNS, params={"experiment_id": "theirs"}), 404)
    refused(service.write.post(RUNS, json={"experiment_id": "theirs"}), 404)
    service.experiment(slug="theirs")
    assert found(service.read.get(f"{EXPERIMENTS}/theirs"))["created_by"] == "ada"


def test_lists_never_show_anothers(service: Service) -> None:
    mine, theirs = both(service)
    strange = {theirs.experiment_id, theirs.run_id, theirs.other_run_id, theirs.upload_id}
    strange |= {str(service.other_tenant), '"eve"'}  # with its quotes: runs are named by words
    for url, query in (
        (EXPERIMENTS, {}),
        (EXPERIMENTS, {"search": "target"}),
        (EXPERIMENTS, {"lifecycle_stage": "deleted"}),
        (RUNS, {"experiment_id": mine.experiment_id}),
        (RUNS, {"experiment_id": mine.experiment_id, "order_by": "metrics.loss"}),
        (f"{RUNS}/{mine.run_id}/artifacts", {}),
        ("/api/v1/keys", {}),
    ):
        answer = service.admin.get(url, params=query)
        found(answer)
        assert not [text for text in strange if text in answer.text]
    assert found(service.read.get(EXPERIMENTS))["total"] == 1


def test_presigned_urls_are_for_the_own_bytes_only(service: Service) -> None:
    mine, theirs = both(service)
    urls: list[str] = []
    for client, target in ((service.write, mine), (service.other, theirs)):
        url = f"{RUNS}/{target.run_id}/artifacts"
        content = client.get(f"{url}/content", params={"path": "a"})
        body = {"path": "c", "size_bytes": 1, "sha256": "0" * 64}
        upload = made(client.post(f"{url}/uploads", json=body))
        urls += [content.headers["location"], upload["parts"][0]["url"]]
    own, others = str(service.tenant), str(service.other_tenant)
    assert [(f"/{own}/" in url, f"/{others}/" in url) for url in urls] == [
        (True, False), (True, False), (False, True), (False, True)
    ]  # fmt: skip


def test_the_same_bytes_of_two_tenants_are_two_blobs(service: Service) -> None:
    mine, theirs = both(service)
    blobs = service.services.blobs
    sha256 = hashlib.sha256(b"x").hexdigest()
    for tenant, target in ((service.tenant, mine), (service.other_tenant, theirs)):
        assert len(blobs.list(f"cas/{tenant}/{sha256}").blobs) == 1, target


def test_cursors_are_not_transferable(service: Service) -> None:
    for client in (service.write, service.other):
        for name in ("a", "b"):
            made(client.post(EXPERIMENTS, json={"name": name}))
    cursor = found(service.other.get(EXPERIMENTS, params={"limit": 1}))["next_cursor"]
    refused(service.read.get(EXPERIMENTS, params={"cursor": cursor}), 400)


def test_a_key_reaches_its_own_tenant_only(service: Service) -> None:
    mine, _ = both(service)
    stranger = service.client(service.key(Role.ADMIN, "eve", service.other_tenant))
    refused(stranger.get(f"{EXPERIMENTS}/{mine.experiment_id}"), 403)
    refused(stranger.delete(f"{EXPERIMENTS}/{mine.experiment_id}"), 403)
    assert found(service.read.get(f"{EXPERIMENTS}/{mine.experiment_id}"))["version"] == 1
