"""The operator's command for the indexes that artifacts are searched by: making them anew."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chalicelib.core.ids import TenantId

if TYPE_CHECKING:
    from chalicelib.wiring import Services


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the actions to the command `search`."""
    actions = parser.add_subparsers(
        dest="ops_action", metavar="ACTION", required=True, parser_class=type(parser)
    )
    rebuild = actions.add_parser(
        "rebuild", help="make the index of a tenant's artifacts from nothing, and publish it"
    )
    rebuild.add_argument("--tenant", required=True, metavar="T")
    rebuild.add_argument("--json", action="store_true", help="one JSON document")


def rebuild(options: argparse.Namespace, services: Services) -> dict[str, Any]:
    """Searches go on meanwhile, on the index that there was."""
    tenant = TenantId(options.tenant)
    return {"tenant": tenant, "artifacts": services.search().build(tenant, anew=True)}
