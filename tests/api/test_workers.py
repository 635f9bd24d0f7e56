"""The functions that events start, called as Lambda calls them."""

from __future__ import annotations

import base64
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config

from chalicelib import wiring
from chalicelib.api import workers
from chalicelib.core.errors import Unavailable
from chalicelib.domain import feed
from chalicelib.domain.logging import COMPACT_EVERY_CHUNKS, DEDUPLICATION_MS
from chalicelib.storage import keys
from chalicelib.storage.table import Query
from tests.api.engines import ENGINES, StandingClock
from tests.api.harness import Service

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


def test_a_batch_that_fails_is_asked_for_again_from_its_first_change(
    on_aws: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = on_aws.experiment()
    on_aws.run(experiment["id"])
    event = _stream_event()

    def away(*_: object) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(feed, "dispatch", away)
        answer = workers.project_changes(event, None)
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert len(failed) == 1
    assert failed[0] in {record["dynamodb"]["SequenceNumber"] for record in event["Records"]}

    assert workers.project_changes(event, None) == {"batchItemFailures": []}
    assert _counts(on_aws, experiment["id"])["runs"] == 1


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
