"""Counting what the two seams are asked, so that a test can say what an operation costs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from chalicelib.storage.blobs import BlobInfo, BlobPage, Blobs, Part, SignedRequest
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

Kind: TypeAlias = Literal["reads", "queries", "writes", "transactions", "blobs"]
KINDS: Final[tuple[Kind, ...]] = ("reads", "queries", "writes", "transactions", "blobs")


@dataclass(frozen=True, slots=True)
class AtMost:
    """A bound where the exact number is nobody's business."""

    count: int


Amount: TypeAlias = int | AtMost


def at_most(count: int) -> AtMost:
    """So many requests or fewer."""
    return AtMost(count)


class Counts:
    """Requests by kind since it was made. Safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Kind] = Counter()

    def add(self, kind: Kind) -> None:
        with self._lock:
            self._counts[kind] += 1

    def so_far(self) -> Counter[Kind]:
        with self._lock:
            return self._counts.copy()

    @contextmanager
    def budget(
        self,
        *,
        reads: Amount = 0,
        queries: Amount = 0,
        writes: Amount = 0,
        transactions: Amount = 0,
        blobs: Amount = 0,
    ) -> Generator[None]:
        """Fails unless the block makes exactly so many requests of each kind.

        A batch of reads is one read, a page of a query (or of what changed) one query; signing a
        URL asks nobody, and so costs nothing.
        """
        before = self.so_far()
        yield
        spent = self.so_far() - before
        allowed: dict[Kind, Amount] = {
            "reads": reads,
            "queries": queries,
            "writes": writes,
            "transactions": transactions,
            "blobs": blobs,
        }
        over = {
            kind: (spent[kind], amount)
            for kind, amount in allowed.items()
            if not _is_within(spent[kind], amount)
        }
        assert not over, f"spent and allowed: {over}, in all {dict(spent)}"


def _is_within(spent: int, amount: Amount) -> bool:
    return spent <= amount.count if isinstance(amount, AtMost) else spent == amount


class CountingTable:
    """A table that counts its requests."""

    def __init__(self, table: Table, counts: Counts) -> None:
        self._table = table
        self._counts = counts

    def get(self, key: Key) -> Item | None:
        self._counts.add("reads")
        return self._table.get(key)

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        if keys:
            self._counts.add("reads")
        return self._table.get_many(keys)

    def put(self, item: Item, when: Condition = None) -> None:
        self._counts.add("writes")
        self._table.put(item, when)

    def delete(self, key: Key, when: Condition = None) -> None:
        self._counts.add("writes")
        self._table.delete(key, when)

    def add(self, write: Add) -> Item:
        self._counts.add("writes")
        return self._table.add(write)

    def query(self, query: Query) -> Page:
        self._counts.add("queries")
        return self._table.query(query)

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        self._counts.add("transactions")
        self._table.transact(writes, token)

    def changed_since(self, partition: str, mark: str | None) -> Changed:
        self._counts.add("queries")
        return self._table.changed_since(partition, mark)

    def changes(self, after: str | None, limit: int = 500) -> Changes:
        self._counts.add("queries")
        return self._table.changes(after, limit)


class CountingBlobs:
    """Blobs that count what goes to the store."""

    def __init__(self, blobs: Blobs, counts: Counts) -> None:
        self._blobs = blobs
        self._counts = counts

    def _inner(self) -> Blobs:
        self._counts.add("blobs")
        return self._blobs

    def put(self, key: str, body: bytes, *, mime: str, only_if_absent: bool = False) -> BlobInfo:
        return self._inner().put(key, body, mime=mime, only_if_absent=only_if_absent)

    def get(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> bytes:
        return self._inner().get(key, start, stop, version=version)

    def stream(self, key: str) -> Iterator[bytes]:
        return self._inner().stream(key)

    def head(self, key: str) -> BlobInfo | None:
        return self._inner().head(key)

    def copy(self, source: str, target: str) -> BlobInfo:
        return self._inner().copy(source, target)

    def delete(self, key: str) -> None:
        self._inner().delete(key)

    def list(self, prefix: str, after: str | None = None, limit: int = 1000) -> BlobPage:
        return self._inner().list(prefix, after, limit)

    def presign_put(
        self, key: str, *, size_bytes: int, sha256: str | None, mime: str, expires_s: int
    ) -> SignedRequest:
        return self._blobs.presign_put(
            key, size_bytes=size_bytes, sha256=sha256, mime=mime, expires_s=expires_s
        )

    def presign_get(
        self, key: str, *, mime: str, disposition: str, expires_s: int
    ) -> SignedRequest:
        return self._blobs.presign_get(key, mime=mime, disposition=disposition, expires_s=expires_s)

    def start_multipart(self, key: str, *, mime: str, checksums: bool) -> str:
        return self._inner().start_multipart(key, mime=mime, checksums=checksums)

    def presign_part(
        self,
        key: str,
        upload: str,
        part_number: int,
        *,
        size_bytes: int | None,
        sha256: str | None,
        expires_s: int,
    ) -> SignedRequest:
        return self._blobs.presign_part(
            key, upload, part_number, size_bytes=size_bytes, sha256=sha256, expires_s=expires_s
        )

    def put_part(self, key: str, upload: str, part_number: int, body: bytes) -> Part:
        return self._inner().put_part(key, upload, part_number, body)

    def complete_multipart(self, key: str, upload: str, parts: Sequence[Part]) -> BlobInfo:
        return self._inner().complete_multipart(key, upload, parts)

    def abort_multipart(self, key: str, upload: str) -> None:
        self._inner().abort_multipart(key, upload)
