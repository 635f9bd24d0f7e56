"""Rows kept in this process and refreshed by what changed since the last look.

Searching ten thousand documents by parsing them takes fifty milliseconds and more; filtering rows
that are parsed already takes two. A partition is loaded once (a query per MB), then each look asks
the table what changed since, which is one small request. Rows past the bound are forgotten, least
recently used partitions first; what is too large to keep at all is loaded for each look.
See docs/adr/0002-search-projection.md.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from chalicelib.storage.table import MAX_GET_MANY, Item, Key, Table

Row = TypeVar("Row")


class _Partition(Generic[Row]):
    __slots__ = ("lock", "mark", "rows", "view")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.mark: str | None = None
        self.rows: dict[Key, tuple[object, Row]] = {}
        self.view: list[Row] | None = None


class Projection(Generic[Row]):
    """Rows by change partition (`cpk`).

    `load` answers all items of a partition, `row` makes a row of an item; it must not look at
    anything but the item and what is written together with it.
    """

    def __init__(
        self,
        table: Table,
        load: Callable[[str], Iterable[Item]],
        row: Callable[[Item], Row],
        max_rows: int,
    ) -> None:
        self._table = table
        self._load = load
        self._row = row
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._partitions: OrderedDict[str, _Partition[Row]] = OrderedDict()

    def rows(self, partition: str) -> Sequence[Row]:
        """Every row as it is now, in no order. The caller must not change the sequence."""
        with self._lock:
            kept = self._partitions.setdefault(partition, _Partition())
            self._partitions.move_to_end(partition)
        with kept.lock:
            self._refresh(partition, kept)
            if kept.view is None:
                kept.view = [row for _, row in kept.rows.values()]
            view = kept.view
        self._forget_the_oldest()
        return view

    def _refresh(self, partition: str, kept: _Partition[Row]) -> None:
        changed = self._table.changed_since(partition, kept.mark)
        if kept.mark is None:
            # The mark is older than what is loaded now, so nothing falls between the two.
            kept.rows.clear()
            for item in self._load(partition):
                self._take(kept, item)
        else:
            wanted = list(dict.fromkeys(changed.keys))  # written while they are read: told twice
            for start in range(0, len(wanted), MAX_GET_MANY):
                some = wanted[start : start + MAX_GET_MANY]
                for key, item in zip(some, self._table.get_many(some), strict=True):
                    if item is not None:
                        self._take(kept, item)
                    elif kept.rows.pop(key, None):
                        kept.view = None
        kept.mark = changed.mark

    def _take(self, kept: _Partition[Row], item: Item) -> None:
        key = Key(str(item["pk"]), str(item["sk"]))
        known = kept.rows.get(key)
        if known is None or known[0] != item["version"]:
            kept.rows[key] = (item["version"], self._row(item))
            kept.view = None

    def _forget_the_oldest(self) -> None:
        with self._lock:
            # One for the partition itself: empty ones must not pile up either.
            count = sum(1 + len(kept.rows) for kept in self._partitions.values())
            while count > self._max_rows and self._partitions:
                _, forgotten = self._partitions.popitem(last=False)
                count -= 1 + len(forgotten.rows)
