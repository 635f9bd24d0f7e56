"""What the emulator of AWS does otherwise, each a deviation of tests/integration/README.md.

A later version that does as AWS does fails here, and the deviation can go.
"""

from __future__ import annotations

import json

import pytest

from tests.api.harness import EXPERIMENTS
from tests.integration.asking import Api, events_of, until
from tests.integration.deployment import Deployment
from tests.real_engines import OF_EMULATOR, Deviation

pytestmark = pytest.mark.engines
METRIC = {
    "Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors"},
    "Period": 60,
    "Stat": "Sum",
}


def test_doctor_finds_what_is_left_out(deployment: Deployment) -> None:
    assert Deviation.SETTINGS_LEFT_OUT in OF_EMULATOR
    told = json.loads(deployment.operate("doctor", "--json").stdout)
    failed = {one["what"] for one in told["checks"] if one["state"] == "failed"}
    kept = ("answers/", "exports/", "undelivered/", "ingest/", "ingest-reports/")
    assert failed == {
        *(
            f"the index {name} is missing, not active or not as the code needs it"
            for name in ("listed", "changed")
        ),
        "items do not expire by expires_at",
        "the table cannot be taken back to a point in time",
        "the bucket keeps uploads that were not completed for good, and they cost",
        "the bucket keeps versions that were replaced or deleted for good, and they cost",
        *(f"the bucket keeps {prefix} for good" for prefix in kept),
    }


def test_an_alarm_is_of_one_metric(deployment: Deployment) -> None:
    assert Deviation.ALARMS_OF_ONE_METRIC in OF_EMULATOR
    alarm = {
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [
            {"Id": "total", "Expression": "SUM(METRICS())", "ReturnData": True},
            {"Id": "one", "MetricStat": METRIC, "ReturnData": False},
        ],
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}}
    stacks, name = deployment.aws("cloudformation"), "one-alarm"
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), OnFailure="DO_NOTHING")
    (stack,) = until(
        lambda: stacks.describe_stacks(StackName=name)["Stacks"],
        lambda found: not found[0]["StackStatus"].endswith("IN_PROGRESS"),
    )
    assert stack["StackStatus"] == "CREATE_FAILED"
    assert "Metrics (metric math) is not supported" in stack["StackStatusReason"]


def test_a_body_that_comes_by_the_gateway_is_text(api: Api) -> None:
    assert Deviation.BODIES_ARE_TEXT in OF_EMULATOR
    run_id = api.run("bytes")
    api.send_file(run_id, "f.bin", b"\0\xff")
    assert api.file(run_id, "f.bin") == b"\0\xef\xbf\xbd"


def test_the_gateway_answers_itself_in_other_words(api: Api) -> None:
    assert Deviation.GATEWAY_IN_OTHER_WORDS in OF_EMULATOR
    answer = api.get("/no/such/route")
    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


def test_a_preflight_has_no_headers(api: Api) -> None:
    assert Deviation.PREFLIGHT_WITHOUT_HEADERS in OF_EMULATOR
    asked = {"origin": "https://a.test", "access-control-request-method": "POST"}
    answer = api.options(EXPERIMENTS, headers=asked)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_function_is_not_told_its_log_group(api: Api, deployment: Deployment) -> None:
    assert Deviation.LOG_GROUP_UNTOLD in OF_EMULATOR
    api.get("/health")
    lines = until(lambda: events_of(deployment, "api_handler"), bool)
    assert {line["Stack"] for line in lines if "Stack" in line} == {"trialbook"}
