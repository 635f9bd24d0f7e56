"""The Queue seam on a table: an item a message, in the order of the time from which it is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed, Contended
from chalicelib.storage import queue_keys
from chalicelib.storage.queue import MAX_RECEIVED, Message
from chalicelib.storage.queue_checks import check_body, told_reason
from chalicelib.storage.table import Delete, Item, Key, Put, Query, Table, When, query_all

VISIBLE_AFTER_S: Final = 60.0


class TableQueue:
    """A receipt is the sort key under which the message is hidden: whoever received it again, after
    its time, has another."""

    def __init__(
        self, table: Table, name: str, clock: Clock, visible_after_s: float = VISIBLE_AFTER_S
    ) -> None:
        self._table = table
        self._name = name
        self._clock = clock
        self._hidden_ms = round(visible_after_s * 1000)

    def send(self, body: str, reason: str | None = None) -> None:
        """One request."""
        check_body(body)
        item: Item = {"body": body, "tries": 0}
        told = told_reason(reason)
        if told is not None:
            item["reason"] = told
        now_ms = self._clock.now_ms()
        self._table.put(self._item(item, now_ms, self._clock.new_id()).item)

    def receive(self, limit: int = MAX_RECEIVED) -> Sequence[Message]:
        """A query, and a transaction a message."""
        now_ms = self._clock.now_ms()
        due = Query(
            queue_keys.queue(self._name),
            stop=queue_keys.due_until(now_ms),
            limit=min(limit, MAX_RECEIVED),
        )
        taken = (self._take(item, now_ms) for item in self._table.query(due).items)
        return [message for message in taken if message is not None]

    def delete(self, message: Message) -> None:
        """One request."""
        self._table.delete(Key(queue_keys.queue(self._name), message.receipt))

    def depth(self) -> int:
        """Reads all of them."""
        return sum(1 for _ in query_all(self._table, Query(queue_keys.queue(self._name))))

    def _take(self, item: Item, now_ms: int) -> Message | None:
        """The message, hidden from now on; None when another has it."""
        sk = cast(str, item["sk"])
        _, message_id = queue_keys.parse_message(sk)
        tries = cast(int, item["tries"]) + 1
        hidden = self._item({**item, "tries": tries}, now_ms + self._hidden_ms, message_id)
        taken = Delete(Key(queue_keys.queue(self._name), sk), when=When.PRESENT)
        try:
            self._table.transact([taken, hidden], token=self._clock.new_id())
        except (ConditionFailed, Contended):
            return None
        return Message(
            cast(str, item["body"]),
            tries,
            cast(str, hidden.item["sk"]),
            cast("str | None", item.get("reason")),
        )

    def _item(self, item: Item, due_ms: int, message_id: str) -> Put:
        key = queue_keys.message(self._name, due_ms, message_id)
        return Put({**item, "pk": key.pk, "sk": key.sk}, when=When.ABSENT)
