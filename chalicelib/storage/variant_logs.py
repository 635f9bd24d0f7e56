"""Logs of variants: items that are only ever added, spread over partitions in the order of time.

What the results are computed from is in attributes; what went in and came out is packed, and past
`INLINE_BYTES` an object. A write of a log carries `feed`, which is what aggregates it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import orjson

from chalicelib.core.ids import ExperimentId, TenantId, UserId
from chalicelib.core.log_ids import PREFIX, LogId
from chalicelib.core.model.variant_log import Facts, LogContent, VariantLog
from chalicelib.storage import variant_keys
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import MAX_GET_MANY, Item, Put, Query, Table, When, query_all

FEED: Final = "log"
INLINE_BYTES: Final = 32 * 1024
"""Longer content is an object: from about there on it costs less than the writes of an item."""
_JSON: Final = "application/json"


class LogPage(NamedTuple):
    """Logs of one partition, newest first, and whether there are older ones."""

    logs: list[VariantLog]
    more: bool


class VariantLogStore:
    """Logs of A/B experiments."""

    def __init__(self, table: Table, blobs: Blobs) -> None:
        self.table = table
        self.blobs = blobs

    def get(
        self, tenant: TenantId, experiment_id: ExperimentId, log_id: LogId
    ) -> VariantLog | None:
        """One read."""
        item = self.table.get(variant_keys.log(tenant, experiment_id, log_id))
        return None if item is None else log_of(item)

    def get_many(
        self, tenant: TenantId, experiment_id: ExperimentId, log_ids: Sequence[LogId]
    ) -> list[VariantLog | None]:
        """In the order of the ids. One read per 100."""
        found: list[VariantLog | None] = []
        for start in range(0, len(log_ids), MAX_GET_MANY):
            some = log_ids[start : start + MAX_GET_MANY]
            items = self.table.get_many(
                [variant_keys.log(tenant, experiment_id, one) for one in some]
            )
            found += [None if item is None else log_of(item) for item in items]
        return found

    def added(self, tenant: TenantId, experiment_id: ExperimentId, log: VariantLog) -> Put:
        """The write of a new log; its condition fails when there is one of its id."""
        return Put(_item(tenant, experiment_id, log), when=When.ABSENT)

    def replaced(
        self, tenant: TenantId, experiment_id: ExperimentId, old: VariantLog, new: VariantLog
    ) -> Put:
        """The write of `new`, a version higher, where `old` is still what is stored."""
        item = _item(tenant, experiment_id, new)
        item["version"] = old.version + 1
        return Put(item, when=old.version)

    def page(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        shard: int,
        *,
        first: LogId,
        last: LogId,
        limit: int,
    ) -> LogPage:
        """Logs of a partition with ids from `first` to `last`, both included, newest first. One
        query."""
        page = self.table.query(
            Query(
                variant_keys.log_shard(tenant, experiment_id, shard),
                start=variant_keys.log_sort(first),
                stop=variant_keys.log_sort(last),
                reverse=True,
                limit=limit,
            )
        )
        return LogPage([log_of(item) for item in page.items], page.next is not None)

    def all(self, tenant: TenantId, experiment_id: ExperimentId) -> Iterator[VariantLog]:
        """Every log, partition by partition. One query per MB."""
        for shard in range(variant_keys.LOG_SHARDS):
            pk = variant_keys.log_shard(tenant, experiment_id, shard)
            yield from map(log_of, query_all(self.table, Query(pk)))

    # -- content ------------------------------------------------------------------------------

    def put_content(
        self, tenant: TenantId, experiment_id: ExperimentId, log: VariantLog
    ) -> VariantLog:
        """The log with its content where it belongs. One blob when it is long, else nothing."""
        if len(log.content) <= INLINE_BYTES:
            return log
        key = variant_keys.log_content(tenant, experiment_id, log.facts.log_id, log.digest)
        self.blobs.put(key, log.content, mime="application/zlib")
        return VariantLog(log.facts, log.digest, log.logged_at_ms, log.logged_by, blob_key=key)

    def content(self, log: VariantLog) -> LogContent:
        """What went in and came out. One blob when it is long. Raises BlobMissing."""
        packed = log.content if log.blob_key is None else self.blobs.get(log.blob_key)
        if not packed:
            return LogContent()
        return LogContent(**orjson.loads(zlib.decompress(packed)))


def packed(content: LogContent) -> bytes:
    """Content as it is stored; nothing for an empty one."""
    kept = {
        name: value for name in ("input", "output", "context") if (value := getattr(content, name))
    }
    return zlib.compress(orjson.dumps(kept), 1) if kept else b""


def log_of(item: Item) -> VariantLog:
    """The log of its item."""
    blob_key = cast("str | None", item.get("blob"))
    return VariantLog(
        facts_of(item),
        cast(bytes, item["digest"]),
        cast(int, item["at"]),
        UserId(cast(str, item["by"])),
        cast(bytes, item.get("content", b"")),
        blob_key,
        cast(int, item["version"]),
    )


def facts_of(item: Item) -> Facts:
    """What of a log's item the results are computed from."""
    facts: dict[str, Any] = orjson.loads(cast(str, item["facts"]))
    return Facts(
        log_id=LogId(PREFIX + cast(str, item["sk"])),
        variant=facts["variant"],
        unit=facts.get("unit"),
        epoch=facts["epoch"],
        dimensions=facts.get("dimensions", {}),
        metrics=facts.get("metrics", {}),
        covariates=facts.get("covariates", {}),
        generation=facts["generation"],
    )


def _item(tenant: TenantId, experiment_id: ExperimentId, log: VariantLog) -> Item:
    key = variant_keys.log(tenant, experiment_id, log.facts.log_id)
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "version": log.version,
        "feed": FEED,
        "facts": orjson.dumps(_facts(log.facts)).decode(),
        "digest": log.digest,
        "at": log.logged_at_ms,
        "by": log.logged_by,
    }
    if log.blob_key is not None:
        item["blob"] = log.blob_key
    elif log.content:
        item["content"] = log.content
    return item


def _facts(facts: Facts) -> Mapping[str, object]:
    kept: dict[str, object] = {
        "variant": facts.variant,
        "epoch": facts.epoch,
        "generation": facts.generation,
    }
    if facts.unit is not None:
        kept["unit"] = facts.unit
    for name in ("dimensions", "metrics", "covariates"):
        if value := getattr(facts, name):
            kept[name] = value
    return kept
