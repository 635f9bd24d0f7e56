"""The change feed out of DynamoDB Streams: pushed records, and a reader that pulls them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.storage.dynamo_errors import core_error
from chalicelib.storage.dynamo_items import read_item, read_key
from chalicelib.storage.table import Change, Changes

_DONE: Final = "done"
_PAGE_RECORDS: Final = 1000
_EMPTY_PAGES: Final = 3
"""A page may be empty before the end of an open shard; so many in a row are taken for the end."""


def change_of(record: Mapping[str, Any]) -> Change | None:
    """The change that a record of the stream tells of; None when its item carries no feed.

    `record` is one of a function's event (base64 for bytes) or of GetRecords (bytes).
    """
    told = record["dynamodb"]
    if "feed" not in told.get("NewImage", {}):
        return None
    old = read_item(told["OldImage"]) if "OldImage" in told else None
    if old is not None:
        expires_at = old.get("expires_at")
        if isinstance(expires_at, int) and expires_at <= _epoch_s(told):
            old = None
    return Change(record["eventID"], read_key(told["Keys"]), old, read_item(told["NewImage"]))


class StreamReader:
    """Pulls a table's stream, parents before their children.

    A position is JSON: of each shard, the sequence number read last, or that it is done.
    """

    def __init__(self, client: Any, streams: Any, table_name: str) -> None:
        self._client = client
        self._streams = streams
        self._table_name = table_name
        self._arn: str | None = None

    def read(self, after: str | None, limit: int) -> Changes:
        """At most `limit` records' changes. Raises core errors only."""
        try:
            return self._read(json.loads(after or "{}"), limit)
        except (ClientError, BotoCoreError) as error:
            raise core_error(error) from error

    def _read(self, before: dict[str, str], limit: int) -> Changes:
        shards = self._shards()
        position = {shard: before[shard] for shard in shards if shard in before}
        changes: list[Change] = []
        for shard, parent in shards.items():
            if len(changes) >= limit:
                break
            waits = parent in shards and position.get(parent) != _DONE
            if waits or position.get(shard) == _DONE:
                continue
            found, reached = self._read_shard(shard, position.get(shard), limit - len(changes))
            changes += found
            if reached is not None:
                position[shard] = reached
        return Changes(changes, json.dumps(position))

    def _read_shard(
        self, shard: str, reached: str | None, limit: int
    ) -> tuple[list[Change], str | None]:
        changes: list[Change] = []
        empty_pages = 0
        iterator = self._iterator(shard, reached)
        while iterator is not None and len(changes) < limit and empty_pages < _EMPTY_PAGES:
            page = self._streams.get_records(
                ShardIterator=iterator, Limit=min(_PAGE_RECORDS, limit - len(changes))
            )
            iterator = page.get("NextShardIterator")
            records = page["Records"]
            empty_pages = 0 if records else empty_pages + 1
            for record in records:
                reached = record["dynamodb"]["SequenceNumber"]
                change = change_of(record)
                if change is not None:
                    changes.append(change)
        return changes, reached if iterator is not None else _DONE

    def _iterator(self, shard: str, reached: str | None) -> str | None:
        where = {"StreamArn": self._stream_arn(), "ShardId": shard}
        if reached is not None:
            try:
                answer = self._streams.get_shard_iterator(
                    **where,
                    ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                    SequenceNumber=reached,
                )
                return answer["ShardIterator"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "TrimmedDataAccessException":
                    raise
        answer = self._streams.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")
        return answer["ShardIterator"]

    def _shards(self) -> dict[str, str | None]:
        """Each shard's parent; a parent that is listed comes before its children."""
        parents: dict[str, str | None] = {}
        start: dict[str, str] = {}
        while True:
            page = self._streams.describe_stream(StreamArn=self._stream_arn(), **start)
            stream = page["StreamDescription"]
            parents |= {each["ShardId"]: each.get("ParentShardId") for each in stream["Shards"]}
            last = stream.get("LastEvaluatedShardId")
            if last is None:
                break
            start = {"ExclusiveStartShardId": last}

        def generation(shard: str) -> int:
            parent = parents[shard]
            return 0 if parent is None or parent not in parents else generation(parent) + 1

        return {shard: parents[shard] for shard in sorted(parents, key=generation)}

    def _stream_arn(self) -> str:
        if self._arn is None:
            table = self._client.describe_table(TableName=self._table_name)["Table"]
            self._arn = str(table["LatestStreamArn"])
        return self._arn


def _epoch_s(told: Mapping[str, Any]) -> float:
    written = told["ApproximateCreationDateTime"]
    return written.timestamp() if isinstance(written, datetime) else float(written)
