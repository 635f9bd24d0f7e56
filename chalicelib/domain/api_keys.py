"""API keys: `tb_<key_id>_<secret>`; only a SHA-256 of the secret is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from chalicelib.core.context import Clock, Principal, Role
from chalicelib.core.errors import ConditionFailed, Conflict, Invalid, NotFound, Unauthenticated
from chalicelib.core.ids import KeyId, TenantId, UserId, is_label
from chalicelib.core.model.api_key import ApiKey
from chalicelib.storage.api_keys import ApiKeyStore
from chalicelib.storage.table import When

CACHE_S = 60.0
"""How long a key is trusted without a look: revocation is effective within this time."""
MAX_CACHED = 10_000
_KEY = re.compile(r"tb_([a-z0-9]{8,32})_([A-Za-z0-9_-]{32,200})")


def parse(plaintext: str) -> tuple[KeyId, str] | None:
    """Key id and secret, None when malformed."""
    match = _KEY.fullmatch(plaintext)
    return None if match is None else (KeyId(match[1]), match[2])


def create(
    store: ApiKeyStore,
    clock: Clock,
    tenant: str,
    user: str,
    role: Role,
    expires_at_ms: int | None = None,
    name: str | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its plaintext, which is never to be had again. Two writes."""
    if expires_at_ms is not None and expires_at_ms <= clock.now_ms():
        raise Invalid.field("expires_at", "must be in the future")
    key_id = base64.b32encode(clock.random_bytes(10)).decode().lower()
    secret = base64.urlsafe_b64encode(clock.random_bytes(32)).decode().rstrip("=")
    key = _record(clock, KeyId(key_id), secret, tenant, user, role, expires_at_ms, name)
    store.put(key)
    return key, f"tb_{key_id}_{secret}"


def install(
    store: ApiKeyStore, clock: Clock, plaintext: str, tenant: str, user: str, role: Role
) -> ApiKey:
    """Make a given key valid; again is fine. Raises Invalid when malformed, Conflict when the key
    id is in use with another secret or for somebody else."""
    parsed = parse(plaintext)
    if parsed is None:
        raise Invalid("malformed API key; it must be tb_<key_id>_<secret>")
    key = _record(clock, *parsed, tenant, user, role, None, None)
    try:
        store.put(key)
    except ConditionFailed as error:
        known = store.get(key.key_id)
        if known is not None and (known.secret_sha256, known.tenant, known.user) == (
            key.secret_sha256,
            key.tenant,
            key.user,
        ):
            valid = replace(known, role=role, revoked_at_ms=None, expires_at_ms=None)
            if valid != known:
                store.put(valid, when=When.PRESENT)
            return valid
        raise Conflict("another key has this key id", key_id=key.key_id) from error
    return key


def revoke(store: ApiKeyStore, clock: Clock, tenant: str | None, key_id: str) -> ApiKey:
    """Again is fine. Raises NotFound, also for another tenant's; `tenant` None is an operator."""
    key = store.get(KeyId(key_id)) if re.fullmatch(r"[a-z0-9]{8,32}", key_id) else None
    if key is None or (tenant is not None and key.tenant != tenant):
        raise NotFound("there is no such key", key_id=key_id)
    if key.revoked_at_ms is None:
        key = replace(key, revoked_at_ms=clock.now_ms())
        store.put(key, when=When.PRESENT)
    return key


def _record(
    clock: Clock,
    key_id: KeyId,
    secret: str,
    tenant: str,
    user: str,
    role: Role,
    expires_at_ms: int | None,
    name: str | None,
) -> ApiKey:
    for field, label in (("tenant", tenant), ("user", user)):
        if not is_label(label):
            raise Invalid.field(
                field, "must be 1 to 63 of A-Z a-z 0-9 _ . @ -, the first a letter or digit"
            )
    return ApiKey(
        key_id=key_id,
        tenant=TenantId(tenant),
        user=UserId(user),
        role=role,
        secret_sha256=_sha256(secret),
        created_at_ms=clock.now_ms(),
        expires_at_ms=expires_at_ms,
        name=name,
    )


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Cached:
    key: ApiKey
    principal: Principal
    until_s: float


class Authenticator:
    """Plaintext to principal, with the stored key cached for `CACHE_S`."""

    def __init__(self, store: ApiKeyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._cache: OrderedDict[KeyId, _Cached] = OrderedDict()

    def authenticate(self, plaintext: str) -> Principal:
        """No request while cached, else one read. Raises Unauthenticated, always with the same
        words for an unknown, revoked or wrong key."""
        parsed = parse(plaintext)
        if parsed is None:
            raise Unauthenticated("malformed API key; it must be tb_<key_id>_<secret>")
        key_id, secret = parsed
        cached = self._cache.get(key_id)
        if cached is None or cached.until_s <= self._clock.monotonic_s():
            cached = self._read(key_id)
        # An unknown key costs the same comparison as a known one.
        expected = cached.key.secret_sha256 if cached else "0" * 64
        matches = hmac.compare_digest(_sha256(secret), expected)
        if cached is None or not matches or cached.key.revoked_at_ms is not None:
            raise Unauthenticated("unknown or revoked API key")
        expires_at_ms = cached.key.expires_at_ms
        if expires_at_ms is not None and expires_at_ms <= self._clock.now_ms():
            raise Unauthenticated("the API key has expired")
        return cached.principal

    def forget(self, key_id: KeyId) -> None:
        """A key changed here: look at it afresh at once."""
        with self._lock:
            self._cache.pop(key_id, None)

    def _read(self, key_id: KeyId) -> _Cached | None:
        until_s = self._clock.monotonic_s() + CACHE_S
        key = self._store.get(key_id)
        if key is None:
            return None
        cached = _Cached(key, Principal(key.tenant, key.user, key.role), until_s)
        with self._lock:
            self._cache[key_id] = cached
            while len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return cached
