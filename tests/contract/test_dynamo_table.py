"""What is DynamoDB's own: its errors, half answers, and a stream of several shards."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from chalicelib.core.context import Clock
from chalicelib.core.errors import (
    ConditionFailed,
    Contended,
    Throttled,
    TooLarge,
    Unavailable,
)
from chalicelib.storage.dynamo_table import DynamoTable, change_of
from chalicelib.storage.table import Add, Key, Put, When

SECRETS = "arn:aws:dynamodb:eu-central-1:123456789012:table/trialbook-prod"


class HurriedClock(Clock):
    """Does not wait, but counts."""

    def __init__(self) -> None:
        self.pauses = 0

    def sleep_s(self, seconds: float) -> None:
        assert 0 <= seconds < 1
        self.pauses += 1


class ScriptedClient:
    """Answers every request by calling `answer` with its operation and arguments."""

    def __init__(self, answer: Callable[[str, Any], Any]) -> None:
        self._answer = answer

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def request(**arguments: Any) -> Any:
            return self._answer(operation, arguments)

        return request


def failing(code: str, **more: Any) -> DynamoTable:
    """A table whose every request fails with the code."""

    def fail(operation: str, arguments: Any) -> Any:
        error = {"Code": code, "Message": f"User is not authorized on {SECRETS}"}
        raise ClientError({"Error": error, **more}, operation)

    return DynamoTable(ScriptedClient(fail), "trialbook-prod", HurriedClock())


@pytest.mark.parametrize(
    "code, expected",
    [
        ("ProvisionedThroughputExceededException", Throttled),
        ("ThrottlingException", Throttled),
        ("RequestLimitExceeded", Throttled),
        ("TransactionConflictException", Contended),
        ("InternalServerError", Unavailable),
        ("ServiceUnavailable", Unavailable),
        ("AccessDeniedException", Unavailable),
        ("ResourceNotFoundException", Unavailable),
        ("ConditionalCheckFailedException", ConditionFailed),
        ("ValidationException", ValueError),
    ],
)
def test_an_error_of_the_vendor_becomes_one_of_ours(code: str, expected: type[Exception]) -> None:
    with pytest.raises(expected) as failure:
        failing(code).put({"pk": "p", "sk": "s"})
    assert "arn:" not in str(failure.value)
    assert "prod" not in str(failure.value)


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="x"), ReadTimeoutError(endpoint_url="x")],
)
def test_a_lost_connection_is_unavailable(error: Exception) -> None:
    def fail(operation: str, arguments: Any) -> Any:
        raise error

    with pytest.raises(Unavailable):
        DynamoTable(ScriptedClient(fail), "table", Clock()).get(Key("p", "s"))


@pytest.mark.parametrize(
    "reasons, expected, positions",
    [
        (["None", "ConditionalCheckFailed"], ConditionFailed, (1,)),
        (["ConditionalCheckFailed", "TransactionConflict"], ConditionFailed, (0,)),
        (["TransactionConflict", "None"], Contended, None),
        (["ThrottlingError", "None"], Throttled, None),
        (["None", "ProvisionedThroughputExceeded"], Throttled, None),
        (["None", "ValidationError"], ValueError, None),
    ],
)
def test_a_cancelled_transaction_says_why(
    reasons: list[str], expected: type[Exception], positions: tuple[int, ...] | None
) -> None:
    table = failing(
        "TransactionCanceledException", CancellationReasons=[{"Code": code} for code in reasons]
    )
    with pytest.raises(expected) as failure:
        table.transact([Put({"pk": "p", "sk": sk}, When.ABSENT) for sk in ("a", "b")])
    assert getattr(failure.value, "failed", None) == positions


def test_an_item_that_grew_too_large_in_a_transaction_is_too_large() -> None:
    message = "Item size to update has exceeded the maximum allowed size"
    reasons = [{"Code": "ValidationError", "Message": message}]
    table = failing("TransactionCanceledException", CancellationReasons=reasons)
    with pytest.raises(TooLarge):
        table.transact([Add(Key("p", "s"), {"n": 1})])


def test_a_token_used_for_another_transaction_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="token"):
        failing("IdempotentParameterMismatchException").transact(
            [Put({"pk": "p", "sk": "s"})], "token"
        )


def test_keys_that_were_not_read_are_asked_for_again() -> None:
    def answer(operation: str, arguments: Any) -> Any:
        first, *rest = arguments["RequestItems"]["table"]["Keys"]
        left = {"table": {"Keys": rest}} if rest else {}
        return {"Responses": {"table": [first]}, "UnprocessedKeys": left}

    clock = HurriedClock()
    table = DynamoTable(ScriptedClient(answer), "table", clock)
    found = table.get_many([Key("p", f"{n}") for n in range(5)])
    assert found == [{"pk": "p", "sk": f"{n}"} for n in range(5)]
    assert clock.pauses == 0


def test_a_store_that_reads_nothing_is_throttled_in_the_end() -> None:
    def answer(operation: str, arguments: Any) -> Any:
        return {"Responses": {}, "UnprocessedKeys": arguments["RequestItems"]}

    clock = HurriedClock()
    with pytest.raises(Throttled):
        DynamoTable(ScriptedClient(answer), "table", clock).get_many([Key("p", "s")])
    assert clock.pauses == 5


def test_a_write_that_meets_a_transaction_is_sent_again() -> None:
    conflicts = ["TransactionConflictException"] * 3

    def answer(operation: str, arguments: Any) -> Any:
        if conflicts:
            raise ClientError({"Error": {"Code": conflicts.pop(), "Message": ""}}, operation)
        return {}

    DynamoTable(ScriptedClient(answer), "table", HurriedClock()).put({"pk": "p", "sk": "s"})
    assert conflicts == []


def record(number: int, sk: str, **attributes: Any) -> dict[str, Any]:
    keys = {"pk": {"S": "p"}, "sk": {"S": sk}}
    return {
        "eventID": f"event{number}",
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_700_000_000.0,
            "Keys": keys,
            "NewImage": {**keys, "feed": {"S": "runs"}, **attributes},
            "SequenceNumber": f"{number}",
        },
    }


def test_a_pushed_record_has_its_bytes_in_base64() -> None:
    body = {"B": base64.b64encode(b"\x00\xff").decode()}
    score = {"M": {"~double": {"B": base64.b64encode(b"\x3f\xf8" + bytes(6)).decode()}}}
    pushed = json.loads(json.dumps(record(1, "a", body=body, score=score, csk={"S": "1#2"})))
    change = change_of(pushed)
    assert change is not None
    assert change.new == {"pk": "p", "sk": "a", "feed": "runs", "body": b"\x00\xff", "score": 1.5}
    assert (change.id, change.key, change.old) == ("event1", Key("p", "a"), None)


def test_a_removal_is_no_change() -> None:
    removal = record(1, "a")
    removal["dynamodb"]["OldImage"] = removal["dynamodb"].pop("NewImage")
    assert change_of(removal) is None


class SplitStream:
    """A shard that was closed and split in two; the listing names the children first.

    Records before the number `trimmed` are gone.
    """

    SHARDS = (
        {"ShardId": "left", "ParentShardId": "old"},
        {"ShardId": "right", "ParentShardId": "old"},
        {"ShardId": "old", "ParentShardId": "trimmed"},
    )

    def __init__(self) -> None:
        self.trimmed = 0
        self.records = {
            "old": [record(n, "a", n={"N": f"{n}"}) for n in range(5)],
            "left": [record(n, "a", n={"N": f"{n}"}) for n in range(5, 8)],
            "right": [record(n, "b", n={"N": f"{n}"}) for n in range(10, 13)],
        }

    def describe_stream(self, StreamArn: str, ExclusiveStartShardId: str | None = None) -> Any:  # noqa: N803 - the vendor's spelling
        at = 0 if ExclusiveStartShardId is None else 2
        stream: dict[str, Any] = {"Shards": self.SHARDS[at : at + 2]}
        if at == 0:
            stream["LastEvaluatedShardId"] = "right"
        return {"StreamDescription": stream}

    def get_shard_iterator(
        self,
        StreamArn: str,  # noqa: N803
        ShardId: str,  # noqa: N803
        ShardIteratorType: str,  # noqa: N803
        SequenceNumber: str | None = None,  # noqa: N803
    ) -> Any:
        reached = self.trimmed - 1 if SequenceNumber is None else int(SequenceNumber)
        if reached < self.trimmed - 1:
            raise ClientError({"Error": {"Code": "TrimmedDataAccessException"}}, "get")
        numbers = [int(each["dynamodb"]["SequenceNumber"]) for each in self.records[ShardId]]
        start = sum(number <= reached for number in numbers)
        return {"ShardIterator": f"{ShardId} {start}"}

    def get_records(self, ShardIterator: str, Limit: int) -> Any:  # noqa: N803
        shard, start = ShardIterator.split()
        stop = int(start) + Limit
        page: dict[str, Any] = {"Records": self.records[shard][int(start) : stop]}
        if shard != "old" or stop < len(self.records[shard]):
            page["NextShardIterator"] = f"{shard} {min(stop, len(self.records[shard]))}"
        return page


def streaming(stream: SplitStream) -> DynamoTable:
    def describe(operation: str, arguments: Any) -> Any:
        return {"Table": {"LatestStreamArn": SECRETS}}

    return DynamoTable(ScriptedClient(describe), "table", Clock(), stream)


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_a_shard_is_read_before_those_it_was_split_into(limit: int) -> None:
    table = streaming(SplitStream())
    met: list[Any] = []
    page = table.changes(None, limit)
    while page.changes:
        assert len(page.changes) <= limit
        met += [change.new["n"] for change in page.changes]
        page = table.changes(page.next, limit)
    assert met[:5] == [0, 1, 2, 3, 4]
    assert [n for n in met if 5 <= n < 10] == [5, 6, 7]
    assert [n for n in met if n >= 10] == [10, 11, 12]


def test_a_busy_shard_keeps_no_other_waiting() -> None:
    table = streaming(SplitStream())
    page = table.changes(table.changes(None, 5).next, 1)
    following = table.changes(page.next, 1)
    assert {change.key.sk for change in page.changes + following.changes} == {"a", "b"}


def test_a_reader_that_stayed_away_too_long_goes_on_with_what_is_left() -> None:
    stream = SplitStream()
    table = streaming(stream)
    page = table.changes(None, 2)
    stream.trimmed = 4
    assert [change.new["n"] for change in table.changes(page.next, 1).changes] == [4]


def test_a_table_without_a_stream_client_has_no_changes() -> None:
    with pytest.raises(ValueError, match="stream"):
        failing("x").changes(None)
