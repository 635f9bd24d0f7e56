"""What is merged into the template and done to it afterwards, without packaging anything."""

from __future__ import annotations

import json
import re
from typing import Any, cast

import pytest

from chalicelib import ops_redrive, wiring
from chalicelib.api import handler
from chalicelib.api.application import REASONS
from chalicelib.api.errors import CODE_OF, error_body
from chalicelib.api.workers import ARRIVALS, STREAM
from chalicelib.core.ids import TenantId
from chalicelib.domain import arrivals
from chalicelib.storage import (
    artifact_keys,
    ingest_keys,
    keys,
    queue_keys,
    search_keys,
    variant_keys,
)
from chalicelib.storage.dynamo_requests import table_definition
from chalicelib.storage.dynamo_stream import change_of
from tests.unit.permitted import CHALICE
from tools.package_template import (
    ARRIVING,
    CHANGE_FEED,
    NOTIFICATIONS,
    RETAINED,
    STAGES,
    Unfinished,
    finished,
    importable,
)

MERGED: dict[str, Any] = json.loads((CHALICE / "resources.json").read_text())
RESOURCES: dict[str, Any] = MERGED["Resources"]
GATEWAY: dict[str, Any] = RESOURCES["RestAPI"]["Properties"]["DefinitionBody"][
    "x-amazon-apigateway-gateway-responses"
]
FUNCTIONS = [name for name, one in RESOURCES.items() if "Type" not in one and name != "RestAPI"]
"""What is merged into a function that Chalice makes has no type."""
FUNCTION = "AWS::Serverless::Function"
TENANT = TenantId("acme")


def made(**functions: dict[str, Any]) -> dict[str, Any]:
    """A template as Chalice writes it, with these functions."""
    resources: dict[str, Any] = {
        name: {"Type": FUNCTION, "Properties": {"Handler": "a.b", "Role": {}, **properties}}
        for name, properties in functions.items()
    }
    view: dict[str, Any] = {
        "get": {"summary": "The view", "description": "of all views", "responses": {}}
    }
    api: dict[str, Any] = {
        "Properties": {"DefinitionBody": {"paths": {"/health": view}}},
        "Type": "an API",
    }
    return {"Parameters": {"Stage": {}}, "Resources": {**resources, "RestAPI": api}}


def feed_event(**properties: Any) -> dict[str, Any]:
    given = {"Stream": STREAM, "BatchSize": 500, **properties}
    return {"Events": {"Some": {"Type": "DynamoDB", "Properties": given}}, "LoggingConfig": {}}


def test_the_stream_is_the_tables_own() -> None:
    done = finished(made(Worker=feed_event()), "dev")
    event = done["Resources"]["Worker"]["Properties"]["Events"]["Some"]["Properties"]
    assert event == {"BatchSize": 500, **CHANGE_FEED}
    assert STREAM not in json.dumps(done)


def test_the_queue_is_the_stacks_own() -> None:
    given = {"Queue": ARRIVALS, "BatchSize": 1}
    worker = {"Events": {"Some": {"Type": "SQS", "Properties": given}}, "LoggingConfig": {}}
    done = finished(made(Worker=worker), "dev")
    event = done["Resources"]["Worker"]["Properties"]["Events"]["Some"]["Properties"]
    assert event == {"BatchSize": 1, **ARRIVING}
    assert ARRIVALS not in json.dumps(done)


@pytest.mark.parametrize("placeholder", [ARRIVALS, STREAM])
def test_a_placeholder_anywhere_else_is_noticed(placeholder: str) -> None:
    with pytest.raises(Unfinished, match="placeholder"):
        finished(made(Worker={"LoggingConfig": {}, "Description": placeholder}), "dev")


def test_a_function_without_a_log_group_is_noticed() -> None:
    with pytest.raises(Unfinished, match="Worker has no environment"):
        finished(made(Worker={}), "dev")


def test_resources_of_a_function_that_is_gone_are_noticed() -> None:
    template = made()
    template["Resources"]["Gone"] = {"Properties": {"LoggingConfig": {}}}
    with pytest.raises(Unfinished, match="names Gone"):
        finished(template, "dev")


@pytest.mark.parametrize("stage", STAGES)
def test_a_template_is_for_one_stage(stage: str) -> None:
    given = made()
    done = finished(given, stage)
    assert done["Parameters"]["Stage"] == {"Default": stage, "AllowedValues": [stage]}
    assert given == made()
    assert done["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"] == {
        "/health": {"get": {"responses": {}}}
    }


def test_every_stage_has_every_value_and_only_prod_cannot_be_deleted() -> None:
    stages = MERGED["Mappings"]["Stages"]
    assert set(stages) == set(STAGES) == set(MERGED["Parameters"]["Stage"]["AllowedValues"])
    assert len({frozenset(values) for values in stages.values()}) == 1
    protected = {stage: values["DeletionProtection"] for stage, values in stages.items()}
    assert protected == {"dev": "false", "prod": "true"}


def test_the_table_is_the_one_that_the_code_and_the_tests_know() -> None:
    wanted = table_definition("any")
    given = RESOURCES["Table"]["Properties"]
    for name in ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"):
        assert given[name] == wanted[name], name
    stream = wanted["StreamSpecification"]["StreamViewType"]
    assert given["StreamSpecification"]["StreamViewType"] == stream
    assert given["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert given["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


def test_what_is_imported_is_what_outlives_the_stack() -> None:
    retained = [n for n, r in RESOURCES.items() if r.get("DeletionPolicy") == "Retain"]
    assert sorted(retained) == sorted(RETAINED)
    template = importable(MERGED)
    assert list(template["Resources"]) == list(RETAINED)
    assert set(template) == {"Mappings", "Parameters", "Resources"}
    named = set(re.findall(r'"(?:Ref|Fn::GetAtt|DependsOn)": \[?"(\w+)"', json.dumps(template)))
    assert named <= {*RETAINED, *template["Parameters"]}
    assert NOTIFICATIONS in RESOURCES["Bucket"]["Properties"]  # the template itself is left alone


@pytest.mark.parametrize("name", RETAINED)
def test_what_holds_everything_outlives_the_stack(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_only_what_is_meant_to_go_goes_from_the_bucket() -> None:
    rules = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    expiring = {r["Prefix"]: r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r}
    assert expiring == {
        "answers/": 2,
        "exports/": 2,
        "ingest/": 30,
        "ingest-reports/": 90,
        "undelivered/": 30,
    }
    replaced = {
        r["Prefix"]: r["NoncurrentVersionExpiration"]
        for r in rules
        if "Prefix" in r and "ExpirationInDays" not in r
    }
    assert replaced == {"search/": {"NoncurrentDays": 1}}  # a large one is replaced often
    assert search_keys.snapshot_blob(TENANT, "id").startswith("search/")
    assert keys.remembered_answer(TENANT, "token").startswith("answers/")
    assert variant_keys.log_export(TENANT, "id").startswith("exports/")
    assert (ingest_keys.DROP_ZONE, ingest_keys.REPORTS) == ("ingest/", "ingest-reports/")
    assert queue_keys.undelivered("1", "amounts").startswith("undelivered/")
    others = [rule for rule in rules if "Prefix" not in rule]
    assert not any("ExpirationInDays" in rule for rule in others)
    assert [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in others
        if "AbortIncompleteMultipartUpload" in rule
    ] == [7]


def test_the_bucket_is_private_encrypted_and_versioned() -> None:
    bucket = RESOURCES["Bucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketEncryption" in bucket
    (statement,) = RESOURCES["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_page_may_use_presigned_urls() -> None:
    (rule,) = RESOURCES["Bucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert {"GET", "PUT"} <= set(rule["AllowedMethods"])
    assert "ETag" in rule["ExposedHeaders"]  # without it no part can be completed


@pytest.mark.parametrize("kind", sorted(GATEWAY))
def test_the_gateways_own_answers_have_our_shape(kind: str) -> None:
    response = GATEWAY[kind]
    (template,) = response["responseTemplates"].values()
    told = json.loads(template)
    ours = error_body(404, "", None, "")
    assert told.keys() == json.loads(ours).keys()
    assert told["error"].keys() == json.loads(ours)["error"].keys()
    assert told["request_id"] == "$context.requestId"
    assert told["error"]["code"] == CODE_OF[int(response["statusCode"])]
    assert told["error"]["message"]
    headers = response["responseParameters"]
    assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    retried = "gatewayresponse.header.Retry-After" in headers
    assert retried == (response["statusCode"] in {"429", "503"})


def test_the_gateway_says_what_the_application_would() -> None:
    def status_and_message(kind: str) -> tuple[str, str]:
        (template,) = GATEWAY[kind]["responseTemplates"].values()
        return GATEWAY[kind]["statusCode"], json.loads(template)["error"]["message"]

    for kind in ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "RESOURCE_NOT_FOUND"):
        assert status_and_message(kind) == ("404", REASONS[404])
    too_large = handler.body_too_large(1)
    assert status_and_message("REQUEST_TOO_LARGE") == ("413", too_large.message)
    assert status_and_message("DEFAULT_5XX") == ("500", handler.INTERNAL)


def test_every_kind_of_the_gateways_answers_is_ours() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    assert sorted(GATEWAY) == [
        "ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR",
        "AUTHORIZER_FAILURE", "BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX",
        "DEFAULT_5XX", "EXPIRED_TOKEN", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT",
        "INVALID_API_KEY", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN",
        "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED",
        "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "image, is_for_the_feed",
    [
        ({"pk": {"S": "a"}, "sk": {"S": "b"}, "feed": {"S": "runs"}}, True),
        ({"pk": {"S": "a"}, "sk": {"S": "b"}}, False),
        (None, False),
    ],
)
def test_the_filter_lets_through_what_the_feed_reads(
    image: dict[str, Any] | None, is_for_the_feed: bool
) -> None:
    told: dict[str, Any] = {"Keys": {"pk": {"S": "a"}, "sk": {"S": "b"}}}
    if image is not None:
        told["NewImage"] = image
    record = {"eventID": "1", "dynamodb": told}
    (pattern,) = [json.loads(one["Pattern"]) for one in CHANGE_FEED["FilterCriteria"]["Filters"]]
    assert matches(pattern, record) is is_for_the_feed
    assert (change_of(record) is not None) is is_for_the_feed


def matches(pattern: Any, given: Any) -> bool:
    """What of Lambda's filter patterns is used: a leaf that exists."""
    if isinstance(pattern, list):
        assert pattern == [{"exists": True}]
        return isinstance(given, str)
    named = cast("dict[str, Any]", pattern)
    return isinstance(given, dict) and all(
        matches(one, cast("dict[str, Any]", given).get(name)) for name, one in named.items()
    )


def test_what_is_given_up_on_is_kept_while_the_feed_still_has_it() -> None:
    assert CHANGE_FEED["MaximumRecordAgeInSeconds"] < 24 * 3600
    assert CHANGE_FEED["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    destination = CHANGE_FEED["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == {"Fn::GetAtt": ["Undelivered", "Arn"]}


# -- queues ---------------------------------------------------------------------------------------

CONFIG: dict[str, Any] = json.loads((CHALICE / "config.json").read_text())
QUEUES = [name for name, one in RESOURCES.items() if one.get("Type") == "AWS::SQS::Queue"]


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_encrypted_and_keeps_messages_as_long_as_it_can(name: str) -> None:
    queue = RESOURCES[name]["Properties"]
    assert queue["SqsManagedSseEnabled"]
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    policy = RESOURCES[f"{name}Policy"]["Properties"]
    assert policy["Queues"] == [{"Ref": name}]
    deny, *others = policy["PolicyDocument"]["Statement"]
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(others) == (name == "Arrivals")


def test_an_arrival_is_hidden_for_longer_than_its_worker_can_take() -> None:
    timeout_s = CONFIG["lambda_functions"]["take_arrivals"]["lambda_timeout"]
    arrivals_queue = RESOURCES["Arrivals"]["Properties"]
    assert timeout_s < arrivals_queue["VisibilityTimeout"]
    assert ARRIVING["Queue"] == {"Fn::GetAtt": ["Arrivals", "Arn"]}
    assert ARRIVING["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_what_no_worker_lived_to_give_up_is_given_up_by_the_queue() -> None:
    arrivals_queue = RESOURCES["Arrivals"]["Properties"]
    assert arrivals_queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["Undelivered", "Arn"]},
        "maxReceiveCount": arrivals.MAX_TRIES,
    }
    # An ARN put together: each of the queues would wait for the other one's.
    (source,) = RESOURCES["Undelivered"]["Properties"]["RedriveAllowPolicy"]["sourceQueueArns"]
    assert source["Fn::Sub"].endswith(f":{arrivals_queue['QueueName']['Fn::Sub']}")
    hidden_s = RESOURCES["Undelivered"]["Properties"]["VisibilityTimeout"]
    assert hidden_s == wiring.LOOKED_AT_S < ops_redrive.HIDDEN_S


def test_the_bucket_tells_of_what_somebody_waits_for() -> None:
    (told,) = RESOURCES["Bucket"]["Properties"][NOTIFICATIONS].values()
    prefixes = [rule["Filter"]["S3Key"]["Rules"][0]["Value"] for rule in told]
    assert prefixes == [ingest_keys.DROP_ZONE, artifact_keys.BLOBS]
    for rule in told:
        assert rule["Event"] == "s3:ObjectCreated:*"
        assert rule["Queue"] == {"Fn::GetAtt": ["Arrivals", "Arn"]}
    allowed = RESOURCES["ArrivalsPolicy"]["Properties"]["PolicyDocument"]["Statement"][1]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
    # S3 asks whether it may send, so the policy comes first, and cannot name the bucket.
    assert RESOURCES["Bucket"]["DependsOn"] == "ArrivalsPolicy"
    assert '"Bucket"' not in json.dumps(RESOURCES["ArrivalsPolicy"])


def test_an_alarm_watches_what_exists_and_tells_somebody() -> None:
    alarms = {n: r for n, r in RESOURCES.items() if r.get("Type") == "AWS::CloudWatch::Alarm"}
    assert len(alarms) >= 8
    for alarm in alarms.values():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "Alarms"}]
        for name in re.findall(r'"Ref": "(\w+)"', json.dumps(alarm)):
            assert name in RESOURCES
    watched = json.dumps(alarms["WorkerErrorsAlarm"])
    assert all(f'"{name}"' in watched for name in FUNCTIONS if name != "APIHandler")
    throttled = json.dumps(alarms["FunctionThrottlesAlarm"])
    assert all(f'"{name}"' in throttled for name in FUNCTIONS)


SEARCHES = {"TRIALBOOK_VECTOR_BUCKET": "VectorBucket", "TRIALBOOK_EMBEDDER": "Embedder"}
UNDELIVERED = {"TRIALBOOK_UNDELIVERED": "Undelivered"}
USES = {
    "APIHandler": SEARCHES,
    "ProjectChanges": SEARCHES | UNDELIVERED,
    "IndexArtifacts": SEARCHES,
    "TakeArrivals": UNDELIVERED | {"TRIALBOOK_ARRIVALS": "Arrivals"},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_knows_what_it_uses_of_the_stack(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    stores = {"TRIALBOOK_TABLE": "Table", "TRIALBOOK_BUCKET": "Bucket"}
    assert properties["Environment"]["Variables"] == {
        variable: {"Ref": used} for variable, used in (stores | USES.get(name, {})).items()
    }
    group = RESOURCES[properties["LoggingConfig"]["LogGroup"]["Ref"]]
    assert "RetentionInDays" in group["Properties"]
