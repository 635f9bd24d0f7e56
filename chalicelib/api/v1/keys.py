"""Routes of API keys: an admin's, of the own tenant."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from chalice.app import Blueprint
from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Params, Request, created, no_content, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.pages import cursor_of, key_position, position_of
from chalicelib.api.v1.shapes import Moment, Name, milliseconds_of, rfc3339
from chalicelib.core.context import Role
from chalicelib.core.model.api_key import ApiKey
from chalicelib.domain import api_keys
from chalicelib.wiring import Services

routes = Blueprint(__name__)
BASE = "/api/v1/keys"
RoleName: TypeAlias = Literal["read", "write", "admin"]


ROLE_NAMES: dict[Role, RoleName] = {Role.READ: "read", Role.WRITE: "write", Role.ADMIN: "admin"}


class NewKey(Body):
    """A key for a user of the own tenant; the own user when left out."""

    role: RoleName
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$")] | None = None
    name: Name | None = None
    expires_at: Moment | None = None


class KeyOut(TypedDict):
    key_id: str
    user: str
    role: RoleName
    name: str | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class CreatedKeyOut(KeyOut):
    key: str


class KeysOut(TypedDict):
    keys: list[KeyOut]
    next_cursor: str | None


class ListQuery(Params):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: str | None = None


def _key_out(key: ApiKey) -> KeyOut:
    return {
        "key_id": key.key_id,
        "user": key.user,
        "role": ROLE_NAMES[key.role],
        "name": key.name,
        "created_at": rfc3339(key.created_at_ms),
        "expires_at": None if key.expires_at_ms is None else rfc3339(key.expires_at_ms),
        "revoked_at": None if key.revoked_at_ms is None else rfc3339(key.revoked_at_ms),
    }


@endpoint(
    routes, "POST", BASE, body=NewKey, answer=CreatedKeyOut, status=201, role=Role.ADMIN,
    refuses_replay=True,
)  # fmt: skip
def create_key(request: Request[NewKey, None], services: Services) -> Answer:
    """Create a key. Its plaintext is in this answer and never again."""
    body = request.body
    key, plaintext = api_keys.create(
        services.api_keys,
        services.clock,
        request.context.tenant,
        body.user or request.context.user,
        Role.of(body.role),
        None if body.expires_at is None else milliseconds_of(body.expires_at),
        body.name,
    )
    payload: CreatedKeyOut = {**_key_out(key), "key": plaintext}
    return created(payload)


@endpoint(routes, "GET", BASE, query=ListQuery, answer=KeysOut, role=Role.ADMIN)
def list_keys(request: Request[None, ListQuery], services: Services) -> Answer:
    """List the tenant's keys, newest first; revoked and expired ones too."""
    query, context = request.query, request.context
    after = key_position(position_of(services, context, "keys", query.cursor))
    found, next_place = services.api_keys.page(context.tenant, query.limit, after)
    payload: KeysOut = {
        "keys": [_key_out(key) for key in found],
        "next_cursor": cursor_of(services, context, "keys", next_place),
    }
    return ok(payload)


@endpoint(routes, "DELETE", BASE + "/{key_id}", status=204, role=Role.ADMIN, errors=(404,))
def revoke_key(request: Request[None, None], services: Services) -> Answer:
    """Revoke a key, effective everywhere within 60 seconds. Again is fine."""
    key = api_keys.revoke(
        services.api_keys, services.clock, request.context.tenant, request.path["key_id"]
    )
    services.authenticator.forget(key.key_id)
    return no_content()
