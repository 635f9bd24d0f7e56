"""Who is let in, over every route there is."""

from __future__ import annotations

import base64

import pytest

from app import app
from chalicelib.api.handler import Handler
from chalicelib.core.context import Role
from chalicelib.core.ids import KeyId
from chalicelib.domain import api_keys
from tests.api.answers import found, refused
from tests.api.harness import EXPERIMENTS, Service
from tests.api.routes import PROTECTED, ROUTES, Target, call

PUBLIC = {"GET /health", "GET /openapi.json"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_every_route_of_the_app_is_described() -> None:
    routes = {
        f"{method} {path}"
        for path, methods in app.routes.items()
        for method, entry in methods.items()
        if not (method == "HEAD" and "GET" in methods)
        if isinstance(entry.view_function, Handler)  # MLflow's calls are described by themselves
    }
    assert routes == set(ROUTES)


def test_only_the_routes_that_are_meant_to_are_public() -> None:
    assert ROUTES.keys() - PROTECTED.keys() == set(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_route_needs_no_key_and_reads_none(laptop: Service, name: str) -> None:
    for client in (laptop.anybody, laptop.client("nonsense")):
        assert call(client, ROUTES[name], Target()).is_success


@pytest.mark.parametrize("name", PROTECTED)
def test_nobody_gets_in_without_a_good_key(laptop: Service, name: str) -> None:
    good = laptop.key(Role.ADMIN)
    _, key_id, secret = good.split("_", 2)
    expired = laptop.key(Role.ADMIN, expires_at_ms=laptop.clock.now_ms() + 1000)
    revoked = laptop.key(Role.ADMIN)
    api_keys.revoke(laptop.services.api_keys, laptop.clock, None, revoked.split("_")[1])
    laptop.clock.advance(2)
    bad = {
        "missing": laptop.anybody,
        "empty": laptop.client(""),
        "malformed": laptop.client("secret"),
        "another prefix": laptop.client(good.replace("tb_", "tc_")),
        "too long": laptop.client(good + "x" * 300),
        "unknown": laptop.client(f"tb_unknown0_{secret}"),
        "wrong secret": laptop.client(f"tb_{key_id}_{secret[::-1]}"),
        "half a secret": laptop.client(good[:-1]),
        "expired": laptop.client(expired),
        "revoked": laptop.client(revoked),
        "not bearer": laptop.client(Authorization=f"Token {good}"),
        "no basic": laptop.client(Authorization="Basic ???"),
        "basic user": laptop.client(Authorization=basic(good, "")),
    }
    for client in bad.values():
        answer = call(client, PROTECTED[name], Target())
        error = refused(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert secret not in answer.text
        assert error["details"] == {}


@pytest.mark.parametrize(
    "name", [name for name, one in PROTECTED.items() if one.role and one.role > Role.READ]
)
def test_a_role_that_is_too_low_is_forbidden(laptop: Service, name: str) -> None:
    role = PROTECTED[name].role
    assert role is not None
    for lower in Role:
        if lower < role:
            answer = call(laptop.client(laptop.key(lower)), PROTECTED[name], Target())
            error = refused(answer, 403)
            assert error["details"] == {"role": lower.label}
            assert role.label in error["message"]


@pytest.mark.parametrize("name", PROTECTED)
def test_a_role_that_is_high_enough_gets_in(laptop: Service, name: str) -> None:
    role = PROTECTED[name].role
    assert role is not None
    for enough in Role:
        if enough >= role:
            answer = call(laptop.client(laptop.key(enough)), PROTECTED[name], Target())
            assert answer.status_code in {200, 201, 204, 404, 409}, answer.text


@pytest.mark.parametrize(
    "method, path, role",
    [
        ("GET", "/api/v1/keys", Role.ADMIN),
        ("POST", "/api/v1/keys", Role.ADMIN),
        ("DELETE", "/api/v1/keys/{key_id}", Role.ADMIN),
        ("POST", "/api/v1/experiments", Role.WRITE),
        ("GET", "/api/v1/experiments", Role.READ),
        ("POST", "/api/v1/experiments/runs/compare", Role.READ),
        ("POST", "/api/v1/experiments/runs/search", Role.READ),
        ("POST", "/api/v1/experiments/runs/metrics/history", Role.READ),
    ],
)
def test_routes_need_the_role_of_what_they_do(method: str, path: str, role: Role) -> None:
    assert ROUTES[f"{method} {path}"].role == role


def test_no_route_that_changes_anything_is_open_to_readers() -> None:
    readable = {name for name, one in PROTECTED.items() if one.role == Role.READ}
    writing = {name for name in readable if not name.startswith("GET ")}
    assert writing == {
        "POST /api/v1/experiments/runs/compare",
        "POST /api/v1/experiments/runs/search",
        "POST /api/v1/experiments/runs/metrics/history",
        "POST /api/v1/artifacts/search",
        "POST /api/v1/artifacts/best",
        "POST /api/v1/artifacts/{artifact_id}/content",
        "POST /experiment/{slug}/assign",
        "POST /experiment/{slug}/logs/export",
    }


def test_a_key_is_sent_in_any_of_three_ways(service: Service) -> None:
    key = service.key(Role.READ)
    for headers in (
        {"X-Api-Key": key},
        {"x-api-key": f"  {key} "},
        {"Authorization": f"Bearer {key}"},
        {"authorization": f"bearer  {key}"},
        {"Authorization": basic("anything", key)},
        {"Authorization": basic("", key)},
        {"Authorization": basic("mlflow", key).replace("Basic", "basic")},
        {"X-Api-Key": key, "Authorization": "Bearer nonsense"},
    ):
        found(service.anybody.get(EXPERIMENTS, headers=headers))


def test_unknown_revoked_and_wrong_keys_are_answered_alike(service: Service) -> None:
    key = service.key(Role.READ)
    _, key_id, secret = key.split("_", 2)
    revoked = service.key(Role.READ)
    api_keys.revoke(service.services.api_keys, service.clock, None, revoked.split("_")[1])
    messages = {
        refused(service.client(bad).get(EXPERIMENTS), 401)["message"]
        for bad in (f"tb_nobody00_{secret}", f"tb_{key_id}_{'x' * 43}", revoked)
    }
    assert messages == {"unknown or revoked API key"}


def test_a_revocation_elsewhere_is_effective_within_60_seconds(service: Service) -> None:
    key = service.key(Role.READ)
    client = service.client(key)
    found(client.get(EXPERIMENTS))
    api_keys.revoke(service.services.api_keys, service.clock, None, key.split("_")[1])
    service.clock.advance(60)
    refused(client.get(EXPERIMENTS), 401)


def test_only_a_hash_of_the_secret_is_stored(service: Service) -> None:
    key = service.key(Role.READ)
    secret = key.split("_", 2)[2]
    stored = service.services.api_keys.get(KeyId(key.split("_")[1]))
    assert stored is not None
    assert secret not in repr(stored)
    assert len(stored.secret_sha256) == 64


def test_an_expiry_takes_effect_at_once_although_the_key_is_cached(service: Service) -> None:
    key = service.key(Role.READ, expires_at_ms=service.clock.now_ms() + 5000)
    client = service.client(key)
    service.clock.advance(4)
    found(client.get(EXPERIMENTS))
    service.clock.advance(1)
    error = refused(client.get(EXPERIMENTS), 401)
    assert error["message"] == "the API key has expired"


@pytest.mark.parametrize(
    "path", ["/assets", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/experiments/"]
)
def test_an_unknown_path_is_not_found_whoever_asks(laptop: Service, path: str) -> None:
    refused(laptop.anybody.get(path), 404)
