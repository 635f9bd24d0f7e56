"""Creating, listing and revoking API keys over the API."""

from __future__ import annotations

import re

import pytest

from chalicelib.api.v1.shapes import rfc3339
from chalicelib.core.context import Role
from tests.api.answers import Json, bad_fields, found, gone, made, refused
from tests.api.harness import EXPERIMENTS, KEYS, Service


def test_a_key_is_shown_once_and_works(service: Service) -> None:
    body = {"role": "write", "user": "bob@example.org", "name": "CI"}
    created = made(service.admin.post(KEYS, json=body))
    key = created.pop("key")
    assert re.fullmatch("tb_[a-z0-9]{8,32}_[A-Za-z0-9_-]{32,}", key)
    assert created == {
        "key_id": key.split("_")[1],
        "user": "bob@example.org",
        "role": "write",
        "name": "CI",
        "created_at": created["created_at"],
        "expires_at": None,
        "revoked_at": None,
    }
    listing = service.admin.get(KEYS)
    assert created in found(listing)["keys"]
    assert key.split("_", 2)[2] not in listing.text
    answer = service.client(key).post(EXPERIMENTS, json={"name": "by bob"})
    assert made(answer)["created_by"] == "bob@example.org"


def test_the_own_user_is_meant_when_none_is_named(service: Service) -> None:
    assert made(service.admin.post(KEYS, json={"role": "read"}))["user"] == "ada"


def test_keys_are_listed_newest_first_revoked_ones_too(service: Service) -> None:
    ids = [made(service.admin.post(KEYS, json={"role": "read"}))["key_id"] for _ in range(3)]
    gone(service.admin.delete(f"{KEYS}/{ids[1]}"))
    keys = found(service.admin.get(KEYS))["keys"]
    assert [key["key_id"] for key in keys[:3]] == ids[::-1]
    assert [key["revoked_at"] is not None for key in keys[:3]] == [False, True, False]


def test_cursors_walk_over_every_key_once(service: Service) -> None:
    made_ids = [made(service.admin.post(KEYS, json={"role": "read"}))["key_id"] for _ in range(5)]
    for limit in (1, 2, 100):
        seen: list[str] = []
        query: dict[str, str | int] = {"limit": limit}
        while True:
            page = found(service.admin.get(KEYS, params=query))
            seen += [key["key_id"] for key in page["keys"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert seen[:5] == made_ids[::-1]
        assert len(seen) == len(set(seen)) == 6  # the admin's own is the oldest
    cursor = found(service.admin.get(KEYS, params={"limit": 1}))["next_cursor"]
    for client in (service.other, service.admin):
        spoiled = cursor if client is service.other else cursor + "A"
        assert bad_fields(client.get(KEYS, params={"cursor": spoiled})) == ["cursor"]
    assert bad_fields(service.admin.get(KEYS, params={"limit": 0, "user": "x"})) == [
        "limit",
        "user",
    ]


def test_a_revoked_key_is_refused_at_once_in_the_same_process(service: Service) -> None:
    created = made(service.admin.post(KEYS, json={"role": "read"}))
    client = service.client(created["key"])
    found(client.get(EXPERIMENTS))
    for _ in range(2):
        gone(service.admin.delete(f"{KEYS}/{created['key_id']}"))
    refused(client.get(EXPERIMENTS), 401)


def test_a_key_expires(service: Service) -> None:
    at = rfc3339(service.clock.now_ms() + 3_600_000)
    created = made(service.admin.post(KEYS, json={"role": "read", "expires_at": at}))
    assert created["expires_at"] == at
    client = service.client(created["key"])
    found(client.get(EXPERIMENTS))
    service.clock.advance(3601)
    refused(client.get(EXPERIMENTS), 401)


def test_another_tenants_key_is_not_found(service: Service) -> None:
    created = made(service.other.post(KEYS, json={"role": "admin"}))
    refused(service.admin.delete(f"{KEYS}/{created['key_id']}"), 404)
    found(service.client(created["key"]).get(EXPERIMENTS))
    ids = {key["key_id"] for key in found(service.admin.get(KEYS))["keys"]}
    assert created["key_id"] not in ids


@pytest.mark.parametrize("key_id", ["unknown0", "x", "A" * 10, "%2e%2e", "a" * 33])
def test_an_unknown_key_is_not_found(laptop: Service, key_id: str) -> None:
    refused(laptop.admin.delete(f"{KEYS}/{key_id}"), 404)


def test_an_admin_may_revoke_the_own_key(service: Service) -> None:
    key = service.key(Role.ADMIN)
    client = service.client(key)
    gone(client.delete(f"{KEYS}/{key.split('_')[1]}"))
    refused(client.get(KEYS), 401)


@pytest.mark.parametrize(
    "body, paths",
    [
        ({}, ["role"]),
        ({"role": "owner"}, ["role"]),
        ({"role": 1}, ["role"]),
        ({"role": "read", "user": ""}, ["user"]),
        ({"role": "read", "user": "a b"}, ["user"]),
        ({"role": "read", "user": "x" * 64}, ["user"]),
        ({"role": "read", "user": "a#b"}, ["user"]),
        ({"role": "read", "name": ""}, ["name"]),
        ({"role": "read", "expires_at": "soon"}, ["expires_at"]),
        ({"role": "read", "expires_at": "2030-01-01T00:00:00"}, ["expires_at"]),
        ({"role": "read", "expires_at": "2020-01-01T00:00:00Z"}, ["expires_at"]),
        ({"role": "read", "tenant": "other", "key": "x"}, ["key", "tenant"]),
    ],
)
def test_every_bad_field_is_named(laptop: Service, body: Json, paths: list[str]) -> None:
    assert bad_fields(laptop.admin.post(KEYS, json=body)) == paths
