"""`ops doctor` on a deployment as the template has it, and with one thing after another broken."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import boto3
import moto
import pytest
import requests
from botocore.exceptions import ClientError
from moto.awslambda.models import LambdaBackend
from moto.server import ThreadedMotoServer

from chalicelib import ops, ops_doctor, ops_doctor_aws, ops_doctor_bucket, wiring
from chalicelib.core.context import Clock, Role
from chalicelib.core.errors import Unavailable
from chalicelib.domain import api_keys
from chalicelib.ops_doctor import Fetched, Finding
from chalicelib.ops_doctor_aws import Deployment, date_s
from chalicelib.settings import Settings
from chalicelib.storage import search_keys
from chalicelib.storage.blobs import SignedRequest
from chalicelib.storage.dynamo_requests import table_definition
from chalicelib.storage.s3_blobs import S3Blobs

REGION: Final = "us-east-1"
TABLE, BUCKET = "trialbook-table", "trialbook-bucket"
TEMPLATE: Final = json.loads(
    (Path(__file__).parents[2] / ".chalice" / "resources.json").read_text()
)["Resources"]
SCHEMA: Final = {"AttributeName": "expires_at", "Enabled": True}


def _client(service: str) -> Any:
    make: Any = vars(boto3)["client"]
    return make(service, region_name=REGION)


@dataclass(frozen=True)
class Stack:
    """A deployment in moto, and the clients by which a test breaks it."""

    settings: Settings
    dynamodb: Any
    s3: Any
    sqs: Any
    functions: Any
    mappings: tuple[str, ...]

    def findings(self, fetch: ops_doctor.Fetch | None = None) -> list[Finding]:
        checks = ops_doctor_aws.checks(self.settings, fetch or by_http)
        return [finding for check in checks for finding in check()]

    def bad(self) -> list[str]:
        return [f"{one.state}: {one.what}" for one in self.findings() if one.state != "ok"]


def by_http(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Fetched:
    """moto plays S3 to `requests` alone, and tells no time."""
    answer: Any = vars(requests)["request"](method, url, headers=headers, data=body)
    return Fetched(answer.status_code, answer.content, Clock().now_ms() / 1000)


def _settled(value: Any) -> Any:
    """A number where the template has an intrinsic function, of which moto knows nothing."""
    return value if isinstance(value, int) else 7


def _lifecycle() -> dict[str, Any]:
    """The template's rules in the words of the API."""
    rules: list[dict[str, Any]] = []
    for rule in TEMPLATE["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]:
        made: dict[str, Any] = {
            "ID": rule["Id"],
            "Status": rule["Status"],
            "Filter": {"Prefix": rule.get("Prefix", "")},
        }
        for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
            if name in rule:
                made[name] = {at: _settled(one) for at, one in rule[name].items()}
        if "ExpirationInDays" in rule:
            made["Expiration"] = {"Days": rule["ExpirationInDays"]}
        if rule.get("ExpiredObjectDeleteMarker"):
            made["Expiration"] = {"ExpiredObjectDeleteMarker": True}
        rules.append(made)
    return {"Rules": rules}


def _cors() -> dict[str, Any]:
    renamed = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    rules = TEMPLATE["Bucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    return {"CORSRules": [{renamed.get(n, n): v for n, v in rule.items()} for rule in rules]}


def _policy() -> str:
    """The template's, on objects that are not there: moto knows no conditions, and would deny."""
    document = TEMPLATE["BucketPolicy"]["Properties"]["PolicyDocument"]
    nothing = f"arn:aws:s3:::{BUCKET}/nothing"
    statements = [{**one, "Resource": nothing} for one in document["Statement"]]
    return json.dumps({**document, "Statement": statements})


def _bucket(s3: Any, arrivals: str) -> None:
    of = {"Bucket": BUCKET}
    properties = TEMPLATE["Bucket"]["Properties"]
    s3.create_bucket(**of)
    rules = [
        {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(**of, ServerSideEncryptionConfiguration={"Rules": rules})
    closed = properties["PublicAccessBlockConfiguration"]
    s3.put_public_access_block(**of, PublicAccessBlockConfiguration=closed)
    s3.put_bucket_versioning(**of, VersioningConfiguration=properties["VersioningConfiguration"])
    s3.put_bucket_cors(**of, CORSConfiguration=_cors())
    s3.put_bucket_lifecycle_configuration(**of, LifecycleConfiguration=_lifecycle())
    s3.put_bucket_policy(**of, Policy=_policy())
    s3.put_bucket_notification_configuration(**of, NotificationConfiguration=_told(arrivals))


def _told(arrivals: str, without: str | None = None) -> dict[str, Any]:
    """The template's notifications in the words of the API."""
    configurations: list[dict[str, Any]] = []
    told = TEMPLATE["Bucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    for one in told:
        rules = one["Filter"]["S3Key"]["Rules"]
        if rules[0]["Value"] != without:
            filtered = {"Key": {"FilterRules": rules}}
            configurations.append(
                {"QueueArn": arrivals, "Events": [one["Event"]], "Filter": filtered}
            )
    return {"QueueConfigurations": configurations}


def _queue(sqs: Any, name: str, **attributes: str) -> tuple[str, str]:
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, found["Attributes"]["QueueArn"]


def _function(functions: Any) -> None:
    trust: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    role = _client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    functions.create_function(
        FunctionName="worker",
        Runtime="python3.13",
        Handler="app.app",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
    )


def _nothing(*_: object) -> None:
    return


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Generator[Stack]:
    # moto does not know the addresses that have an account's number in them
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    # nor how to tell a function of bytes, and there is none to tell
    monkeypatch.setattr(LambdaBackend, "send_dynamodb_items", _nothing)
    with moto.mock_aws(config={"lambda": {"use_docker": False}}):
        dynamodb, s3, sqs, functions = map(_client, ("dynamodb", "s3", "sqs", "lambda"))
        table = dynamodb.create_table(**table_definition(TABLE))["TableDescription"]
        dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=SCHEMA)
        recovery = {"PointInTimeRecoveryEnabled": True}
        dynamodb.update_continuous_backups(
            TableName=TABLE, PointInTimeRecoverySpecification=recovery
        )
        undelivered, undelivered_arn = _queue(sqs, "undelivered")
        policy = {"deadLetterTargetArn": undelivered_arn, "maxReceiveCount": 5}
        arrivals, arrivals_arn = _queue(sqs, "arrivals", RedrivePolicy=json.dumps(policy))
        _bucket(s3, arrivals_arn)
        _function(functions)
        settings = Settings(TABLE, BUCKET, REGION, arrivals=arrivals, undelivered=undelivered)
        services = wiring.aws_services(settings)
        api_keys.create(services.api_keys, services.clock, "acme", "ada", Role.ADMIN)
        mappings = tuple(
            functions.create_event_source_mapping(
                EventSourceArn=arn, FunctionName="worker", StartingPosition="TRIM_HORIZON"
            )["UUID"]
            for arn in (table["LatestStreamArn"], arrivals_arn)
        )
        yield Stack(settings, dynamodb, s3, sqs, functions, mappings)


def test_every_rule_of_the_template_is_looked_at() -> None:
    rules = TEMPLATE["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    prefixes = {rule["Prefix"] for rule in rules if "Prefix" in rule}
    assert prefixes == {*ops_doctor_bucket.REMOVED, search_keys.SNAPSHOTS}
    assert len(rules) == len(prefixes) + 2
    assert TEMPLATE["Arrivals"]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"] == {
        "Fn::GetAtt": ["Undelivered", "Arn"]
    }


def test_a_deployment_as_the_template_has_it_is_healthy(stack: Stack) -> None:
    assert stack.bad() == []
    assert len(stack.findings()) >= 24
    listed = stack.s3.list_objects_v2(Bucket=BUCKET)
    assert listed["KeyCount"] == 0, "what was written to look was left"
    left = stack.dynamodb.scan(TableName=TABLE, Select="COUNT")["Count"]
    assert left == 3, "the secret of cursors, a tenant and its key"


def _no_index(stack: Stack) -> None:
    stack.dynamodb.update_table(
        TableName=TABLE, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "changed"}}]
    )


def _other_images(stack: Stack) -> None:
    stack.dynamodb.delete_table(TableName=TABLE)
    definition = table_definition(TABLE)
    definition["StreamSpecification"]["StreamViewType"] = "NEW_IMAGE"
    stack.dynamodb.create_table(**definition)


def _no_time_to_live(stack: Stack) -> None:
    off = {**SCHEMA, "Enabled": False}
    stack.dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=off)


def _no_recovery(stack: Stack) -> None:
    off = {"PointInTimeRecoveryEnabled": False}
    stack.dynamodb.update_continuous_backups(TableName=TABLE, PointInTimeRecoverySpecification=off)


def _open_bucket(stack: Stack) -> None:
    closed = {**TEMPLATE["Bucket"]["Properties"]["PublicAccessBlockConfiguration"]}
    stack.s3.put_public_access_block(
        Bucket=BUCKET, PublicAccessBlockConfiguration={**closed, "BlockPublicPolicy": False}
    )


def _no_versions(stack: Stack) -> None:
    off = {"Status": "Suspended"}
    stack.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=off)


def _other_cors(stack: Stack) -> None:
    rules = [{**_cors()["CORSRules"][0], "AllowedMethods": ["GET"]}]
    stack.s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": rules})


def _lifecycle_without(rule_id: str) -> Callable[[Stack], None]:
    def change(stack: Stack) -> None:
        rules = _lifecycle()["Rules"]
        (rule,) = [one for one in rules if one["ID"] == rule_id]
        rule["Status"] = "Disabled"
        stack.s3.put_bucket_lifecycle_configuration(
            Bucket=BUCKET, LifecycleConfiguration={"Rules": rules}
        )

    return change


def _http_policy(stack: Stack) -> None:
    text = _policy().replace('"false"', '"true"')
    stack.s3.put_bucket_policy(Bucket=BUCKET, Policy=text)


def _untold(stack: Stack) -> None:
    arn = stack.sqs.get_queue_attributes(
        QueueUrl=stack.settings.arrivals, AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    stack.s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration=_told(arn, without="ingest/")
    )


def _no_redrive(stack: Stack) -> None:
    stack.sqs.set_queue_attributes(
        QueueUrl=stack.settings.arrivals, Attributes={"RedrivePolicy": ""}
    )


def _undelivered(stack: Stack) -> None:
    stack.sqs.send_message(QueueUrl=stack.settings.undelivered, MessageBody="{}")


def _disabled(at: int) -> Callable[[Stack], None]:
    def change(stack: Stack) -> None:
        stack.functions.update_event_source_mapping(UUID=stack.mappings[at], Enabled=False)

    return change


def _revoked(stack: Stack) -> None:
    services = wiring.aws_services(stack.settings)
    for tenant in services.retention.tenants():
        for key in services.api_keys.of_tenant(tenant.id):
            api_keys.revoke(services.api_keys, services.clock, None, key.key_id)
    now_ms = services.clock.now_ms()
    expired, _ = api_keys.create(
        services.api_keys, services.clock, "acme", "eve", Role.ADMIN, expires_at_ms=now_ms + 60_000
    )
    services.api_keys.put(replace(expired, expires_at_ms=now_ms - 1), None)
    api_keys.create(services.api_keys, services.clock, "acme", "bob", Role.WRITE)


BROKEN: Final[dict[str, tuple[Callable[[Stack], Any], str]]] = {
    "index": (
        _no_index,
        "failed: the index changed is missing, not active or not as the code needs it",
    ),
    "time to live": (_no_time_to_live, "failed: items do not expire by expires_at"),
    "recovery": (_no_recovery, "failed: the table cannot be taken back to a point in time"),
    "encryption": (
        lambda stack: stack.s3.delete_bucket_encryption(Bucket=BUCKET),
        "failed: the bucket does not encrypt",
    ),
    "public": (_open_bucket, "failed: the bucket may be opened"),
    "public, unset": (
        lambda stack: stack.s3.delete_public_access_block(Bucket=BUCKET),
        "failed: the bucket may be opened",
    ),
    "versions": (_no_versions, "failed: the bucket keeps no versions"),
    "cors": (_other_cors, "failed: pages of other origins may not use presigned URLs"),
    "cors, unset": (
        lambda stack: stack.s3.delete_bucket_cors(Bucket=BUCKET),
        "failed: pages of other origins may not use presigned URLs",
    ),
    "search-indexes": (
        _lifecycle_without("search-indexes"),
        "failed: the bucket keeps search indexes that were replaced as long as files",
    ),
    "incomplete-uploads": (
        _lifecycle_without("incomplete-uploads"),
        "failed: the bucket keeps uploads that were not completed for good, and they cost",
    ),
    "deleted-and-replaced": (
        _lifecycle_without("deleted-and-replaced"),
        "failed: the bucket keeps versions that were replaced or deleted for good, and they cost",
    ),
    "remembered-answers": (
        _lifecycle_without("remembered-answers"),
        "failed: the bucket keeps answers/ for good",
    ),
    "drop-zone": (_lifecycle_without("drop-zone"), "failed: the bucket keeps ingest/ for good"),
    "exports": (_lifecycle_without("exports"), "failed: the bucket keeps exports/ for good"),
    "policy": (_http_policy, "failed: the bucket takes HTTP"),
    "policy, unset": (
        lambda stack: stack.s3.delete_bucket_policy(Bucket=BUCKET),
        "failed: the bucket takes HTTP",
    ),
    "notification": (_untold, "failed: the bucket does not tell arrivals of ingest/"),
    "redrive": (
        _no_redrive,
        "failed: what arrivals give up is lost: there is no redrive policy to undelivered",
    ),
    "undelivered": (_undelivered, "warning: the queue of undelivered answers and holds 1"),
    "stream taken": (
        _disabled(0),
        "failed: no function takes what is in the stream: Disabled",
    ),
    "arrivals taken": (
        _disabled(1),
        "failed: no function takes what is in arrivals: Disabled",
    ),
    "admin key": (_revoked, "failed: there is no valid admin key"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found_and_nothing_else(stack: Stack, name: str) -> None:
    change, expected = BROKEN[name]
    change(stack)
    assert stack.bad() == [expected]


@pytest.mark.slow
def test_a_table_whose_stream_lacks_images_is_found(stack: Stack) -> None:
    """The table is a new one besides, without anything in it."""
    _other_images(stack)
    assert "failed: the stream is off, or without new and old images" in stack.bad()


@pytest.mark.slow
def test_without_a_table_the_rest_is_looked_at_all_the_same(stack: Stack) -> None:
    stack.dynamodb.delete_table(TableName=TABLE)
    found = stack.bad()
    assert "failed: the table: ResourceNotFoundException" in found
    assert "failed: the service does not start: there is no table; check the deployment" in found
    assert not any("bucket" in one for one in found)


@pytest.mark.slow
def test_without_queues_it_says_what_is_not_set(stack: Stack) -> None:
    settings = replace(stack.settings, arrivals=None, undelivered=None)
    found = replace(stack, settings=settings).bad()
    assert "failed: no function takes what is in arrivals: none is there" in found
    assert any("set TRIALBOOK_ARRIVALS" in one for one in found)


class Denying:
    """A client that may ask nothing."""

    def __getattr__(self, operation: str) -> Any:
        def refuse(**_: object) -> None:
            refusal: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(refusal, operation)

        return refuse


@pytest.mark.slow
def test_what_may_not_be_looked_at_names_the_permission(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    denying = Denying()
    on = Deployment(stack.settings, denying, denying, denying, denying, by_http)

    def deployment(*_: object) -> Deployment:
        return on

    monkeypatch.setattr(ops_doctor_aws, "Deployment", deployment)
    found = stack.findings()
    warned = {one.mend for one in found if one.state == "warning"}
    assert warned >= {
        "allow dynamodb:DescribeTable",
        "allow s3:GetBucketPolicy",
        "allow sqs:GetQueueAttributes",
        "allow lambda:ListEventSourceMappings",
    }
    assert len(warned) == 12
    assert [one.what for one in found if one.state == "failed"] == []


# -- what is done by HTTP -----------------------------------------------------------------------


def _after(change: Callable[[Fetched], Fetched], method: str) -> ops_doctor.Fetch:
    def fetch(sent: str, url: str, headers: dict[str, str], body: bytes | None) -> Fetched:
        answer = by_http(sent, url, headers, body)
        return change(answer) if sent == method else answer

    return fetch


def _later(seconds: float) -> Callable[[Fetched], Fetched]:
    return lambda answer: answer._replace(date_s=(answer.date_s or 0) + seconds)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fetch, expected",
    [
        (
            _after(lambda answer: answer._replace(status=403), "PUT"),
            "failed: a presigned PUT is answered 403",
        ),
        (
            _after(lambda answer: answer._replace(body=b"x"), "GET"),
            "failed: a presigned GET is answered 200 with 1 bytes",
        ),
        (
            _after(_later(-100), "GET"),
            "warning: this machine's clock is 100 s off the store's",
        ),
        (_after(_later(1000), "GET"), "failed: this machine's clock is 1000 s off the store's"),
        (
            _after(lambda answer: answer._replace(date_s=None), "GET"),
            "warning: the store does not tell its time",
        ),
    ],
)
def test_what_a_client_would_meet_is_found(
    stack: Stack, fetch: ops_doctor.Fetch, expected: str
) -> None:
    bad = [f"{one.state}: {one.what}" for one in stack.findings(fetch) if one.state != "ok"]
    assert bad == [expected]
    assert stack.s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


@pytest.mark.slow
def test_a_bucket_that_is_not_reached_is_found(stack: Stack) -> None:
    def unreached(*_: object) -> Fetched:
        raise ConnectionError("a proxy says no")

    bad = [one.what for one in stack.findings(unreached) if one.state != "ok"]
    assert bad == ["the bucket is not reached: ConnectionError"]


def test_the_date_of_an_answer_is_read() -> None:
    assert date_s("Fri, 15 Jan 2027 08:00:00 GMT") == 1_800_000_000
    assert date_s(None) is None


@pytest.mark.slow
@pytest.mark.integration
def test_presigned_urls_are_used_by_http(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    s3 = wiring.aws_client(REGION, "s3")
    s3.create_bucket(Bucket=BUCKET)
    blobs = S3Blobs(s3, BUCKET)
    found = ops_doctor.presigned_round_trip(blobs, Clock(), ops_doctor_aws.fetch)
    assert [one.state for one in found] == ["ok", "ok", "ok"]
    missing = ops_doctor_aws.fetch("GET", f"http://{host}:{port}/nothing/there", {}, None)
    assert missing.status == 404
    assert missing.date_s is not None
    server.stop()
    (unreached,) = ops_doctor.presigned_round_trip(
        Odd(None).signing(f"http://{host}:{port}"), Clock(), ops_doctor_aws.fetch
    )
    assert (unreached.state, unreached.what) == ("failed", "the bucket is not reached: URLError")


# -- the command --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_tells_lines_or_json_and_fails_when_something_does(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ops_doctor_aws, "fetch", by_http)
    for name, value in (
        ("TABLE", TABLE),
        ("BUCKET", BUCKET),
        ("ARRIVALS", stack.settings.arrivals or ""),
        ("UNDELIVERED", stack.settings.undelivered or ""),
    ):
        monkeypatch.setenv(f"TRIALBOOK_{name}", value)
    assert ops.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok       the table is active"
    assert all(line.startswith("ok ") for line in lines)

    _no_versions(stack)
    assert ops.main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "failed   the bucket keeps no versions — deploy again: the template has it" in told
    assert ops.main(["doctor", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    assert [one["what"] for one in document["checks"] if one["state"] == "failed"] == [
        "the bucket keeps no versions"
    ]


class Odd:
    """Takes everything, and finds the same whatever is asked for."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def put(self, *_: object, **__: object) -> None: ...

    def delete(self, *_: object) -> None: ...

    def get(self, key: Any) -> Any:
        return {"pk": key.pk, "sk": key.sk} if self._found == "as asked" else self._found

    def head(self, _: object) -> Any:
        return self._found

    def signing(self, url: str) -> Any:
        """The same, as blobs whose URLs are this one."""
        signed = SignedRequest(url, {})
        return type(
            "Signing", (Odd,), {"presign_put": _always(signed), "presign_get": _always(signed)}
        )(self._found)


def _always(answer: Any) -> Callable[..., Any]:
    def give(*_: object, **__: object) -> Any:
        return answer

    return give


@pytest.mark.parametrize("found", [None, "as asked"])
def test_a_table_that_forgets_or_keeps_is_found(found: Any) -> None:
    table: Any = Odd(found)
    (finding,) = ops_doctor.table_round_trip(table, Clock())
    assert finding.state == "failed"


@pytest.mark.parametrize("found", [None, ops_doctor.BODY])
def test_blobs_that_forget_or_keep_are_found(found: Any) -> None:
    blobs: Any = Odd(found)
    (finding,) = ops_doctor.blob_round_trip(blobs, Clock())
    assert finding.state == "failed"


def test_what_a_store_refuses_is_a_finding() -> None:
    def away() -> list[Finding]:
        raise Unavailable("it is away")

    (finding,) = ops_doctor.guarded("the table", away)()
    assert (finding.state, finding.what) == ("failed", "the table: it is away")
