"""Exports of logs: what was asked for, how far it has come, and the object it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import orjson

from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.log_ids import LogId
from chalicelib.storage import variant_keys
from chalicelib.storage.blobs import Blobs, Part
from chalicelib.storage.table import Delete, Item, Put, Query, Table, When, query_all

KEPT_MS: Final = 24 * 3600 * 1000
"""An export, done or not, is there for this long."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export under way, or done. `before` is the id that its next line comes before, and until
    `claimed_ms` somebody is at it."""

    id: str
    object_key: str
    asked: dict[str, Any]
    """The filter, as whoever began it spells it."""
    created_at_ms: int
    before: LogId | None = None
    lines: int = 0
    upload: str | None = None
    parts: tuple[Part, ...] = ()
    tail_bytes: int = 0
    """Of lines that are too short for a part, in an object beside it."""
    tail: int = 0
    """The number of that object."""
    is_done: bool = False
    claimed_ms: int = 0
    version: int = 0


class ExportStore:
    """Exports of tenants."""

    def __init__(self, table: Table, blobs: Blobs) -> None:
        self.table = table
        self.blobs = blobs

    def create(self, tenant: TenantId, experiment_id: ExperimentId, export: Export) -> Export:
        """With its entry on the queue of what is to be removed. One transaction."""
        due = variant_keys.export_due(export.created_at_ms + KEPT_MS, export.object_key)
        self.table.transact(
            [_put(tenant, experiment_id, export), Put({"pk": due.pk, "sk": due.sk})]
        )
        return _next(export)

    def get(self, tenant: TenantId, experiment_id: ExperimentId, export_id: str) -> Export | None:
        """One read."""
        item = self.table.get(variant_keys.export(tenant, experiment_id, export_id))
        return None if item is None else _export(item)

    def replace(self, tenant: TenantId, experiment_id: ExperimentId, export: Export) -> Export:
        """Store it where its version is still what is stored. One write. Raises ConditionFailed."""
        put = _put(tenant, experiment_id, export)
        self.table.put(put.item, put.when)
        return _next(export)

    def due_before(self, now_ms: int) -> Iterator[tuple[int, str]]:
        """Objects to be removed, and since when. One query per MB."""
        for item in query_all(self.table, Query(variant_keys.EXPORTS_DUE)):
            due_ms, object_key = variant_keys.parse_export_due(cast(str, item["sk"]))
            if due_ms > now_ms:
                return
            yield due_ms, object_key

    def removed(self, due_ms: int, object_key: str) -> None:
        """Take an object off the queue."""
        self.table.transact([Delete(variant_keys.export_due(due_ms, object_key))])


def _next(export: Export) -> Export:
    return replace(export, version=export.version + 1)


def _put(tenant: TenantId, experiment_id: ExperimentId, export: Export) -> Put:
    key = variant_keys.export(tenant, experiment_id, export.id)
    document = {
        "object": export.object_key,
        "asked": export.asked,
        "before": export.before,
        "lines": export.lines,
        "upload": export.upload,
        "parts": [[part.number, part.etag] for part in export.parts],
        "tail": export.tail_bytes,
        "tail_number": export.tail,
        "done": export.is_done,
        "created": export.created_at_ms,
        "claimed": export.claimed_ms,
    }
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "version": export.version + 1,
        "expires_at": (export.created_at_ms + KEPT_MS) // 1000,
        "doc": orjson.dumps(document).decode(),
    }
    return Put(item, when=export.version or When.ABSENT)


def _export(item: Item) -> Export:
    document: dict[str, Any] = orjson.loads(cast(str, item["doc"]))
    parts: Sequence[tuple[int, str]] = document["parts"]
    return Export(
        id=cast(str, item["sk"]),
        object_key=document["object"],
        asked=document["asked"],
        created_at_ms=document["created"],
        before=document["before"],
        lines=document["lines"],
        upload=document["upload"],
        parts=tuple(Part(number, etag) for number, etag in parts),
        tail_bytes=document["tail"],
        tail=document.get("tail_number", 0),
        is_done=document["done"],
        claimed_ms=document["claimed"],
        version=cast(int, item["version"]),
    )
