"""Batches of DynamoDB's stream that a function could not work on, read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import NotFound, Unavailable
from chalicelib.storage.dynamo_errors import core_error
from chalicelib.storage.dynamo_stream import change_of
from chalicelib.storage.table import Change

_GONE: Final = frozenset({"ResourceNotFoundException", "TrimmedDataAccessException"})
_EMPTY_PAGES: Final = 100
"""In a row. The records are there, though the stream may need many requests to come to them."""


class StreamBatches:
    """Reads batches again."""

    def __init__(self, client: Callable[[], Any]) -> None:
        """`client` makes boto3's client of streams, or gives the one made before."""
        self._client = client

    def read(self, told: Mapping[str, Any]) -> list[Change]:
        """The changes of a batch, in order; `told` is what Lambda sent to the destination of what
        failed. Raises NotFound when the stream keeps them no more, which is after 24 hours;
        Throttled, Unavailable.

        https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
        """
        batch = told["DDBStreamBatchInfo"]
        try:
            return self._read(batch)
        except ClientError as error:
            answer: dict[str, Any] = error.response
            if answer.get("Error", {}).get("Code") in _GONE:
                raise NotFound(
                    "the stream keeps changes for 24 hours, and these are older",
                    shard=batch["shardId"],
                ) from error
            raise core_error(error) from error
        except BotoCoreError as error:
            raise core_error(error) from error

    def _read(self, batch: Mapping[str, Any]) -> list[Change]:
        client, last = self._client(), int(batch["endSequenceNumber"])
        iterator: str | None = client.get_shard_iterator(
            StreamArn=batch["streamArn"],
            ShardId=batch["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=batch["startSequenceNumber"],
        )["ShardIterator"]
        changes: list[Change] = []
        empty_pages = 0
        while iterator is not None and empty_pages < _EMPTY_PAGES:
            page = client.get_records(ShardIterator=iterator)
            iterator = page.get("NextShardIterator")
            empty_pages = 0 if page["Records"] else empty_pages + 1
            for record in page["Records"]:
                number = int(record["dynamodb"]["SequenceNumber"])
                change = change_of(record) if number <= last else None
                if change is not None:
                    changes.append(change)
                if number >= last:
                    return changes
        raise Unavailable("the stream did not deliver the whole batch; try again")
