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
        parents = self._parents()
        position = {shard: reached for shard, reached in before.items() if shard in parents}
        # the one read longest ago comes first, so that a busy shard keeps no other waiting
        unread = [shard for shard in parents if shard not in position] + list(position)
        changes: list[Change] = []

        def ready(shard: str) -> bool:
            parent = parents[shard]
            return position.get(shard) != _DONE and (
                parent not in parents or position.get(parent) == _DONE
            )

        while len(changes) < limit:
            shard = next(filter(ready, unread), None)
            if shard is None:
                break
            unread.remove(shard)
            found, reached = self._read_shard(shard, position.get(shard), limit - len(changes))
            changes += found
            if reached is not None:
                position.pop(shard, None)
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

    def _parents(self) -> dict[str, str]:
        """Each shard's parent, empty when it has none; a parent may be gone by now."""
        parents: dict[str, str] = {}
        start: dict[str, str] = {}
        while True:
            page = self._streams.describe_stream(StreamArn=self._stream_arn(), **start)
            stream = page["StreamDescription"]
            for shard in stream["Shards"]:
                parents[shard["ShardId"]] = shard.get("ParentShardId", "")
            last = stream.get("LastEvaluatedShardId")
            if last is None:
                return parents
            start = {"ExclusiveStartShardId": last}

    def _stream_arn(self) -> str:
        if self._arn is None:
            table = self._client.describe_table(TableName=self._table_name)["Table"]
            self._arn = str(table["LatestStreamArn"])
        return self._arn


def _epoch_s(told: Mapping[str, Any]) -> float:
    written = told["ApproximateCreationDateTime"]
    return written.timestamp() if isinstance(written, datetime) else float(written)
