"""Metric points: chunks in the run's partition, by level and lowest step.

A chunk's sort key ends in a digest of its points, so a batch that is logged again meets itself and
adds nothing. Levels: 0 as logged, 1 merged items, 2 merged and kept as a blob. Readers go upwards
and a merge is one transaction, so each point is seen at least once; since points are a set, equal
ones are then dropped. Merged chunks keep the order in which their points were written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from chalicelib.core.ids import RunId, TenantId
from chalicelib.storage import keys, packing
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.packing import Series
from chalicelib.storage.table import Delete, Item, Key, Put, Query, Table, When, query_all

LEVELS = (0, 1, 2)
LOGGED, MERGED, ARCHIVED = LEVELS


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stored chunk. `at_ms` is when it was logged, `order` rises with every write to the run; of
    a merged chunk they are the highest."""

    key: Key
    at_ms: int
    order: int
    max_step: int
    body: bytes
    blob_key: str | None = None

    @property
    def min_step(self) -> int:
        """The lowest step of any key in it."""
        return keys.min_step_of(self.key.sk)


class PointStore:
    """Chunks of points of a run."""

    def __init__(self, table: Table, blobs: Blobs) -> None:
        self.table = table
        self.blobs = blobs

    def chunk(
        self,
        tenant: TenantId,
        run_id: RunId,
        series: Sequence[Series],
        *,
        at_ms: int,
        order: int,
        level: int = 0,
    ) -> Put:
        """The write that adds these points, failing when the same batch is there already."""
        key = keys.points(
            tenant, run_id, level, min(s.min_step for s in series), packing.digest(series)
        )
        return Put(
            {
                "pk": key.pk,
                "sk": key.sk,
                "at": at_ms,
                "order": order,
                "max_step": max(s.max_step for s in series),
                "body": packing.pack(series),
            },
            when=When.ABSENT,
        )

    def chunks(
        self,
        tenant: TenantId,
        run_id: RunId,
        level: int,
        *,
        from_sk: str | None = None,
        end_step: int | None = None,
    ) -> Iterator[Chunk]:
        """Chunks of a level by their lowest step, from sort key `from_sk` on, leaving out those
        that begin after `end_step`. A query per MB, made as the iterator is drawn."""
        start = from_sk or keys.points_level(level)
        stop = keys.points_level(level) + "~"
        if end_step is not None and end_step < keys.STEP_BIAS - 1:
            stop = keys.points_from(level, end_step + 1)
        return self._between(tenant, run_id, start, stop)

    def all_chunks(self, tenant: TenantId, run_id: RunId) -> Iterator[Chunk]:
        """Chunks of all levels, upwards, in one range: a query per MB, however many levels."""
        first, last = keys.points_level(LEVELS[0]), keys.points_level(LEVELS[-1])
        return self._between(tenant, run_id, first, last + "~")

    def _between(self, tenant: TenantId, run_id: RunId, start: str, stop: str) -> Iterator[Chunk]:
        pk = keys.run(tenant, run_id).pk
        return map(_chunk_of, query_all(self.table, Query(pk, start=start, stop=stop)))

    def merge(self, chunks: Sequence[Chunk], merged: Put) -> None:
        """Put a merged chunk in place of the ones it was made of, at once. One transaction. Raises
        ConditionFailed when somebody else merged one of them."""
        gone = [Delete(chunk.key, when=When.PRESENT) for chunk in chunks]
        self.table.transact([merged, *gone])

    def as_blob(self, tenant: TenantId, run_id: RunId, merged: Put) -> Put:
        """The same chunk with its body moved to a blob. One blob."""
        item = dict(merged.item)
        body = cast(bytes, item.pop("body"))
        blob_key = keys.points_blob(tenant, run_id, str(item["sk"]).rpartition("#")[2])
        self.blobs.put(blob_key, body, mime="application/octet-stream")
        item["blob"] = blob_key
        return Put(item, merged.when)

    def unpack(self, chunk: Chunk, metric_keys: frozenset[str] | None = None) -> list[Series]:
        """The chunk's points, only those of `metric_keys` when given. A blob read at level 2."""
        body = chunk.body if chunk.blob_key is None else self.blobs.get(chunk.blob_key)
        return packing.unpack(body, metric_keys, chunk.order)


def _chunk_of(item: Item) -> Chunk:
    return Chunk(
        key=Key(cast(str, item["pk"]), cast(str, item["sk"])),
        at_ms=cast(int, item["at"]),
        order=cast(int, item["order"]),
        max_step=cast(int, item["max_step"]),
        body=cast(bytes, item.get("body", b"")),
        blob_key=cast("str | None", item.get("blob")),
    )
