"""`ops redrive`: what could not be delivered is given back, once, or stays and says why."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib import ops, wiring
from chalicelib.core.errors import NotFound, Unavailable
from chalicelib.core.ids import RunId
from chalicelib.domain import feed, projections
from chalicelib.storage import keys, runs, sqs_queue
from chalicelib.storage.dynamo_batches import StreamBatches
from chalicelib.storage.table import Change
from chalicelib.wiring import Services
from tests.api.engines import ENGINES, StandingClock
from tests.api.harness import Service
from tests.contract.queue_engines import HIDDEN_S, sqs_engine

ARRIVAL = json.dumps(
    {"Records": [{"s3": {"object": {"key": "ingest/acme/points+1%2B1.jsonl", "size": 7}}}]}
)


@dataclass(frozen=True)
class Place:
    """A service, and an operator on its stores."""

    service: Service
    services: Services
    capsys: pytest.CaptureFixture[str]

    def run(self, text: str = "") -> tuple[int, str, str]:
        """Exit status, and what was written to stdout and stderr."""
        parser = ops.OneLineParser()
        ops.add_to(parser)
        options = parser.parse_args(["redrive", *text.split()])
        self.capsys.readouterr()
        status = ops.run(options, self.services)
        out, err = self.capsys.readouterr()
        return status, out, err

    def told(self, text: str = "") -> tuple[int, Any]:
        """Exit status, and what programs are told."""
        status, out, _ = self.run(f"{text} --json")
        return status, json.loads(out)

    def park(self, is_bad: Callable[[Change], bool]) -> None:
        """Deliver the feed by code that cannot project such changes."""
        with failing(is_bad):
            self.deliver()

    def deliver(self) -> None:
        to = wiring.projections(self.services)
        feed.dispatch(to, self.services.table.changes(None, 10_000).changes)

    def runs(self, experiment: dict[str, Any]) -> int:
        read = self.service.read.get(f"/api/v1/experiments/{experiment['id']}")
        return read.json()["counts"]["runs"]


@contextmanager
def failing(is_bad: Callable[[Change], bool]) -> Generator[None]:
    with pytest.MonkeyPatch.context() as patched:
        amount_of = projections.amount_of

        def fails(change: Change) -> object:
            if is_bad(change):
                raise KeyError("stage")
            return amount_of(change)

        patched.setattr(projections, "amount_of", fails)
        yield


class AdvancingClock(StandingClock):
    """Moves other clocks with it."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Callable[[float], None]] = []

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        for other in self.others:
            other(seconds)


def streams_client() -> Any:
    return cast("Any", boto3.client)(
        "dynamodbstreams",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(account_id_endpoint_mode="disabled"),
    )


@pytest.fixture(params=["sqlite", pytest.param("aws", marks=pytest.mark.slow)])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Generator[Place]:
    clock = AdvancingClock()
    with ExitStack() as stack:
        fresh = stack.enter_context(ENGINES[request.param](tmp_path, clock))
        engine = fresh()
        services = engine.services
        if request.param == "aws":
            stack.enter_context(pytest.MonkeyPatch.context()).setattr(sqs_queue, "WAIT_S", 0)
            arrivals, undelivered = (stack.enter_context(sqs_engine(tmp_path)) for _ in range(2))
            clock.others.append(undelivered.advance)
            client = streams_client()
            services = replace(
                services,
                arrivals=arrivals.queue,
                undelivered=undelivered.queue,
                read_batch=StreamBatches(lambda: client).read,
            )
        wiring.install(services)
        yield Place(Service(replace(engine, services=services)), services, capsys)
        wiring.install(None)


AWS = pytest.param("aws", marks=pytest.mark.slow)
on_aws = pytest.mark.parametrize("place", [AWS], indirect=True)


def test_nothing_to_give_back_is_told(place: Place) -> None:
    assert place.run() == (0, "gave back 0 of 0 messages; the queue has 0\n", "")


def test_an_arrival_goes_back_to_the_queue_of_arrivals(place: Place) -> None:
    place.services.undelivered.send(ARRIVAL, "no such tenant")
    status, out, _ = place.run()
    assert status == 0
    assert out.splitlines() == [
        "gave back arrival of ingest/acme/points 1+1.jsonl",
        "  reason: no such tenant",
        "gave back 1 of 1 messages; the queue has 0",
    ]
    (message,) = place.services.arrivals.receive()
    assert (message.body, message.tries, message.reason) == (ARRIVAL, 1, None)


def test_parked_changes_are_projected_once(place: Place) -> None:
    experiment = place.service.experiment()
    for _ in range(3):
        place.service.run(experiment["id"])
    place.park(lambda _: True)
    assert place.runs(experiment) == 0
    status, told = place.told()
    assert (status, told["left"], place.runs(experiment)) == (0, 0, 3)
    assert {message["reason"] for message in told["messages"]} == {"KeyError: 'stage'"}
    assert not place.services.blobs.list("undelivered/").blobs
    place.deliver()
    assert place.told() == (0, {"dry_run": False, "messages": [], "left": 0})
    assert place.runs(experiment) == 3


def test_what_still_fails_stays_and_does_not_keep_the_others(place: Place) -> None:
    experiment = place.service.experiment()
    broken = keys.run(place.service.tenant, RunId("0" * 32))
    place.services.table.put(
        {"pk": broken.pk, "sk": broken.sk, "feed": runs.FEED, "doc": "no JSON"}
    )
    place.service.run(experiment["id"])
    place.park(lambda _: True)
    status, out, _ = place.run()
    assert status == 1
    assert place.runs(experiment) == 1
    assert "gave back 1 of 2 messages; the queue has 1\n" in out
    assert "  error: JSONDecodeError: " in out
    status, told = place.told()  # waits until it comes again
    assert (status, told["left"]) == (1, 1)
    assert told["messages"][0]["tries"] == 2


def test_a_dry_run_gives_nothing_back(place: Place) -> None:
    experiment = place.service.experiment()
    place.service.run(experiment["id"])
    place.park(lambda _: True)
    place.services.undelivered.send(ARRIVAL, "because")
    status, told = place.told("--dry-run")
    assert (status, told["dry_run"], told["left"]) == (0, True, 2)
    assert sorted(message["what"].split(" ")[0] for message in told["messages"]) == [
        "arrival",
        "change",
    ]
    assert place.runs(experiment) == 0
    assert place.services.arrivals.depth() == 0
    status, out, err = place.run()
    assert "gave back 2 of 2 messages; the queue has 0" in out
    assert err == "trialbook: waiting for messages that somebody looked at\n"


def test_a_dry_run_says_so(place: Place) -> None:
    place.services.undelivered.send(ARRIVAL, "because")
    _, out, _ = place.run("--dry-run")
    assert out.startswith("would give back arrival of ")
    assert out.endswith("would give back 1 of 1 messages; the queue has 1\n")


def test_a_limit_leaves_the_rest(place: Place) -> None:
    for _ in range(3):
        place.services.undelivered.send(ARRIVAL, "because")
    status, told = place.told("--limit 2")
    assert (status, len(told["messages"]), told["left"]) == (0, 2, 1)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5"])
def test_a_limit_is_a_number(place: Place, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        place.run(f"--limit={text}")
    assert "a whole number from 1 on" in capsys.readouterr().err


@pytest.mark.parametrize("body", ["no JSON", "[]", "{}", '"text"', '{"other": 1}'])
def test_what_is_not_known_stays(place: Place, body: str) -> None:
    place.services.undelivered.send(body)
    status, told = place.told()
    assert (status, told["left"]) == (1, 1)
    assert "nothing that this version knows" in told["messages"][0]["error"]
    assert body[:10] in told["messages"][0]["what"]


@pytest.mark.parametrize(
    "body", ['{"change": 1}', '{"DDBStreamBatchInfo": 1}', '{"DDBStreamBatchInfo": {}}']
)
def test_what_is_not_whole_stays(place: Place, body: str) -> None:
    place.services.undelivered.send(body)
    status, told = place.told()
    assert (status, told["left"]) == (1, 1)
    assert told["messages"][0]["what"] == f"unknown message {body!r}"


def test_a_message_that_somebody_else_has_is_waited_for(place: Place) -> None:
    place.services.undelivered.send(ARRIVAL)
    place.services.undelivered.receive()
    before_s = place.services.clock.monotonic_s()
    status, told = place.told()
    assert (status, len(told["messages"])) == (0, 1)
    assert place.services.clock.monotonic_s() - before_s == pytest.approx(HIDDEN_S, abs=2)


# -- batches of the stream ------------------------------------------------------------------------


def failed_batch(place: Place, first: int, last: int) -> str:
    """What Lambda sends of the records of the stream from one to another."""
    streams = streams_client()
    arn = streams.list_streams()["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = [
        record["dynamodb"]["SequenceNumber"]
        for record in streams.get_records(ShardIterator=iterator)["Records"]
        if record["dynamodb"]["NewImage"].get("feed") == {"S": runs.FEED}
    ]
    info = {
        "shardId": shard,
        "startSequenceNumber": records[first],
        "endSequenceNumber": records[last],
        "approximateArrivalOfFirstRecord": "2026-11-21T00:00:00Z",
        "approximateArrivalOfLastRecord": "2026-11-21T00:00:01Z",
        "batchSize": last - first + 1,
        "streamArn": arn,
    }
    return json.dumps({"requestContext": {}, "DDBStreamBatchInfo": info, "version": "1.0"})


@on_aws
def test_a_batch_whose_function_died_is_read_again(place: Place) -> None:
    experiment = place.service.experiment()
    for _ in range(5):
        place.service.run(experiment["id"])
    for first, last in ((1, 3), (1, 1), (3, 3)):  # Lambda gives up whole batches, and halves
        place.services.undelivered.send(failed_batch(place, first, last))
    status, out, _ = place.run()
    assert status == 0
    assert "gave back 3 changes of shardId-" in out
    assert place.runs(experiment) == 3
    place.deliver()
    assert place.runs(experiment) == 5


class FailingStreams:
    """A client of streams that answers everything with an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_shard_iterator(self, **_: object) -> None:
        raise self._error


@on_aws
@pytest.mark.parametrize(
    "code, expected, words",
    [
        ("TrimmedDataAccessException", NotFound, "24 hours"),
        ("ResourceNotFoundException", NotFound, "24 hours"),
        ("InternalServerError", Unavailable, "did not answer"),
        (None, Unavailable, "did not answer"),
    ],
)
def test_a_batch_that_cannot_be_read_stays(
    place: Place, code: str | None, expected: type[Exception], words: str
) -> None:
    experiment = place.service.experiment()
    place.service.run(experiment["id"])
    place.services.undelivered.send(failed_batch(place, 0, 0))
    error: Exception = EndpointConnectionError(endpoint_url="https://streams.test")
    if code is not None:
        error = ClientError({"Error": {"Code": code}}, "GetShardIterator")
    read_batch = StreamBatches(lambda: FailingStreams(error)).read
    away = replace(place, services=replace(place.services, read_batch=read_batch))
    status, told = away.told()
    assert (status, told["left"]) == (1, 1)
    assert told["messages"][0]["error"].startswith(expected.__name__)
    assert words in told["messages"][0]["error"]


class EndlessStreams:
    """A shard that never comes to its records."""

    def get_shard_iterator(self, **_: object) -> dict[str, Any]:
        return {"ShardIterator": "1"}

    def get_records(self, **_: object) -> dict[str, Any]:
        return {"NextShardIterator": "1", "Records": []}


@on_aws
def test_a_batch_that_is_not_delivered_whole_stays(place: Place) -> None:
    experiment = place.service.experiment()
    place.service.run(experiment["id"])
    told = json.loads(failed_batch(place, 0, 0))
    with pytest.raises(Unavailable, match="whole batch"):
        StreamBatches(EndlessStreams).read(told)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_laptop_has_no_stream(place: Place) -> None:
    place.services.undelivered.send(
        json.dumps({"DDBStreamBatchInfo": {"batchSize": 3, "shardId": "shardId-1"}})
    )
    status, told = place.told()
    assert status == 1
    assert told["messages"][0]["what"] == "3 changes of shardId-1"
    assert "there is no stream here" in told["messages"][0]["error"]
