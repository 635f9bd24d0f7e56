"""A table whose requests fail, get lost, or end the process, as its faults say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.storage.table import (
    Add,
    Changed,
    Changes,
    Condition,
    Item,
    Key,
    Page,
    Query,
    Table,
    Write,
)
from tests.faults.faults import OF_READS, OF_WRITES, REPEATED, Fates

OF_TRANSACTIONS = tuple(fate for fate in OF_WRITES if fate != REPEATED)
"""Those that the vendor's client repeats carry a token of its own: they are made once."""


class FaultyTable:
    """Everything that the contract of `Table` allows to go wrong: besides errors also pages that
    are cut short, and keys that are reported again. (What a batch of reads leaves out is read by
    the adapter, below this seam.)"""

    def __init__(self, table: Table, faults: Fates) -> None:
        self._table = table
        self._faults = faults

    def get(self, key: Key) -> Item | None:
        return self._faults.request("get", lambda: self._table.get(key), OF_READS)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        return self._faults.request("get_many", lambda: self._table.get_many(keys), OF_READS)

    def put(self, item: Item, when: Condition = None) -> None:
        self._faults.request("put", lambda: self._table.put(item, when), OF_WRITES)

    def delete(self, key: Key, when: Condition = None) -> None:
        self._faults.request("delete", lambda: self._table.delete(key, when), OF_WRITES)

    def add(self, write: Add) -> Item:
        return self._faults.request("add", lambda: self._table.add(write), OF_WRITES)

    def query(self, query: Query) -> Page:
        cut = replace(query, limit=self._faults.portion(query.limit))
        return self._faults.request("query", lambda: self._table.query(cut), OF_READS)

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        def call() -> None:
            self._table.transact(writes, token)

        self._faults.request(f"transact {len(writes)}", call, OF_TRANSACTIONS)

    def changed_since(self, partition: str, mark: str | None) -> Changed:
        def call() -> Changed:
            changed = self._table.changed_since(partition, mark)
            again = self._faults.portion(None)
            repeated = changed.keys if again is None else changed.keys[:again]
            return Changed([*changed.keys, *repeated], changed.mark)

        return self._faults.request("changed_since", call, OF_READS)

    def changes(self, after: str | None, limit: int = 500) -> Changes:
        some = self._faults.portion(limit) or limit
        return self._faults.request("changes", lambda: self._table.changes(after, some), OF_READS)
