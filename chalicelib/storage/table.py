"""The Table seam: what a partition-and-sort-key store can do cheaply, and no more.

Adapters: `dynamo_table.DynamoTable` (AWS), `local.sqlite_table.SqliteTable` (laptop). Every adapter
passes `tests/contract/test_table_contract.py`; limits are part of the contract, so that nothing
works on a laptop that fails in the cloud. Vendor errors become core errors at this line: throttling
is `Throttled`, timeouts and lost connections are `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple, Protocol, TypeAlias

Value: TypeAlias = (
    "str | int | float | Decimal | bytes | bool | list[Value] | dict[str, Value] | None"
)
"""What an attribute may hold, of exactly these types, no subclass. At most 31 lists and dicts are
around a value, at most 30 around a float.

An int or Decimal is exact to 38 digits and comes back as an int when it is whole, else as a
Decimal; a float comes back as a float, bit for bit (NaN and infinities are refused: whoever stores
metrics spells them above this seam). Names are not empty, those of nested dicts included."""

Item: TypeAlias = dict[str, Value]
"""Always has `pk` and `sk` (non-empty strings). Reserved attributes, all optional:

version     int    what a write's condition compares with
expires_at  int    seconds since the epoch; from then on the item is absent to every reader
lpk, lsk    str    key of the index `LISTED` (both or neither)
cpk         str    partition under which `changed_since` reports the item
feed        str    a write of an item that carries it is delivered by `changes`
"""

MAX_ITEM_BYTES: Final = 400 * 1024
MAX_PK_BYTES: Final = 2048
MAX_SK_BYTES: Final = 1024
MAX_TRANSACTION_WRITES: Final = 100
MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024
MAX_GET_MANY: Final = 100
MAX_ADD_ATTRIBUTES: Final = 200
"""An update expression of DynamoDB has at most 4 KB."""
PAGE_BYTES: Final = 1024 * 1024
"""One query request reads at most about this much."""


class Key(NamedTuple):
    """The address of an item."""

    pk: str
    sk: str


class When(Enum):
    """A condition on the item that a write replaces. An int instead means: at that version."""

    ABSENT = "absent"
    PRESENT = "present"


Condition: TypeAlias = "When | int | None"


@dataclass(frozen=True, slots=True)
class Put:
    """Replace the whole item."""

    item: Item
    when: Condition = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item; absent is fine unless `when` says otherwise."""

    key: Key
    when: Condition = None


@dataclass(frozen=True, slots=True)
class Add:
    """Add to top-level numeric attributes atomically; a missing item or attribute counts as 0.

    Attributes of `also` are set in the same write (for `feed` and `expires_at`, say); at most
    `MAX_ADD_ATTRIBUTES` in all. With `when` (PRESENT or a version) a missing item is a failed
    condition instead. ValueError when an attribute is no number or a sum needs more than 38 digits.
    """

    key: Key
    amounts: Mapping[str, int | Decimal]
    also: Mapping[str, Value] = field(default_factory=dict[str, Value])
    when: Condition = None


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but fail the transaction unless the condition holds."""

    key: Key
    when: Condition


Write: TypeAlias = Put | Delete | Add | Check


class Index(Enum):
    """Named indexes of the table, each keeping whole items, eventually consistent on AWS."""

    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Query:
    """One partition, ascending by the UTF-8 bytes of the sort key (descending when `reverse`).

    `prefix` excludes `start`/`stop` (both inclusive). With `index`, `pk` and the sort-key bounds
    are the index's own (`lpk`, `lsk`); the order of equal `lsk` is the engine's. `after` is the
    `next` of the page before. No bound is empty, and a limit is at least 1: else ValueError.
    """

    pk: str
    prefix: str | None = None
    start: str | None = None
    stop: str | None = None
    reverse: bool = False
    limit: int | None = None
    index: Index | None = None
    after: tuple[str, ...] | None = None


class Page(NamedTuple):
    """What one query request read: at most `limit` items and about `PAGE_BYTES`.

    `next` is None when the range is exhausted; a page may be empty and still have a `next`.
    """

    items: list[Item]
    next: tuple[str, ...] | None


class Changed(NamedTuple):
    """Keys written since a mark, and the mark to ask with next time."""

    keys: list[Key]
    mark: str


class Change(NamedTuple):
    """One write of an item that carries `feed`; `id` is the same however often it is delivered.

    `old` is None when there was no item, or an expired one. Deletions are not delivered; a write
    that changed nothing need not be.
    """

    id: str
    key: Key
    old: Item | None
    new: Item


class Changes(NamedTuple):
    """A page of the feed; `next` continues after it, also when it is empty."""

    changes: list[Change]
    next: str


class Table(Protocol):
    """A store of items. All reads but those of an index are strongly consistent.

    Every call may raise Throttled and Unavailable, and ValueError for a bad key; every write
    Contended, when transactions of others held its item for longer than a few retries.
    """

    def get(self, key: Key) -> Item | None:
        """The item, or None when absent or expired. One request."""
        ...

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        """At most `MAX_GET_MANY` distinct keys; answers in their order. One request, unless the
        answer is larger than the store sends at once."""
        ...

    def put(self, item: Item, when: Condition = None) -> None:
        """Raises ConditionFailed; TooLarge past `MAX_ITEM_BYTES`; ValueError for a bad item."""
        ...

    def delete(self, key: Key, when: Condition = None) -> None:
        """Raises ConditionFailed."""
        ...

    def add(self, write: Add) -> Item:
        """Returns the item as it is after the addition. When an answer gets lost it may be made
        twice; a transaction with one `Add` is not. Raises ConditionFailed."""
        ...

    def query(self, query: Query) -> Page:
        """One request."""
        ...

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        """All of the writes or none; at most 100, each on a key of its own (else ValueError), 4 MB
        together (else TooLarge).

        A `token` (1-36 characters) makes the call idempotent for ten minutes: repeated with the
        same writes it does nothing, with others it raises ValueError. Raises ConditionFailed with
        the positions that failed, Contended when another transaction was in the way.
        """
        ...

    def changed_since(self, partition: str, mark: str | None) -> Changed:
        """Keys of items whose `cpk` is `partition`, written since `mark` (ever, when None).

        A key may be reported again although it did not change; none is ever left out for good.
        """
        ...

    def changes(self, after: str | None, limit: int = 500) -> Changes:
        """The ordered feed from its start (None) or after a `next`: per item in order of writing,
        without loss for at least 24 hours."""
        ...


def query_all(table: Table, query: Query) -> Iterator[Item]:
    """Every item of the query, a request per page; `query.limit` bounds the items in all."""
    left = query.limit
    after = query.after
    while True:
        page = table.query(
            Query(
                query.pk,
                query.prefix,
                query.start,
                query.stop,
                query.reverse,
                left,
                query.index,
                after,
            )
        )
        yield from page.items
        if left is not None:
            left -= len(page.items)
        if page.next is None or left == 0:
            return
        after = page.next
