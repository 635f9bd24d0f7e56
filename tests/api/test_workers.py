"""The functions that events start, called as Lambda calls them."""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config

from chalicelib import wiring
from chalicelib.api import workers
from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import RunId
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import collection, feed, projections, stored_bytes
from chalicelib.domain.logging import COMPACT_EVERY_CHUNKS, DEDUPLICATION_MS
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.search import built_in
from chalicelib.storage import keys, runs
from chalicelib.storage.dynamo_stream import change_of
from chalicelib.storage.table import Query
from tests.api.engines import ENGINES, StandingClock
from tests.api.harness import Service
from tests.api.indexed import ARTIFACTS, directory, indexed

pytestmark = pytest.mark.slow

CLOCK_EVENT: dict[str, Any] = {
    "version": "0",
    "account": "1",
    "region": "us-east-1",
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-11-21T00:00:00Z",
    "id": "1",
    "resources": [],
}


@pytest.fixture
def on_aws(tmp_path: Path) -> Generator[Service]:
    with ENGINES["aws"](tmp_path, StandingClock()) as fresh:
        engine = fresh()
        wiring.install(engine.services)
        yield Service(engine)
        wiring.install(None)


def _stream_event() -> dict[str, Any]:
    """What the event source mapping would deliver: every record of the table's stream."""
    config = Config(account_id_endpoint_mode="disabled")
    streams = cast("Any", boto3.client)("dynamodbstreams", region_name="us-east-1", config=config)
    arn = streams.list_streams()["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = streams.get_records(ShardIterator=iterator)["Records"]
    return {"Records": [_as_json(record) | {"eventSourceARN": arn} for record in records]}


def _as_json(value: Any) -> Any:
    """Lambda delivers bytes as base64 and times as seconds."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _as_json(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_as_json(one) for one in cast("list[Any]", value)]
    return value.timestamp() if hasattr(value, "timestamp") else value


def _counts(service: Service, experiment_id: str) -> dict[str, int]:
    return service.read.get(f"/api/v1/experiments/{experiment_id}").json()["counts"]


def test_a_batch_of_the_stream_is_projected_once_however_often_it_comes(on_aws: Service) -> None:
    experiment = on_aws.experiment()
    for _ in range(3):
        on_aws.run(experiment["id"])
    event = _stream_event()

    for _ in range(2):
        answer = workers.project_changes(event, None)
        assert answer == {"batchItemFailures": []}

    assert _counts(on_aws, experiment["id"]) == {"runs": 3, "artifacts": 0, "logs": 0}


def test_a_batch_is_asked_for_again_from_the_change_where_the_store_did_not_serve(
    on_aws: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = on_aws.experiment()
    for _ in range(5):
        on_aws.run(experiment["id"])
    event = _stream_event()
    monkeypatch.setattr(feed, "CHANGES_AT_ONCE", 2)
    project, served = projections.project, 0

    def away(*given: Any) -> None:
        nonlocal served
        if served == 1:
            raise Unavailable("the store is away")
        served += 1
        project(*given)

    with monkeypatch.context() as patched:
        patched.setattr(projections, "project", away)
        answer = workers.project_changes(event, None)
    assert _counts(on_aws, experiment["id"])["runs"] == 2

    wanted = [record for record in event["Records"] if change_of(record) is not None]
    third = wanted[2]["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": third}]}
    rest = {"Records": event["Records"][event["Records"].index(wanted[2]) :]}
    assert workers.project_changes(rest, None) == {"batchItemFailures": []}
    assert _counts(on_aws, experiment["id"])["runs"] == 5


def test_a_change_that_cannot_be_projected_is_parked_and_the_rest_goes_on(
    on_aws: Service,
) -> None:
    experiment = on_aws.experiment()
    broken = keys.run(on_aws.tenant, RunId("0" * 32))
    on_aws.run(experiment["id"])
    on_aws.services.table.put(
        {"pk": broken.pk, "sk": broken.sk, "feed": runs.FEED, "doc": "no JSON"}
    )
    on_aws.run(experiment["id"])

    assert workers.project_changes(_stream_event(), None) == {"batchItemFailures": []}

    assert _counts(on_aws, experiment["id"])["runs"] == 2
    (message,) = on_aws.services.undelivered.receive()
    assert message.reason is not None
    assert message.reason.startswith("JSONDecodeError")


def test_the_clock_publishes_search_indexes(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(built_in, "PUBLISHED_FROM", 1)
    saved = indexed(laptop)
    laptop.pull()
    assert workers.index_artifacts(CLOCK_EVENT, None)["published"] >= 1
    assert laptop.services.snapshots.newest(laptop.tenant) is not None
    assert workers.index_artifacts(CLOCK_EVENT, None) == {"published": 0}
    # the tests after this count what expires
    assert laptop.write.delete(f"{ARTIFACTS}/{saved['artifact_id']}").status_code == 204


def test_the_clock_compacts_the_runs_that_are_due(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    for step in range(COMPACT_EVERY_CHUNKS):
        laptop.log_values(run_id, "loss", [step / 7], step)
    before = laptop.read.get(f"/api/v1/experiments/runs/{run_id}/metrics/loss").json()
    assert workers.compact_points(CLOCK_EVENT, None) == {"compacted": 0}

    laptop.clock.advance(DEDUPLICATION_MS / 1000 + 1)
    assert workers.compact_points(CLOCK_EVENT, None) == {"compacted": 1}

    after = laptop.read.get(f"/api/v1/experiments/runs/{run_id}/metrics/loss").json()
    assert after == before
    points = laptop.services.table.query(
        Query(f"t#{laptop.tenant}#run#{run_id}", prefix=keys.points_level(0))
    )
    assert len(points.items) < COMPACT_EVERY_CHUNKS / 10


class LambdaContext:
    """What Lambda tells a function besides the event."""

    def __init__(self, ms: int) -> None:
        self._ms = ms

    def get_remaining_time_in_millis(self) -> int:
        return self._ms


def _with_retention(service: Service, days: int) -> None:
    wiring.install(replace(service.services, retention_days=days))


@pytest.mark.parametrize("context", [None, LambdaContext(900_000)])
def test_once_a_day_artifacts_past_their_time_go_and_a_day_later_their_bytes(
    laptop: Service, context: LambdaContext | None
) -> None:
    old = indexed(laptop, b"old bytes")
    folder = directory(laptop, {"a.txt": b"a", "b.txt": b"b"})
    pinned = indexed(laptop, b"pinned", pinned=True)
    _with_retention(laptop, 7)
    assert workers.tidy(CLOCK_EVENT, context)["expired"] == 0

    laptop.clock.advance(8 * 24 * 3600)
    done = workers.tidy(CLOCK_EVENT, context)
    assert (done["expired"], done["directories"]) == (2, 1)
    assert workers.tidy(CLOCK_EVENT, context)["expired"] == 0
    for gone in (old, folder):
        assert laptop.read.get(f"{ARTIFACTS}/{gone['artifact_id']}").status_code == 404
    assert laptop.read.get(f"{ARTIFACTS}/{pinned['artifact_id']}").status_code == 200


def test_once_an_hour_what_nobody_needs_any_more_is_collected(laptop: Service) -> None:
    services, context = laptop.services, laptop.context()
    kept = stored_bytes.keep(
        services.bytes, context, b"garbage", "a/b", Owner("entry", "gone"), lambda _: []
    )
    owner_gone = services.bytes.records.disowned(
        context.tenant, kept.sha256, Owner("entry", "gone")
    )
    services.table.transact([owner_gone])
    wiring.install(services)
    workers.collect(CLOCK_EVENT, LambdaContext(60_000))
    assert services.blobs.head(kept.blob_key) is not None
    laptop.clock.advance(GRACE_MS / 1000 + 1)
    done = workers.collect(CLOCK_EVENT, LambdaContext(60_000))
    assert done["objects"] >= 1
    assert done["bytes_freed"] >= len(b"garbage")
    assert services.blobs.head(kept.blob_key) is None


def test_a_job_that_fails_does_not_keep_the_others_from_their_turn(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = indexed(laptop, b"old bytes")
    _with_retention(laptop, 7)
    laptop.clock.advance(8 * 24 * 3600)

    def away(*_: object, **__: object) -> None:
        raise Unavailable("the store is away")

    monkeypatch.setattr(collection, "collect", away)
    with pytest.raises(Unavailable):
        workers.tidy(CLOCK_EVENT, None)
    assert laptop.read.get(f"{ARTIFACTS}/{old['artifact_id']}").status_code == 404
