"""Long params and tags of a run that spilled: pages beside its buckets.

A bucket keeps the number of a page in place of a long value, so that logging one more param never
rewrites the long ones beside it: a hundred buckets' worth of them would not fit a transaction. What
is logged together shares pages; a page is only ever written together with the run's root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias, cast

import orjson

from chalicelib.core.ids import RunId, TenantId
from chalicelib.storage import keys
from chalicelib.storage.table import Item, Key, Put

Json: TypeAlias = dict[str, Any]
PAGED: Final = ("tags", "params")
LONG_CHARACTERS: Final = 256
"""What is longer goes to a page."""
PAGE_BYTES: Final = 200 * 1024
"""A page takes no further value from here on."""


class RunPages:
    """Pages of a run opened for a change: those it read, and new ones from `next_number` on."""

    __slots__ = ("next_number", "pages", "run_id", "sizes", "tenant", "touched")

    def __init__(self, tenant: TenantId, run_id: RunId, next_number: int) -> None:
        self.tenant = tenant
        self.run_id = run_id
        self.next_number = next_number
        self.pages: dict[int, Json] = {}
        self.sizes: dict[int, int] = {}
        self.touched: list[int] = []

    def key(self, number: int) -> Key:
        return keys.run_page(self.tenant, self.run_id, number)

    def take(self, number: int, item: Item | None) -> None:
        """Add a page that was read."""
        text = "{}" if item is None else cast(str, item["doc"])
        self.pages[number] = orjson.loads(text)
        self.sizes[number] = len(text.encode())

    def get(self, number: int, kind: str, name: str) -> str | None:
        """None when it is not there: the page was read after a later change."""
        return self.pages[number].get(kind, {}).get(name)

    def set(self, known: int | None, kind: str, name: str, value: str) -> int:
        """Keep a value in the page that it had, else in the last new one, else in another."""
        size = len(orjson.dumps(value)) + len(orjson.dumps(name)) + 2
        number = known
        if number is None or self.sizes[number] + size > PAGE_BYTES:
            number = self.next_number - 1
        if number not in self.sizes or self.sizes[number] + size > PAGE_BYTES:
            number = self.next_number
            self.next_number += 1
            self.pages[number], self.sizes[number] = {}, 0
        self.pages[number].setdefault(kind, {})[name] = value
        self.sizes[number] += size
        self._touch(number)
        return number

    def drop(self, number: int, kind: str, name: str) -> None:
        """Leave out a value that is gone or has become short."""
        if self.pages[number].get(kind, {}).pop(name, None) is not None:
            self._touch(number)

    def _touch(self, number: int) -> None:
        if number not in self.touched:
            self.touched.append(number)

    def puts(self) -> Iterator[Put]:
        """The writes that store what changed."""
        for number in self.touched:
            key = self.key(number)
            yield Put(
                {"pk": key.pk, "sk": key.sk, "doc": orjson.dumps(self.pages[number]).decode()}
            )


def whole_buckets(siblings: Iterable[Item]) -> list[Json]:
    """The buckets among a spilled run's siblings, with the long values of its pages in them."""
    buckets: list[Json] = []
    pages: dict[int, Json] = {}
    for item in siblings:
        number = keys.page_of(cast(str, item["sk"]))
        document: Json = orjson.loads(cast(str, item["doc"]))
        if number is None:
            buckets.append(document)
        else:
            pages[number] = document
    if pages:
        for bucket in buckets:
            for kind in PAGED:
                bucket[kind] = dict(_resolved(bucket.get(kind, {}), kind, pages))
    return buckets


def _resolved(
    values: dict[str, str | int], kind: str, pages: dict[int, Json]
) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        # absent when the page was read after a change that took the value away
        found = value if isinstance(value, str) else pages.get(value, {}).get(kind, {}).get(name)
        if found is not None:
            yield name, found
