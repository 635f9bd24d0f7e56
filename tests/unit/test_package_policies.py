"""What the functions may do on AWS: as much as they do, and no more."""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

import app as application
from chalicelib import wiring
from chalicelib.api.handler import EventView
from chalicelib.api.v1 import ingest_lines
from chalicelib.core.ids import ExperimentId, RunId, TenantId
from chalicelib.core.log_ids import LogId
from chalicelib.core.model.search import SearchQuery
from chalicelib.domain import arrivals, compaction, feed, previews, upkeep, verification
from chalicelib.domain.arrivals import Arrived
from chalicelib.domain.logging import COMPACT_EVERY_CHUNKS, DEDUPLICATION_MS
from chalicelib.search.snapshots import Snapshots
from chalicelib.storage import artifact_keys, ingest_keys, keys, variant_keys
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.queue import Queue
from chalicelib.storage.table import Index, Table
from chalicelib.wiring import Services
from tests.api import files
from tests.api.answers import Json
from tests.api.engines import StandingClock, sqlite
from tests.api.harness import EXPERIMENTS, Service
from tests.api.indexed import (
    ARTIFACTS,
    directory,
    indexed,
    manifest_of,
    publish_due,
    sha256_of,
    stored,
)
from tests.unit.images_given import png
from tests.unit.permitted import (
    ACTIONS,
    BUCKET,
    CHALICE,
    ROOT,
    TABLE,
    PermittedBlobs,
    PermittedQueue,
    PermittedTable,
    Policy,
)

FUNCTIONS: list[str] = sorted(json.loads((CHALICE / "config.json").read_text())["lambda_functions"])
ANYWHERE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""X-Ray has no resources to name."""
DAY_S = 24 * 3600


def operations(adapter: str) -> set[str]:
    """boto3's operations that an adapter names: methods of its client, and what it calls or signs
    by name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "chalicelib" / "storage" / adapter).read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ("_call", "_send", "_sign") and isinstance(node.args[0], ast.Constant):
            found.add(cast(str, node.args[0].value))
        elif ast.unparse(node.func.value) == "self._client":
            found.add(node.func.attr)
    return found - {"generate_presigned_url"}


@pytest.fixture
def laptop(tmp_path: Path) -> Generator[Service]:
    with sqlite(tmp_path, StandingClock()) as fresh:
        engine = fresh()
        wiring.install(engine.services)
        yield Service(engine)
        wiring.install(None)


def permitted(services: Services, function: str) -> Services:
    """The stores as the function has them: made anew, for that takes permissions too."""
    policy = Policy(function)
    return wiring.services_on(
        cast(Table, PermittedTable(services.table, policy)),
        cast(Blobs, PermittedBlobs(services.blobs, policy)),
        services.clock,
        services.retention_days,
        arrivals=cast(Queue, PermittedQueue(services.arrivals, "Arrivals", policy)),
        undelivered=cast(Queue, PermittedQueue(services.undelivered, "Undelivered", policy)),
    )


def test_every_function_has_a_policy_and_every_policy_a_function() -> None:
    config = json.loads((CHALICE / "config.json").read_text())
    named = {name: of["iam_policy_file"] for name, of in config["lambda_functions"].items()}
    assert named == {name: f"policy-{name}.json" for name in FUNCTIONS}
    assert sorted(path.name for path in CHALICE.glob("policy-*.json")) == sorted(named.values())
    handlers = cast("dict[str, object]", application.app.handler_map)
    workers = [name for name, one in handlers.items() if not isinstance(one, EventView)]
    assert sorted([*workers, "api_handler"]) == FUNCTIONS
    assert not config["autogen_policy"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_policy_has_a_wildcard_for_what_it_allows_or_where(function: str) -> None:
    for statement in Policy(function).statements:
        assert set(statement) == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
    for action, resource in Policy(function).granted():
        assert "*" not in action
        if action in ANYWHERE:
            assert resource == "*"
            continue
        if resource.startswith("arn:"):
            # of the vector bucket that the stack is told of, and one model of Amazon's
            assert ("bucket/${VectorBucket}" in resource) is action.startswith("s3vectors:")
            assert resource.endswith(
                ("/${VectorBucket}", "/index/*", "/amazon.titan-embed-text-v2:0")
            )
            continue
        # Of this stack's own resources, and a star at most for what is below one of its names.
        assert resource.startswith("${")
        place, _, below = resource.partition("}")
        assert below in ("", "/stream/*", "/meta/health") or below.startswith(("/index/", "/"))
        assert below.count("*") <= 1
        assert "*" not in place
        assert below != "/*"


@pytest.mark.parametrize("adapter", ["dynamo_table.py", "s3_blobs.py"])
def test_the_api_may_do_whatever_the_adapters_ask_for(adapter: str) -> None:
    found = operations(adapter)
    assert len(found) >= 7
    granted = {action for action, _ in Policy("api_handler").granted()}
    for operation in found:
        assert set(ACTIONS[operation]) <= granted, operation


def test_the_adapters_ask_for_nothing_that_is_not_known_here() -> None:
    adapters = ("dynamo_table.py", "s3_blobs.py", "sqs_queue.py")
    assert set[str]().union(*map(operations, adapters)) == set(ACTIONS)


def test_the_api_may_query_every_index() -> None:
    for index in (Index.LISTED.value, "changed"):
        assert Policy("api_handler").allows("dynamodb:Query", f"{TABLE}/index/{index}")


def test_the_api_may_store_whatever_has_a_name() -> None:
    tenant, experiment, run = TenantId("acme"), ExperimentId("e" * 32), RunId("r" * 32)
    log = LogId("log_" + "0" * 26)
    export = variant_keys.log_export(tenant, "x" * 32)
    stored = [
        artifact_keys.blob(tenant, "0" * 64, "1" * 32),
        keys.remembered_answer(tenant, "token"),
        keys.points_blob(tenant, run, "digest"),
        variant_keys.log_content(tenant, experiment, log, b"digest"),
        export,
        variant_keys.log_export_tail(export),
    ]
    policy = Policy("api_handler")
    for key in stored:
        for action in ("s3:GetObject", "s3:PutObject"):
            policy.check(action, f"{BUCKET}/{key}")
    policy.check("s3:GetObject", f"{BUCKET}/{keys.HEALTH_BLOB}")
    assert not policy.allows("s3:PutObject", f"{BUCKET}/{keys.HEALTH_BLOB}")
    assert not policy.allows("s3:DeleteObject", f"{BUCKET}/{stored[0]}")


def test_the_api_lets_files_come_and_tells_what_became_of_them() -> None:
    policy = Policy("api_handler")
    file = ingest_keys.dropped(TenantId("acme"), "0" * 32, "lines.jsonl")
    policy.check("s3:PutObject", f"{BUCKET}/{file}")
    assert not policy.allows("s3:GetObject", f"{BUCKET}/{file}")
    preview = artifact_keys.preview(artifact_keys.blob(TenantId("acme"), "0" * 64, "1" * 32))
    for made in (ingest_keys.report(file, "1"), preview):
        policy.check("s3:GetObject", f"{BUCKET}/{made}")
        assert not policy.allows("s3:PutObject", f"{BUCKET}/{made}")


def test_the_feed_needs_no_more_than_it_may(laptop: Service) -> None:
    arms = [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}]
    experiment = laptop.experiment("ab", variants=arms, status="active")
    run_id = laptop.run(experiment["id"])["run_id"]
    for body in (b"first", b"second"):  # one takes the place of the other
        assert files.send(laptop, run_id, "a.txt", body).status_code == 200
    named = {"name": "lr", "kind": "value", "value": 1}
    named_at = f"{EXPERIMENTS}/{experiment['id']}/artifacts"
    assert laptop.write.post(named_at, json=named).status_code == 200
    assert laptop.write.delete(f"{named_at}/lr").status_code == 204
    context = laptop.context()
    upload = files.begin(laptop, run_id)
    assert files.put(laptop, upload["parts"][0], files.BODY).status_code == 200
    assert files.complete(laptop, run_id, upload).status_code == 200
    to = wiring.projections(permitted(laptop.services, "project_changes"))
    for user in ("ada", "bob"):
        log = {"variantKey": "A", "metrics": {"score": 1}, "context": {"user_id": user}}
        assert laptop.write.post("/experiment/ab/log", json=log).status_code < 300
    found = laptop.services.table.changes(None, 500).changes
    assert len(found) > 5
    feed.dispatch(to, found)
    verification.verify(to.verification, context.tenant, upload["upload_id"])
    assert laptop.read.get(f"{EXPERIMENTS}/{experiment['id']}").json()["counts"]["runs"] == 1


def test_a_change_may_be_parked(laptop: Service) -> None:
    broken = keys.run(laptop.tenant, RunId("0" * 32))
    laptop.services.table.put({"pk": broken.pk, "sk": broken.sk, "feed": "run", "doc": "no JSON"})
    to = wiring.projections(permitted(laptop.services, "project_changes"))
    feed.dispatch(to, laptop.services.table.changes(None, 500).changes)
    assert laptop.services.undelivered.depth() == 1


def test_what_arrives_needs_no_more_than_its_worker_may(laptop: Service) -> None:
    arms = [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}]
    experiment = laptop.experiment("ab", variants=arms, status="active")
    run_id = "ab" * 16
    manifest = manifest_of({"a.txt": b"a", "b.txt": b"b"})
    for body in (b"a", b"b"):
        stored(laptop, body)
    log = {"type": "variant_log", "slug": "ab", "variantKey": "A", "logId": "log_" + "0" * 26}
    lines: list[Json] = [
        {"type": "run", "run_id": run_id, "experiment_id": experiment["id"], "name": "x"},
        {"type": "params", "run_id": run_id, "params": {f"p{n}": "x" * 7000 for n in range(90)}},
        *({"type": "metrics", "run_id": run_id, "metrics": {"loss": n}} for n in range(1500)),
        {"type": "tags", "run_id": run_id, "tags": {"host": "ship"}},
        {
            **log,
            "metrics": {"score": 1},
            "input": {"text": random.Random(1).randbytes(60000).hex()},
        },
        {**log, "metrics": {"score": 2}},
        {"type": "artifact", "kind": "model", "sha256": sha256_of(b"a")},
        {"type": "artifact", "kind": "dataset", "manifest": manifest},
        {"type": "run", "run_id": run_id, "status": "finished"},
        {"type": "unknown"},
    ]
    services = permitted(laptop.services, "take_arrivals")
    to = wiring.arrivals(services, ingest_lines.parse)
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    laptop.services.blobs.put(f"ingest/{laptop.tenant}/a.jsonl", body, mime="text/plain")
    for message in (_told(laptop, f"ingest/{laptop.tenant}/a.jsonl"), "no notification"):
        done = arrivals.handle(to, message, 1, deadline_s=laptop.clock.monotonic_s() - 1)
        left = laptop.services.arrivals.receive()
        assert done.is_done is (not left)
        for again in left:
            arrivals.handle(to, again.body, 1, deadline_s=laptop.clock.monotonic_s() + 600)
    (file,) = laptop.read.get("/api/v1/ingest").json()["files"]
    report = laptop.read.get(f"/api/v1/ingest/{file['ingest_id']}").json()
    assert (report["state"], report["applied"]) == ("done", len(lines) - 2)
    another, unknown = report["errors"]
    assert "another log has this id" in another["reason"]
    assert "'unknown'" in unknown["reason"]
    assert laptop.services.undelivered.depth() == 1


def test_bytes_that_arrive_need_no_more_than_their_worker_may(laptop: Service) -> None:
    run_id, image = laptop.run()["run_id"], png(40, 30)
    upload = files.begin(laptop, run_id, image, path="image.png")
    assert files.put(laptop, upload["parts"][0], image).status_code == 200
    blob_key = artifact_keys.blob(laptop.tenant, sha256_of(image), upload["upload_id"])
    to = wiring.arrivals(permitted(laptop.services, "take_arrivals"), ingest_lines.parse)
    message = _told(laptop, blob_key)
    deadline_s = laptop.clock.monotonic_s() + 600
    assert arrivals.handle(to, message, 1, deadline_s=deadline_s).is_done
    preview = artifact_keys.preview(blob_key)
    assert laptop.services.blobs.head(preview) is not None
    previews.delete(to.finalization.files.bytes.blobs, blob_key)


def _told(service: Service, key: str) -> str:
    head = service.services.blobs.head(key)
    assert head is not None
    assert head.version is not None
    return arrivals.told(Arrived(key, head.version, head.size_bytes, head.modified_ms))


def test_compaction_needs_no_more_than_it_may(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    for step in range(COMPACT_EVERY_CHUNKS):
        laptop.log_values(run_id, "loss", [step / 7], step)
    laptop.clock.advance(DEDUPLICATION_MS / 1000 + 1)
    services = permitted(laptop.services, "compact_points")
    assert compaction.compact_due(services.points, services.clock.now_ms()) == 1
    chunk = keys.points_blob(laptop.tenant, RunId(run_id), "digest")
    services.blobs.put(chunk, b"what is archived", mime="text/plain")
    assert services.blobs.get(chunk) == b"what is archived"


def test_indexing_needs_no_more_than_it_may(laptop: Service) -> None:
    for text in (b"the first text", b"another text"):
        indexed(laptop, text, name="a.txt")
    laptop.pull()
    services = permitted(laptop.services, "index_artifacts")
    assert publish_due(services) == 0  # two are not worth it
    assert not Snapshots(services.table, services.blobs, services.clock).due()
    for _ in range(3):  # the third removes the first
        laptop.clock.advance(3601)
        assert services.search().build(laptop.tenant) == 2
    api = permitted(laptop.services, "api_handler")
    context = laptop.context()
    assert len(api.search().search(context, SearchQuery("text", "hybrid"))) == 2


@pytest.mark.parametrize("function", ["tidy", "collect"])
def test_upkeep_needs_no_more_than_it_may(laptop: Service, function: str) -> None:
    old = indexed(laptop, b"old bytes")
    folder = directory(laptop, {"a.txt": b"a", "b.txt": b"b"})
    if function == "collect":
        for one in (old, folder):
            assert laptop.write.delete(f"{ARTIFACTS}/{one['artifact_id']}").status_code == 204
    services = permitted(replace(laptop.services, retention_days=7), function)
    laptop.clock.advance(8 * DAY_S)
    run = upkeep.tidy if function == "tidy" else upkeep.collect
    done = run(wiring.upkeep(services), seconds=60)
    assert done.directories == 1
    assert done.expired == (2 if function == "tidy" else 0)
    laptop.clock.advance(8 * DAY_S)
    freed = run(wiring.upkeep(services), seconds=60)
    assert freed.objects + done.objects >= 1
    export = variant_keys.log_export(laptop.tenant, "x" * 32)
    services.blobs.delete(export)
    services.blobs.delete(variant_keys.log_export_tail(export))
    previews.delete(services.blobs, artifact_keys.blob(laptop.tenant, "0" * 64, "1" * 32))
