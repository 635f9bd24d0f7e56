"""The operator's commands for API keys: making, listing and revoking them."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Final

from chalicelib.core.context import Clock, Role
from chalicelib.core.ids import TenantId
from chalicelib.core.model.api_key import ApiKey
from chalicelib.domain import api_keys
from chalicelib.storage.api_keys import ApiKeyStore

DAY_MS: Final = 24 * 60 * 60 * 1000


def add_to(parser: argparse.ArgumentParser, dest: str) -> None:
    """Add the actions to the command `keys`; the chosen one's name is put at `dest`."""
    actions = parser.add_subparsers(
        dest=dest, metavar="ACTION", required=True, parser_class=type(parser)
    )
    create = actions.add_parser("create", help="make a key and print it, and nothing else")
    create.add_argument("--tenant", required=True)
    create.add_argument("--user", required=True)
    create.add_argument("--role", required=True, choices=[role.label for role in Role])
    create.add_argument("--expires-days", type=_days, metavar="N", help="never, when not given")
    create.add_argument("--name", help="a reminder of what the key is for")
    show = actions.add_parser("list", help="show a tenant's keys, newest first")
    show.add_argument("--tenant", default="default")
    show.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    revoke = actions.add_parser("revoke", help="let a key in no more")
    revoke.add_argument("key_id")
    revoke.add_argument("--tenant", help="refuse unless the key is this tenant's")


def run(action: str, options: argparse.Namespace, store: ApiKeyStore, clock: Clock) -> None:
    """Run one action. Raises the core errors."""
    match action:
        case "create":
            _create(options, store, clock)
        case "list":
            _list(options, store, clock)
        case _:
            key = api_keys.revoke(store, clock, options.tenant, options.key_id)
            _say(f"revoked {key.key_id} of {key.user} in tenant {key.tenant}")


def _create(options: argparse.Namespace, store: ApiKeyStore, clock: Clock) -> None:
    days: int | None = options.expires_days
    _, plaintext = api_keys.create(
        store,
        clock,
        options.tenant,
        options.user,
        Role.of(options.role),
        None if days is None else clock.now_ms() + days * DAY_MS,
        options.name,
    )
    _say(plaintext)


def _list(options: argparse.Namespace, store: ApiKeyStore, clock: Clock) -> None:
    rows = [_row(key, clock) for key in store.of_tenant(TenantId(options.tenant))]
    if options.json:
        _say(json.dumps({"keys": rows}, indent=2))
        return
    columns = ("key_id", "user", "role", "state", "created_at", "expires_at", "name")
    table = [columns, *([row[column] or "-" for column in columns] for row in rows)]
    widths = [max(len(row[at]) for row in table) for at in range(len(columns))]
    for row in table:
        _say("  ".join(map(str.ljust, row, widths)).rstrip())


def _row(key: ApiKey, clock: Clock) -> dict[str, str | None]:
    state = "valid"
    if key.revoked_at_ms is not None:
        state = "revoked"
    elif key.expires_at_ms is not None and key.expires_at_ms <= clock.now_ms():
        state = "expired"
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "user": key.user,
        "role": key.role.label,
        "state": state,
        "name": key.name,
        "created_at": _time(key.created_at_ms),
        "expires_at": _time(key.expires_at_ms),
        "revoked_at": _time(key.revoked_at_ms),
    }


def _time(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= days <= 36_500:
        raise argparse.ArgumentTypeError(f"a whole number of days from 1 to 36500: {text!r}")
    return days


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
