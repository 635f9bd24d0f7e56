"""The Table seam on DynamoDB: one table, two indexes and its stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed, Contended, Throttled
from chalicelib.storage.dynamo_errors import core_error
from chalicelib.storage.dynamo_items import Spelled, read_item, read_key, spell_key
from chalicelib.storage.dynamo_requests import (
    CHANGED_INDEX,
    add_arguments,
    cursor_of,
    key_arguments,
    put_arguments,
    query_arguments,
    second_of,
    stamp_of,
    sweep_arguments,
    table_definition,
    transaction_arguments,
)
from chalicelib.storage.dynamo_stream import StreamReader, change_of
from chalicelib.storage.item_size import (
    STAMP,
    check_add,
    check_item,
    check_key,
    check_keys,
    check_query,
    check_transaction,
    check_transaction_bytes,
)
from chalicelib.storage.table import (
    Add,
    Changed,
    Changes,
    Condition,
    Item,
    Key,
    Page,
    Query,
    Write,
)

__all__ = ["DynamoTable", "change_of", "table_definition"]

_ATTEMPTS: Final = 6
"""How often a request is sent when it gets nowhere, on top of what the client retries itself."""
_OVERLAP_S: Final = 10
"""How far clocks of writers may differ, and how long a write may be under way."""
_SETTLED_S: Final = 60
"""How far the index of changes may lag; idle readers are not told the same for longer."""


class DynamoTable:
    """Implements `storage.table.Table` with boto3's low-level clients.

    Without `streams_client` there is no `changes`: in functions the stream is pushed. A write whose
    answer got lost is repeated by the client: a transaction once all the same, an `add` perhaps
    twice, a conditional write perhaps with ConditionFailed.
    """

    def __init__(
        self,
        client: Any,
        table_name: str,
        clock: Clock,
        streams_client: Any = None,
        overlap_s: int = _OVERLAP_S,
    ) -> None:
        self._client = client
        self._name = table_name
        self._clock = clock
        self._overlap_s = overlap_s
        self._stream = StreamReader(client, streams_client, table_name) if streams_client else None

    def get(self, key: Key) -> Item | None:
        check_key(key)
        answer = self._call("get_item", Key=spell_key(key), ConsistentRead=True)
        return self._live(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        check_keys(keys)
        found: dict[Key, Item | None] = {}
        wanted: Any = [spell_key(key) for key in keys]
        stalls = 0
        while wanted:
            request = {self._name: {"Keys": wanted, "ConsistentRead": True}}
            answer = self._send("batch_get_item", {"RequestItems": request})
            items = answer["Responses"].get(self._name, [])
            found |= {read_key(item): self._live(item) for item in items}
            wanted = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys")
            if wanted and not items:
                stalls += 1
                if stalls == _ATTEMPTS:
                    raise Throttled("the table asks to slow down; send it again")
                self._pause(stalls)
        return [found.get(key) for key in keys]

    def put(self, item: Item, when: Condition = None) -> None:
        check_item(item)
        self._call("put_item", **put_arguments(item, when, self._now_s()))

    def delete(self, key: Key, when: Condition = None) -> None:
        check_key(key)
        self._call("delete_item", **key_arguments(key, when, self._now_s()))

    def add(self, write: Add) -> Item:
        check_add(write)
        for _ in range(_ATTEMPTS):
            arguments = add_arguments(write, self._now_s())
            try:
                answer = self._call("update_item", **arguments, ReturnValues="ALL_NEW")
                return read_item(answer["Attributes"])
            except ConditionFailed:
                if write.when is not None:
                    raise
                self._sweep(write.key)
        raise Contended("the item keeps expiring")

    def query(self, query: Query) -> Page:
        check_query(query)
        if query.start is not None and query.stop is not None and query.start > query.stop:
            return Page([], None)
        answer = self._call("query", **query_arguments(query))
        items = [item for item in map(self._live, answer["Items"]) if item is not None]
        last = answer.get("LastEvaluatedKey")
        return Page(items, cursor_of(query, last) if last else None)

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        check_transaction(writes, token)
        check_transaction_bytes(writes)
        once = {} if token is None else {"ClientRequestToken": token}
        for _ in range(_ATTEMPTS):
            now_s = self._now_s()
            actions = [transaction_arguments(self._name, write, now_s) for write in writes]
            try:
                self._send("transact_write_items", {"TransactItems": actions, **once})
                return
            except ConditionFailed as error:
                expired = [at for at in error.failed if _is_plain_add(writes[at])]
                if len(expired) < len(error.failed):
                    failed = [at for at in error.failed if at not in expired]
                    raise ConditionFailed(failed) from error
                # an addition has no condition of its own: its item had expired
                for at in expired:
                    write = writes[at]
                    assert isinstance(write, Add)
                    self._sweep(write.key)
        raise Contended("the items keep expiring")

    def changed_since(self, partition: str, mark: str | None) -> Changed:
        now_s = self._now_s()
        since = 0 if mark is None else max(0, int(mark) - self._overlap_s)
        arguments: Spelled = {
            "IndexName": CHANGED_INDEX,
            "KeyConditionExpression": "#cpk = :cpk AND #stamp >= :since",
            "ExpressionAttributeNames": {"#cpk": "cpk", "#stamp": STAMP},
            "ExpressionAttributeValues": {
                ":cpk": {"S": partition},
                ":since": {"S": stamp_of(since)},
            },
        }
        keys: list[Key] = []
        newest = int(mark or 0)
        while True:
            page = self._call("query", **arguments)
            for entry in page["Items"]:
                keys.append(read_key(entry))
                newest = max(newest, second_of(entry[STAMP]["S"]))
            if "LastEvaluatedKey" not in page:
                break
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        # a stamp ahead of our clock must not make us skip what slower clocks still write
        return Changed(keys, str(min(now_s, max(newest, now_s - _SETTLED_S))))

    def changes(self, after: str | None, limit: int = 500) -> Changes:
        if self._stream is None:
            raise ValueError("this table was made without a client for its stream")
        return self._stream.read(after, limit)

    def _live(self, spelled: Spelled) -> Item | None:
        item = read_item(spelled)
        expires_at = item.get("expires_at")
        return None if isinstance(expires_at, int) and expires_at <= self._now_s() else item

    def _sweep(self, key: Key) -> None:
        """Remove an item that nobody can see any more; another may have been faster."""
        try:
            self._call("delete_item", **sweep_arguments(key, self._now_s()))
        except ConditionFailed:
            return

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1000

    def _call(self, operation: str, **arguments: Any) -> Any:
        """A request on this table; tried again while a transaction holds its item."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._send(operation, {"TableName": self._name, **arguments})
            except Contended:
                self._pause(attempt)
        return self._send(operation, {"TableName": self._name, **arguments})

    def _send(self, operation: str, arguments: Spelled) -> Any:
        try:
            return getattr(self._client, operation)(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise core_error(error) from error

    def _pause(self, attempt: int) -> None:
        """Full jitter, up to 20 ms the first time and twice that every next."""
        fraction = int.from_bytes(self._clock.random_bytes(2), "big") / 65536
        self._clock.sleep_s(fraction * 0.01 * 2**attempt)


def _is_plain_add(write: Write) -> bool:
    return isinstance(write, Add) and write.when is None
