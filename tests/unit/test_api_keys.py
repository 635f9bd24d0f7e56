"""API keys: who they stand for, for how long, and that wrong ones all look alike."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.context import Role
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from chalicelib.core.ids import KeyId
from chalicelib.domain import api_keys
from chalicelib.domain.api_keys import CACHE_S, Authenticator
from chalicelib.storage.api_keys import ApiKeyStore
from chalicelib.storage.signing_key import signing_key
from tests.unit.stores import HandClock, Stores, WatchedTable

SECRET = "s" * 43
GIVEN = f"tb_mykey123_{SECRET}"


class Bench:
    """Keys on a table that counts its reads."""

    def __init__(self, stores: Stores) -> None:
        assert isinstance(stores.clock, HandClock)
        self.clock = stores.clock
        self.reads = 0
        self.store = ApiKeyStore(WatchedTable(stores.table, self._count))
        self.authenticator = Authenticator(self.store, self.clock)

    def _count(self, operation: str) -> None:
        self.reads += operation == "get"

    def create(
        self, tenant: str = "acme", role: Role = Role.WRITE, ends_ms: int | None = None
    ) -> str:
        return api_keys.create(self.store, self.clock, tenant, "ada", role, ends_ms)[1]

    def install(self, key: str = GIVEN, tenant: str = "acme", role: Role = Role.ADMIN) -> None:
        api_keys.install(self.store, self.clock, key, tenant, "ada", role)

    def why_not(self, key: str) -> str:
        with pytest.raises(Unauthenticated) as caught:
            self.authenticator.authenticate(key)
        return caught.value.message


@pytest.fixture
def bench(stores: Stores) -> Bench:
    return Bench(stores)


def key_id_of(plaintext: str) -> KeyId:
    parsed = api_keys.parse(plaintext)
    assert parsed is not None
    return parsed[0]


@pytest.mark.parametrize("role", list(Role))
def test_a_key_stands_for_its_tenant_user_and_role(bench: Bench, role: Role) -> None:
    principal = bench.authenticator.authenticate(bench.create("acme", role))
    assert (principal.tenant, principal.user, principal.role) == ("acme", "ada", role)


def test_only_the_digest_of_the_secret_is_stored(bench: Bench, stores: Stores) -> None:
    key = bench.create()
    secret = key.split("_", 2)[2]
    stored = bench.store.get(key_id_of(key))
    assert stored is not None
    assert secret not in repr(stored)
    assert stored.secret_sha256 == hashlib.sha256(secret.encode()).hexdigest()


def test_new_keys_are_well_formed_and_differ(bench: Bench) -> None:
    keys = {bench.create() for _ in range(50)}
    assert len({key_id_of(key) for key in keys}) == 50


def test_a_wrong_an_unknown_and_a_revoked_key_look_alike(bench: Bench) -> None:
    key = bench.create()
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    revoked = bench.create()
    api_keys.revoke(bench.store, bench.clock, "acme", key_id_of(revoked))
    unknown = f"tb_unknown1_{SECRET}"
    words = {bench.why_not(one) for one in (wrong, unknown, revoked)}
    assert len(words) == 1
    assert bench.authenticator.authenticate(key).tenant == "acme"


def test_a_wrong_secret_of_an_expired_key_does_not_tell_that_it_expired(bench: Bench) -> None:
    key = bench.create(ends_ms=bench.clock.ms + 1000)
    bench.authenticator.authenticate(key)
    bench.clock.advance(1000)
    assert "expired" in bench.why_not(key)
    assert "expired" not in bench.why_not(key[:-4] + "AAAA")


@pytest.mark.parametrize(
    "text",
    [
        "", "tb_", f"tb__{SECRET}", f"tb_short_{SECRET}", f"tb_UPPERCASE_{SECRET}",
        "tb_mykey123_short",
        f"xx_mykey123_{SECRET}", f"tb_mykey123_{SECRET}!", f" {GIVEN}", f"{GIVEN}\n", "ключ",
        f"tb_mykey123_{'s' * 201}", f"tb_{'k' * 33}_{SECRET}",
    ],
)  # fmt: skip
def test_a_malformed_key_costs_no_request(bench: Bench, text: str) -> None:
    assert "malformed" in bench.why_not(text)
    assert bench.reads == 0


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    parsed = api_keys.parse(text)
    assert parsed is None or f"tb_{parsed[0]}_{parsed[1]}" == text


def test_a_key_is_read_once_in_a_minute(bench: Bench) -> None:
    key = bench.create()
    for _ in range(3):
        bench.authenticator.authenticate(key)
    assert bench.reads == 1
    bench.clock.advance(round(CACHE_S * 1000))
    bench.authenticator.authenticate(key)
    assert bench.reads == 2


def test_revocation_is_effective_within_a_minute_and_at_once_where_it_is_made(bench: Bench) -> None:
    key = bench.create()
    elsewhere = Authenticator(bench.store, bench.clock)
    for one in (bench.authenticator, elsewhere):
        one.authenticate(key)
    api_keys.revoke(bench.store, bench.clock, "acme", key_id_of(key))
    bench.authenticator.forget(key_id_of(key))
    bench.why_not(key)
    bench.clock.advance(60_000)
    with pytest.raises(Unauthenticated):
        elsewhere.authenticate(key)


def test_a_key_expires_while_it_is_cached(bench: Bench) -> None:
    key = bench.create(ends_ms=bench.clock.ms + 1000)
    bench.authenticator.authenticate(key)
    bench.clock.advance(999)
    bench.authenticator.authenticate(key)
    bench.clock.advance(1)
    bench.why_not(key)


def test_the_cache_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_CACHED", 3)
    keys = [bench.create() for _ in range(6)]
    for key in keys:
        bench.authenticator.authenticate(key)
    bench.reads = 0
    for key in keys[-3:]:
        bench.authenticator.authenticate(key)
    assert bench.reads == 0
    bench.authenticator.authenticate(keys[0])
    assert bench.reads == 1


def test_a_key_cannot_expire_in_the_past(bench: Bench) -> None:
    with pytest.raises(Invalid):
        bench.create(ends_ms=bench.clock.ms)


@pytest.mark.parametrize("tenant", ["", "a#b", "a/b", "-a", "x" * 64])
def test_a_bad_tenant_is_refused(bench: Bench, tenant: str) -> None:
    with pytest.raises(Invalid):
        bench.create(tenant)


# -- installing a given key -----------------------------------------------------------------------


def test_installing_twice_is_installing_once(bench: Bench) -> None:
    for _ in range(2):
        bench.install()
    assert bench.authenticator.authenticate(GIVEN).role == Role.ADMIN
    assert len(list(bench.store.of_tenant(bench.authenticator.authenticate(GIVEN).tenant))) == 1


def test_installing_changes_the_role_and_undoes_a_revocation(bench: Bench) -> None:
    bench.install(role=Role.READ)
    api_keys.revoke(bench.store, bench.clock, None, "mykey123")
    bench.install(role=Role.ADMIN)
    assert bench.authenticator.authenticate(GIVEN).role == Role.ADMIN


def test_installing_makes_an_expired_key_valid(bench: Bench) -> None:
    key = bench.create(ends_ms=bench.clock.ms + 1000)
    bench.clock.advance(1000)
    bench.install(key)
    assert bench.authenticator.authenticate(key).role == Role.ADMIN


def test_a_key_id_of_another_secret_or_tenant_is_not_taken_over(bench: Bench) -> None:
    bench.install()
    with pytest.raises(Conflict):
        bench.install(f"tb_mykey123_{'t' * 43}")
    with pytest.raises(Conflict):
        bench.install(tenant="other")
    assert bench.authenticator.authenticate(GIVEN).tenant == "acme"


def test_a_malformed_key_is_not_installed(bench: Bench) -> None:
    with pytest.raises(Invalid):
        bench.install("password")


# -- revoking and listing -------------------------------------------------------------------------


def test_another_tenants_key_cannot_be_revoked_and_looks_like_none(bench: Bench) -> None:
    key = bench.create("acme")
    words: set[str] = set()
    for key_id in (key_id_of(key), "unknown1", "", "UPPER", "#" * 8):
        with pytest.raises(NotFound) as caught:
            api_keys.revoke(bench.store, bench.clock, "other", key_id)
        words.add(caught.value.message)
    assert len(words) == 1
    bench.authenticator.authenticate(key)


def test_revoking_twice_keeps_the_first_time(bench: Bench) -> None:
    key_id = key_id_of(bench.create())
    first = api_keys.revoke(bench.store, bench.clock, "acme", key_id)
    bench.clock.advance(1000)
    assert api_keys.revoke(bench.store, bench.clock, None, key_id) == first


def test_a_tenants_keys_are_listed_newest_first_revoked_ones_too(bench: Bench) -> None:
    made: list[KeyId] = []
    for _ in range(3):
        made.append(key_id_of(bench.create()))
        bench.clock.advance(1)
    bench.create("other")
    api_keys.revoke(bench.store, bench.clock, "acme", made[0])
    tenant = bench.authenticator.authenticate(bench.create()).tenant
    assert [key.key_id for key in bench.store.of_tenant(tenant)][1:] == made[::-1]


# -- the key that signs ---------------------------------------------------------------------------


def test_the_signing_key_is_made_once(stores: Stores) -> None:
    first = signing_key(stores.table, stores.clock)
    assert len(first) == 32
    assert signing_key(stores.table, stores.clock) == first


def test_of_two_that_make_the_signing_key_at_once_both_get_the_same(stores: Stores) -> None:
    made: list[bytes] = []

    def before(operation: str) -> None:
        if operation == "put":
            made.append(signing_key(stores.table, stores.clock))

    assert signing_key(WatchedTable(stores.table, before), stores.clock) == made[0]
