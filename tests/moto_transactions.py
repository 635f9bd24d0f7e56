"""moto's transactions, which take as long as what they write and not as long as what is stored.

moto copies the table and all of its stream, value by value and once for every write of the
transaction, to have what to go back to. Here it gets lists of the same items. That is as good when
no stored item is ever changed: an update, the one thing in moto that does so, is given a copy of
its item first.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, cast
from unittest import mock

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

_update_item: Final[Any] = DynamoDBBackend.update_item


@contextmanager
def light_transactions() -> Generator[None]:
    with (
        mock.patch.object(Table, "__deepcopy__", _as_it_stands, create=True),
        mock.patch.object(DynamoDBBackend, "update_item", _updated),
    ):
        yield


def _as_it_stands(table: Any, _: dict[int, Any]) -> Any:
    kept = copy.copy(table)
    kept.items = defaultdict(dict, {key: dict(items) for key, items in table.items.items()})
    if table.stream_shard is not None:
        kept.stream_shard = copy.copy(table.stream_shard)
        kept.stream_shard.table = kept
        kept.stream_shard.items = [*table.stream_shard.items]
    return kept


def _updated(backend: Any, table_name: str, key: Any, *arguments: Any, **named: Any) -> Any:
    table = backend.get_table(table_name)
    hash_key, range_key = backend.get_keys_value(table, key)
    item = table.get_item(hash_key, range_key)
    if item is not None:
        cast("dict[Any, Any]", table.items[hash_key])[range_key] = copy.deepcopy(item)
    return _update_item(backend, table_name, key, *arguments, **named)
