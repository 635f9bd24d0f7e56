"""The deployed package from outside: by its URL, and as its operator. All is done by its functions.

What the emulator does not do is in test_emulator.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.api.answers import Json, found, made
from tests.api.files import BODY, SHA256
from tests.api.harness import EXPERIMENTS, RUNS
from tests.api.indexed import ARTIFACTS
from tests.integration.asking import Api, events_of, until
from tests.integration.deployment import REGION, TENANT, Deployment
from tests.integration.parts import ROOT

pytestmark = pytest.mark.engines
RUN_ID = "00000000000000000000000000000d01"


def test_a_run_is_logged_and_read_back(api: Api) -> None:
    run_id = api.run("a run")
    body: Json = {"metrics": {"loss": 0.5, "accuracy": 0.9}, "step": 1}
    found(api.post(f"{RUNS}/{run_id}/log-metrics", json=body))
    found(api.post(f"{RUNS}/{run_id}/log-params", json={"params": {"lr": "0.1", "text": "é✓"}}))
    run = found(api.get(f"{RUNS}/{run_id}"))
    assert run["metrics"] == {"loss": 0.5, "accuracy": 0.9}
    assert run["params"] == {"lr": "0.1", "text": "é✓"}
    api.send_file(run_id, "f.txt", "é✓ of the run".encode())
    assert api.file(run_id, "f.txt") == "é✓ of the run".encode()


def test_an_upload_is_completed_when_its_client_never_comes_back(api: Api) -> None:
    """By S3's event, SQS and `take_arrivals`."""
    run_id = api.run("an upload")
    files = f"{RUNS}/{run_id}/artifacts"
    wanted = {"path": "model.bin", "size_bytes": len(BODY), "sha256": SHA256}
    upload = made(api.post(f"{files}/uploads", json=wanted))
    (part,) = upload["parts"]
    assert api.put_bytes(part["url"], part["headers"], BODY) == 200
    (listed,) = until(lambda: found(api.get(files))["artifacts"], bool)
    assert (listed["path"], listed["sha256"]) == ("model.bin", SHA256)


def test_what_is_dropped_into_the_bucket_is_ingested(api: Api, deployment: Deployment) -> None:
    experiment = api.experiment("dropped")["id"]
    lines = [
        {"type": "run", "run_id": RUN_ID, "experiment_id": experiment, "name": "from a file"},
        {"type": "metrics", "run_id": RUN_ID, "metrics": {"loss": 0.25}, "step": 1},
        {"type": "metrics", "run_id": RUN_ID, "metrics": {"loss": "much"}, "step": 2},
        {"type": "run", "run_id": RUN_ID, "status": "finished"},
    ]
    key = _drop(deployment, TENANT, "lines.jsonl", lines)
    file = until(lambda: _file(api, key), lambda one: one is not None and one["state"] == "done")
    assert file is not None
    assert (file["applied"], file["refused"], file["created_by"]) == (3, 1, "ingest")
    run = found(api.get(f"{RUNS}/{RUN_ID}"))
    assert (run["status"], run["metrics"]) == ("finished", {"loss": 0.25})
    errors = found(api.get(f"/api/v1/ingest/{file['ingest_id']}"))["errors"]
    assert [error["line"] for error in errors] == [3]
    bucket = deployment.output("BucketName")
    reports = deployment.aws("s3").list_objects_v2(
        Bucket=bucket, Prefix=f"ingest-reports/{TENANT}/lines.jsonl."
    )
    assert reports["KeyCount"] == 1


def test_what_was_saved_is_found_by_words_and_by_meaning(api: Api, deployment: Deployment) -> None:
    uploads = f"{ARTIFACTS}/uploads"
    text = b"Revenue of each store, by region."
    wanted = {"sha256": hashlib.sha256(text).hexdigest(), "size_bytes": len(text)}
    upload = found(api.post(uploads, json=wanted))["upload"]
    (part,) = upload["parts"]
    assert api.put_bytes(part["url"], part["headers"], text) == 200
    found(api.post(f"{uploads}/{upload['upload_id']}/complete", json={}))
    saved = {"kind": "report", "sha256": wanted["sha256"], "name": "june.txt"}
    artifact_id = made(api.post(ARTIFACTS, json=saved))["artifact_id"]
    for query, mode in (("revenue", "lexical"), ("earnings", "semantic"), ("stores", "hybrid")):
        hits = found(api.post(f"{ARTIFACTS}/search", json={"query": query, "mode": mode}))["hits"]
        assert [hit["artifact"]["artifact_id"] for hit in hits] == [artifact_id]
    key = f"search/{TENANT}/"
    s3, bucket = deployment.aws("s3"), deployment.output("BucketName")
    done = deployment.operate("search", "rebuild", "--tenant", TENANT)
    assert done.stdout == f"{TENANT}: 1 artifacts\n"
    assert s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 1


def test_an_assistant_logs_and_reads_back(api: Api) -> None:
    """Over the gateway, whose stage is part of the address that an answer gives."""
    experiment = api.experiment("asked by an assistant")["id"]
    logged = {"name": "note", "kind": "file", "value": "data:text/plain;base64,aXQgd29ya3M="}
    named: Json = {"experiment_id": experiment, "artifact_name": "note"}
    _tool(api, "log_artifact_in_experiment", {"experiment_id": experiment, **logged})
    read = _tool(api, "get_artifact_in_experiment", named)["structuredContent"]
    stage, _, path = read["content_url"].partition("/api/v1/")
    assert stage == "/api"
    assert "url" in found(api.get(f"/api/v1/{path}", headers={"accept": "application/json"}))
    content = _tool(api, "get_artifact_content_in_experiment", named)["content"]
    assert content[0] == {"type": "text", "text": "it works"}
    assert api.get("/mcp").status_code == 405


def test_the_page_is_there_with_its_files(api: Api) -> None:
    page = api.get("/")
    assert page.status_code == 200
    assert '<base href="/api/">' in page.text
    names = re.findall(r'"(assets/[^"]+)"', page.text)
    assert len(names) == 3
    for name in names:
        file = api.get(f"/{name}")
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]


def test_counts_come_by_the_stream_of_the_table(api: Api) -> None:
    experiment = api.experiment("counted")
    for _ in range(2):
        made(api.post(RUNS, json={"experiment_id": experiment["id"]}))
    url = f"{EXPERIMENTS}/{experiment['id']}"
    until(lambda: found(api.get(url))["counts"]["runs"], lambda runs: runs == 2)


def test_logs_of_variants_come_to_the_results(api: Api) -> None:
    variants = [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}]
    goals = {"score": "max"}
    slug = api.experiment("a b", variants=variants, status="active", metric_goals=goals)["slug"]
    assigned = found(api.post(f"/experiment/{slug}/assign", json={"userId": "somebody"}))
    assert assigned["variant"] in {"A", "B"}
    logs = [
        {"variantKey": key, "unitId": f"{key}{number}", "metrics": {"score": at * 10 + number}}
        for at, key in enumerate("AB")
        for number in range(5)
    ]
    answer = found(api.post(f"/experiment/{slug}/log/batch", json={"logs": logs}))
    assert all(one["success"] for one in answer["results"])
    everybody = {key: {"units": 5, "logs": 5} for key in "AB"}
    results = until(
        lambda: found(api.get(f"/experiment/{slug}/results")),
        lambda results: results["exposures"] == everybody,
    )
    shown = results["metrics"]["score"]["variants"]
    assert {key: shown[key]["mean"] for key in "AB"} == {"A": 2.0, "B": 12.0}


def test_what_is_due_by_the_clock_is_done(deployment: Deployment) -> None:
    """The rules name the functions; they are called as a rule calls them, for nobody waits here."""
    events, functions = deployment.aws("events"), deployment.aws("lambda")
    done: dict[str, Any] = {}
    for rule in events.list_rules()["Rules"]:
        (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        event: Json = {
            "version": "0",
            "id": "1",
            "source": "aws.events",
            "detail-type": "Scheduled Event",
            "detail": {},
            "resources": [rule["Arn"]],
            "region": REGION,
            "account": "0",
            "time": "2026-11-28T12:00:00Z",
        }
        answer = functions.invoke(FunctionName=target["Arn"], Payload=json.dumps(event))
        told = answer["Payload"].read()
        assert "FunctionError" not in answer, told
        done.setdefault(rule["ScheduleExpression"], {}).update(json.loads(told))
    assert done.keys() == {"rate(5 minutes)", "rate(1 hour)", "rate(1 day)"}
    assert done["rate(5 minutes)"].keys() == {"compacted", "published"}


@pytest.mark.slow
def test_what_was_given_up_is_given_back_by_the_operator(api: Api, deployment: Deployment) -> None:
    lines = [{"type": "run", "experiment_id": "nothing", "name": "refused"}]
    _drop(deployment, "latecomer", "lines.jsonl", lines)
    queue = {"QueueUrl": deployment.output("UndeliveredUrl")}
    sqs, wanted = deployment.aws("sqs"), ["ApproximateNumberOfMessages"]
    until(
        lambda: sqs.get_queue_attributes(**queue, AttributeNames=wanted)["Attributes"],
        lambda told: told["ApproximateNumberOfMessages"] == "1",
    )
    key = deployment.operate(
        "keys", "create", "--tenant", "latecomer", "--user", "eve", "--role", "read"
    )
    assert key.returncode == 0, key.stderr
    given_back = deployment.operate("redrive", "--json")
    assert given_back.returncode == 0, given_back.stderr
    (message,) = json.loads(given_back.stdout)["messages"]
    assert message["what"] == "arrival of ingest/latecomer/lines.jsonl"
    assert message["reason"] == "there is no tenant 'latecomer'"
    with api.as_holder_of(key.stdout.strip()) as latecomer:
        file = until(lambda: _file(latecomer, "ingest/latecomer/lines.jsonl"), bool)
        until(lambda: _file(latecomer, file["key"])["state"], lambda state: state == "done")


def test_every_function_writes_lines_to_its_log(api: Api, deployment: Deployment) -> None:
    functions = {"api_handler": "request", "project_changes": "worker", "take_arrivals": "worker"}
    run_id = api.run("told")
    api.send_file(run_id, "f.txt", b"arrives")
    for name, message in functions.items():
        lines = until(lambda name=name: events_of(deployment, name), bool)
        assert message in {line["message"] for line in lines}, name


def test_who_has_no_rights_reaches_nothing(deployment: Deployment) -> None:
    """The emulator asks the policies: without them it would let everybody in."""
    iam = deployment.aws("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    table = deployment.client("dynamodb", key["AccessKeyId"], key["SecretAccessKey"])
    with pytest.raises(ClientError, match="AccessDenied"):
        table.scan(TableName=deployment.output("TableName"))
    bucket = deployment.output("BucketName")
    url = f"{deployment.endpoint}/{bucket}?list-type=2"
    assert httpx.get(url, verify=deployment.tls()).status_code == 403


@pytest.mark.slow
def test_the_demo_runs_on_it(api: Api, deployment: Deployment) -> None:
    environment = {"TRIALBOOK_URL": deployment.url, "TRIALBOOK_API_KEY": deployment.api_key}
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=deployment.environment() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Everything came back as it was logged" in done.stdout


def _tool(api: Api, name: str, arguments: Json) -> Json:
    """What a tool answered."""
    params: Json = {"name": name, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    result = found(api.post("/mcp", json=message))["result"]
    assert not result["isError"], result
    return result


def _drop(deployment: Deployment, tenant: str, name: str, lines: list[Json]) -> str:
    """The key of a file that an operator puts into the drop zone."""
    key = f"ingest/{tenant}/{name}"
    body = "".join(json.dumps(line) + "\n" for line in lines)
    deployment.aws("s3").put_object(
        Bucket=deployment.output("BucketName"), Key=key, Body=body.encode()
    )
    return key


def _file(api: Api, key: str) -> Any:
    files = found(api.get("/api/v1/ingest"))["files"]
    return next((one for one in files if one["key"] == key), None)
