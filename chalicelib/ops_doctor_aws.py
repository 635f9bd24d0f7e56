"""What `ops doctor` looks at on AWS: that table, bucket, queues and event sources are as the
template has them, and that a client could use them from here.

What the caller may not look at is a warning that names the permission.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast
from urllib import error, request

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import ops_doctor, wiring
from chalicelib.core.context import Clock
from chalicelib.core.errors import TrialbookError
from chalicelib.ops_doctor import Check, Fetch, Fetched, Finding, verdict
from chalicelib.ops_doctor_bucket import DEPLOY, Bucket
from chalicelib.settings import Settings
from chalicelib.storage.dynamo_requests import table_definition
from chalicelib.storage.s3_errors import code_of

TIME_TO_LIVE: Final = "expires_at"
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
)
FETCH_S: Final = 20


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Look at the deployment that the settings name; the exit status."""
    return ops_doctor.run(options, checks(settings, fetch))


def fetch(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Fetched:
    """By HTTP. Raises OSError."""
    asked = request.Request(url, body, headers, method=method)  # noqa: S310 (a URL that we signed)
    try:
        with request.urlopen(asked, timeout=FETCH_S) as answer:  # noqa: S310
            return Fetched(answer.status, answer.read(), date_s(answer.headers.get("date")))
    except error.HTTPError as refusal:
        with refusal:
            return Fetched(refusal.code, refusal.read(), date_s(refusal.headers.get("date")))


def date_s(text: str | None) -> float | None:
    """Of a `Date` header."""
    return None if text is None else parsedate_to_datetime(text).timestamp()


def checks(settings: Settings, by_http: Fetch) -> Iterator[Check]:
    """In the order in which to mend."""
    client = functools.partial(wiring.aws_client, settings.region)
    on = Deployment(
        settings, client("dynamodb"), client("s3"), client("sqs"), client("lambda"), by_http
    )
    looks: list[tuple[str, str, Check]] = [
        ("the table", "dynamodb:DescribeTable", on.table),
        ("time to live", "dynamodb:DescribeTimeToLive", on.time_to_live),
        ("point-in-time recovery", "dynamodb:DescribeContinuousBackups", on.recovery),
        ("the bucket's encryption", "s3:GetEncryptionConfiguration", on.bucket.encryption),
        ("the bucket's public access", "s3:GetBucketPublicAccessBlock", on.bucket.public_access),
        ("the bucket's versions", "s3:GetBucketVersioning", on.bucket.versions),
        ("the bucket's CORS", "s3:GetBucketCORS", on.bucket.cors),
        ("the bucket's lifecycle", "s3:GetLifecycleConfiguration", on.bucket.lifecycle),
        ("the bucket's policy", "s3:GetBucketPolicy", on.bucket.policy),
        ("the queues", "sqs:GetQueueAttributes", on.queues),
        ("the bucket's notifications", "s3:GetBucketNotification", on.notifications),
        ("event sources", "lambda:ListEventSourceMappings", on.event_sources),
    ]
    for what, permission, look in looks:
        yield functools.partial(_asked, what, permission, look)
    yield on.use


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the settings name, by the clients of its parts."""

    settings: Settings
    dynamodb: Any
    s3: Any
    sqs: Any
    functions: Any
    by_http: Fetch

    @property
    def bucket(self) -> Bucket:
        return Bucket(self.s3, self.settings.bucket)

    def table(self) -> Iterator[Finding]:
        wanted = table_definition(self.settings.table)
        found = self._table()
        yield verdict(
            found["TableStatus"] == "ACTIVE",
            "the table is active",
            f"the table is {found['TableStatus']}",
            "wait, or look at it in the console",
        )
        indexes = {index["IndexName"]: index for index in found.get("GlobalSecondaryIndexes", [])}
        for index in wanted["GlobalSecondaryIndexes"]:
            name = index["IndexName"]
            is_there = _is_like(indexes.get(name, {}), {**index, "IndexStatus": "ACTIVE"})
            yield verdict(
                is_there,
                f"the index {name} is active",
                f"the index {name} is missing, not active or not as the code needs it",
                DEPLOY,
            )
        yield verdict(
            found.get("StreamSpecification") == wanted["StreamSpecification"],
            "the stream has new and old images",
            "the stream is off, or without new and old images",
            DEPLOY,
        )

    def time_to_live(self) -> Iterator[Finding]:
        answer = self.dynamodb.describe_time_to_live(TableName=self.settings.table)
        found = answer["TimeToLiveDescription"]
        yield verdict(
            found["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
            and found.get("AttributeName") == TIME_TO_LIVE,
            f"items expire by {TIME_TO_LIVE}",
            f"items do not expire by {TIME_TO_LIVE}",
            DEPLOY,
        )

    def recovery(self) -> Iterator[Finding]:
        answer = self.dynamodb.describe_continuous_backups(TableName=self.settings.table)
        found = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        yield verdict(
            found["PointInTimeRecoveryStatus"] == "ENABLED",
            "the table can be taken back to a point in time",
            "the table cannot be taken back to a point in time",
            DEPLOY,
        )

    def queues(self) -> Iterator[Finding]:
        undelivered = self._queue_arn(self.settings.undelivered)
        found = self._queue(self.settings.arrivals).get("RedrivePolicy", "{}")
        yield verdict(
            undelivered is not None and json.loads(found).get("deadLetterTargetArn") == undelivered,
            "what arrivals give up goes to undelivered",
            "what arrivals give up is lost: there is no redrive policy to undelivered",
            DEPLOY,
        )

    def notifications(self) -> Iterator[Finding]:
        return self.bucket.notifications(self._queue_arn(self.settings.arrivals))

    def event_sources(self) -> Iterator[Finding]:
        stream: str | None = self._table().get("LatestStreamArn")
        for what, arn in (
            ("the stream", stream),
            ("arrivals", self._queue_arn(self.settings.arrivals)),
        ):
            states = [] if arn is None else self._source_states(arn)
            yield verdict(
                "Enabled" in states,
                f"a function takes what is in {what}",
                f"no function takes what is in {what}: {', '.join(states) or 'none is there'}",
                "enable the event source mapping, or deploy again",
            )

    def use(self) -> Iterator[Finding]:
        """As functions and clients do."""
        try:
            services = wiring.aws_services(self.settings)
        except TrialbookError as refusal:
            yield Finding("failed", f"the service does not start: {refusal}", "mend what is above")
            return
        clock = Clock()
        by_url = ops_doctor.guarded(
            "presigned URLs",
            lambda: ops_doctor.presigned_round_trip(services.blobs, clock, self.by_http),
        )
        for check in (*ops_doctor.of_services(services), by_url):
            yield from check()

    def _source_states(self, arn: str) -> list[str]:
        answer: dict[str, Any] = self.functions.list_event_source_mappings(EventSourceArn=arn)
        return [one["State"] for one in answer["EventSourceMappings"]]

    def _table(self) -> dict[str, Any]:
        return self.dynamodb.describe_table(TableName=self.settings.table)["Table"]

    def _queue(self, url: str | None) -> dict[str, str]:
        if url is None:
            return {}
        names = ["QueueArn", "RedrivePolicy"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return answer.get("Attributes", {})

    def _queue_arn(self, url: str | None) -> str | None:
        return self._queue(url).get("QueueArn")


def _asked(what: str, permission: str, look: Check) -> Iterable[Finding]:
    try:
        return list(look())
    except ClientError as refusal:
        code = code_of(refusal)
        if code in _DENIED:
            return [Finding("warning", f"{what}: not looked at", f"allow {permission}")]
        return [Finding("failed", f"{what}: {code}", "look at the names in the environment")]
    except BotoCoreError as refusal:
        name = type(refusal).__name__
        return [Finding("failed", f"{what}: {name}", "look at credentials, region and network")]


def _is_like(found: Any, wanted: Any) -> bool:
    """Whether everything wanted is there; more may be."""
    if not isinstance(wanted, dict):
        return found == wanted
    parts = cast("dict[str, Any]", wanted)
    return isinstance(found, dict) and all(
        _is_like(cast("dict[str, Any]", found).get(name), part) for name, part in parts.items()
    )
