"""What `ops doctor` looks at in the configuration of the bucket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from chalicelib.ops_doctor import Finding, verdict
from chalicelib.storage import artifact_keys, ingest_keys, keys, search_keys
from chalicelib.storage.s3_errors import code_of

DEPLOY: Final = "deploy again: the template has it (make deploy)"
ARRIVING: Final = (artifact_keys.BLOBS, ingest_keys.DROP_ZONE)
"""Prefixes whose new objects the bucket tells of."""
CLOSED: Final = (
    "BlockPublicAcls",
    "BlockPublicPolicy",
    "IgnorePublicAcls",
    "RestrictPublicBuckets",
)
REMOVED: Final = (*keys.EXPIRING, ingest_keys.DROP_ZONE, ingest_keys.REPORTS)
"""Prefixes whose objects the bucket removes."""
_EMPTY: Final = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchCORSConfiguration",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, by boto3's S3 client. Each look is one request, and may raise ClientError."""

    client: Any
    name: str

    def encryption(self) -> Iterator[Finding]:
        answer = self._of(self.client.get_bucket_encryption)
        rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        holds = any("ApplyServerSideEncryptionByDefault" in rule for rule in rules)
        yield verdict(holds, "the bucket encrypts", "the bucket does not encrypt", DEPLOY)

    def public_access(self) -> Iterator[Finding]:
        answer = self._of(self.client.get_public_access_block)
        found = answer.get("PublicAccessBlockConfiguration", {})
        holds = all(found.get(name) is True for name in CLOSED)
        yield verdict(
            holds, "the bucket is closed to the public", "the bucket may be opened", DEPLOY
        )

    def versions(self) -> Iterator[Finding]:
        holds = self._of(self.client.get_bucket_versioning).get("Status") == "Enabled"
        yield verdict(holds, "the bucket keeps versions", "the bucket keeps no versions", DEPLOY)

    def cors(self) -> Iterator[Finding]:
        rules = self._of(self.client.get_bucket_cors).get("CORSRules", [])
        holds = any(
            "*" in rule.get("AllowedOrigins", ())
            and {"GET", "PUT"} <= {*rule.get("AllowedMethods", ())}
            and "*" in rule.get("AllowedHeaders", ())
            and "etag" in [name.lower() for name in rule.get("ExposeHeaders", ())]
            for rule in rules
        )
        yield verdict(
            holds,
            "pages of any origin may use presigned URLs",
            "pages of other origins may not use presigned URLs",
            DEPLOY,
        )

    def lifecycle(self) -> Iterator[Finding]:
        answer = self._of(self.client.get_bucket_lifecycle_configuration)
        rules = [rule for rule in answer.get("Rules", []) if rule["Status"] == "Enabled"]
        whole = [rule for rule in rules if _prefix(rule) == ""]
        for what, action in (
            ("uploads that were not completed", "AbortIncompleteMultipartUpload"),
            ("versions that were replaced or deleted", "NoncurrentVersionExpiration"),
        ):
            yield verdict(
                any(action in rule for rule in whole),
                f"the bucket removes {what}",
                f"the bucket keeps {what} for good, and they cost",
                DEPLOY,
            )
        short = {_prefix(rule) for rule in rules if "NoncurrentVersionExpiration" in rule}
        yield verdict(
            search_keys.SNAPSHOTS in short,
            "the bucket soon removes search indexes that were replaced",
            "the bucket keeps search indexes that were replaced as long as files",
            DEPLOY,
        )
        expiring = {_prefix(rule) for rule in rules if "Days" in rule.get("Expiration", {})}
        for prefix in REMOVED:
            yield verdict(
                prefix in expiring,
                f"the bucket removes old {prefix}",
                f"the bucket keeps {prefix} for good",
                DEPLOY,
            )

    def policy(self) -> Iterator[Finding]:
        text = self._of(self.client.get_bucket_policy).get("Policy", "{}")
        statements = json.loads(text).get("Statement", [])
        holds = any(
            statement.get("Effect") == "Deny"
            and statement.get("Principal") in ("*", {"AWS": "*"})
            and statement.get("Action") in ("s3:*", "*", ["s3:*"])
            and _denies_plain_http(statement.get("Condition", {}))
            for statement in statements
        )
        yield verdict(
            holds, "the bucket refuses what does not come by TLS", "the bucket takes HTTP", DEPLOY
        )

    def notifications(self, queue: str | None) -> Iterator[Finding]:
        answer = self._of(self.client.get_bucket_notification_configuration)
        told = [
            _notified_prefix(one)
            for one in answer.get("QueueConfigurations", [])
            if one["QueueArn"] == queue and "s3:ObjectCreated:*" in one["Events"]
        ]
        for prefix in ARRIVING:
            yield verdict(
                any(prefix.startswith(one) for one in told),
                f"the bucket tells arrivals of {prefix}",
                f"the bucket does not tell arrivals of {prefix}",
                DEPLOY,
            )

    def _of(self, ask: Callable[..., Any]) -> dict[str, Any]:
        """Empty when nothing of the kind is configured."""
        try:
            return ask(Bucket=self.name)
        except ClientError as refusal:
            if code_of(refusal) in _EMPTY:
                return {}
            raise


def _prefix(rule: dict[str, Any]) -> str:
    return rule.get("Prefix") or rule.get("Filter", {}).get("Prefix") or ""


def _notified_prefix(configuration: dict[str, Any]) -> str:
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    found = [rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"]
    return found[0] if found else ""


def _denies_plain_http(condition: dict[str, Any]) -> bool:
    return str(condition.get("Bool", {}).get("aws:SecureTransport", "")).lower() == "false"
