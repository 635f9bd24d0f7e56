"""Which web pages may talk to `/mcp`: a page of another site has no business with it, be it that
its address was bound to ours behind the browser's back (DNS rebinding)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from chalicelib.core.errors import Forbidden

SETTING: Final = "TRIALBOOK_MCP_ORIGINS"


def check(headers: Mapping[str, str], domain: str | None, allowed: Collection[str]) -> None:
    """Let pass what no page sends, our own page, one of this machine to this machine, and those
    that are `allowed`. `domain` is what the gateway knows itself by. Raises Forbidden."""
    origin = headers.get("origin")
    if origin is None or origin in allowed or "*" in allowed:
        return
    parts = _parts(origin)
    if parts is not None:
        if domain is not None:
            if parts.scheme == "https" and parts.netloc.lower() == domain.lower():
                return
        elif _is_this_machine(parts, _parts("//" + headers.get("host", ""))):
            return
    raise Forbidden(
        f"pages of this origin may not use it; the operator can name the origin in {SETTING}",
        origin=origin[:200],
    )


def _is_this_machine(origin: SplitResult, host: SplitResult | None) -> bool:
    """A name can be bound to any address; an address and `localhost` cannot."""
    name, own = origin.hostname, None if host is None else host.hostname
    if name is None or own is None:
        return False
    if _is_loopback(own):
        return _is_loopback(name)
    return name == own and _is_address(name) and origin.port == (host and host.port)


def _is_loopback(name: str) -> bool:
    return name == "localhost" or (_is_address(name) and ip_address(name).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (reading it checks it)
    except ValueError:
        return None
    return parts
