"""The environment as one frozen value; read once, when the function starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class MissingSetting(Exception):
    """A setting without which nothing works."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`table` and `bucket` name the DynamoDB table and the S3 bucket of the deployment."""

    table: str
    bucket: str
    region: str

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises MissingSetting."""
        missing = [n for n in ("TRIALBOOK_TABLE", "TRIALBOOK_BUCKET") if not environment.get(n)]
        if missing:
            raise MissingSetting(f"set {' and '.join(missing)}, or run: python -m local")
        return cls(
            table=environment["TRIALBOOK_TABLE"],
            bucket=environment["TRIALBOOK_BUCKET"],
            region=environment.get("AWS_REGION", "us-east-1"),
        )
