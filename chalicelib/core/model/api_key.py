"""API keys."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.core.context import Role
from chalicelib.core.ids import KeyId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored: never its secret, only the SHA-256 of it in hex."""

    key_id: KeyId
    tenant: TenantId
    user: UserId
    role: Role
    secret_sha256: str
    created_at_ms: int
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    name: str | None = None
