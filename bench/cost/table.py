"""The Table seam, metered: requests made, and the units that AWS would bill for them.

Units are DynamoDB's on demand, for the table that `dynamo_requests.table_definition` describes:

write   ceil(size / 1 KB) of the larger of the item before and after; twice that in a transaction;
        just as much when a condition failed
listed  an index of whole items: ceil(size / 1 KB) when an item enters, leaves or changes, and both
        entries' when its place in the list changes
changed an index of keys, whose sort key is the second of the write: one unit when an item enters,
        two when it is written in a later second than before, none in the same
read    ceil(size / 4 KB) of each item; a query pays for the sum of a page; nothing found costs one
        unit; what goes through an index is eventually consistent and costs half

A transaction doubles the table's units and not those of its indexes, and its bare checks are paid
as writes: so others measured on the real service (github.com/paritysuite/dynamodb-conformance, pull
67; github.com/nubo-db/dynoxide, pull 188). That a cancelled one is paid in full is assumed: the
service does not tell. The stream is free for functions. The rules are explained in the DynamoDB
developer guide under "read-write-operations", "GSI.ThroughputConsiderations", "transaction-apis".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from bench.cost.meter import Meter
from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed, Contended
from chalicelib.storage.item_size import item_bytes, key_of, written_key
from chalicelib.storage.table import (
    PAGE_BYTES,
    Add,
    Changed,
    Changes,
    Check,
    Condition,
    Delete,
    Item,
    Key,
    Page,
    Put,
    Query,
    Table,
    Write,
)

T = TypeVar("T")

WRITE_BYTES: Final = 1024
READ_BYTES: Final = 4096
EVENTUAL: Final = 0.5
TRANSACTION: Final = 2


def units(size_bytes: int, unit_bytes: int) -> int:
    """At least one."""
    return max(1, -(-size_bytes // unit_bytes))


class MeteredTable:
    """A table whose requests are billed to a meter.

    It looks at the item before and after each write, unbilled, so it must be the only writer. The
    second of an item's last write is known for what was written through it; what was not counts as
    written in an earlier second.
    """

    def __init__(self, table: Table, meter: Meter, clock: Clock) -> None:
        self._table = table
        self._meter = meter
        self._clock = clock
        self._seconds: dict[Key, int] = {}

    def get(self, key: Key) -> Item | None:
        item = self._table.get(key)
        self._meter.add(reads=1)
        self._bill_items([item])
        return item

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        items = self._table.get_many(keys)
        if keys:
            self._meter.add(reads=1)
            self._bill_items(items)
        return items

    def put(self, item: Item, when: Condition = None) -> None:
        self._meter.add(writes=1)
        self._billed([Put(item, when)], 1, lambda: self._table.put(item, when))

    def delete(self, key: Key, when: Condition = None) -> None:
        self._meter.add(writes=1)
        self._billed([Delete(key, when)], 1, lambda: self._table.delete(key, when))

    def add(self, write: Add) -> Item:
        self._meter.add(writes=1)
        return self._billed([write], 1, lambda: self._table.add(write))

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        self._meter.add(transactions=1)
        self._billed(writes, TRANSACTION, lambda: self._table.transact(writes, token))

    def query(self, query: Query) -> Page:
        page = self._table.query(query)
        size_bytes = sum(map(item_bytes, page.items))
        share = 1 if query.index is None else EVENTUAL
        self._meter.add(
            queries=1, read_units=share * units(size_bytes, READ_BYTES), moved_bytes=size_bytes
        )
        return page

    def changed_since(self, partition: str, mark: str | None) -> Changed:
        changed = self._table.changed_since(partition, mark)
        size_bytes = sum(_changed_entry_bytes(key, partition) for key in changed.keys)
        self._meter.add(
            queries=units(size_bytes, PAGE_BYTES),
            read_units=EVENTUAL * units(size_bytes, READ_BYTES),
            moved_bytes=size_bytes,
        )
        return changed

    def changes(self, after: str | None, limit: int = 500) -> Changes:
        """Free, and no request: the stream is pushed to functions."""
        return self._table.changes(after, limit)

    def _bill_items(self, items: Sequence[Item | None]) -> None:
        sizes = [_size(item) for item in items]
        read_units = sum(units(size, READ_BYTES) for size in sizes)
        self._meter.add(read_units=read_units, moved_bytes=sum(sizes))

    def _billed(self, writes: Sequence[Write], factor: int, work: Callable[[], T]) -> T:
        before = [self._table.get(written_key(write)) for write in writes]
        try:
            result = work()
        except (ConditionFailed, Contended):
            self._bill_writes(before, [_wanted(write) for write in writes], factor)
            raise
        after = [self._table.get(written_key(write)) for write in writes]
        self._bill_writes(before, after, factor)
        for write, old, new in zip(writes, before, after, strict=True):
            if not isinstance(write, Check):
                self._bill_indexes(old, new)
        return result

    def _bill_writes(
        self, before: Sequence[Item | None], after: Sequence[Item | None], factor: int
    ) -> None:
        sizes = [max(_size(old), _size(new)) for old, new in zip(before, after, strict=True)]
        self._meter.add(
            write_units=factor * sum(units(size, WRITE_BYTES) for size in sizes),
            moved_bytes=sum(sizes),
        )

    def _bill_indexes(self, old: Item | None, new: Item | None) -> None:
        before = self._changed_place(old)
        if new is not None and "cpk" in new:
            self._seconds[key_of(new)] = self._clock.now_ms() // 1000
        after = self._changed_place(new)
        moved = before != after
        # the stamp is an attribute of whole items too
        index_units = _listed_units(old, new, changed=moved or old != new)
        if moved:
            index_units += _entry_units(old) + _entry_units(new)
        self._meter.add(write_units=index_units)

    def _changed_place(self, item: Item | None) -> tuple[object, int] | None:
        """Partition and second of an item in the index of changes."""
        if item is None or "cpk" not in item:
            return None
        return item["cpk"], self._seconds.get(key_of(item), 0)


def _wanted(write: Write) -> Item | None:
    """What a write that failed would have stored."""
    return write.item if isinstance(write, Put) else None


def _size(item: Item | None) -> int:
    return 0 if item is None else item_bytes(item)


def _listed_units(old: Item | None, new: Item | None, *, changed: bool) -> int:
    """Units of the index of whole items."""
    left, entered = _listed_place(old), _listed_place(new)
    left_units = 0 if left is None else units(_size(old), WRITE_BYTES)
    entered_units = 0 if entered is None else units(_size(new), WRITE_BYTES)
    if left == entered:
        return max(left_units, entered_units) if changed else 0
    return left_units + entered_units


def _listed_place(item: Item | None) -> tuple[object, object] | None:
    return (item["lpk"], item["lsk"]) if item is not None and "lpk" in item else None


def _entry_units(item: Item | None) -> int:
    """Units of an entry that enters or leaves the index of keys."""
    if item is None or "cpk" not in item:
        return 0
    return units(_changed_entry_bytes(key_of(item), str(item["cpk"])), WRITE_BYTES)


def _changed_entry_bytes(key: Key, partition: str) -> int:
    """Size of an entry of the index of keys."""
    return item_bytes({"pk": key.pk, "sk": key.sk, "cpk": partition})
