"""The environment as one frozen value; read once, when the function starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chalicelib.storage.retention import MAX_DAYS

STATIC: Final = "static"
BEDROCK: Final = "bedrock"


class MissingSetting(Exception):
    """A setting without which nothing works."""


class BadSetting(Exception):
    """A setting that cannot be what was meant."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`table` and `bucket` name the DynamoDB table and the S3 bucket of the deployment, `arrivals`
    and `undelivered` are the URLs of its queues. Artifacts that are not pinned are removed after
    `retention_days`, never when None, unless an operator set other days for their tenant. With a
    `vector_bucket` of S3 Vectors artifacts are searched there; `embedder` makes their vectors. Web
    pages of `mcp_origins` may use `/mcp`, besides those of the deployment itself."""

    table: str
    bucket: str
    region: str
    retention_days: int | None = None
    arrivals: str | None = None
    undelivered: str | None = None
    vector_bucket: str | None = None
    embedder: str = STATIC
    mcp_origins: frozenset[str] = frozenset()

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises MissingSetting, BadSetting."""
        missing = [n for n in ("TRIALBOOK_TABLE", "TRIALBOOK_BUCKET") if not environment.get(n)]
        if missing:
            raise MissingSetting(f"set {' and '.join(missing)}, or run: python -m local")
        return cls(
            table=environment["TRIALBOOK_TABLE"],
            bucket=environment["TRIALBOOK_BUCKET"],
            region=environment.get("AWS_REGION", "us-east-1"),
            retention_days=retention_days(environment),
            arrivals=environment.get("TRIALBOOK_ARRIVALS") or None,
            undelivered=environment.get("TRIALBOOK_UNDELIVERED") or None,
            vector_bucket=_named(environment.get("TRIALBOOK_VECTOR_BUCKET")),
            embedder=embedder(environment),
            mcp_origins=mcp_origins(environment),
        )


def embedder(environment: Mapping[str, str]) -> str:
    """TRIALBOOK_EMBEDDER: what turns texts into vectors. Raises BadSetting."""
    text = environment.get("TRIALBOOK_EMBEDDER") or STATIC
    if text not in (STATIC, BEDROCK):
        raise BadSetting(f"TRIALBOOK_EMBEDDER must be {STATIC} or {BEDROCK}: {text!r}")
    return text


def mcp_origins(environment: Mapping[str, str]) -> frozenset[str]:
    """TRIALBOOK_MCP_ORIGINS: origins of web pages, with commas between. Raises BadSetting."""
    text = environment.get("TRIALBOOK_MCP_ORIGINS") or ""
    # As browsers write them: in small letters, without the scheme's own port.
    found = frozenset(
        re.sub(r"^(https://[^/]*):443$|^(http://[^/]*):80$", r"\1\2", one.strip().lower())
        for one in text.split(",")
        if one.strip()
    )
    for one in found:
        if one != "*" and re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", one) is None:
            raise BadSetting(
                "TRIALBOOK_MCP_ORIGINS must be origins such as https://app.example.com, with"
                f" commas between: {one!r}"
            )
    return found


def retention_days(environment: Mapping[str, str]) -> int | None:
    """TRIALBOOK_RETENTION_DAYS, None when it is unset or `never`. Raises BadSetting."""
    text = environment.get("TRIALBOOK_RETENTION_DAYS") or "never"
    if text == "never":
        return None
    days = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
    if not 1 <= days <= MAX_DAYS:
        raise BadSetting(
            "TRIALBOOK_RETENTION_DAYS must be a whole number of days from 1 to "
            f"{MAX_DAYS}, or never: {text!r}"
        )
    return days


def _named(text: str | None) -> str | None:
    """A name; a parameter of a stack cannot be left out, so `none` is none."""
    return None if text in (None, "", "none") else text
